package rerank

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
)

// ErrUnknown is wrapped by the error about a critic or a model that does not say how
// relevant a passage is.
var ErrUnknown = errors.New("rerank: the relevance is not known")

// Critic is a pointwise [Scorer]: the score of a passage is the probability of
// [Relevant] that a critic gives it, whatever the other passages are. It is of the kind
// Probability. A critic that knows labels without probabilities gives 0 and 1.
//
// The critic must judge a candidate without a completion, as the judge of package
// critique/judge does; the token critic cannot, for which there is [Model]. A verdict
// without a known relevance is an error that wraps ErrUnknown.
type Critic struct {
	// Critic is needed.
	Critic critique.Critic
	// Concurrency is how many passages are judged at the same time; 0 means 1.
	Concurrency int
}

// Kind implements Scorer.
func (c Critic) Kind() retriever.ScoreKind { return retriever.Probability }

// Check returns the error that Score would return for want of a critic, or for a bad
// Concurrency. It makes no call.
func (c Critic) Check() error { return check("Critic.Critic", c.Critic, c.Concurrency) }

// Score implements Scorer. Of several errors it returns that of the first passage.
func (c Critic) Score(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return each(ctx, c.Concurrency, passages, func(ctx context.Context, p retriever.Passage) (float64, error) {
		v, err := c.Critic.Critique(ctx, critique.Candidate{Question: question, Prompt: prompt(question, p)})
		if err != nil {
			return 0, err
		}
		if v.IsREL.Status != reflection.StatusJudged {
			return 0, fmt.Errorf("%w: the critic says %v", ErrUnknown, v.IsREL.Status)
		}
		return relevant(v.IsREL.Dist)
	})
}

// Model is a pointwise [Scorer] that asks a model with reflection tokens for the
// probability of [Relevant] before a continuation, without generating one. It is of the
// kind Probability. The model needs the power GroupProbs (package generator).
type Model struct {
	// Generator is needed.
	Generator generator.Generator
	// Concurrency is how many passages are judged at the same time; 0 means 1.
	Concurrency int
}

// Kind implements Scorer.
func (m Model) Kind() retriever.ScoreKind { return retriever.Probability }

// Check is as that of [Critic].
func (m Model) Check() error { return check("Model.Generator", m.Generator, m.Concurrency) }

// Score implements Scorer. Its errors are as those of [Critic]; a model without the
// power is an error that wraps errors.ErrUnsupported.
func (m Model) Score(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	return each(ctx, m.Concurrency, passages, func(ctx context.Context, p retriever.Passage) (float64, error) {
		d, err := generator.GroupProbs(ctx, m.Generator, generator.Request{Prompt: prompt(question, p), MaxTokens: 1}, nil, reflection.IsREL)
		if err != nil {
			return 0, err
		}
		return relevant(d)
	})
}

func check(name string, part any, concurrency int) error {
	if isNil(part) {
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

// each scores passages, at most limit at a time, in their order. After a failure it
// begins no more; since all passages before the failed one have begun by then, the
// first error in the order of passages is the same whoever is faster.
func each(ctx context.Context, limit int, passages []retriever.Passage, score func(context.Context, retriever.Passage) (float64, error)) ([]float64, error) {
	scores, errs := make([]float64, len(passages)), make([]error, len(passages))
	var failed atomic.Bool
	var panicked atomic.Value
	var all sync.WaitGroup
	if account.Bounded(ctx) {
		limit = 1
	}
	free := make(chan struct{}, max(limit, 1))
	for i, p := range passages {
		free <- struct{}{} // every call returns promptly when ctx is done
		if failed.Load() {
			break
		}
		ctx, step := account.Begin(ctx, fmt.Sprintf("passage %d", i+1))
		all.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					panicked.CompareAndSwap(nil, fmt.Sprintf("%v\n\n%s", v, debug.Stack()))
					failed.Store(true)
				}
				<-free
			}()
			if errs[i] = ctx.Err(); errs[i] == nil {
				scores[i], errs[i] = score(ctx, p)
			}
			if errs[i] != nil {
				step.Fail(errs[i])
				failed.Store(true)
			}
		})
	}
	all.Wait()
	if v := panicked.Load(); v != nil {
		panic(v) // here a server's recover can catch it
	}
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
