package rewrite

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
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
// Eq. 8). Without a passage v is query(x) itself. Use it to make the index of
// package dense. Documents get the vectors of e, so an index made with e can be
// restored with it. The invented texts are only turned into a vector and can never
// be evidence. s should be a [Passages]; all its texts are used except blank and
// repeated ones. It is not asked about a blank question.
//
// A failure of s is an error, since a vector cannot show what is missing in it. The
// error of HyDE wraps ErrOption.
func HyDE(e Embedder, s Expander) (Embedder, error) {
	if isnil.Value(e) {
		return nil, fmt.Errorf("%w: HyDE: the embedder is nil", ErrOption)
	}
	if isnil.Value(s) {
		return nil, fmt.Errorf("%w: HyDE: the source is nil", ErrOption)
	}
	return hyde{e, s}, nil
}

type hyde struct {
	Embedder
	source Expander
}

// invent asks the expander for passages.
func (h hyde) invent(ctx context.Context, text string) (invented []string, err error) {
	ctx, step := observe.Start(ctx, observe.Rewriting, "hyde")
	defer step.EndWith(&err)()
	invented, err = h.source.Queries(ctx, text)
	if err != nil {
		return nil, err
	}
	invented = clean(invented, "", len(invented))
	step.Note(invented...)
	return invented, nil
}

// MostCost implements budget.Declarer, for n texts or a question. The cost is known
// for expanders of this package that ask a model.
func (h hyde) MostCost(n int) (budget.Cost, bool) {
	source, ok := budget.MostCost(h.source, 1)
	counted, isCounted := h.source.(interface{ count() int })
	if !ok || !isCounted {
		return budget.Cost{}, false
	}
	query, ok := budget.MostCost(h.Embedder, n)
	documents, known := budget.MostCost(h.Embedder, counted.count())
	return source.Add(query).Add(documents), ok && known
}

// EmbedQuery implements Embedder.
func (h hyde) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	if blank(text) {
		return h.Embedder.EmbedQuery(ctx, text)
	}
	invented, err := h.invent(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("rewrite: inventing passages: %w", ctxerr.Wrap(ctx, err))
	}
	v, err := h.Embedder.EmbedQuery(ctx, text)
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
