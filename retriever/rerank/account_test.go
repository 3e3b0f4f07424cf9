package rerank_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/critique/critiquetest"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
)

// Where limits hold passages are judged one after the other, so that which of them is
// one too many does not depend on which is faster.
func TestBoundedIsOrdered(t *testing.T) {
	var running, most atomic.Int64
	critic := criticFunc(func(ctx context.Context, c critique.Candidate) (critique.Verdict, error) {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		call, err := account.Reserve(ctx, "judge", 1)
		if err != nil {
			return critique.Verdict{}, err
		}
		call.Settle(account.Usage{Calls: 1}, "", nil)
		return critiquetest.Verdict(0.5, [3]float64{1, 0, 0}, [5]float64{1, 0, 0, 0, 0}), nil
	})
	for range 100 {
		ctx, a := account.Open(t.Context(), "test", account.Limits{Calls: 3})
		_, err := rerank.Critic{Critic: critic, Concurrency: 4}.Score(ctx, "q", passages("a b c d e f"))
		if !errors.Is(err, account.ErrLimit) || len(a.Steps()) != 4 || a.Steps()[3].Error == "" || most.Load() != 1 {
			t.Fatalf("%v, %d steps, %d at the same time", err, len(a.Steps()), most.Load())
		}
	}
}

// Each judgement stands in the trace in the order of the passages, and a reranker that
// can go without leaves the order as it was.
func TestSteps(t *testing.T) {
	r := make1(t, retriever.List(passages("a b c")...), rerank.Model{Generator: extractive.New(), Concurrency: 3}, rerank.Options{AllowMissing: true})
	ctx, a := account.Open(t.Context(), "test", account.Limits{})
	if _, err := r.Retrieve(ctx, retriever.Query{Text: "q", K: 3}); err != nil {
		t.Fatal(err)
	}
	steps := a.Steps()
	if len(steps) != 1 || steps[0].Name != "rerank" || len(steps[0].Steps) != 3 || a.Usage().Calls != 3 {
		t.Fatalf("%+v", steps)
	}
	for i, s := range steps[0].Steps {
		if s.Name != fmt.Sprintf("passage %d", i+1) || len(s.Steps) != 1 || s.Steps[0].Name != "IsREL" || s.Steps[0].Usage.Calls != 1 {
			t.Errorf("step %d: %+v", i, s)
		}
	}
	ctx, _ = account.Open(t.Context(), "test", account.Limits{Calls: 2})
	res, err := r.Retrieve(ctx, retriever.Query{Text: "q", K: 3})
	if err != nil || len(res.Hits) != 3 || len(res.Missing) != 1 || res.Missing[0].Part != "rerank" {
		t.Errorf("%+v, %v", res, err)
	}
}
