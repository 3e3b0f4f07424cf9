package retriever_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// costly asks a model calls times, for up to tokens tokens each, before it finds ids.
func costly(ids string, calls, tokens int) retriever.Retriever {
	found := listed(ids)
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		for range calls {
			if err := call(ctx, tokens); err != nil {
				return retriever.Result{}, err
			}
		}
		return found.Retrieve(ctx, q)
	})
}

// call is a model call of up to tokens tokens, which it generates.
func call(ctx context.Context, tokens int) (err error) {
	ctx, step := observe.Start(ctx, observe.Generation, "model")
	defer step.EndWith(&err)()
	reserved, err := budget.Reserve(ctx, "model", budget.Cost{Calls: 1, Tokens: tokens})
	if err == nil {
		reserved.Settle(budget.Usage{Calls: 1, GeneratedTokens: tokens})
	}
	return err
}

// slow waits before it finds ids.
func slow(ids string, d time.Duration) retriever.Retriever {
	found := listed(ids)
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		select {
		case <-time.After(d):
			return found.Retrieve(ctx, q)
		case <-ctx.Done():
			return retriever.Result{}, ctx.Err()
		}
	})
}

func TestLimit(t *testing.T) {
	three := func(o retriever.FuseOptions) retriever.Retriever {
		return fuse(t, o, part("words", listed("a"), 0), part("one", costly("b", 1, 10), 0), part("two", costly("c", 2, 10), 0))
	}
	any := retriever.FuseOptions{AllowMissing: true}
	tests := []struct {
		name    string
		r       retriever.Retriever
		b       budget.Limits
		o       retriever.LimitOptions
		want    string
		missing string
		fails   bool
		calls   int
	}{
		{"enough", three(retriever.FuseOptions{}), budget.Limits{Calls: 3, Tokens: 30}, retriever.LimitOptions{}, "a b c", "", false, 3},
		{"one call short, any", three(any), budget.Limits{Calls: 2}, retriever.LimitOptions{}, "a b", "two", false, 2},
		{"one token short, any", three(any), budget.Limits{Tokens: 29}, retriever.LimitOptions{}, "a b", "two", false, 2},
		{"for words only", three(any), budget.Limits{Tokens: 9}, retriever.LimitOptions{}, "a", "one two", false, 0},
		{"one call short, all", three(retriever.FuseOptions{}), budget.Limits{Calls: 2}, retriever.LimitOptions{}, "a b", "two", true, 2},
		{"what there is", three(retriever.FuseOptions{}), budget.Limits{Calls: 2}, retriever.LimitOptions{AllowMissing: true}, "a b", "two budget", false, 2},
		{"nothing", costly("a", 1, 1), budget.Limits{Calls: 1, Tokens: 1}, retriever.LimitOptions{}, "a", "", false, 1},
		{"another failure", failing(errors.New("broken")), budget.Limits{Calls: 1}, retriever.LimitOptions{AllowMissing: true}, "", "", true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := must[retriever.Retriever](t)(retriever.Limit(tt.r, tt.b, tt.o))
			for range 3 { // each query has a new budget
				ctx, a := budget.Open(t.Context(), "test", budget.Limits{})
				res, err := r.Retrieve(ctx, retriever.Query{Text: "q", K: 5})
				var missing []string
				for _, m := range res.Missing {
					missing = append(missing, m.Part)
				}
				if idsOf(res) != tt.want || strings.Join(missing, " ") != tt.missing || (err != nil) != tt.fails || a.Usage().Calls != tt.calls {
					t.Fatalf("%q, missing %q, %d calls, %v", idsOf(res), missing, a.Usage().Calls, err)
				}
				if tt.fails && strings.Contains(tt.name, "short") && !errors.Is(err, budget.ErrExceeded) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

func TestLimitTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parts := []retriever.Part{part("fast", slow("a", time.Second), 0), part("slow", slow("b", time.Minute), 0)}
		r := must[retriever.Retriever](t)(retriever.Limit(fuse(t, retriever.FuseOptions{}, parts...), budget.Limits{Time: 2 * time.Second}, retriever.LimitOptions{}))
		begun := time.Now()
		res, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 5})
		if idsOf(res) != "a" || !errors.Is(err, budget.ErrExceeded) || !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 2*time.Second {
			t.Errorf("%q, %v after %v", idsOf(res), err, time.Since(begun))
		}
		r = must[retriever.Retriever](t)(retriever.Limit(fuse(t, retriever.FuseOptions{}, parts...), budget.Limits{Time: 2 * time.Second}, retriever.LimitOptions{AllowMissing: true}))
		res, err = r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 5})
		if idsOf(res) != "a" || err != nil || len(res.Missing) != 2 || res.Missing[0].Part != "slow" || res.Missing[1].Part != "budget" {
			t.Errorf("%+v, %v", res, err)
		}
		// A part with a budget of its own delays no other part.
		parts[1].Retriever = must[retriever.Retriever](t)(retriever.Limit(parts[1].Retriever, budget.Limits{Time: 3 * time.Second}, retriever.LimitOptions{}))
		begun = time.Now()
		res, err = fuse(t, retriever.FuseOptions{AllowMissing: true}, parts...).Retrieve(t.Context(), retriever.Query{Text: "q", K: 5})
		if idsOf(res) != "a" || err != nil || len(res.Missing) != 1 || res.Missing[0].Part != "slow" || time.Since(begun) != 3*time.Second {
			t.Errorf("%+v, %v after %v", res, err, time.Since(begun))
		}
		// The caller's own deadline is no budget.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if res, err = r.Retrieve(ctx, retriever.Query{Text: "q", K: 5}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, budget.ErrExceeded) {
			t.Errorf("%+v, %v", res, err)
		}
	})
}

