package rerank_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/critique/critiquetest"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
)

// Under a budget a critic that declares nothing judges one passage after another,
// so that the passage at which the budget ends does not depend on speed.
func TestBoundedIsOrdered(t *testing.T) {
	var running, most atomic.Int64
	critic := criticFunc(func(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		reserved, err := budget.Reserve(ctx, "judge", budget.Cost{Calls: 1, Tokens: 1})
		if err != nil {
			return critique.Verdict{}, err
		}
		reserved.Settle(budget.Usage{Calls: 1})
		return critiquetest.Verdict(0.5, [3]float64{1, 0, 0}, [5]float64{1, 0, 0, 0, 0}), nil
	})
	for range 100 {
		ctx, _ := budget.Open(t.Context(), "test", budget.Limits{Calls: 3})
		var a observe.Recorder
		ctx = observe.With(ctx, &a)
		_, err := rerank.CriticScorer{Critic: critic, Concurrency: 4}.Score(ctx, "q", passages("a b c d e f"))
		if !errors.Is(err, budget.ErrExceeded) || len(a.Steps()) != 4 || a.Steps()[3].Error == "" || most.Load() != 1 {
			t.Fatalf("%v, %d steps, %d at the same time", err, len(a.Steps()), most.Load())
		}
	}
}

// If a passage fails, the set of judged passages, and their cost, does not depend
// on speed.
func TestFailureIsOrdered(t *testing.T) {
	for _, limits := range []budget.Limits{{}, {Calls: 100}} {
		first := ""
		for range 200 {
			ctx, b := budget.Open(t.Context(), "test", limits)
			var a observe.Recorder
			m := failing{extractive.New(), "c"}
			_, err := rerank.ModelScorer{Generator: m, Concurrency: 3}.Score(observe.With(ctx, &a), "q", passages(strings.Join(strings.Split("abcdefghijklmnopqrstuvwxyz", ""), " ")))
			got := fmt.Sprintf("%v, %d steps, %d calls", err, len(a.Steps()), b.Usage().Calls)
			if first == "" {
				first = got
			}
			if got != first || err == nil || b.Usage().Calls == 26 {
				t.Fatalf("%+v: once %s, then %s", limits, first, got)
			}
		}
	}
}

// failing is a model that fails for one passage, and is slow for all.
type failing struct {
	*extractive.Model
	passage string
}

func (m failing) GroupProbs(ctx context.Context, req generator.Request, after []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	for range rand.IntN(8) {
		runtime.Gosched()
	}
	if req.Prompt.Evidence[0].Text == passages(m.passage)[0].Text {
		return reflection.Distribution{}, errors.New("broken")
	}
	return m.Model.GroupProbs(ctx, req, after, g)
}

// The trace has the judgments in the order of the passages. An optional reranker
// leaves the order unchanged.
func TestSteps(t *testing.T) {
	r := make1(t, retriever.List(passages("a b c")...), rerank.ModelScorer{Generator: extractive.New(), Concurrency: 3}, rerank.Options{AllowMissing: true})
	ctx, spent := budget.Open(t.Context(), "test", budget.Limits{})
	var a observe.Recorder
	ctx = observe.With(ctx, &a)
	if _, err := r.Retrieve(ctx, retriever.Query{Text: "q", K: 3}); err != nil {
		t.Fatal(err)
	}
	steps := a.Steps()
	if len(steps) != 1 || steps[0].Name != "rerank" || len(steps[0].Steps) != 3 || spent.Usage().Calls != 3 {
		t.Fatalf("%+v", steps)
	}
	for i, s := range steps[0].Steps {
		if s.Name != fmt.Sprintf("passage %d", i+1) || len(s.Steps) != 1 || s.Steps[0].Name != "IsREL" || s.Steps[0].Usage.Calls != 1 {
			t.Errorf("step %d: %+v", i, s)
		}
	}
	ctx, _ = budget.Open(t.Context(), "test", budget.Limits{Calls: 2})
	res, err := r.Retrieve(ctx, retriever.Query{Text: "q", K: 3})
	if err != nil || len(res.Hits) != 3 || len(res.Missing) != 1 || res.Missing[0].Part != "rerank" {
		t.Errorf("%+v, %v", res, err)
	}
}

// A critic that ends its goroutine, as t.FailNow does, is an error of its passage.
func TestGoexit(t *testing.T) {
	critic := criticFunc(func(_ context.Context, c critique.Continuation) (critique.Verdict, error) {
		if c.Prompt.Evidence[0].Text == passages("b")[0].Text {
			runtime.Goexit()
		}
		return critiquetest.Verdict(0.5, [3]float64{1, 0, 0}, [5]float64{1, 0, 0, 0, 0}), nil
	})
	for _, concurrency := range []int{1, 3} {
		if scores, err := (rerank.CriticScorer{Critic: critic, Concurrency: concurrency}).Score(t.Context(), "q", passages("a b c")); err == nil || scores != nil {
			t.Errorf("concurrency %d: %v, %v", concurrency, scores, err)
		}
	}
}
