package pipeline

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
)

// counting counts the calls of a model that generate or ask for a probability.
type counting struct {
	inner generator.Generator
	calls *atomic.Int64
}

func (c counting) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		c.calls.Add(1)
		c.inner.Generate(ctx, req)(yield)
	}
}

// count counts a call unless the model does not have the power.
func (c counting) count(err error) {
	if !errors.Is(err, errors.ErrUnsupported) {
		c.calls.Add(1)
	}
}

func (c counting) Score(ctx context.Context, req generator.Request, steps []generator.Step, end bool) (generator.Completion, error) {
	done, err := generator.Score(ctx, c.inner, req, steps, end)
	c.count(err)
	return done, err
}

func (c counting) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	d, err := generator.Next(ctx, c.inner, req, after)
	c.count(err)
	return d, err
}

func (c counting) GroupProbs(ctx context.Context, req generator.Request, after []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	d, err := generator.GroupProbs(ctx, c.inner, req, after, g)
	c.count(err)
	return d, err
}

func (c counting) ResolveTokens(ctx context.Context, names []string) ([]int32, error) {
	return generator.ResolveTokens(ctx, c.inner, names)
}

func (c counting) Describe(ctx context.Context) (generator.Capabilities, error) {
	return generator.Describe(ctx, c.inner)
}

func (c counting) Check(ctx context.Context) error { return generator.Check(ctx, c.inner) }

// endpointBatch is how many passages an endpoint is sent in one call.
const endpointBatch = 32

// countingScorer counts the calls of a reranker at a server.
type countingScorer struct {
	rerank.Scorer
	calls *atomic.Int64
}

func (c countingScorer) Score(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error) {
	c.calls.Add(int64((len(passages) + endpointBatch - 1) / endpointBatch))
	return c.Scorer.Score(ctx, question, passages)
}
