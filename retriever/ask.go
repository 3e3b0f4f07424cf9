package retriever

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Ask asks r and enforces filters on the result. A Retriever made of others must
// ask them with Ask. So a filter is checked before any reranker, prompt, error or
// trace sees a passage.
//
// If r returns a passage that does not match q.Filter, r ignores filters. Then the
// passage is left out together with the rest of r's report, and the error wraps
// ErrOption.
//
// Under a [Scope] or a [PostFilter] their filters apply, too, even if q lost them
// on the way. Passages that do not match are left out, and r is asked for more, as
// by PostFilter.
func Ask(ctx context.Context, r Retriever, q Query) (Result, error) {
	b := boundsOf(ctx)
	if q.Filter == nil && len(b.filters) == 0 {
		return r.Retrieve(ctx, q)
	}
	g, err := newGate(ctx, b.filters...)
	if err != nil {
		return Result{}, err
	}
	wanted := q.K
	search := func(k int) (Result, error) {
		q.K = k
		return askFiltered(ctx, r, q)
	}
	if len(b.filters) == 0 {
		return search(wanted)
	}
	return sift(ctx, g, wanted, wanted, max(wanted, cmp.Or(b.depth, defaultBound)), search)
}

// askFiltered asks r and leaves out passages that do not match the filter of q.
func askFiltered(ctx context.Context, r Retriever, q Query) (Result, error) {
	res, err := r.Retrieve(ctx, q)
	if q.Filter == nil || len(res.Hits) == 0 {
		return res, err
	}
	g, bad := newGate(ctx, q.Filter)
	if bad != nil {
		return Result{}, bad
	}
	found := len(res.Hits)
	res.Hits = g.passing(res.Hits, found)
	if len(res.Hits) == found {
		return res, err
	}
	res.Missing, res.Queries = nil, nil
	if err == nil {
		err = g.err()
	}
	if err == nil {
		err = fmt.Errorf("%w: a retriever gives passages for which the filter does not hold, so it ignores filters: put PostFilter directly around it", ErrOption)
	}
	return res, err
}

// sift asks for start hits, then for four times as many, and so on up to bound,
// until wanted of them pass, or there are no more.
func sift(ctx context.Context, g gate, wanted, start, bound int, search func(k int) (Result, error)) (Result, error) {
	var best Result // of the previous search, in case the next one fails
	for k := start; ; k = nextDepth(k, bound) {
		if err := ctx.Err(); err != nil {
			return best, err
		}
		res, err := search(k)
		found := len(res.Hits)
		res.Hits = g.passing(res.Hits, wanted)
		if err == nil {
			err = g.err()
		}
		switch {
		case err != nil && len(res.Hits) < len(best.Hits):
			return best, err
		case err != nil || len(res.Hits) == wanted || found < k:
			return res, err
		case k == bound:
			res.Missing = append(res.Missing, Missing{Part: "filter", Reason: fmt.Sprintf(
				"only the first %d hits were looked at, and %d of them pass the filter: raise PostFilterOptions.Bound for more", bound, len(res.Hits))})
			return res, nil
		}
		best = res
	}
}

// nextDepth returns how many hits to ask for after k.
func nextDepth(k, bound int) int {
	if k > bound/4 {
		return bound
	}
	return 4 * k
}

// gate lets passages pass that match all of its filters.
type gate struct {
	scans []*filter.Scan
	once  bool // hits that repeat an id do not pass
}

func newGate(ctx context.Context, filters ...filter.Expr) (gate, error) {
	var g gate
	for _, f := range filters {
		s, err := filter.NewScan(ctx, f)
		if err != nil {
			return g, err
		}
		g.scans = append(g.scans, s)
	}
	return g, nil
}

func (g gate) pass(h *Hit) bool {
	for _, s := range g.scans {
		if !s.Match(h.Passage.Metadata) {
			return false
		}
	}
	return true
}

// err returns the error of the context if it ended the work of the gate.
func (g gate) err() error {
	for _, s := range g.scans {
		if err := s.Err(); err != nil {
			return err
		}
	}
	return nil
}

// passing returns the first hits that pass, at most limit. It does not modify hits.
func (g gate) passing(hits []Hit, limit int) []Hit {
	var seen map[string]bool
	if g.once {
		seen = make(map[string]bool, len(hits))
	}
	pass := func(h *Hit) bool {
		if seen[h.Passage.ID] || !g.pass(h) {
			return false
		}
		if g.once {
			seen[h.Passage.ID] = true
		}
		return true
	}
	n, limit := 0, min(limit, len(hits))
	for n < limit && pass(&hits[n]) {
		n++
	}
	if n == limit { // the usual case
		return hits[:n]
	}
	list := slices.Clone(hits[:n])
	for i := n + 1; i < len(hits) && len(list) < limit; i++ {
		if pass(&hits[i]) {
			list = append(list, hits[i])
		}
	}
	return list
}
