package selfrag

import (
	"context"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/scoring"
)

// WithEagerRetrieval begins every retrieval at the same time as the decision
// whether it is needed, which saves the wait for the passages. If the decision is
// against retrieval, the retrieval is canceled and its result dropped, even a
// failure. The answer is the same; the trace shows which retrievals were needed.
//
// It has an effect where the decision takes a call: in the modes Adaptive and Hard,
// unless the model decided with the last token of the previous segment. A retrieval
// that was not needed counts in Limits.Retrievals like any other. If that limit
// forbids it, or if a budget limits calls or tokens, retrieval waits for the
// decision: the cost of a canceled retrieval would depend on timing.
//
// It is off by default.
func WithEagerRetrieval(on bool) Option {
	return func(s *settings) error { s.eager = on; return nil }
}

// EagerOutcome says what became of a retrieval that began beside the decision.
type EagerOutcome string

// The outcomes. In a full trace the passages of an unused one are kept.
const (
	EagerUsed   EagerOutcome = "used"
	EagerUnused EagerOutcome = "unused" // the decision was not to retrieve
)

// beginAhead returns the expansions to retrieve for beside the decision, and gives
// each of them a place for the passages.
func (l *live) beginAhead(ctx context.Context, paths []*path, expansions []*Expansion) []int {
	if !l.eager || !l.decides() || l.bounded || l.fixed && (l.fixedSet != nil || len(paths) > 1) {
		return nil
	}
	var out []int
	for i, p := range paths {
		e := expansions[i]
		decided := p.boundary() != nil && l.decider == critique.Decider(l.engine.tokens)
		if e.stop != "" || decided || reserveRetrieval(ctx) != nil {
			continue
		}
		e.ahead = &Expansion{Segment: e.Segment, Parent: e.Parent, Query: l.query(p)}
		if l.fixed {
			e.ahead.Query = l.question
		}
		out = append(out, i)
	}
	return out
}

// needsNot reports whether a decision is already against retrieval, so that nothing
// waits for the passages.
func (l *live) needsNot(p *path, e *Expansion) bool {
	d := e.Decision
	_, canContinue := p.passage()
	return l.settings.trace != TraceFull && (e.failed != nil || l.decide(&d, e.Segment, canContinue) && d.Choice != scoring.ChooseRetrieval)
}

// endAhead records the outcome of a retrieval that began beside the decision.
func (e *Expansion) endAhead() {
	if e.ahead == nil {
		return
	}
	e.Query, e.Eager = e.ahead.Query, EagerUnused
	if e.stop == "" && e.Decision.Choice == scoring.ChooseRetrieval {
		e.Eager = EagerUsed
	}
}
