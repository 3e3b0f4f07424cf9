package label_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/label"
)

// failing fails at one call.
type failing struct {
	label.Source
	at    int64
	calls atomic.Int64
}

var errSource = errors.New("source failed")

func (f *failing) Label(ctx context.Context, it judge.Item) (judge.Label, error) {
	if f.calls.Add(1) == f.at {
		return judge.Label{}, errSource
	}
	return f.Source.Label(ctx, it)
}

func remember(t *testing.T, s label.Source, file string) *label.Memory {
	t.Helper()
	m, err := label.Remember(s, file, "a chat model")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A run that fails at any label asks only for those that are missing the next time, and ends
// with the same labels, rejected ones included.
func TestGoesOn(t *testing.T) {
	want, err := label.Run(t.Context(), judged(t, chat()), records(), label.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for at := range len(want) {
		file := filepath.Join(t.TempDir(), "memory")
		f := &failing{Source: judged(t, chat()), at: int64(at) + 1}
		m := remember(t, f, file)
		if _, err := label.Run(t.Context(), m, records(), label.Options{Workers: 1}); !errors.Is(err, errSource) {
			t.Fatalf("label %d: %v", at, err)
		}
		m.Close()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		missing := len(want) - strings.Count(string(text), "\n") + 1
		f.calls.Store(0)
		f.at = 0
		m = remember(t, f, file)
		got, err := label.Run(t.Context(), m, records(), label.Options{})
		if err != nil || !slices.Equal(got, want) || int(f.calls.Load()) != missing || missing > len(want)-at {
			t.Errorf("label %d: %v, %d more calls, %d labels were missing\n%+v", at, err, f.calls.Load(), missing, got)
		}
		m.Close()
	}
}

// A file that is cut off at any byte is read as far as its lines are whole.
func TestGoesOnAfterAnyByte(t *testing.T) {
	file := filepath.Join(t.TempDir(), "memory")
	m := remember(t, judged(t, chat()), file)
	want, err := label.Run(t.Context(), m, records(), label.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for size := 0; size <= len(whole); size += testsize.Of(11, 1) {
		if err := os.WriteFile(file, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		f := &failing{Source: judged(t, chat())}
		m := remember(t, same{f, judged(t, chat())}, file)
		got, err := label.Run(t.Context(), m, records(), label.Options{Workers: 1})
		missing := max(10-strings.Count(string(whole[:size]), "\n"), 0)
		if err != nil || !slices.Equal(got, want) || int(f.calls.Load()) != min(missing, 9) {
			t.Errorf("cut at byte %d: %v, %d calls, %d labels were missing", size, err, f.calls.Load(), missing)
		}
		m.Close()
		if text, _ := os.ReadFile(file); string(text) != string(whole) {
			t.Errorf("cut at byte %d: the file holds\n%s", size, text)
		}
	}
}

// same has the prompts of a judge.
type same struct {
	label.Source
	judge *judge.Judge
}

func (s same) Templates() []generator.TaskTemplate { return s.judge.Templates() }

// Files of other prompts and models, and damaged ones, are refused and left alone.
func TestRefusesOtherFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "memory")
	m := remember(t, judged(t, chat()), file)
	if _, err := label.Run(t.Context(), m, records(), label.Options{}); err != nil {
		t.Fatal(err)
	}
	m.Close()
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	own := generator.MustTaskTemplate("own", "", "{{question}} {{answer}}")
	other, err := judge.New(chat(), judge.Templates{Retrieve: own})
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(good), "\n")
	for name, c := range map[string]struct {
		text   string
		source label.Source
		about  string
	}{
		"prompts": {string(good), other, "a chat model"}, "model": {string(good), judged(t, chat()), "another"},
		"a text": {"Dear Sir,\nhello\n", judged(t, chat()), "a chat model"}, "a line": {"Dear Sir", judged(t, chat()), "a chat model"},
		"no key":   {head + "\n{\"key\":\"12\",\"label\":\"[Relevant]\"}\n", judged(t, chat()), "a chat model"},
		"no label": {head + "\n{\"key\":\"00112233445566778899aabbccddeeff\"}\n", judged(t, chat()), "a chat model"},
		"no JSON":  {head + "\nhello\n", judged(t, chat()), "a chat model"},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := label.Remember(c.source, file, c.about)
		text, _ := os.ReadFile(file)
		if !errors.Is(err, label.ErrFile) || !strings.Contains(err.Error(), file) || string(text) != c.text {
			t.Errorf("%s: %v, the file holds %q", name, err, text)
		}
	}
	if _, err := label.Remember(nil, file, ""); !errors.Is(err, training.ErrOption) {
		t.Errorf("%v", err)
	}
	if _, err := label.Remember(other, t.TempDir(), ""); err == nil {
		t.Error("a folder is taken for a file")
	}
}

// Sources made of others have the prompts of these.
func TestPrompts(t *testing.T) {
	own := generator.MustTaskTemplate("own", "", "{{question}} {{answer}}")
	other, err := judge.New(chat(), judge.Templates{Retrieve: own})
	if err != nil {
		t.Fatal(err)
	}
	worse, err := label.Redrawn(label.ByGroup{reflection.IsUSE: other}, sensitivity.Noise{reflection.IsUSE: 0.5}, 1)
	if err != nil {
		t.Fatal(err)
	}
	m := remember(t, other, filepath.Join(t.TempDir(), "memory"))
	defer m.Close()
	a, b := label.Prompts(other), label.Prompts(judged(t, chat()))
	if a == "" || a == b || label.Prompts(worse) != a || label.Prompts(label.Of(other, nil)) != a || label.Prompts(m) != a || label.Prompts(label.Known(nil)) != "" {
		t.Errorf("prompts %s and %s, %s, %s", a, b, label.Prompts(worse), label.Prompts(label.Of(other, nil)))
	}
}
