package selfrag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// decides reports whether the model makes the decision.
func (s *settings) decides() bool { return s.mode == Adaptive || s.mode == Hard }

// asks reports whether the engine asks for the distribution of the decision.
func (s *settings) asks() bool { return s.decides() || s.trace == TraceFull }

// decide fills in the choice from the distribution. It reports false if the choice
// is unknown.
func (s *settings) decide(d *Decision, segment int, canContinue bool) bool {
	mode := s.mode
	if mode == Adaptive && s.wholeOutput && s.long && segment > 1 && d.Token == reflection.Retrieval {
		mode = Hard // the token that ended the segment says what comes next
	}
	switch mode {
	case Always:
		d.Choice, d.Reason = scoring.ChooseRetrieval, "mode always"
	case Never:
		d.Choice, d.Reason = scoring.ChooseNoRetrieval, "mode never"
	case Hard:
		d.Choice = scoring.HardChoice(d.Token, canContinue)
		d.Reason = fmt.Sprintf("generated %v", d.Token)
	default:
		choice, ratio := s.choose(d.Dist, canContinue)
		d.Choice, d.Ratio = choice, &ratio
		switch choice {
		case scoring.ChooseContinue:
			d.Reason = "the passage of the path is likeliest to be needed further"
		case scoring.ChooseRetrieval:
			d.Reason = s.above
		case scoring.ChooseNoRetrieval:
			d.Reason = s.notAbove
		}
	}
	return d.Choice != scoring.ChooseUnknown
}

// choose decides by probabilities.
func (s *settings) choose(d reflection.Distribution, canContinue bool) (scoring.Choice, scoring.Term) {
	if s.logRatio {
		return scoring.DecideByLogs(d, s.threshold)
	}
	return scoring.Decide(d, s.threshold, canContinue)
}

// giveUp applies the policy for an unknown choice.
func (s *settings) giveUp(d *Decision) error {
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
	ended := false
	defer func() {
		for _, e := range expansions {
			if !ended {
				e.failed = cmp.Or(e.failed, fanout.ErrNoReturn)
			}
			e.endDecision()
		}
	}()
	if l.asks() {
		l.askAll(ctx, paths, expansions)
	} else {
		for _, e := range expansions {
			_, e.step = observe.Start(ctx, observe.Decision, "decision")
		}
	}
	var open []int // those that exact probabilities may decide
	for i, e := range expansions {
		if e.stop != "" || e.failed != nil {
			continue
		}
		_, canContinue := paths[i].passage()
		switch {
		case l.decide(&e.Decision, e.Segment, canContinue):
		case l.mode == Adaptive && l.decider == critique.Decider(l.engine.tokens):
			open = append(open, i)
		default:
			e.failed = l.giveUp(&e.Decision)
		}
	}
	l.settleExactly(ctx, paths, expansions, open)
	ended = true
	for _, e := range expansions {
		l.forgiveTime(ctx, e)
		l.spent = l.spent || e.stop == StopBudget
		e.endAhead()
		if l.yield != nil && e.stop == "" && e.failed == nil {
			d := e.Decision
			l.event(Event{Kind: EventDecision, Segment: e.Segment, Parent: e.Parent, Decision: &d})
		}
	}
}

// endDecision ends the step of the decision.
func (e *Expansion) endDecision() {
	if e.step != nil {
		e.step.Spend(e.Decision.Usage)
		e.step.Set(slog.String("choice", e.Decision.Choice.String()), slog.String("reason", e.Decision.Reason))
		e.step.End(cmp.Or(e.failed, e.refused))
		e.step = nil
	}
}

// askAll begins the steps of the decisions. It fills in their distributions, and
// the retrievals that run beside them.
func (l *live) askAll(ctx context.Context, paths []*path, expansions []*Expansion) {
	ahead := l.beginAhead(ctx, paths, expansions)
	var cancel []context.CancelFunc
	var aside []context.Context
	if len(ahead) > 0 {
		cancel, aside = make([]context.CancelFunc, len(paths)), make([]context.Context, len(ahead))
	}
	for j, i := range ahead {
		aside[j], cancel[i] = context.WithCancel(ctx)
		defer cancel[i]()
	}
	var most func(i int) (budget.Cost, bool)
	if l.bounded {
		most = func(i int) (budget.Cost, bool) {
			if l.decided(paths[i]) {
				return budget.Cost{}, true
			}
			return critique.MostDecisionCost(l.decider)
		}
	}
	var start func(ctx context.Context, i int) context.Context
	if observe.Observed(ctx) {
		start = func(ctx context.Context, i int) context.Context {
			if i < len(paths) {
				ctx, expansions[i].step = observe.Start(ctx, observe.Decision, "decision")
				return ctx
			}
			j := i - len(paths)
			aside[j] = l.beginRetrieval(aside[j], expansions[ahead[j]].ahead)
			return ctx
		}
	}
	errs := l.run(ctx, wave{
		n: len(paths) + len(ahead), most: most, start: start,
		do: func(ctx context.Context, i int, _ func(Event)) error {
			if i >= len(paths) {
				j := i - len(paths)
				l.retrieve(aside[j], expansions[ahead[j]].ahead)
				return nil
			}
			e := expansions[i]
			// Calls that only a full trace asks for must not use up a budget.
			if l.bounded && !l.decides() && !l.decided(paths[i]) {
				return nil
			}
			e.failed = l.ask(ctx, paths[i], e)
			if e.ahead != nil && l.needsNot(paths[i], e) {
				cancel[i]()
			}
			if e.failed != nil && !l.decides() && ctx.Err() == nil {
				// Only the full trace asked: a failure decides nothing.
				e.failed, e.Decision = nil, Decision{Usage: e.Decision.Usage}
			}
			return nil
		},
	})
	for i, err := range errs {
		switch {
		case err == nil:
		case i < len(paths):
			expansions[i].failed = fmt.Errorf("%w: %w", ErrCritic, err)
		default:
			expansions[ahead[i-len(paths)]].ahead.endedBy(err)
		}
	}
}

