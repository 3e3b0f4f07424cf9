package dense

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// MostCost implements budget.Declarer: the cost of embedding a query.
func (ix *Index) MostCost(int) (budget.Cost, bool) { return budget.MostCost(ix.embedder, 1) }

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
	scan, err := filter.NewScan(ctx, q.Filter)
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
	vector, err := ix.embedQuery(retriever.Confine(ctx, q.Filter), text)
	if err != nil {
		return retriever.Result{}, fmt.Errorf("dense: embedding the query: %w", ctxerr.Wrap(ctx, err))
	}

	for try := 0; ; try++ {
		s := ix.now.Load()
		found, whole, err := ix.search(ctx, s, vector, q, scan, try > 0)
		if err != nil {
			return retriever.Result{}, err
		}
		if !whole && try < redo {
			continue
		}
		res.Hits = found
		return res, nil
	}
}

// redo is how often a search is repeated because of concurrent changes.
const redo = 4

// search looks for a vector among the passages of a state. If whole is false, some of the
// nearest were changed concurrently and are missing. If checked is set, ids are looked up
// before they are chosen, so that passages added concurrently take up no places.
func (ix *Index) search(ctx context.Context, s *state, vector []float32, q retriever.Query, scan *filter.Scan, checked bool) (hits []retriever.Hit, whole bool, err error) {
	dim := s.dim
	if dim == 0 {
		dim = len(vector) // only vectors, of a kind unknown to us, knows
	}
	if err := checkVector(vector, dim); err != nil {
		return nil, false, fmt.Errorf("%w, in the vector of the query", err)
	}
	if s.vectors == nil || isZero(vector) {
		return nil, true, nil
	}
	search := hnsw.Query[string]{K: min(q.K, max(s.vectors.Len(), 1))}
	if q.Filter != nil || s.unsettled || checked {
		search.Where = func(id string) bool {
			e, ok := s.passages.Get(id)
			return ok && scan.Match(e.passage.Metadata)
		}
	}
	found, err := s.vectors.Search(ctx, nil, vector, search)
	if err == nil || errors.Is(err, hnsw.ErrEmpty) {
		err = scan.Err()
	}
	if err != nil {
		return nil, false, fmt.Errorf("dense: %w", ctxerr.Wrap(ctx, err))
	}
	now := ix.now.Load()
	whole = true
	if len(found) > 0 {
		hits = make([]retriever.Hit, 0, len(found))
	}
	for _, n := range found {
		e, ok := s.passages.Get(n.Key)
		if ok && now != s { // it may be deleted with others that were not found any more, or be another one
			later, still := now.passages.Get(n.Key)
			ok = still && later.place == e.place
		}
		if !ok {
			whole = false
			continue
		}
		// Minus a distance of 0 would be minus 0.
		score := 0 - float64(n.Distance)
		if ix.o.Metric == hnsw.Cosine {
			score = 1 - float64(n.Distance)
		}
		hits = append(hits, retriever.Hit{Passage: e.passage, Score: score})
	}
	return hits, whole, nil
}

// embedQuery asks the embedder.
func (ix *Index) embedQuery(ctx context.Context, text string) (vector []float32, err error) {
	ctx, step := observe.Start(ctx, observe.Embedding, "query")
	defer step.EndWith(&err)()
	vector, err = ix.embedder.EmbedQuery(ctx, text)
	return vector, err
}
