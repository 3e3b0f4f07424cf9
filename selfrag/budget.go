package selfrag

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
)

// skipped is the reason of a candidate that the budget did not allow.
const skipped = "the budget does not allow the call"

// timeIsUp reports whether the time of a budget has ended ctx.
func timeIsUp(ctx context.Context) bool { return errors.Is(context.Cause(ctx), budget.ErrExceeded) }

// refused reports whether err is that of calls, tokens or retrievals which a budget of ctx
// does not allow.
func refused(ctx context.Context, err error) bool {
	return err != nil && budget.Refused(err) && budget.Exceeded(ctx, err)
}

// withoutAnswer is the error of a question that a budget ended before there was any answer.
func withoutAnswer(why StopReason, err error) error {
	if !errors.Is(err, budget.ErrExceeded) {
		err = budget.ErrExceeded
	}
	return fmt.Errorf("selfrag: there is no answer yet (%s): %w", why, err)
}

// generationCost is the most that generating one candidate costs.
func (s *settings) generationCost() budget.Cost {
	return budget.Cost{Calls: 1, Tokens: s.maxTokens}
}

// candidateCost is the most that one candidate costs with its critique, if that is known.
func (s *settings) candidateCost() (budget.Cost, bool) {
	c, ok := budget.MostCost(s.critic, 1)
	return c.Add(s.generationCost()), ok
}

// freeCritic reports whether critiques are known to cost nothing.
func (s *settings) freeCritic() bool {
	c, ok := budget.MostCost(s.critic, 1)
	return ok && c == budget.Cost{}
}

// keepCandidate sets aside what one candidate costs, without which there would be nothing
// to show: what runs until it is released cannot spend it. If not all of that is left it
// sets aside the generation, as far as it is left.
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
			return func() {} // somebody else was faster
		}
	}
	return func() { kept.Settle(budget.Usage{}) }
}

// within returns n, but no more than is left by a limit, 0 being none.
func within(n, left int) int {
	if left == 0 {
		return n
	}
	return min(n, max(left, 0))
}

// mostCost is the most that a question costs, if all its parts declare that.
func (e *Engine) mostCost(s *settings) (budget.Cost, bool) {
	candidate, ok := s.candidateCost()
	retrieval, ok2 := budget.MostCost(e.passages, 1)
	decision, ok3 := critique.MostDecisionCost(s.decider)
	rewriting, ok4 := budget.Cost{}, true
	if len(s.history) > 0 {
		rewriting, ok4 = budget.MostCost(s.rewriter, 1)
	}
	// The exact probabilities of a decision are one more call.
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
