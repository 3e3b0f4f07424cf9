package dense

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// Retrieve returns the passages whose vectors are nearest to that of the query, at
// most q.K of them, best first; equal scores are in the order in which the passages
// were added. The filter is applied inside the search. Scores are
// [retriever.Cosine] or [retriever.InnerProduct]: higher is more similar.
//
// A query without text, or whose vector is all 0, finds nothing. Errors are those of
// the contract of [retriever.Retriever]; others wrap ErrDimension, ErrNotFinite, or the
// error of the embedder or of Options.Vectors.
func (ix *Index) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	if err := q.Check(); err != nil {
		return retriever.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return retriever.Result{}, err
	}
	match, err := retriever.Matcher(q.Filter)
	if err != nil {
		return retriever.Result{}, err
	}
	res := retriever.Result{Scores: retriever.Cosine}
	if ix.o.Metric == hnsw.InnerProduct {
		res.Scores = retriever.InnerProduct
	}
	// Servers refuse an empty text, and JSON cannot hold one that is not UTF-8.
	text := strings.ToValidUTF8(q.Text, "\ufffd")
	if strings.TrimSpace(text) == "" || ix.Len() == 0 {
		return res, nil
	}
	vector, err := ix.embedder.EmbedQuery(ctx, text)
	if err != nil {
		return retriever.Result{}, fmt.Errorf("dense: embedding the query: %w", because(ctx, err))
	}

	ix.mu.RLock()
	defer ix.mu.RUnlock()
	dim := ix.dim
	if dim == 0 {
		dim = len(vector) // only vectors, of a kind unknown to us, knows
	}
	if err := checkVector(vector, dim); err != nil {
		return retriever.Result{}, fmt.Errorf("%w, in the vector of the query", err)
	}
	if isZero(vector) {
		return res, nil
	}
	search := hnsw.Query[string]{K: min(q.K, max(ix.vectors.Len(), 1))}
	if q.Filter != nil || ix.unsettled {
		search.Where = func(id string) bool {
			e, ok := ix.passages[id]
			return ok && match(e.passage.Metadata)
		}
	}
	found, err := ix.vectors.Search(ctx, nil, vector, search)
	if err != nil && !errors.Is(err, hnsw.ErrEmpty) {
		return retriever.Result{}, fmt.Errorf("dense: %w", because(ctx, err))
	}
	for _, n := range found {
		// Minus a distance of 0 would be minus 0.
		score := 0 - float64(n.Distance)
		if ix.o.Metric == hnsw.Cosine {
			score = 1 - float64(n.Distance)
		}
		res.Hits = append(res.Hits, retriever.Hit{Passage: ix.passages[n.Key].passage, Score: score})
	}
	return res, nil
}
