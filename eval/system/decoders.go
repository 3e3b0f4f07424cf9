package system

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/rag"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/selfrag"
)

// decoders are those of package rag.
var decoders = []System{
	{"pooled", "standard RAG: one generation over all k passages, no critique", pooled},
	{"reranked", "the critic orders the k passages, one generation from the best", reranked},
	{"rag-sequence", "RAG-Sequence with thorough decoding", weighing(rag.NewSequence, rag.WithDecoding(rag.Thorough))},
	{"rag-sequence-fast", "RAG-Sequence with fast decoding", weighing(rag.NewSequence, rag.WithDecoding(rag.Fast))},
	{"rag-token", "RAG-Token: the passages are weighed anew for each token", weighing(rag.NewToken)},
}

type newDecoder = func(generator.Generator, retriever.Retriever, ...rag.Option) (*rag.Decoder, error)

func pooled(_ context.Context, b *Bench) (Answerer, error) {
	return decoder(rag.NewStandard(b.Model, b.Retriever, rag.WithK(b.K)))
}

// weighing opens a decoder that weighs the k passages by the prior of the bench.
func weighing(open newDecoder, options ...rag.Option) func(context.Context, *Bench) (Answerer, error) {
	return func(_ context.Context, b *Bench) (Answerer, error) {
		return decoder(open(b.Model, b.Retriever, append([]rag.Option{rag.WithK(b.K), rag.WithPrior(*b.Prior)}, options...)...))
	}
}

func decoder(d *rag.Decoder, err error) (Answerer, error) {
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, q dataset.Question) (*selfrag.Answer, error) {
		return d.Answer(ctx, q.Question)
	}, nil
}

// reranked asks for the relevance of each of the k passages and generates from the best.
// A model that follows instructions is asked as a judge, one with reflection tokens by the
// probability of its token.
func reranked(_ context.Context, b *Bench) (Answerer, error) {
	var scorer rerank.Scorer
	switch {
	case b.Instructed:
		j, err := judge.New(b.Model, judge.Templates{})
		if err != nil {
			return nil, err
		}
		scorer = rerank.CriticScorer{Critic: j}
	default:
		if _, ok := b.Model.(generator.GroupProber); !ok {
			return nil, fmt.Errorf("it needs a model that follows instructions, or one that tells the probabilities of reflection tokens: %w", errors.ErrUnsupported)
		}
		scorer = rerank.ModelScorer{Generator: b.Model}
	}
	ordered, err := rerank.New(b.Retriever, scorer, rerank.Options{Depth: b.K})
	if err != nil {
		return nil, err
	}
	return decoder(rag.NewStandard(b.Model, ordered, rag.WithK(1)))
}
