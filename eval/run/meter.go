package run

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/time/rate"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Meter bounds and counts the calls of the models that it wraps. It is safe for concurrent
// use.
type Meter struct {
	bounds context.Context // with the budget; it is never done
	budget *budget.Budget
	pace   *rate.Limiter
}

// NewMeter returns a meter that allows l.Calls calls and l.Tokens generated tokens in all,
// and perSecond calls a second; 0 is no bound. The other fields of l must be 0. The error
// wraps [ErrOption].
func NewMeter(l budget.Limits, perSecond float64) (*Meter, error) {
	switch {
	case l.Retrievals != 0 || l.Time != 0:
		return nil, fmt.Errorf("%w: a meter bounds calls and tokens: bound retrievals and time elsewhere", ErrOption)
	case !(perSecond >= 0 && perSecond < 1e9):
		return nil, fmt.Errorf("%w: %v calls a second: want a number of at least 0", ErrOption, perSecond)
	}
	m := &Meter{}
	m.bounds, m.budget = budget.Open(context.Background(), "run", l)
	if perSecond > 0 {
		m.pace = rate.NewLimiter(rate.Limit(perSecond), 1)
	}
	return m, nil
}

// Usage returns the cost of all calls so far.
func (m *Meter) Usage() budget.Usage { return m.budget.Usage() }

// Wrap returns model under the bounds. A call that they do not allow is an error that wraps
// budget.ErrExceeded.
func (m *Meter) Wrap(model generator.Generator) generator.Generator { return metered{m, model} }

type metered struct {
	meter *Meter
	inner generator.Generator
}

// begin waits for the turn of a call and makes room for it.
func (m *Meter) begin(ctx context.Context, c budget.Cost) (budget.Reservation, error) {
	reserved, err := budget.Reserve(m.bounds, "model call", c)
	if err != nil {
		return reserved, fmt.Errorf("run: %w", err)
	}
	if m.pace == nil {
		return reserved, nil
	}
	if err := m.pace.Wait(ctx); err != nil {
		reserved.Settle(budget.Usage{})
		if ctx.Err() == nil { // the deadline would pass while it waits
			err = fmt.Errorf("%w: %w", err, context.DeadlineExceeded)
		}
		return budget.Reservation{}, err
	}
	return reserved, nil
}

// Generate implements generator.Generator.
func (g metered) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		if err := req.Check(); err != nil {
			yield(generator.Step{}, err)
			return
		}
		reserved, err := g.meter.begin(ctx, budget.Cost{Calls: 1, Tokens: req.MaxTokens})
		if err != nil {
			yield(generator.Step{}, err)
			return
		}
		// What is not told counts as it is known.
		used := budget.Usage{Calls: 1, Partial: true}
		defer func() { reserved.Settle(used) }()
		for s, err := range g.inner.Generate(ctx, req) {
			switch {
			case err != nil:
			case s.Finish != generator.Running:
				used = s.Usage.Max(budget.Usage{Calls: 1, GeneratedTokens: used.GeneratedTokens})
			default:
				used.GeneratedTokens++
				used.PromptTokens = max(used.PromptTokens, s.Usage.PromptTokens)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// asked makes the call of a power, which generates some tokens.
func asked[T any](ctx context.Context, g metered, tokens int, ask func() (T, error)) (t T, err error) {
	reserved, err := g.meter.begin(ctx, budget.Cost{Calls: 1, Tokens: tokens})
	if err != nil {
		return t, err
	}
	used := budget.Usage{Calls: 1, GeneratedTokens: tokens, Partial: true}
	defer func() { reserved.Settle(used) }()
	if t, err = ask(); errors.Is(err, errors.ErrUnsupported) {
		used = budget.Usage{}
	}
	return t, err
}

// Score implements generator.Scorer.
func (g metered) Score(ctx context.Context, req generator.Request, steps []generator.Step, end bool) (generator.Completion, error) {
	return asked(ctx, g, 0, func() (generator.Completion, error) { return generator.Score(ctx, g.inner, req, steps, end) })
}

// Next implements generator.NextPredictor.
func (g metered) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	return asked(ctx, g, 1, func() (generator.NextDistribution, error) { return generator.Next(ctx, g.inner, req, after) })
}

// GroupProbs implements generator.GroupProber.
func (g metered) GroupProbs(ctx context.Context, req generator.Request, after []generator.Step, group reflection.Group) (reflection.Distribution, error) {
	return asked(ctx, g, 1, func() (reflection.Distribution, error) { return generator.GroupProbs(ctx, g.inner, req, after, group) })
}

// ResolveTokens implements generator.TokenResolver.
func (g metered) ResolveTokens(ctx context.Context, names []string) ([]int32, error) {
	return generator.ResolveTokens(ctx, g.inner, names)
}

// Describe implements generator.Describer.
func (g metered) Describe(ctx context.Context) (generator.Capabilities, error) {
	return generator.Describe(ctx, g.inner)
}

// Check implements generator.Checker.
func (g metered) Check(ctx context.Context) error { return generator.Check(ctx, g.inner) }
