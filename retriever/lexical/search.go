package lexical

import (
	"cmp"
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever"
)

// scratch is the memory of one search, reused by later ones.
type scratch struct {
	sought sought
	scorer scorer
	best   best
}

// MostCost implements budget.Declarer: no model is called.
func (*Index) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

// Retrieve returns the passages that hold a term of the query, at most q.K of them,
// best first; equal scores are in the order in which the passages were added.
// Scores are [retriever.BM25], finite and greater than 0. A query without a term in
// any passage finds nothing; if it has no word at all, Result.Missing names
// "query". A query of only stop words is searched for in the passages themselves,
// which takes time for each of them.
//
// Passages that cannot be among the best are skipped. The result equals that of
// scoring all, with scores and order exact to the bit, whatever was added, replaced
// and deleted before: N, n(q) and avgdl count only existing passages.
//
// Errors are those of the contract of [retriever.Retriever], of Options.Fetch,
// ErrClosed, and ErrCorrupt about files.
func (ix *Index) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	s, err := ix.Snapshot(ix.fetch)
	if err != nil {
		return retriever.Result{}, err
	}
	defer s.now.release()
	return s.Retrieve(ctx, q)
}

// retrieve is Retrieve, or IDs if bare.
func (s *Snapshot) retrieve(ctx context.Context, q retriever.Query, bare bool) (retriever.Result, error) {
	ix, now := s.ix, s.now
	query := ix.query(q.Text, now)
	if query.Words == 0 {
		return retriever.Result{Scores: retriever.BM25, Missing: []retriever.Missing{{Part: "query", Reason: noWords}}}, nil
	}
	allow, err := now.allow(ctx, q.Filter)
	if err != nil || allow.none() {
		return retriever.Result{Scores: retriever.BM25}, err
	}
	m := ix.pool.Get().(*scratch)
	m.best.k = q.K
	found, err := s.rank(ctx, query, allow, m)
	if err == nil && !found && query.Words == query.Stops {
		err = s.rankStops(ctx, q.Text, allow, &m.best)
	}
	if err = cmp.Or(err, allow.err()); err != nil {
		return retriever.Result{}, err // the memory is left to the collector
	}
	res, err := s.result(ctx, &m.best, bare)
	m.clear()
	ix.pool.Put(m)
	return res, err
}

// clear prepares s for another search.
func (s *scratch) clear() {
	clear(s.sought.lists) // they hold memory of the index
	clear(s.scorer.clauses)
	s.scorer.part, s.scorer.norms, s.scorer.open, s.scorer.allowed = nil, nil, nil, nil
	s.scorer.byLength, s.scorer.short = nil, nil
	s.best.heap = s.best.heap[:0]
}

// noWords is the reason for an empty result of a query without words.
const noWords = "the query holds no word to search for: ask with letters or numbers"

// rank leaves the best passages for a query in m.best, and reports whether any
// passage holds a word of it.
func (s *Snapshot) rank(ctx context.Context, query keyword.Query, allow *allowance, m *scratch) (bool, error) {
	if err := s.now.findWords(query.Groups, &m.sought); err != nil {
		return false, err
	}
	if len(m.sought.words) == 0 {
		return false, nil
	}
	r := &m.scorer
	r.norms, r.best, r.factor = s.now.norms(), &m.best, s.ix.k1+1
	r.language, r.bonus = query.Language, s.now.bonus(query)
	for i, p := range s.now.parts {
		open, exact := allow.matching(i, p)
		if !r.begin(&m.sought, i, p) {
			continue
		}
		r.open, r.allowed = open, nil
		if !exact {
			r.allowed = func(doc uint32) (bool, error) {
				q, err := s.passages(ctx, []candidate{{part: i, doc: doc}})
				return err == nil && allow.scan.Match(q[0].Metadata), err
			}
		}
		if err := r.run(ctx); err != nil {
			return false, err
		}
	}
	return true, nil
}

// result returns the passages of candidates, best first; only their ids if bare.
func (s *Snapshot) result(ctx context.Context, b *best, bare bool) (retriever.Result, error) {
	res := retriever.Result{Scores: retriever.BM25}
	if len(b.heap) == 0 {
		return res, nil
	}
	list := make([]candidate, len(b.heap))
	for i := len(list) - 1; i >= 0; i-- {
		list[i] = b.removeWorst()
	}
	read := s.passages
	if bare {
		read = s.bare
	}
	passages, err := read(ctx, list)
	if err != nil {
		return retriever.Result{}, err
	}
	res.Hits = make([]retriever.Hit, len(list))
	for i, c := range list {
		res.Hits[i] = retriever.Hit{Passage: passages[i], Score: c.score}
	}
	return res, nil
}

// passages returns the passages of candidates.
func (s *Snapshot) passages(ctx context.Context, list []candidate) (out []retriever.Passage, err error) {
	if s.fetch == nil {
		out = make([]retriever.Passage, len(list))
		for i, c := range list {
			if out[i], err = s.now.parts[c.part].passage(c.doc); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	ids := make([]string, len(list))
	for i, c := range list {
		if ids[i], err = s.now.parts[c.part].ID(c.doc); err != nil {
			return nil, err
		}
	}
	if out, err = s.fetch(ctx, ids); err != nil {
		return nil, fmt.Errorf("lexical: fetch: %w", err)
	}
	if len(out) != len(ids) {
		return nil, fmt.Errorf("lexical: fetch: %d passages for %d ids", len(out), len(ids))
	}
	for i, p := range out {
		if p.ID != ids[i] {
			return nil, fmt.Errorf("lexical: fetch: the passage %q for the id %q", p.ID, ids[i])
		}
	}
	return out, nil
}

// fetched is the number of passages that are fetched at a time when all are read.
const fetched = 256

// each calls f with all live passages.
func (s *Snapshot) each(ctx context.Context, f func(candidate, retriever.Passage)) error {
	var list []candidate
	flush := func() error {
		if err := ctx.Err(); err != nil || len(list) == 0 {
			return err
		}
		passages, err := s.passages(ctx, list)
		if err != nil {
			return err
		}
		for i, p := range passages {
			f(list[i], p)
		}
		list = list[:0]
		return nil
	}
	for i, p := range s.now.parts {
		for doc := range uint32(p.Docs()) {
			if !p.alive.Has(doc) {
				continue
			}
			if list = append(list, candidate{part: i, doc: doc}); len(list) == fetched {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}
