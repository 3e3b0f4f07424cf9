package retriever

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/account"
)

// PostFilterOptions bounds a [PostFilter]. The zero value is ready to use.
type PostFilterOptions struct {
	// Bound is how many of the best hits are looked at, at most; 0 means 10,000, the
	// most that Elasticsearch and several vector stores give at once. It must not be
	// above what the retriever can give: one that gives fewer hits than it is asked for
	// is taken to have no more.
	Bound int
}

// PostFilter returns a Retriever that applies filters to the hits of r, which need not
// know of filters and is never given one.
//
// It asks r for four times the hits that are wanted, then for four times as many, and
// so on, until Query.K of them pass, or r has no more, or the bound is reached. In the
// last case Result.Missing names "filter": passages beyond the bound were not looked at.
// So a filter that nearly nothing passes costs searches as large as the bound; a store
// that filters by itself is faster.
//
// The hits that pass keep their order and scores, each id once; all else in the Result
// is that of the last search. A query without a filter is passed on as it is.
//
// The error wraps ErrCompose: r is nil, or the bound is negative.
func PostFilter(r Retriever, o PostFilterOptions) (Retriever, error) {
	if o.Bound == 0 {
		o.Bound = 10_000
	}
	switch {
	case isNil(r):
		return nil, fmt.Errorf("%w: PostFilter: the retriever is nil", ErrCompose)
	case o.Bound < 0:
		return nil, fmt.Errorf("%w: PostFilter: Bound is %d: want at least 1, or 0 for 10000", ErrCompose, o.Bound)
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
	match, err := Matcher(q.Filter)
	if err != nil {
		return Result{}, err
	}
	wanted := q.K
	q.Filter = nil
	var best Result // of the search before, for when the next one fails
	for {
		if err := ctx.Err(); err != nil {
			return best, err
		}
		q.K = p.more(q.K)
		search, step := account.Begin(ctx, fmt.Sprintf("first %d hits", q.K))
		res, err := p.inner.Retrieve(search, q)
		step.Fail(err)
		found := len(res.Hits)
		res.Hits = passing(res.Hits, match, wanted)
		switch {
		case err != nil && len(res.Hits) < len(best.Hits):
			return best, err
		case err != nil || len(res.Hits) == wanted || found < q.K:
			return res, err
		case q.K == p.bound:
			res.Missing = append(res.Missing, Missing{Part: "filter", Reason: fmt.Sprintf(
				"only the first %d hits were looked at, of which %d pass the filter: raise PostFilterOptions.Bound for more", p.bound, len(res.Hits))})
			return res, nil
		}
		best = res
	}
}

// more returns how many hits to ask for after k.
func (p *postFilter) more(k int) int {
	if k > p.bound/4 {
		return p.bound
	}
	return 4 * k
}

// passing returns the first hits that match, at most limit, each id once.
func passing(hits []Hit, match func(Metadata) bool, limit int) []Hit {
	var list []Hit
	seen := make(map[string]bool)
	for _, h := range hits {
		if len(list) == limit {
			break
		}
		if !seen[h.Passage.ID] && match(h.Passage.Metadata) {
			seen[h.Passage.ID] = true
			list = append(list, h)
		}
	}
	return list
}
