package adapt

import (
	"cmp"
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/retriever"
)

// ask is a question and a passage.
type ask struct {
	example *Example
	passage *retriever.Passage
}

// scoreWorkers is how many answers are scored at the same time.
const scoreWorkers = 4

// likelihoods returns ln p(y|x,z) for each, y being any of the right answers: the sum of
// their probabilities, at most 1.
func likelihoods(ctx context.Context, s Scorer, list []ask) ([]float64, error) {
	logs := make([]float64, len(list))
	most := func(i int) (budget.Cost, bool) {
		return budget.Cost{Calls: len(list[i].example.Answers)}, true
	}
	errs := budget.Each(ctx, len(list), scoreWorkers, most, failFast(len(list), scoreWorkers, func(ctx context.Context, i int) error {
		e := list[i].example
		each := make([]float64, len(e.Answers))
		for j, answer := range e.Answers {
			l, err := s.LogProb(ctx, e.Question.Question, answer, list[i].passage)
			if err != nil {
				return fmt.Errorf("adapt: question %q: %w", e.ID, err)
			}
			each[j] = l.Sum
		}
		logs[i] = min(logSum(each), 0)
		return nil
	}))
	return logs, firstError(errs)
}

// failFast starts no more parts of budget.Each once one has failed or ctx is done.
func failFast(n, limit int, work func(ctx context.Context, i int) error) func(context.Context, int) func() error {
	return fanout.UntilError(n, limit, budget.Exceeded, func(ctx context.Context, i int) func() error {
		return func() error {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("adapt: %w", err)
			}
			return work(ctx, i)
		}
	})
}

// firstError returns the first error in the order of the parts.
func firstError(errs []error) error {
	return cmp.Or(errs...)
}
