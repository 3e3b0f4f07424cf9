package completion_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
)

// asking is a family that asks its server before anything else.
type asking struct{ dialect }

func (d asking) Open(ctx context.Context, s *completion.Server) (*completion.Facts, error) {
	if err := s.JSON(ctx, modelhttp.Call{Path: "/facts"}, new(any)); err != nil {
		return nil, err
	}
	return d.dialect.Open(ctx, s)
}

// TestSharedOpen: callers that come during the first request to the server share
// its result, success or failure. No caller waits longer than its context allows or
// ends what others wait for.
func TestSharedOpen(t *testing.T) {
	start := func(t *testing.T, serve http.HandlerFunc) (*completion.Model, *faulthttp.Server) {
		s := faulthttp.New(serve)
		t.Cleanup(s.Close)
		m, err := completion.New(completion.Settings{Server: modelserver.Config{URLs: []string{faulthttp.URL}, Client: s.Client()}}, asking{dialect{facts: ids}})
		if err != nil {
			t.Fatal(err)
		}
		return m, s
	}
	// describe asks from many callers at once and returns their errors.
	describe := func(m *completion.Model, contexts ...context.Context) []error {
		errs := make([]error, len(contexts))
		var g sync.WaitGroup
		for i, ctx := range contexts {
			g.Go(func() { _, errs[i] = generator.Describe(ctx, m) })
			synctest.Wait() // one after another
		}
		g.Wait()
		return errs
	}
	ok := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{}`)
	}
	after := func(wait time.Duration) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(wait):
				ok(w, r)
			case <-r.Context().Done():
			}
		}
	}

	t.Run("failures", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, s := start(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
			begun := time.Now()
			contexts := make([]context.Context, 20)
			for i := range contexts {
				contexts[i] = t.Context()
			}
			for i, err := range describe(m, contexts...) {
				if e := (*modelserver.Error)(nil); !errors.As(err, &e) || e.Status != 503 {
					t.Errorf("caller %d: %v", i, err)
				}
			}
			if took := time.Since(begun); took > 3*time.Second || s.Requests() != 3 {
				t.Errorf("20 callers failed after %v and %d requests: want those of one", took, s.Requests())
			}
			if _, err := generator.Describe(t.Context(), m); err == nil || s.Requests() <= 3 {
				t.Errorf("a failure is kept: %v after %d requests", err, s.Requests())
			}
		})
	})
	t.Run("the first one leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, s := start(t, after(time.Minute))
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			begun := time.Now()
			errs := describe(m, short, t.Context(), short, t.Context())
			for i, want := range []error{context.DeadlineExceeded, nil, context.DeadlineExceeded, nil} {
				if !errors.Is(errs[i], want) {
					t.Errorf("caller %d: %v, want %v", i, errs[i], want)
				}
			}
			if took := time.Since(begun); took > time.Minute+time.Second || s.Requests() != 1 {
				t.Errorf("it took %v and %d requests", took, s.Requests())
			}
		})
	})
	t.Run("all leave", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var ended atomic.Bool
			m, _ := start(t, func(w http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				ended.Store(true)
			})
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			long, cancel2 := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel2()
			begun := time.Now()
			for i, err := range describe(m, short, long, short) {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("caller %d: %v", i, err)
				}
			}
			synctest.Wait()
			if took := time.Since(begun); took != 3*time.Second || !ended.Load() {
				t.Errorf("after %v the call has ended: %t", took, ended.Load())
			}
		})
	})
	// A try that could not end in time is not begun: the error says what is wrong,
	// not that the time is over.
	t.Run("no time for another try", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, _ := start(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
			short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			begun := time.Now()
			_, err := generator.Describe(short, m)
			if e := (*modelserver.Error)(nil); !errors.As(err, &e) || e.Tries != 1 || time.Since(begun) > 0 {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
		})
	})
	t.Run("panics", func(t *testing.T) {
		m, err := completion.New(completion.Settings{Server: modelserver.Config{URLs: []string{"http://x"}}}, panicking{})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			func() {
				defer func() {
					if got := recover(); got != "open" {
						t.Errorf("%v: want the panic of the family", got)
					}
				}()
				_, _ = generator.Describe(t.Context(), m)
			}()
		}
	})
}

type panicking struct{ dialect }

func (panicking) Open(context.Context, *completion.Server) (*completion.Facts, error) { panic("open") }

// TestReasons: every spelling of a reason for the end of an answer is read; for
// others the error names what was found.
func TestReasons(t *testing.T) {
	for reason, want := range map[string]string{
		"": "running", "null": "running", "None": "running",
		"stop": "end", "STOP": "end", "eos": "end", "eos_token": "end", "stop_sequence": "end", "end_turn": "end", "COMPLETE": "end", " Stop ": "end", "FINISH_REASON_STOP": "end",
		"length": "length", "limit": "length", "max_tokens": "length", "MAX_TOKENS": "length", "max_output_tokens": "length", "model_length": "length",
		"content_filter": "error", "SAFETY": "error", "tool_calls": "error", "function_call": "error", "tool_use": "error", "refusal": "error", "unload": "error", "word": "error", "Löschen": "error",
		"error": "again", "ERROR": "again", "abort": "again", "insufficient_system_resource": "again",
	} {
		got := ""
		err := answered(t, func(a *modelhttp.Answer) error {
			var c completion.Chunk
			err := c.End(a, reason)
			got = c.Finish.String()
			return err
		})
		if err != nil {
			e := (*modelserver.Error)(nil)
			if !errors.As(err, &e) || !strings.Contains(err.Error(), fmt.Sprintf("%q", reason)) {
				t.Errorf("%q: %v: want an error that names it", reason, err)
				continue
			}
			got = map[bool]string{true: "again", false: "error"}[e.Retryable]
		}
		if got != want {
			t.Errorf("%q: %s, want %s", reason, got, want)
		}
	}
}

// answered passes an answer to read.
func answered(t *testing.T, read func(*modelhttp.Answer) error) error {
	s := faulthttp.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	c, err := modelhttp.New(modelserver.Config{URLs: []string{faulthttp.URL}, Client: s.Client(), Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(t.Context(), modelhttp.Call{Path: "/"}, read)
}

// TestTextIsBounded: the text of an answer is bounded by its tokens, or by the
// requested number if they are not reported.
func TestTextIsBounded(t *testing.T) {
	long := strings.Repeat("x", 900)
	for name, c := range map[string]struct {
		events []wire
		silent bool
		limit  int64 // 0 if it is read
	}{
		"long tokens":      {[]wire{word(1, long), word(1, long), end}, false, 0},
		"one token":        {[]wire{word(1, strings.Repeat("x", 5000)), end}, false, 2048},
		"one of several":   {[]wire{word(1, "a"), word(1, "b"), word(1, strings.Repeat("x", 5000)), end}, false, 4096},
		"not told":         {[]wire{word(1, strings.Repeat("x", 5000)), end}, true, 0},
		"not told, longer": {[]wire{word(1, strings.Repeat("x", 12<<10)), end}, true, 11 << 10},
		"whole":            {[]wire{word(1, strings.Repeat("x", 200<<10)), end}, false, -1},
	} {
		_, err := generator.Complete(t.Context(), serve(t, dialect{facts: ids}, completion.Settings{NoProbs: c.silent}, c.events...), generator.Request{
			Prompt: generator.Prompt{Instruction: "q"}, MaxTokens: 10,
		})
		l := (*modelserver.LimitError)(nil)
		switch {
		case c.limit == 0 && err != nil, c.limit != 0 && !errors.As(err, &l), c.limit > 0 && l.Bytes != c.limit:
			t.Errorf("%s: %v: want the limit %d", name, err, c.limit)
		}
	}
}
