package selfrag_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	chatjudge "github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
	"github.com/goselfrag/goselfrag/selfrag"
)

// maker makes a random composition over one model.
type maker struct {
	t *testing.T
	r *rand.Rand
	m generator.Generator
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (k maker) limits(most int) budget.Limits {
	var l budget.Limits
	if k.r.IntN(2) == 0 {
		l.Calls = 1 + k.r.IntN(most)
	}
	if k.r.IntN(2) == 0 {
		l.Tokens = 1 + k.r.IntN(20*most)
	}
	return l
}

// undeclared hides the declared cost of a part.
func undeclared(r retriever.Retriever) retriever.Retriever { return retriever.Func(r.Retrieve) }

// retriever makes a retriever of others, some levels deep.
func (k maker) retriever(depth int) retriever.Retriever {
	must := must[retriever.Retriever](k.t)
	anyway := k.r.IntN(2) == 0
	fuse := retriever.FuseOptions{AllowMissing: anyway, Depth: 3}
	lines := func() rewrite.Expander {
		s, err := rewrite.NewLines(k.m, rewrite.VariantsTemplate, rewrite.ModelOptions{Count: 2, MaxTokens: 6})
		if err != nil {
			k.t.Fatal(err)
		}
		return s
	}
	if depth == 0 {
		return retriever.List(retriever.Passage{ID: "A", Text: "one"}, retriever.Passage{ID: "B", Text: "two"}, retriever.Passage{ID: "C", Text: "three"})
	}
	inner := k.retriever(depth - 1)
	var r retriever.Retriever
	switch k.r.IntN(7) {
	case 0:
		r = must(rewrite.Fusion(inner, lines(), rewrite.FusionOptions{Max: 2, Fuse: fuse}))
	case 1:
		r = must(rewrite.Decompose(inner, lines(), rewrite.DecomposeOptions{FanOut: 2, Fuse: fuse}))
	case 2:
		r = must(rerank.New(inner, rerank.ModelScorer{Generator: k.m, Concurrency: 3}, rerank.Options{Depth: 3, AllowMissing: anyway}))
	case 3:
		j := must2(chatjudge.New(k.m, chatjudge.Templates{}))(k.t)
		r = must(rerank.New(inner, rerank.CriticScorer{Critic: j, Concurrency: 3}, rerank.Options{Depth: 3, AllowMissing: anyway}))
	case 4:
		r = must(retriever.Fuse([]retriever.Part{{Name: "plain", Retriever: inner}, {Name: "other", Retriever: k.retriever(depth - 1)}}, fuse))
	case 5:
		l := k.limits(8)
		if l == (budget.Limits{}) {
			l.Calls = 5
		}
		r = must(retriever.Limit(inner, l, retriever.LimitOptions{AllowMissing: anyway}))
	case 6:
		r = must(rewrite.Retry(inner, lines(), rerank.ModelScorer{Generator: k.m, Concurrency: 2}, rewrite.RetryOptions{Judged: 2, AllowMissing: anyway}))
	}
	if k.r.IntN(4) == 0 {
		return undeclared(r)
	}
	return r
}

func must2[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// engine makes an engine over a composition, and the options of its questions.
func (k maker) engine() *selfrag.Engine {
	options := []selfrag.Option{selfrag.WithMaxTokens(8), selfrag.WithK(3), selfrag.WithThreshold(0.3), selfrag.WithBudget(k.limits(60))}
	if k.r.IntN(2) == 0 {
		options = append(options, selfrag.WithLongForm(2, 2))
	}
	if k.r.IntN(3) == 0 {
		options = append(options, selfrag.WithTrace(selfrag.TraceFull))
	}
	if k.r.IntN(3) == 0 {
		options = append(options, selfrag.WithMinCandidates(1))
	}
	if k.r.IntN(2) == 0 {
		j := must2(chatjudge.New(k.m, chatjudge.Templates{}))(k.t)
		options = append(options, selfrag.WithCritic(j))
		if k.r.IntN(2) == 0 {
			options = append(options, selfrag.WithDecider(j))
		}
	}
	if k.r.IntN(2) == 0 {
		options = append(options, selfrag.WithHistory(talk...), selfrag.WithRewriter(rewriter(k.t, k.m)))
	}
	return newEngine(k.t, k.m, k.retriever(k.r.IntN(3)), options...)
}

// sizes is what a budget should count.
type sizes struct{ calls, tokens int }

// Random programs of engine, judge, rewriter and rerankers, on budgets within
// budgets. No budget is exceeded, all of what was set aside is free again at the
// end, the counts equal those of the model, and one question gives the same result
// in any order of its calls. At last 64 goroutines share one budget.
//
//	GOSELFRAG_FULL=1 go test ./selfrag -race -run TestPrograms
func TestPrograms(t *testing.T) {
	for seed := range testsize.Of(400, 10_000) {
		first := ""
		for range 2 {
			r := rand.New(rand.NewPCG(uint64(seed), 1))
			m := counting(&generatortest.Random{Seed: uint64(seed), MaxSegments: 3, MaxWords: 3})
			k := maker{t, r, hesitant(m)}
			e, outer, inner := k.engine(), k.limits(80), k.limits(60)
			ctx, b := budget.Open(t.Context(), "outer", outer)
			under, c := budget.Open(ctx, "inner", inner)
			var steps observe.Recorder
			a, err := e.Answer(observe.With(under, &steps), "q")
			check(t, seed, m, map[*budget.Budget]budget.Limits{b: outer, c: inner})
			if got := canonical(t, a) + fmt.Sprint(err) + names(steps.Steps()); first == "" {
				first = got
			} else if got != first {
				t.Fatalf("program %d: once\n%s\nthen\n%s", seed, first, got)
			}
			if left(ctx) != leave(outer, b.Usage()) {
				t.Fatalf("program %d: %+v is left of %+v after %+v", seed, left(ctx), outer, b.Usage())
			}
		}
		if seed%20 == 0 {
			together(t, seed)
		}
	}
}

// together has 64 goroutines answer on one budget.
func together(t *testing.T, seed int) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(seed), 2))
	m := counting(&generatortest.Random{Seed: uint64(seed), MaxSegments: 2, MaxWords: 3})
	k := maker{t, r, m}
	e, limits := k.engine(), k.limits(400)
	ctx, b := budget.Open(t.Context(), "all", limits)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			_, _ = e.Answer(ctx, fmt.Sprint("q", i)) // a model with random output fails some
		})
	}
	all.Wait()
	check(t, seed, m, map[*budget.Budget]budget.Limits{b: limits})
	if left(ctx) != leave(limits, b.Usage()) {
		t.Fatalf("program %d: %+v is left of %+v after %+v", seed, left(ctx), limits, b.Usage())
	}
}

