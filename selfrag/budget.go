package selfrag

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
)

// skipped is the reason of a candidate that the budget forbade.
const skipped = "the budget does not allow the call"

// timeIsUp reports whether the time limit of a budget ended ctx.
func timeIsUp(ctx context.Context) bool { return errors.Is(context.Cause(ctx), budget.ErrExceeded) }

// refused reports whether err means that a budget of ctx has no calls, tokens or
// retrievals left for the request.
func refused(ctx context.Context, err error) bool {
	return err != nil && budget.Refused(err) && budget.Exceeded(ctx, err)
}

// withoutAnswer returns the error of a question that a budget ended before any
// answer.
func withoutAnswer(why StopReason, err error) error {
	if !errors.Is(err, budget.ErrExceeded) {
		err = budget.ErrExceeded
	}
	return fmt.Errorf("selfrag: there is no answer yet (%s): %w", why, err)
}

// generationCost returns the greatest cost of generating one candidate.
func (s *settings) generationCost() budget.Cost {
	return budget.Cost{Calls: 1, Tokens: s.maxTokens}
}

// candidateCost returns the greatest cost of one candidate with its critique, if
// known.
func (s *settings) candidateCost() (budget.Cost, bool) {
	c, ok := budget.MostCost(s.critic, 1)
	return c.Add(s.generationCost()), ok
}

// freeCritic reports whether critiques are known to cost nothing.
func (s *settings) freeCritic() bool {
	c, ok := budget.MostCost(s.critic, 1)
	return ok && c == budget.Cost{}
}

// keepCandidate sets aside the cost of one candidate until release is called, so
// that other work leaves room for an answer. If less is left it sets aside the cost
// of the generation, as far as possible.
func (l *live) keepCandidate(ctx context.Context) (release func()) {
	if !l.bounded {
		return func() {}
	}
	full, _ := l.candidateCost()
	kept, err := budget.Reserve(ctx, "candidate", full)
	if err != nil {
		c, left := l.generationCost(), budget.Left(ctx)
		c.Calls, c.Tokens = within(c.Calls, left.Calls), within(c.Tokens, left.Tokens)
		if kept, err = budget.Reserve(ctx, "candidate", c); err != nil {
			return func() {} // another goroutine was faster
		}
	}
	return func() { kept.Settle(budget.Usage{}) }
}

// within returns n, at most left. A left of 0 means no limit.
func within(n, left int) int {
	if left == 0 {
		return n
	}
	return min(n, max(left, 0))
}

// mostCost returns the greatest cost of a question, if all its parts declare
// theirs.
func (e *Engine) mostCost(s *settings) (budget.Cost, bool) {
	candidate, ok := s.candidateCost()
	retrieval, ok2 := budget.MostCost(e.passages, 1)
	decision, ok3 := critique.MostDecisionCost(s.decider)
	rewriting, ok4 := budget.Cost{}, true
	if len(s.history) > 0 {
		rewriting, ok4 = budget.MostCost(s.rewriter, 1)
	}
	// The exact probabilities of a decision take one more call.
	expansion := decision.Add(budget.Cost{Calls: 1, Tokens: 1, Retrievals: 1}).Add(retrieval).Add(candidate.Times(s.k + 2))
	width, depth := s.beam()
	c := rewriting.Add(expansion.Times(1 + (depth-1)*width))
	if s.budget.Calls > 0 {
		c.Calls = min(c.Calls, s.budget.Calls)
	}
	if s.budget.Tokens > 0 {
		c.Tokens = min(c.Tokens, s.budget.Tokens)
	}
	if s.budget.Retrievals > 0 {
		c.Retrievals = min(c.Retrievals, s.budget.Retrievals)
	}
	return c, ok && ok2 && ok3 && ok4
}
