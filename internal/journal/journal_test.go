package journal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// work squares n numbers, and counts how often each was asked for.
type work struct {
	mu    sync.Mutex
	asked map[int]int
	fail  int // this part fails, if it is not -1
}

var errPart = errors.New("part failed")

func (w *work) of(file string, n, workers int) journal.Work[string] {
	w.asked = map[int]int{}
	return journal.Work[string]{
		File: file, Head: map[string]int{"n": n}, N: n, Workers: workers,
		Most: func(int) (budget.Cost, bool) { return budget.Cost{}, true },
		Do: func(_ context.Context, i int) (string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.asked[i]++
			if i == w.fail {
				return "", errPart
			}
			return fmt.Sprintf("%d\n%d", i, i*i), nil
		},
	}
}

func results(t *testing.T, w journal.Work[string]) ([]string, error) {
	t.Helper()
	r, err := w.Run(t.Context())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for range 2 {
		var list []string
		for v, err := range r.All() {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, v)
		}
		if len(list) != w.N {
			t.Errorf("%d results of %d parts", len(list), w.N)
		}
		if !slices.IsSortedFunc(list, func(a, b string) int { return len(a) - len(b) }) {
			t.Errorf("%q is out of order", list)
		}
	}
	text, err := os.ReadFile(w.File)
	if w.File == "" {
		return nil, nil
	}
	return strings.SplitAfter(string(text), "\n"), err
}

// A run that fails at any part goes on there, asks no part twice, and ends with the bytes of
// one that never failed.
func TestGoesOnAfterAnyPart(t *testing.T) {
	const n = 12
	for _, workers := range []int{1, 3, 100} {
		whole := filepath.Join(t.TempDir(), "whole")
		w := work{fail: -1}
		want, err := results(t, w.of(whole, n, workers))
		if err != nil {
			t.Fatal(err)
		}
		for fail := range n {
			file := filepath.Join(t.TempDir(), "broken")
			w.fail = fail
			if _, err := results(t, w.of(file, n, workers)); !errors.Is(err, errPart) {
				t.Fatalf("part %d fails: %v", fail, err)
			}
			w.fail = -1
			got, err := results(t, w.of(file, n, workers))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("after part %d failed: %v, %q", fail, err, got)
			}
			for i := range n {
				if want := min(max(i-fail+1, 0), 1); w.asked[i] != want {
					t.Errorf("after part %d failed, part %d is asked %d times: want %d", fail, i, w.asked[i], want)
				}
			}
		}
	}
	if _, err := results(t, (&work{fail: -1}).of("", n, 2)); err != nil {
		t.Error(err)
	}
}

// A file that was cut off at any byte is completed to equal bytes.
func TestGoesOnAfterAnyByte(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal")
	w := work{fail: -1}
	if _, err := results(t, w.of(file, 5, 2)); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for size := range len(want) + 1 {
		if err := os.WriteFile(file, want[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := results(t, w.of(file, 5, 2))
		got, _ := os.ReadFile(file)
		if err != nil || string(got) != string(want) {
			t.Errorf("cut at byte %d: %v, %q", size, err, got)
		}
	}
}

// Files of other work and damaged ones are refused and left alone.
func TestRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal")
	w := work{fail: -1}
	for name, text := range map[string]string{
		"other work":    "{\"n\":6}\n\"0\\n0\"\n",
		"a text":        "Dear Sir or Madam,\nhello",
		"a line":        "Dear Sir or Madam",
		"too many":      "{\"n\":2}\n\"0\\n0\"\n\"1\\n1\"\n\"2\\n4\"\n",
		"a damaged one": "{\"n\":2}\n\"0\\n\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := w.of(file, 2, 1).Run(t.Context())
		got, _ := os.ReadFile(file)
		if !errors.Is(err, journal.ErrFile) || !strings.Contains(err.Error(), file) || string(got) != text {
			t.Errorf("%s: %v, the file holds %q", name, err, got)
		}
	}
}

// Under a budget the parts that fit are kept.
func TestBudget(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal")
	w := work{fail: -1}
	paid := func() journal.Work[string] {
		p := w.of(file, 6, 3)
		do := p.Do
		p.Do = func(ctx context.Context, i int) (string, error) {
			r, err := budget.Reserve(ctx, "a part", budget.Cost{Calls: 1})
			if err != nil {
				return "", err
			}
			defer r.Settle(budget.Usage{Calls: 1})
			return do(ctx, i)
		}
		p.Most = func(int) (budget.Cost, bool) { return budget.Cost{Calls: 1}, true }
		return p
	}
	ctx, b := budget.Open(t.Context(), "test", budget.Limits{Calls: 4})
	defer b.Close()
	if _, err := paid().Run(ctx); !errors.Is(err, budget.ErrExceeded) || b.Usage().Calls != 4 {
		t.Errorf("%v after %d calls", err, b.Usage().Calls)
	}
	if _, err := results(t, paid()); err != nil || len(w.asked) != 2 {
		t.Errorf("%v, asked %v", err, w.asked)
	}
}

// A run that is canceled ends with that error and loses nothing.
func TestCancel(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal")
	w := work{fail: -1}
	ctx, cancel := context.WithCancel(t.Context())
	p := w.of(file, 6, 1)
	p.Progress = func(done, total int) {
		if done == 3 {
			cancel()
		}
	}
	if _, err := p.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := results(t, w.of(file, 6, 1)); err != nil || len(w.asked) > 3 {
		t.Errorf("%v, asked %v", err, w.asked)
	}
}
