package retriever

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
)

// PostFilterOptions bounds a [PostFilter]. The zero value is ready to use.
type PostFilterOptions struct {
	// Bound is the greatest number of hits that are examined; 0 means 10,000, the
	// most that Elasticsearch and several vector stores return at once. It must not
	// exceed what the retriever can return: fewer hits than requested mean that
	// there are no more.
	Bound int
}

const defaultBound = 10_000

// PostFilter returns a Retriever that applies filters to the hits of r. r need not
// support filters and never receives one.
//
// It asks r for four times the wanted hits, then for four times as many, and so on,
// until Query.K of them pass, r has no more, or the bound is reached. In the last
// case Result.Missing names "filter": passages beyond the bound were not examined.
// So a filter that almost nothing passes costs searches as large as the bound. A
// store that filters by itself is faster.
//
// Put it directly around the store. If r is made of others, of this library or by
// [Ask], these receive only the hits that pass, so that no reranker reads the rest.
// Then each part of r is asked repeatedly, as r would be.
//
// The hits that pass keep their order and scores, each id once. The rest of the
// Result is that of the last search. A query without a filter is passed on
// unchanged.
//
// The error wraps ErrOption: r is nil, or the bound is negative.
func PostFilter(r Retriever, o PostFilterOptions) (Retriever, error) {
	if o.Bound == 0 {
		o.Bound = defaultBound
	}
	switch {
	case isnil.Value(r):
		return nil, fmt.Errorf("%w: PostFilter: the retriever is nil", ErrOption)
	case o.Bound < 0:
		return nil, fmt.Errorf("%w: PostFilter: Bound is %d: want at least 1, or 0 for 10000", ErrOption, o.Bound)
	}
	return &postFilter{r, o.Bound}, nil
}

type postFilter struct {
	inner Retriever
	bound int
}

// Retrieve implements Retriever.
func (p *postFilter) Retrieve(ctx context.Context, q Query) (Result, error) {
	if err := q.Check(); err != nil {
		return Result{}, err
	}
	if q.Filter == nil {
		return p.inner.Retrieve(ctx, q)
	}
	g, err := newGate(ctx, q.Filter)
	if err != nil {
		return Result{}, err
	}
	g.once = true
	ctx = confine(ctx, q.Filter, p.bound)
	wanted := q.K
	q.Filter = nil
	return sift(ctx, g, wanted, nextDepth(wanted, p.bound), p.bound, func(k int) (Result, error) {
		q.K = k
		return p.search(ctx, q)
	})
}

// search asks for the first hits, without the filter.
func (p *postFilter) search(ctx context.Context, q Query) (res Result, err error) {
	ctx, step := observe.Start(ctx, observe.Part, fmt.Sprintf("first %d hits", q.K))
	defer step.EndWith(&err)()
	res, err = p.inner.Retrieve(ctx, q)
	return res, err
}

// MostCost implements budget.Declarer.
func (p *postFilter) MostCost(int) (budget.Cost, bool) {
	searches := 1
	for k := nextDepth(1, p.bound); k < p.bound; k = nextDepth(k, p.bound) {
		searches++
	}
	c, ok := budget.MostCost(p.inner, 1)
	return c.Times(searches), ok
}
