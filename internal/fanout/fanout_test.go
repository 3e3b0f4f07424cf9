package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/internal/fanout"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	os.Exit(code)
}

// All parts run, in order of their start, at most limit at the same time; one that waits for
// as many others as the limit allows shows that no fewer do.
func TestLimit(t *testing.T) {
	for _, limit := range []int{-1, 0, 1, 3, 100} {
		const n = 12
		together := n
		if limit > 0 {
			together = min(limit, n)
		}
		var running, most atomic.Int64
		var all sync.WaitGroup
		all.Add(together)
		var order []int
		errs := fanout.Each(n, limit, func(i int) func() error {
			order = append(order, i)
			return func() error {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				if i < together {
					all.Done()
					all.Wait()
				}
				if i%2 == 1 {
					return fmt.Errorf("%d", i)
				}
				return nil
			}
		})
		if int(most.Load()) > together || !slices.IsSorted(order) || len(order) != n {
			t.Errorf("limit %d: %d at the same time, in the order %v", limit, most.Load(), order)
		}
		for i := range n {
			if err := errs[i]; (err != nil) != (i%2 == 1) {
				t.Errorf("limit %d: part %d: %v", limit, i, err)
			}
		}
	}
}

func TestStop(t *testing.T) {
	ran := 0
	errs := fanout.Each(10, 1, func(i int) func() error {
		if i == 3 {
			return nil
		}
		return func() error { ran++; return nil }
	})
	if ran != 3 || errs != nil {
		t.Errorf("%d ran, errors %v", ran, errs)
	}
}

// A panic comes out where Each was called, with its stack, once all others have ended; a
// goroutine that ends is an error; and a panic in start waits for what runs.
func TestPanicAndGoexit(t *testing.T) {
	var ended atomic.Int64
	caught := func(f func()) (v any) {
		defer func() { v = recover() }()
		f()
		return nil
	}
	broken := func() error { panic("broken") }
	v := caught(func() {
		var begun sync.WaitGroup
		begun.Add(3)
		fanout.Each(3, 0, func(i int) func() error {
			return func() error {
				defer ended.Add(1)
				begun.Done()
				begun.Wait()
				if i > 0 {
					panic(fmt.Sprint("broken ", i))
				}
				return nil
			}
		})
	})
	if text, _ := v.(string); ended.Load() != 3 || !strings.HasPrefix(text, "broken 1\n") || !strings.Contains(text, "fanout_test.go") {
		t.Errorf("after %d parts: %v", ended.Load(), v)
	}
	errs := fanout.Each(2, 0, func(i int) func() error {
		if i == 1 {
			return func() error { return nil }
		}
		return func() error { runtime.Goexit(); return nil }
	})
	if !errors.Is(errs[0], fanout.ErrGoexit) || errs[1] != nil {
		t.Errorf("errors %v", errs)
	}
	v = caught(func() {
		fanout.Each(2, 0, func(i int) func() error {
			if i == 1 {
				panic("at the start")
			}
			return func() error { ended.Add(1); return nil }
		})
	})
	if v != "at the start" || ended.Load() != 4 {
		t.Errorf("after %d parts: %v", ended.Load(), v)
	}
	started := 0
	if v := caught(func() {
		fanout.Each(9, 1, func(int) func() error { started++; return broken })
	}); v == nil || started != 1 {
		t.Errorf("%d started, %v", started, v)
	}
}

// apart returns an each of Stream that runs at most limit functions at the same time.
func apart(n, limit int) func(context.Context, func(context.Context, int) func() error) []error {
	return func(ctx context.Context, start func(context.Context, int) func() error) []error {
		return fanout.Each(n, limit, func(i int) func() error { return start(ctx, i) })
	}
}

// Results come in order, for any order in which functions end: here each but the last
// of those that run together waits for the one after it.
func TestStreamOrder(t *testing.T) {
	for _, limit := range []int{1, 2, 5} {
		const n = 10
		ends := make([]chan struct{}, n)
		for i := range ends {
			ends[i] = make(chan struct{})
		}
		var got []int
		for v, err := range fanout.Stream(t.Context(), n, limit-1, apart(n, limit), func(_ context.Context, i int) func() (int, error) {
			return func() (int, error) {
				defer close(ends[i])
				if i%limit < limit-1 && i < n-1 {
					<-ends[i+1]
				}
				if i == 4 {
					return i, errors.New("four")
				}
				return i, nil
			}
		}) {
			if (err != nil) != (v == 4) {
				t.Errorf("limit %d: %d with %v", limit, v, err)
			}
			got = append(got, v)
		}
		if len(got) != n || !slices.IsSorted(got) {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
}

// The work is never more than ahead beyond the reader, and ends with the loop.
func TestStreamBreak(t *testing.T) {
	for _, ahead := range []int{0, 1, 4} {
		var started, running atomic.Int64
		read := 0
		for range fanout.Stream(t.Context(), 100, ahead, apart(100, 3), func(ctx context.Context, i int) func() (int, error) {
			started.Add(1)
			running.Add(1)
			return func() (int, error) {
				defer running.Add(-1)
				if i > 5 {
					<-ctx.Done()
				}
				return i, ctx.Err()
			}
		}) {
			if read++; read == 5 {
				break
			}
		}
		if s := started.Load(); running.Load() != 0 || s > int64(5+ahead) {
			t.Errorf("ahead %d: %d started for 5, %d still run", ahead, s, running.Load())
		}
	}
}

func TestStreamPanicAndGoexit(t *testing.T) {
	type start = func(context.Context, int) func() (int, error)
	good := func() (int, error) { return 1, nil }
	for name, c := range map[string]struct {
		start start
		want  string
	}{
		"function panics": {func(_ context.Context, i int) func() (int, error) {
			return func() (int, error) {
				if i == 1 {
					panic("broken")
				}
				return 1, nil
			}
		}, "1 broken"},
		"start panics": {func(_ context.Context, i int) func() (int, error) {
			if i == 1 {
				panic("broken")
			}
			return good
		}, "1 broken"},
		"function ends": {func(_ context.Context, i int) func() (int, error) {
			return func() (int, error) {
				if i == 1 {
					runtime.Goexit()
				}
				return 1, nil
			}
		}, "1 ended 1"},
		"start ends": {func(_ context.Context, i int) func() (int, error) {
			if i == 1 {
				runtime.Goexit()
			}
			return good
		}, "1 ended ended"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			func() {
				defer func() {
					if v := recover(); v != nil {
						text := v.(string)
						got = append(got, text[:strings.Index(text, "\n")])
						if !strings.Contains(text, "fanout_test.go") {
							t.Errorf("no stack: %s", text)
						}
					}
				}()
				for v, err := range fanout.Stream(t.Context(), 3, 1, apart(3, 2), c.start) {
					if errors.Is(err, fanout.ErrGoexit) {
						got = append(got, "ended")
						continue
					}
					got = append(got, fmt.Sprint(v))
				}
			}()
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s, want %s", s, c.want)
			}
		})
	}
	defer func() {
		if text, _ := recover().(string); !strings.HasPrefix(text, "each is broken\n") {
			t.Errorf("recovered %q", text)
		}
	}()
	for range fanout.Stream(t.Context(), 3, 1, func(context.Context, func(context.Context, int) func() error) []error { panic("each is broken") }, func(context.Context, int) func() (int, error) { return good }) {
		t.Error("a result of nothing")
	}
}
