package lexical

import (
	"context"
	"math"

	"github.com/goselfrag/goselfrag/retriever"
)

// scratch is the memory of one search, used again by later ones.
type scratch struct {
	scores []float64 // by passage; all 0 between searches
	found  []uint32  // the passages whose score is not 0
	best   []candidate
}

type candidate struct {
	score   float64
	passage uint32
}

// before reports whether c ranks before d: by score, then by the order in which the
// passages were added.
func (c candidate) before(d candidate) bool {
	return c.score > d.score || c.score == d.score && c.passage < d.passage
}

// checkEvery is the number of postings or candidates after which a search looks
// whether its context is done: some ten microseconds of work.
const checkEvery = 8192

// Retrieve returns the passages that hold a term of the query, at most q.K of them,
// best first; equal scores are in the order in which the passages were added.
// Scores are [retriever.BM25], finite and greater than 0. A query without a term
// that some passage holds finds nothing. Errors are those of the contract of
// [retriever.Retriever].
func (ix *Index) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	return ix.retrieve(ctx, q, func(*scratch) error { return nil })
}

// retrieve lets adjust change the scores of the passages that were found before the
// best are chosen.
func (ix *Index) retrieve(ctx context.Context, q retriever.Query, adjust func(*scratch) error) (retriever.Result, error) {
	if err := q.Check(); err != nil {
		return retriever.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return retriever.Result{}, err
	}
	query := ix.termsOf(q.Text)

	ix.mu.RLock()
	defer ix.mu.RUnlock()
	s := ix.pool.Get().(*scratch)
	defer ix.release(s)
	if err := ix.score(ctx, query, s); err != nil {
		return retriever.Result{}, err
	}
	if err := adjust(s); err != nil {
		return retriever.Result{}, err
	}
	if err := ix.choose(ctx, q, s); err != nil {
		return retriever.Result{}, err
	}
	res := retriever.Result{Scores: retriever.BM25}
	if len(s.best) > 0 {
		res.Hits = make([]retriever.Hit, len(s.best))
	}
	for len(s.best) > 0 { // the worst is at the root of the heap
		c := s.best[0]
		last := len(s.best) - 1
		res.Hits[last] = retriever.Hit{Passage: ix.passages[c.passage], Score: c.score}
		s.best[0] = s.best[last]
		s.best = s.best[:last]
		sink(s.best)
	}
	return res, nil
}

// release clears s for another search.
func (ix *Index) release(s *scratch) {
	for _, p := range s.found {
		s.scores[p] = 0
	}
	s.found, s.best = s.found[:0], s.best[:0]
	ix.pool.Put(s)
}

// score sets s.scores and s.found for a query.
func (ix *Index) score(ctx context.Context, query terms, s *scratch) error {
	if n := len(ix.passages); len(s.scores) < n {
		s.scores = make([]float64, n+n/8)
	}
	scores, norms, found := s.scores, ix.norms, s.found
	defer func() { s.found = found }()
	// Terms are taken in the order of the query: sums in another order would differ
	// in their last digits.
	for term, times := range ix.counts(query) {
		list := ix.postings[term]
		n := float64(len(list))
		idf := math.Log(1 + (float64(len(ix.passages))-n+0.5)/(n+0.5))
		weight := float64(times) * idf * (ix.k1 + 1)
		for len(list) > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			part := list[:min(checkEvery, len(list))]
			list = list[len(part):]
			for _, p := range part {
				f := float64(p.count)
				if scores[p.passage] == 0 {
					found = append(found, p.passage)
				}
				scores[p.passage] += weight * f / (f + norms[p.passage])
			}
		}
	}
	return nil
}

// counts yields the terms of a query that the index has, with the times each
// stands in it, in the order in which they first stand there.
func (ix *Index) counts(query terms) func(yield func(term, times int) bool) {
	return func(yield func(term, times int) bool) {
		var order []int
		times := map[int]int{}
		for t := range query.all() {
			if id, ok := ix.terms[string(t)]; ok {
				if times[id]++; times[id] == 1 {
					order = append(order, id)
				}
			}
		}
		for _, id := range order {
			if !yield(id, times[id]) {
				return
			}
		}
	}
}

// choose leaves the q.K best candidates that the filter allows in s.best, a heap
// with the worst at its root.
func (ix *Index) choose(ctx context.Context, q retriever.Query, s *scratch) error {
	match, err := retriever.Matcher(q.Filter)
	if err != nil {
		return err
	}
	for i, p := range s.found {
		if i%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		c := candidate{s.scores[p], p}
		full := len(s.best) == q.K
		if full && !c.before(s.best[0]) {
			continue
		}
		if !match(ix.passages[p].Metadata) {
			continue
		}
		if full {
			s.best[0] = c
			sink(s.best)
		} else {
			s.best = append(s.best, c)
			lift(s.best)
		}
	}
	return nil
}

// sink moves the root of a heap down to its place.
func sink(h []candidate) {
	for i := 0; ; {
		worst := 2*i + 1
		if worst >= len(h) {
			return
		}
		if r := worst + 1; r < len(h) && h[worst].before(h[r]) {
			worst = r
		}
		if !h[i].before(h[worst]) {
			return
		}
		h[i], h[worst] = h[worst], h[i]
		i = worst
	}
}

// lift moves the last of a heap up to its place.
func lift(h []candidate) {
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[parent].before(h[i]) {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}
