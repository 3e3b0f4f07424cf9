package selfrag_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever/filter"

	"github.com/goselfrag/goselfrag/budget"
	chatjudge "github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
	"github.com/goselfrag/goselfrag/selfrag"
)

// pairwise is an embedder that takes a call for each two texts.
type pairwise struct{}

func (pairwise) MostCost(n int) (budget.Cost, bool) { return budget.Cost{Calls: (n + 1) / 2}, true }

func (pairwise) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	var out [][]float32
	for i := 0; i < len(texts); i += 2 {
		r, err := budget.Reserve(ctx, "embed", budget.Cost{Calls: 1})
		if err != nil {
			return nil, err
		}
		r.Settle(budget.Usage{Calls: 1})
		for j := i; j < min(i+2, len(texts)); j++ {
			out = append(out, []float32{float32(len(texts[j])), 1})
		}
	}
	return out, nil
}

func (p pairwise) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	v, err := p.EmbedDocuments(ctx, []string{text})
	if err != nil {
		return nil, err
	}
	return v[0], nil
}

// rich makes random compositions of all techniques that declare their cost.
type rich struct {
	t *testing.T
	r *rand.Rand
	m generator.Generator
}

func (k rich) source() rewrite.Expander {
	o := rewrite.ModelOptions{Count: 1 + k.r.IntN(5), MaxTokens: 6}
	if k.r.IntN(2) == 0 {
		return must2(rewrite.NewLines(k.m, rewrite.VariantsTemplate, o))(k.t)
	}
	return must2(rewrite.NewPassages(k.m, rewrite.HypotheticalTemplate, o))(k.t)
}

func (k rich) scorer() rerank.Scorer {
	switch k.r.IntN(3) {
	case 0:
		return rerank.ModelScorer{Generator: k.m, Concurrency: 1 + k.r.IntN(4)}
	case 1:
		return rerank.CriticScorer{Critic: must2(chatjudge.New(k.m, chatjudge.Templates{}))(k.t), Concurrency: 1 + k.r.IntN(4)}
	}
	w := 2 + k.r.IntN(4)
	return must2(rerank.NewListwise(k.m, rerank.ListTemplate, rerank.ListwiseOptions{Window: w, Step: 1 + k.r.IntN(w-1), MaxTokens: 7}))(k.t)
}

func (k rich) retriever(depth int) retriever.Retriever {
	t := k.t
	anyway := k.r.IntN(2) == 0
	fuse := retriever.FuseOptions{AllowMissing: anyway, Depth: 1 + k.r.IntN(6)}
	if depth == 0 {
		var list []retriever.Passage
		for i := range 14 {
			list = append(list, retriever.Passage{ID: fmt.Sprint(i), Text: strings.Repeat("word ", i+1) + fmt.Sprint("w", i), Metadata: filter.Metadata{"n": filter.Int(int64(i))}})
		}
		if k.r.IntN(2) == 0 {
			var e dense.Embedder = pairwise{}
			if k.r.IntN(2) == 0 {
				e = must2(rewrite.HyDE(e, k.source()))(t)
			}
			return must2(dense.New(t.Context(), e, list, dense.Options{}))(t)
		}
		return retriever.List(list...)
	}
	inner := k.retriever(depth - 1)
	switch k.r.IntN(10) {
	case 0:
		return must2(rewrite.Fusion(inner, k.source(), rewrite.FusionOptions{Max: 1 + k.r.IntN(5), Fuse: fuse}))(t)
	case 1:
		return must2(rewrite.Decompose(inner, k.source(), rewrite.DecomposeOptions{Depth: 1 + k.r.IntN(2), FanOut: 1 + k.r.IntN(3), Fuse: fuse}))(t)
	case 2, 3:
		s := k.scorer()
		o := rerank.Options{Depth: 1 + k.r.IntN(9), AllowMissing: anyway}
		if s.Kind() != retriever.RankOnly {
			o.BatchSize = k.r.IntN(5)
		}
		return must2(rerank.New(inner, s, o))(t)
	case 4:
		return must2(retriever.Fuse([]retriever.Part{{Name: "plain", Retriever: inner}, {Name: "other", Retriever: k.retriever(depth - 1)}}, fuse))(t)
	case 5:
		return must2(retriever.PostFilter(inner, retriever.PostFilterOptions{Bound: 1 + k.r.IntN(30)}))(t)
	case 6:
		s := k.scorer()
		for s.Kind() == retriever.RankOnly {
			s = k.scorer()
		}
		return must2(rewrite.Retry(inner, k.source(), s, rewrite.RetryOptions{Judged: 1 + k.r.IntN(5), Tries: 1 + k.r.IntN(4), AllowMissing: anyway}))(t)
	case 7:
		router := must2(rewrite.NewModelRouter(k.m, rewrite.RouteTemplate, []rewrite.RouteChoice{{Part: "a", About: "x"}, {Part: "b", About: "y"}}))(t)
		return must2(retriever.Route(router, []retriever.Part{{Name: "a", Retriever: inner}, {Name: "b", Retriever: k.retriever(depth - 1)}}, retriever.RouteOptions{Fallback: "a", Fuse: retriever.FuseOptions{AllowMissing: true, Depth: 2}}))(t)
	case 8:
		return must2(retriever.NewCache(inner, retriever.CacheOptions{}))(t)
	}
	return must2(retriever.Reorder(inner))(t)
}

