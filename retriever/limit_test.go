package retriever_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// costly asks a model calls times, for up to tokens tokens each, before it finds ids.
func costly(ids string, calls, tokens int) retriever.Retriever {
	found := listed(ids)
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		for range calls {
			c, err := account.Reserve(ctx, "model", tokens)
			if err != nil {
				return retriever.Result{}, err
			}
			c.Settle(account.Usage{Calls: 1, GeneratedTokens: tokens}, "", nil)
		}
		return found.Retrieve(ctx, q)
	})
}

// slow takes a time before it finds ids.
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
		b       retriever.Budget
		want    string
		missing string
		fails   bool
		calls   int
	}{
		{"enough", three(retriever.FuseOptions{}), retriever.Budget{Calls: 3, Tokens: 30}, "a b c", "", false, 3},
		{"one call short, any", three(any), retriever.Budget{Calls: 2}, "a b", "two", false, 2},
		{"one token short, any", three(any), retriever.Budget{Tokens: 29}, "a b", "two", false, 2},
		{"for words only", three(any), retriever.Budget{Tokens: 9}, "a", "one two", false, 0},
		{"one call short, all", three(retriever.FuseOptions{}), retriever.Budget{Calls: 2}, "a b", "two", true, 2},
		{"what there is", three(retriever.FuseOptions{}), retriever.Budget{Calls: 2, AllowMissing: true}, "a b", "two budget", false, 2},
		{"nothing", costly("a", 1, 1), retriever.Budget{Calls: 1, Tokens: 1}, "a", "", false, 1},
		{"another failure", failing(errors.New("broken")), retriever.Budget{Calls: 1, AllowMissing: true}, "", "", true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := must[retriever.Retriever](t)(retriever.Limit(tt.r, tt.b))
			for range 3 { // each query has the budget anew
				ctx, a := account.Open(t.Context(), "test", account.Limits{})
				res, err := r.Retrieve(ctx, retriever.Query{Text: "q", K: 5})
				var missing []string
				for _, m := range res.Missing {
					missing = append(missing, m.Part)
				}
				if idsOf(res) != tt.want || strings.Join(missing, " ") != tt.missing || (err != nil) != tt.fails || a.Usage().Calls != tt.calls {
					t.Fatalf("%q, missing %q, %d calls, %v", idsOf(res), missing, a.Usage().Calls, err)
				}
				if tt.fails && strings.Contains(tt.name, "short") && (!errors.Is(err, retriever.ErrBudget) || !errors.Is(err, account.ErrLimit)) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

func TestLimitTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parts := []retriever.Part{part("fast", slow("a", time.Second), 0), part("slow", slow("b", time.Minute), 0)}
		r := must[retriever.Retriever](t)(retriever.Limit(fuse(t, retriever.FuseOptions{}, parts...), retriever.Budget{Time: 2 * time.Second}))
		begun := time.Now()
		res, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 5})
		if idsOf(res) != "a" || !errors.Is(err, retriever.ErrBudget) || !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 2*time.Second {
			t.Errorf("%q, %v after %v", idsOf(res), err, time.Since(begun))
		}
		r = must[retriever.Retriever](t)(retriever.Limit(fuse(t, retriever.FuseOptions{}, parts...), retriever.Budget{Time: 2 * time.Second, AllowMissing: true}))
		res, err = r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 5})
		if idsOf(res) != "a" || err != nil || len(res.Missing) != 2 || res.Missing[0].Part != "slow" || res.Missing[1].Part != "budget" {
			t.Errorf("%+v, %v", res, err)
		}
		// A part with a budget of its own holds up nobody.
		parts[1].Retriever = must[retriever.Retriever](t)(retriever.Limit(parts[1].Retriever, retriever.Budget{Time: 3 * time.Second}))
		begun = time.Now()
		res, err = fuse(t, retriever.FuseOptions{AllowMissing: true}, parts...).Retrieve(t.Context(), retriever.Query{Text: "q", K: 5})
		if idsOf(res) != "a" || err != nil || len(res.Missing) != 1 || res.Missing[0].Part != "slow" || time.Since(begun) != 3*time.Second {
			t.Errorf("%+v, %v after %v", res, err, time.Since(begun))
		}
		// The caller's own deadline is no budget.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if res, err = r.Retrieve(ctx, retriever.Query{Text: "q", K: 5}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, retriever.ErrBudget) {
			t.Errorf("%+v, %v", res, err)
		}
	})
}

// Whose limit it was: an outer one is not taken for that of the retriever.
func TestLimitOuter(t *testing.T) {
	r := must[retriever.Retriever](t)(retriever.Limit(costly("a", 2, 1), retriever.Budget{Calls: 5, AllowMissing: true}))
	ctx, a := account.Open(t.Context(), "test", account.Limits{Calls: 1})
	if res, err := r.Retrieve(ctx, retriever.Query{K: 1}); !a.Forbade(err) || errors.Is(err, retriever.ErrBudget) {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestLimitRefuses(t *testing.T) {
	for name, err := range map[string]error{
		"nil":      second(retriever.Limit(nil, retriever.Budget{Calls: 1})),
		"typed":    second(retriever.Limit((*retrievertest.Script)(nil), retriever.Budget{Calls: 1})),
		"no bound": second(retriever.Limit(listed("a"), retriever.Budget{AllowMissing: true})),
		"calls":    second(retriever.Limit(listed("a"), retriever.Budget{Calls: -1})),
		"tokens":   second(retriever.Limit(listed("a"), retriever.Budget{Calls: 1, Tokens: -1})),
		"time":     second(retriever.Limit(listed("a"), retriever.Budget{Calls: 1, Time: -1})),
	} {
		if !errors.Is(err, retriever.ErrCompose) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Every step of a composition stands in the account, in the order of the parts, however
// fast they are.
func TestStepsOfCompositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := must[*retriever.Cache](t)(retriever.NewCache(costly("a b", 1, 1), retriever.CacheOptions{}))
		parts := []retriever.Part{part("late", slow("a", time.Second), 0), part("early", cache, 0), part("broken", failing(errors.New("broken")), 0)}
		r := must[retriever.Retriever](t)(retriever.Route(retriever.Rules{List: []retriever.Rule{{Part: "broken"}, {Part: "early"}, {Part: "late"}}}, parts,
			retriever.RouteOptions{Fuse: retriever.FuseOptions{AllowMissing: true}}))
		for i, want := range []string{
			`route[broken early late] late early{model} broken!broken`,
			`route[broken early late] late early{cached} broken!broken`,
		} {
			ctx, a := account.Open(t.Context(), "test", account.Limits{})
			if _, err := r.Retrieve(ctx, retriever.Query{Text: "q", K: 5}); err != nil {
				t.Fatal(err)
			}
			if got := outline(a.Steps()); got != want {
				t.Errorf("query %d: %s, want %s", i+1, got, want)
			}
		}
	})
}

// outline writes steps as names[texts]!error{steps}.
func outline(steps []account.Step) string {
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