// check compares the counts with the limits and with the model's own counts.
// Optional methods such as GroupProbs do not reach the counter of the model.
func check(t *testing.T, seed int, m *counter, budgets map[*budget.Budget]budget.Limits) {
	t.Helper()
	for b, l := range budgets {
		u := b.Usage()
		if l.Calls > 0 && u.Calls > l.Calls || l.Tokens > 0 && u.GeneratedTokens > l.Tokens {
			t.Fatalf("program %d: %+v of %+v", seed, u, l)
		}
		if u.Calls < m.calls || u.GeneratedTokens < m.tokens {
			t.Fatalf("program %d: counted %+v, and the model %d calls and %d tokens", seed, u, m.calls, m.tokens)
		}
	}
}

func left(ctx context.Context) sizes {
	l := budget.Left(ctx)
	return sizes{l.Calls, l.Tokens}
}

// leave is what should be left.
func leave(l budget.Limits, u budget.Usage) sizes {
	minus := func(limit, used int) int {
		if limit == 0 {
			return 0
		}
		if used >= limit {
			return -1
		}
		return limit - used
	}
	return sizes{minus(l.Calls, u.Calls), minus(l.Tokens, u.GeneratedTokens)}
}

// names writes the steps down without their cost.
func names(steps []observe.Record) string {
	var out []string
	for _, s := range steps {
		out = append(out, s.Name+"("+names(s.Steps)+")")
	}
	return fmt.Sprint(slices.Clip(out))
}
