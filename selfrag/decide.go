package selfrag

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// decides reports whether it depends on the model what the decision is.
func (s settings) decides() bool { return s.mode == Adaptive || s.mode == Hard }

// asks reports whether the distribution of the decision is asked for.
func (s settings) asks() bool { return s.decides() || s.trace == TraceFull }

// decide fills in the choice from the distribution. It reports false if the
// choice cannot be known.
func (s settings) decide(d *Decision, canContinue bool) bool {
	switch s.mode {
	case Always:
		d.Choice, d.Reason = scoring.ChooseRetrieval, "mode always"
	case Never:
		d.Choice, d.Reason = scoring.ChooseNoRetrieval, "mode never"
	case Hard:
		d.Choice = scoring.HardChoice(d.Token, canContinue)
		d.Reason = fmt.Sprintf("generated %v", d.Token)
	default:
		choice, ratio := scoring.Decide(d.Dist, s.threshold, canContinue)
		d.Choice, d.Ratio = choice, &ratio
		switch choice {
		case scoring.ChooseContinue:
			d.Reason = "the passage of the path is likeliest to be needed further"
		case scoring.ChooseRetrieval:
			d.Reason = fmt.Sprintf("ratio above the threshold %g", s.threshold)
		case scoring.ChooseNoRetrieval:
			d.Reason = fmt.Sprintf("ratio not above the threshold %g", s.threshold)
		}
	}
	return d.Choice != scoring.ChooseUnknown
}

// giveUp applies the policy for a choice that cannot be known.
func (s settings) giveUp(d *Decision) error {
	why := "the probability of retrieval is not known well enough"
	if s.mode == Hard {
		why = "the model generated no retrieval token"
	}
	d.Policy = true
	switch s.unknown {
	case UnknownFails:
		return fmt.Errorf("%w: %s", ErrUndecided, why)
	case UnknownSkips:
		d.Choice, d.Reason = scoring.ChooseNoRetrieval, why+": policy skip"
	default:
		d.Choice, d.Reason = scoring.ChooseRetrieval, why+": policy retrieve"
	}
	return nil
}

// decideAll is the first wave.
func (l *live) decideAll(ctx context.Context, paths []*path, expansions []*Expansion) {
	if l.asks() {
		l.askAll(ctx, paths, expansions)
	}
	var open []int // those that exact probabilities may settle
	for i, e := range expansions {
		if e.stop != "" || e.failed != nil {
			continue
		}
		_, canContinue := paths[i].passage()
		switch {
		case l.decide(&e.Decision, canContinue):
		case l.mode == Adaptive && l.decider == critique.Decider(l.engine.tokens):
			open = append(open, i)
		default:
			e.failed = l.giveUp(&e.Decision)
		}
	}
	l.settleExactly(ctx, paths, expansions, open)
	for _, e := range expansions {
		l.usage = l.usage.Add(e.Decision.Usage)
		l.forgiveTime(ctx, e)
		e.endAhead()
		if e.stop == "" && e.failed == nil {
			l.event(Event{Kind: EventDecision, Segment: e.Segment, Parent: e.Parent, Decision: &e.Decision})
		}
	}
}