// ample is more than any composition takes.
var ample = budget.Limits{Calls: 1 << 30, Tokens: 1 << 30, Retrievals: 1 << 30}

// ledger fails if a part of ample is lost.
func ledger(t *testing.T, ctx context.Context, b *budget.Budget) {
	t.Helper()
	if left(ctx) != leave(ample, b.Usage()) {
		t.Fatalf("%+v is left after %+v", left(ctx), b.Usage())
	}
}

// No composition costs more than it declares, for any query and any replies of its
// models: with exactly that much set aside no call is refused.
func TestDeclaredCostIsEnough(t *testing.T) {
	exact := 0
	for seed := range 500 {
		r := rand.New(rand.NewPCG(uint64(seed), 9))
		k := rich{t, r, &generatortest.Random{Seed: uint64(seed), MaxSegments: 3, MaxWords: 6}}
		part := k.retriever(1 + r.IntN(3))
		q := retriever.Query{Text: "what is this", K: 1 + r.IntN(20)}
		if r.IntN(2) == 0 {
			q.Filter = must2(filter.Parse("n >= 12"))(t)
		}
		most, known := budget.MostCost(part, 1)
		if !known {
			t.Fatalf("program %d: %T declares nothing", seed, part)
		}
		ctx, b := budget.Open(t.Context(), "all", ample)
		under, lease, err := budget.SetAside(ctx, "part", most)
		if err != nil {
			t.Fatal(err)
		}
		res, err := part.Retrieve(under, q)
		if errors.Is(err, budget.ErrExceeded) || strings.Contains(fmt.Sprint(res.Missing), budget.ErrExceeded.Error()) {
			t.Fatalf("program %d: %T declares %+v: %v, missing %v", seed, part, most, err, res.Missing)
		}
		if lease.Usage().Calls == most.Calls && most.Calls > 0 {
			exact++
		}
		lease.Close()
		ledger(t, ctx, b)
	}
	if exact < 50 {
		t.Errorf("only %d programs took all that they declared: the test shows little", exact)
	}
}

