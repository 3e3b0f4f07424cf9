package store

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// batchSize is how many texts an embedder is given at a time.
const batchSize = 64

// embedded is the vectors that were made for an edit, by text.
type embedded struct {
	generation uint64
	dim        int
	vectors    map[string][]float32
}

// use forgets the vectors if they are not of the embedding of sp.
func (e *embedded) use(sp *space) {
	if sp == nil || sp.state.Generation != e.generation || e.vectors == nil {
		*e = embedded{vectors: map[string][]float32{}}
	}
	if sp != nil {
		e.generation = sp.state.Generation
		e.dim = max(e.dim, sp.state.Dim)
	}
}

// embed makes the vectors that a plan lacks. The error wraps ErrEmbedder, errors of package
// dense or hnsw, ctx.Err() or that of the embedder.
func (e *embedded) embed(ctx context.Context, sp *space, p *plan) error {
	if sp == nil {
		return nil
	}
	if sp.embedder == nil && len(p.add) > 0 {
		return fmt.Errorf("%w: %w", ErrEmbedder, errNoEmbedder)
	}
	for batch := range slices.Chunk(p.unknown, batchSize) {
		vectors, err := embedTexts(ctx, sp.embedder, sp.metric(), e.dim, batch)
		if err != nil {
			return err
		}
		for i, v := range vectors {
			e.vectors[batch[i]] = v
			e.dim = len(v)
		}
	}
	return nil
}

// embedTexts asks an embedder, and checks what it gives: dim is 0 if it is not known.
func embedTexts(ctx context.Context, e dense.Embedder, metric hnsw.Metric, dim int, texts []string) ([][]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	vectors, err := e.EmbedDocuments(ctx, texts)
	if err != nil {
		return nil, fmt.Errorf("embedding: %w", ctxerr.Wrap(ctx, err))
	}
	if len(vectors) != len(texts) {
		return nil, fmt.Errorf("%w: %d for %d texts", dense.ErrCount, len(vectors), len(texts))
	}
	for _, v := range vectors {
		if dim == 0 {
			dim = len(v)
		}
		if err := checkVector(v, dim, metric); err != nil {
			return nil, err
		}
	}
	return vectors, nil
}

// checkVector returns what is wrong with a vector that should have dim components.
func checkVector(v []float32, dim int, metric hnsw.Metric) error {
	if len(v) != dim || dim == 0 {
		return fmt.Errorf("%w: %w: a vector has %d components: want %d: to change the embedder, see Reembed", ErrEmbedder, dense.ErrDimension, len(v), max(dim, 1))
	}
	sum := 0.0
	for i, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return fmt.Errorf("%w: component %d is %v", dense.ErrNotFinite, i, x)
		}
		sum += float64(x) * float64(x)
	}
	if metric != hnsw.Cosine && sum > math.MaxFloat32/4 {
		return fmt.Errorf("%w: its length is %v, so that inner products overflow", dense.ErrNotFinite, math.Sqrt(sum))
	}
	return nil
}

// isZero reports whether all components are 0.
func isZero(v []float32) bool {
	return !slices.ContainsFunc(v, func(x float32) bool { return x != 0 })
}