// askAll fills in the distributions of the decisions, and the retrievals that
// begin beside them.
func (l *live) askAll(ctx context.Context, paths []*path, expansions []*Expansion) {
	reserved := make([]bool, len(paths))
	for i, p := range paths {
		// What only a full trace asks for must not use up a budget.
		if p.boundary() == nil && (l.decides() || l.budget.unlimited()) {
			if reserved[i] = l.budget.reserve(1); !reserved[i] {
				l.spent = true
				expansions[i].stop = StopBudget
			}
		}
	}
	ahead := l.beginAhead(paths, expansions)
	contexts, cancel := make([]context.Context, len(paths)), make([]context.CancelFunc, len(paths))
	for _, i := range ahead {
		contexts[i], cancel[i] = context.WithCancel(ctx)
		defer cancel[i]()
	}
	l.parallel(ctx, len(paths)+l.retrievers(len(ahead)), func(ctx context.Context, i int, _ func(Event)) {
		if i >= len(paths) {
			for j := i - len(paths); j < len(ahead); j += l.retrievers(len(ahead)) {
				i := ahead[j]
				l.retrieve(contexts[i], expansions[i].ahead)
			}
			return
		}
		e := expansions[i]
		if e.stop != "" || !reserved[i] && paths[i].boundary() == nil {
			return
		}
		e.failed = l.ask(ctx, paths[i], e)
		if e.ahead != nil && l.needsNot(paths[i], e) {
			cancel[i]()
		}
		if e.failed != nil && !l.decides() && ctx.Err() == nil {
			// Only the full trace asked: what fails decides nothing.
			e.failed, e.Decision = nil, Decision{Usage: e.Decision.Usage}
		}
	})
	for i, e := range expansions {
		if reserved[i] {
			l.budget.settle(1, e.Decision.Usage)
		} else {
			l.budget.charge(e.Decision.Usage)
		}
	}
}

// ask fills in the distribution of one decision.
func (l *live) ask(ctx context.Context, p *path, e *Expansion) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer l.timed("decide", e.Parent, 0)()
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	d, err := l.decider.Decide(ctx, critique.Situation{
		Question: l.question,
		Prompt:   l.prompt(p),
		Boundary: p.boundary(),
	})
	if d.Dist.Group == reflection.NoGroup {
		d.Dist.Group = reflection.Retrieve // asked, and nothing found
	}
	if l.decider == critique.Decider(l.engine.tokens) && d.Level != reflection.LevelUnstated {
		d.Level = max(d.Level, l.trace.Model.Level)
	}
	e.Decision = Decision{Dist: d.Dist, Token: d.Token, Level: d.Level, Usage: atLeast(d.Usage, generator.Usage{})}
	if err == nil {
		err = d.Check()
	}
	if err != nil {
		return fmt.Errorf("selfrag: segment %d: deciding whether to retrieve: %w", e.Segment, explain(ctx, err))
	}
	return nil
}

// settleExactly asks the model for exact probabilities where those that it gave
// leave the decision open. What they do not settle the policy does.
func (l *live) settleExactly(ctx context.Context, paths []*path, expansions []*Expansion, open []int) {
	costs := make([]generator.Usage, len(open))
	for _, i := range open {
		if !l.budget.reserve(1) {
			l.spent = true
			expansions[i].stop = StopBudget
		}
	}
	l.parallel(ctx, len(open), func(ctx context.Context, j int, _ func(Event)) {
		if e := expansions[open[j]]; e.stop == "" {
			costs[j], e.failed = l.askExactly(ctx, paths[open[j]], e)
		}
	})
	for j, i := range open {
		e := expansions[i]
		if e.stop != "" {
			continue
		}
		l.budget.settle(1, costs[j])
		e.Decision.Usage = e.Decision.Usage.Add(costs[j])
		if _, canContinue := paths[i].passage(); e.failed == nil && !l.decide(&e.Decision, canContinue) {
			e.failed = l.giveUp(&e.Decision)
		}
	}
}

// askExactly replaces the distribution of a decision by the exact one, if the
// model has it.
func (l *live) askExactly(ctx context.Context, p *path, e *Expansion) (generator.Usage, error) {
	if err := ctx.Err(); err != nil {
		return generator.Usage{}, err
	}
	defer l.timed("decide", e.Parent, 0)()
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	req := generator.Request{Prompt: l.prompt(p), MaxTokens: 1}
	d, err := generator.GroupProbs(ctx, l.engine.model, req, nil, reflection.Retrieve)
	if errors.Is(err, errors.ErrUnsupported) {
		return generator.Usage{}, nil
	}
	cost := generator.Usage{Calls: 1, GeneratedTokens: 1, Partial: true}
	if err == nil {
		err = d.Check()
	}
	if err != nil {
		return cost, fmt.Errorf("selfrag: segment %d: asking for exact probabilities: %w", e.Segment, explain(ctx, err))
	}
	e.Decision.Dist, e.Decision.Level = d, reflection.ExactIDs
	return cost, nil
}