// decided reports whether the model already decided what comes next with the last
// token of the path. Then the decision takes no call.
func (l *live) decided(p *path) bool {
	return p.boundary() != nil && l.decider == critique.Decider(l.engine.tokens)
}

// ask fills in the distribution of one decision.
func (l *live) ask(ctx context.Context, p *path, e *Expansion) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer l.timed("decide", e.Parent, 0, l.now())
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	under, spent := ctx, (*budget.Budget)(nil)
	if own := l.decider == critique.Decider(l.engine.tokens); !own {
		under, spent = budget.Open(ctx, "decision", budget.Limits{})
		defer spent.Close()
	}
	d, err := l.decider.Decide(under, critique.Situation{
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
	wrong := d.Check()
	if spent != nil {
		budget.Charge(ctx, d.Usage.Beyond(spent.Usage())) // what was spent outside package generator
		d.Usage = d.Usage.Max(spent.Usage())
	}
	e.Decision = Decision{Dist: d.Dist, Token: d.Token, Level: d.Level, Usage: d.Usage}
	if refused(ctx, err) {
		e.stop, e.refused, e.Decision = StopBudget, err, Decision{Usage: d.Usage}
		return nil
	}
	if err == nil && wrong != nil {
		err = fmt.Errorf("%w (%w)", wrong, ErrCritic)
	}
	if err != nil {
		return fmt.Errorf("selfrag: segment %d: deciding whether to retrieve: %w", e.Segment, explain(ctx, err))
	}
	return nil
}

// settleExactly asks the model for exact probabilities where the known ones leave
// the decision open. The policy decides what is still open after that.
func (l *live) settleExactly(ctx context.Context, paths []*path, expansions []*Expansion, open []int) {
	if len(open) == 0 {
		return
	}
	most := func(int) (budget.Cost, bool) { return budget.Cost{Calls: 1, Tokens: 1}, true }
	steps := make([]*observe.Span, len(open))
	errs := l.run(ctx, wave{
		n: len(open), most: most,
		start: func(ctx context.Context, j int) context.Context {
			ctx, steps[j] = observe.Start(ctx, observe.Decision, "exact probabilities")
			return ctx
		},
		do: func(ctx context.Context, j int, _ func(Event)) error {
			e := expansions[open[j]]
			failed := fanout.ErrNoReturn // unless the call returns
			defer func() { steps[j].End(failed) }()
			e.failed = l.askExactly(ctx, paths[open[j]], e)
			failed = cmp.Or(e.failed, e.refused)
			return nil
		},
	})
	for j, i := range open {
		e := expansions[i]
		if errs != nil && errs[j] != nil {
			e.failed = fmt.Errorf("%w: %w", generator.ErrIncomplete, errs[j])
		}
		if _, canContinue := paths[i].passage(); e.stop == "" && e.failed == nil && !l.decide(&e.Decision, e.Segment, canContinue) {
			e.failed = l.giveUp(&e.Decision)
		}
	}
}

// askExactly replaces the distribution of a decision by the exact one, if the model
// can compute it.
func (l *live) askExactly(ctx context.Context, p *path, e *Expansion) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer l.timed("decide", e.Parent, 0, l.now())
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	req := generator.Request{Prompt: l.prompt(p), MaxTokens: 1}
	d, err := generator.GroupProbs(ctx, l.engine.model, req, nil, reflection.Retrieve)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case refused(ctx, err):
		e.stop, e.refused = StopBudget, err
		return nil
	}
	e.Decision.Usage = e.Decision.Usage.Add(generator.Usage{Calls: 1, GeneratedTokens: 1, Partial: true})
	if err == nil {
		err = d.Check()
	}
	if err != nil {
		return fmt.Errorf("selfrag: segment %d: asking for exact probabilities: %w", e.Segment, explain(ctx, err))
	}
	e.Decision.Dist, e.Decision.Level = d, reflection.ExactIDs
	return nil
}
