package rewrite

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/account"
)

// Embedder turns texts into vectors. It is the interface of package dense.
type Embedder interface {
	EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error)
	EmbedQuery(ctx context.Context, text string) ([]float32, error)
}

// HyDE returns an embedder that embeds a question as the mean of the vectors that e
// gives to it and to the passages that s invents as answers to it:
//
//	v = (query(x) + Σ document(dₖ)) / (N + 1)
//
// (Gao et al., "Precise Zero-Shot Dense Retrieval without Relevance Labels", 2022,
// Eq. 8). Without a passage v is query(x) itself. Make the index of package dense with
// it: documents get the vectors of e, so that an index that was made with e can be
// restored with it, and the invented texts can never be evidence, since they are turned
// into a vector and left behind. s should be a [Passages]; all its texts are used but for
// blank and repeated ones, and for a blank question it is not asked.
//
// A source that fails is an error: a vector cannot say what is missing in it. The error
// of HyDE wraps ErrOption.
func HyDE(e Embedder, s Source) (Embedder, error) {
	if isNil(e) {
		return nil, fmt.Errorf("%w: HyDE: the embedder is nil", ErrOption)
	}
	if isNil(s) {
		return nil, fmt.Errorf("%w: HyDE: the source is nil", ErrOption)
	}
	return hyde{e, s}, nil
}

type hyde struct {
	Embedder
	source Source
}

// EmbedQuery implements Embedder.
func (h hyde) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	if blank(text) {
		return h.Embedder.EmbedQuery(ctx, text)
	}
	inventing, step := account.Begin(ctx, "hyde")
	invented, err := h.source.Queries(inventing, text)
	if err != nil {
		step.Fail(err)
		return nil, fmt.Errorf("rewrite: inventing passages: %w", cut(ctx, err))
	}
	v, err := h.Embedder.EmbedQuery(ctx, text)
	invented = clean(invented, "", len(invented))
	step.Note(invented...)
	if err != nil || len(invented) == 0 {
		return v, err
	}
	vectors, err := h.Embedder.EmbedDocuments(ctx, invented)
	if err != nil {
		return nil, err
	}
	if len(vectors) != len(invented) {
		return nil, fmt.Errorf("rewrite: HyDE: %d vectors for %d passages", len(vectors), len(invented))
	}
	sum := make([]float64, len(v))
	for _, w := range append([][]float32{v}, vectors...) {
		if len(w) != len(v) {
			return nil, fmt.Errorf("rewrite: HyDE: a passage has a vector of %d components, the question one of %d", len(w), len(v))
		}
		for i := range w {
			sum[i] += float64(w[i])
		}
	}
	mean := make([]float32, len(v))
	for i := range sum {
		mean[i] = float32(sum[i] / float64(len(vectors)+1))
	}
	return mean, nil
}