// No question costs more than its engine declares: if there is enough for all, none
// of many concurrent questions is refused anything.
func TestQuestionsDeclareEnough(t *testing.T) {
	answers := 0
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 9))
		m := &generatortest.Random{Seed: uint64(seed), MaxSegments: 4, MaxWords: 4}
		options := []selfrag.Option{selfrag.WithMaxTokens(8), selfrag.WithK(1 + r.IntN(4)), selfrag.WithThreshold(0.3), selfrag.WithMinCandidates(1)}
		maybe := func(o ...selfrag.Option) {
			if r.IntN(2) == 0 {
				options = append(options, o...)
			}
		}
		j := must2(chatjudge.New(m, chatjudge.Templates{}))(t)
		maybe(selfrag.WithLongForm(1+r.IntN(3), 1+r.IntN(3)))
		maybe(selfrag.WithTrace(selfrag.TraceFull))
		maybe(selfrag.WithFixedPassages(true))
		maybe(selfrag.WithCritic(j))
		maybe(selfrag.WithDecider(j))
		maybe(selfrag.WithHistory(talk...), selfrag.WithRewriter(rewriter(t, m)))
		e := newEngine(t, m, rich{t, r, m}.retriever(r.IntN(2)), options...)
		ctx, b := budget.Open(t.Context(), "all", ample)
		for a, err := range e.AnswerAll(ctx, questions(2), 2) {
			if errors.Is(err, budget.ErrExceeded) || a.Stop == selfrag.StopBudget {
				t.Fatalf("program %d: %v, %+v", seed, err, a)
			}
			if err == nil {
				answers++
			}
		}
		ledger(t, ctx, b)
	}
	if answers < 100 {
		t.Errorf("only %d questions were answered: the test shows little", answers)
	}
}

// lineage is an observer that records the enclosing steps of a context.
type lineage struct {
	mu    sync.Mutex
	steps []*step
}

type step struct {
	name  string
	outer *step
	err   error
	ended int
}

type stepKey struct{}

func stepOf(ctx context.Context) *step {
	s, _ := ctx.Value(stepKey{}).(*step)
	return s
}

func (l *lineage) Start(ctx context.Context, begun observe.Step) (context.Context, func(observe.End)) {
	s := &step{name: begun.Name, outer: stepOf(ctx)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steps = append(l.steps, s)
	return context.WithValue(ctx, stepKey{}, s), func(e observe.End) {
		l.mu.Lock()
		defer l.mu.Unlock()
		s.err = e.Err
		s.ended++
	}
}

// If a model panics or ends its goroutine, at any depth of a composition, every
// step ends once. Steps that the panic passes through end with an error, and
// nothing stays reserved.
func TestBrokenModelsEndSteps(t *testing.T) {
	broken := 0
	for seed := range 500 {
		r := rand.New(rand.NewPCG(uint64(seed), 9))
		inner := &generatortest.Random{Seed: uint64(seed), MaxSegments: 3, MaxWords: 6}
		var calls atomic.Int64
		at, exits := int64(0), r.IntN(2) == 0
		var around *step
		m := generator.Wrap(inner, func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
			if calls.Add(1) != at {
				return inner.Generate(ctx, req)
			}
			around = stepOf(ctx)
			if exits {
				runtime.Goexit()
			}
			panic("broken")
		})
		part := rich{t, r, m}.retriever(1 + r.IntN(3))
		calls.Store(0)
		at = int64(1 + r.IntN(6))
		var heard lineage
		ctx, b := budget.Open(t.Context(), "all", ample)
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = recover() }()
			_, _ = part.Retrieve(observe.With(ctx, &heard), retriever.Query{Text: "what is this", K: 1 + r.IntN(20)})
		}()
		<-done
		for _, s := range heard.steps {
			if s.ended != 1 {
				t.Errorf("program %d: %s ended %d times", seed, s.name, s.ended)
			}
		}
		ledger(t, ctx, b)
		if around != nil {
			broken++
		}
		for s := around; s != nil; s = s.outer {
			if s.err == nil && (!exits || s == around) { // a part that went missing may be allowed
				t.Errorf("program %d: %T: %s ended without an error", seed, part, s.name)
			}
		}
	}
	if broken < 100 {
		t.Errorf("only %d models broke: the test shows little", broken)
	}
}
