package rerank

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
)

// ErrUnknown is wrapped by errors about a critic or a model that does not give the
// relevance of a passage.
var ErrUnknown = errors.New("rerank: the relevance is not known")

// CriticScorer is a pointwise [Scorer]: the score of a passage is a critic's
// probability of [Relevant], independent of the other passages. It is of the kind
// Probability. A critic that gives labels without probabilities gives 0 and 1.
//
// The critic must judge a candidate without a completion, as the judge of package
// critique/judge does. The token critic cannot; use [ModelScorer] for it. A verdict
// without a known relevance is an error that wraps ErrUnknown.
type CriticScorer struct {
	// Critic is required.
	Critic critique.Critic
	// Concurrency is how many passages are judged at the same time; 0 means 1.
	Concurrency int
}

// Kind implements Scorer.
func (c CriticScorer) Kind() retriever.ScoreKind { return retriever.Probability }

// Check returns the error that Score would return for a missing critic or a bad
// Concurrency. It makes no call.
func (c CriticScorer) Check() error { return check("CriticScorer.Critic", c.Critic, c.Concurrency) }

// MostCost implements budget.Declarer.
func (c CriticScorer) MostCost(n int) (budget.Cost, bool) {
	one, ok := budget.MostCost(c.Critic, 1)
	return one.Times(n), ok
}

// Score implements Scorer. Of several errors it returns that of the first passage.
func (c CriticScorer) Score(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	most := func() (budget.Cost, bool) { return budget.MostCost(c.Critic, 1) }
	return scoreEach(ctx, c.Concurrency, passages, most, func(ctx context.Context, p retriever.Passage) (float64, error) {
		v, err := c.Critic.Critique(ctx, critique.Continuation{Question: question, Prompt: prompt(question, p)})
		if err != nil {
			return 0, err
		}
		if v.IsREL.Status != reflection.StatusJudged {
			return 0, fmt.Errorf("%w: the critic says %v", ErrUnknown, v.IsREL.Status)
		}
		return relevant(v.IsREL.Dist)
	})
}

// ModelScorer is a pointwise [Scorer] that asks a model with reflection tokens for
// the probability of [Relevant] before a continuation, without generating one. It
// is of the kind Probability. The model needs the power GroupProbs (package
// generator).
type ModelScorer struct {
	// Generator is required.
	Generator generator.Generator
	// Concurrency is how many passages are judged at the same time; 0 means 1.
	Concurrency int
}

// Kind implements Scorer.
func (m ModelScorer) Kind() retriever.ScoreKind { return retriever.Probability }

// Check is like that of [CriticScorer].
func (m ModelScorer) Check() error { return check("ModelScorer.Generator", m.Generator, m.Concurrency) }

// MostCost implements budget.Declarer: a call for one token of each passage.
func (m ModelScorer) MostCost(n int) (budget.Cost, bool) {
	one, ok := oneToken()
	return one.Times(n), ok
}

func oneToken() (budget.Cost, bool) { return budget.Cost{Calls: 1, Tokens: 1}, true }

// Score implements Scorer. Its errors are those of [CriticScorer]; a model without
// the power is an error that wraps errors.ErrUnsupported.
func (m ModelScorer) Score(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	return scoreEach(ctx, m.Concurrency, passages, oneToken, func(ctx context.Context, p retriever.Passage) (float64, error) {
		d, err := generator.GroupProbs(ctx, m.Generator, generator.Request{Prompt: prompt(question, p), MaxTokens: 1}, nil, reflection.IsREL)
		if err != nil {
			return 0, err
		}
		return relevant(d)
	})
}

func check(name string, part any, concurrency int) error {
	if isnil.Value(part) {
		return fmt.Errorf("%w: %s is nil", ErrOption, name)
	}
	if concurrency < 0 {
		return fmt.Errorf("%w: Concurrency is %d: want at least 1, or 0 for 1", ErrOption, concurrency)
	}
	return nil
}

func prompt(question string, p retriever.Passage) generator.Prompt {
	return generator.Prompt{Instruction: question, Evidence: []generator.Evidence{{Title: p.Title, Text: p.Text}}}
}

// relevant returns p(Relevant) / (p(Relevant) + p(Irrelevant)).
func relevant(d reflection.Distribution) (float64, error) {
	yes, known := d.Prob(reflection.Relevant).Value()
	no, alsoKnown := d.Prob(reflection.Irrelevant).Value()
	if !known || !alsoKnown || !(yes+no > 0) {
		return 0, fmt.Errorf("%w: the distribution of IsREL is not exact", ErrUnknown)
	}
	return yes / (yes + no), nil
}

// scoreEach scores passages, at most limit at a time, in their order. After a failure it
// begins no more. It returns the first error in the order of passages.
func scoreEach(ctx context.Context, limit int, passages []retriever.Passage, most func() (budget.Cost, bool), score func(context.Context, retriever.Passage) (float64, error)) ([]float64, error) {
	scores := make([]float64, len(passages))
	n, limit := len(passages), max(limit, 1)
	errs := budget.Each(ctx, n, limit, func(int) (budget.Cost, bool) { return most() }, fanout.UntilError(n, limit, budget.Exceeded, func(ctx context.Context, i int) func() error {
		ctx, step := observe.Start(ctx, observe.Critique, fmt.Sprintf("passage %d", i+1))
		return func() (err error) {
			defer step.EndWith(&err)()
			if err := ctx.Err(); err != nil {
				return err
			}
			scores[i], err = score(ctx, passages[i])
			return err
		}
	}))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("passage %q: %w", passages[i].ID, err)
		}
	}
	return scores, nil
}