// Whose limit it was: an outer limit does not count as that of the retriever.
func TestLimitOuter(t *testing.T) {
	r := must[retriever.Retriever](t)(retriever.Limit(costly("a", 2, 1), budget.Limits{Calls: 5}, retriever.LimitOptions{AllowMissing: true}))
	ctx, a := budget.Open(t.Context(), "test", budget.Limits{Calls: 1})
	if res, err := r.Retrieve(ctx, retriever.Query{K: 1}); !a.Exceeded(err) || len(res.Missing) > 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestLimitRefuses(t *testing.T) {
	for name, err := range map[string]error{
		"nil":        second(retriever.Limit(nil, budget.Limits{Calls: 1}, retriever.LimitOptions{})),
		"typed":      second(retriever.Limit((*retrievertest.Script)(nil), budget.Limits{Calls: 1}, retriever.LimitOptions{})),
		"no bound":   second(retriever.Limit(listed("a"), budget.Limits{}, retriever.LimitOptions{AllowMissing: true})),
		"calls":      second(retriever.Limit(listed("a"), budget.Limits{Calls: -1}, retriever.LimitOptions{})),
		"tokens":     second(retriever.Limit(listed("a"), budget.Limits{Calls: 1, Tokens: -1}, retriever.LimitOptions{})),
		"retrievals": second(retriever.Limit(listed("a"), budget.Limits{Calls: 1, Retrievals: 1}, retriever.LimitOptions{})),
		"time":       second(retriever.Limit(listed("a"), budget.Limits{Calls: 1, Time: -1}, retriever.LimitOptions{})),
	} {
		if !errors.Is(err, retriever.ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Observers receive every step of a composition, in the order of the parts, however
// fast they are.
func TestStepsOfCompositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := must[*retriever.Cache](t)(retriever.NewCache(costly("a b", 1, 1), retriever.CacheOptions{}))
		parts := []retriever.Part{part("late", slow("a", time.Second), 0), part("early", cache, 0), part("broken", failing(errors.New("broken")), 0)}
		r := must[retriever.Retriever](t)(retriever.Route(retriever.RouteRules{List: []retriever.RouteRule{{Part: "broken"}, {Part: "early"}, {Part: "late"}}}, parts,
			retriever.RouteOptions{Fuse: retriever.FuseOptions{AllowMissing: true}}))
		for i, want := range []string{
			`route[broken early late] late early{model} broken!broken`,
			`route[broken early late] late early{cached} broken!broken`,
		} {
			var a observe.Recorder
			if _, err := r.Retrieve(observe.With(t.Context(), &a), retriever.Query{Text: "q", K: 5}); err != nil {
				t.Fatal(err)
			}
			if got := outline(a.Steps()); got != want {
				t.Errorf("query %d: %s, want %s", i+1, got, want)
			}
		}
	})
}

// outline writes steps as names[texts]!error{steps}.
func outline(steps []observe.Record) string {
	var list []string
	for _, s := range steps {
		text := s.Name
		if len(s.Texts) > 0 {
			text += "[" + strings.Join(s.Texts, " ") + "]"
		}
		if s.Error != "" {
			text += "!" + s.Error
		}
		if len(s.Steps) > 0 {
			text += "{" + outline(s.Steps) + "}"
		}
		list = append(list, text)
	}
	return strings.Join(list, " ")
}
