package lexical

import (
	"context"
	"math/bits"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever/lexical/internal/segment"
)

// The best passages are found without scoring all that hold a term (MaxScore, with
// bounds of blocks). Documents are processed in windows. The terms of a query are
// ordered by how much each can add within the window. The first of them together
// add too little for a new best passage: documents that hold only these are
// skipped. A document with another term gets a first score from the other terms
// alone. It is then looked up in the first terms, greatest bound first, as long as
// it can still be among the best. What remains is scored exactly, word by word in
// the order of the query, since sums in another order differ in their last digits.

// window is the number of documents that are scored at a time.
const window = 4096

// scarce is the greatest number of candidate documents in a window for which each
// document is looked up in the terms, and not the other way round.
const scarce = 16

// slack is a factor for bounds: they are sums in another order than scores.
const slack = 1 + 1e-9

// clause is a term of a word of a query in a part.
type clause struct {
	word    int
	overlap bool // of the word
	weight  float64
	list    *segment.List
	scan    segment.Cursor // reads all documents of a window
	probe   segment.Cursor // looks up single documents
	bound   float64        // of its contribution within the window
	most    float64        // of its contribution within some blocks
	from    int            // of those
	to      int
}

// scorer scores the documents of one part.
type scorer struct {
	norms    *norms
	part     *part
	place    int // of part in its snapshot
	language keyword.Language
	bonus    float64                        // for documents in that language
	factor   float64                        // k1 + 1
	open     segment.Set                    // documents that may be found; nil allows all
	allowed  func(doc uint32) (bool, error) // decides about those; nil allows all
	best     *best

	// The norms by length, and the lengths, if a byte each is enough and all
	// documents are in one language: the usual case.
	byLength *[tabled]float64
	short    []byte

	clauses []clause
	order   []int     // clauses, by bound
	sums    []float64 // of the bounds of the first clauses in that order
	partial [window]float64
	found   [window / 64]uint64
}

// begin prepares s for a part. It reports whether the part holds a term of the
// query.
func (s *scorer) begin(q *sought, place int, p *part) bool {
	s.part, s.place = p, place
	if s.short = p.short; s.short != nil {
		s.byLength = (*[tabled]float64)(s.norms.table[p.Language(0)])
	}
	s.clauses, s.order = s.clauses[:0], s.order[:0]
	for i := range q.words {
		w := &q.words[i]
		for k, t := range w.terms {
			l := &q.listsOf(t)[place]
			if l.N == 0 {
				continue
			}
			n := len(s.clauses)
			if n < cap(s.clauses) {
				s.clauses = s.clauses[:n+1]
			} else {
				s.clauses = append(s.clauses, clause{})
			}
			c := &s.clauses[n]
			c.word, c.overlap, c.list = i, w.overlap, l
			c.weight = float64(w.times) * w.idf[k] * s.factor
			c.scan.Reset(*l)
			c.probe.Reset(*l)
			c.from, c.to = 0, 0
			s.order = append(s.order, n)
		}
	}
	return len(s.clauses) > 0
}

// norm returns the norm of a document.
func (s *scorer) norm(doc uint32) float64 {
	if s.short != nil {
		return s.byLength[s.short[doc]]
	}
	return s.norms.of(s.part, doc)
}

// run offers the documents of the part to s.best.
func (s *scorer) run(ctx context.Context) error {
	docs := uint32(s.part.Docs())
	for from := uint32(0); from < docs; from += window {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.window(from, min(from+window, docs)); err != nil {
			clear(s.partial[:])
			clear(s.found[:])
			return err
		}
	}
	return nil
}

// window offers the documents from from up to end.
func (s *scorer) window(from, end uint32) error {
	open := s.open.CountIn(from, end)
	if open == 0 {
		return nil
	}
	s.bounds(from, end)
	least := s.best.least()
	if (s.sums[len(s.order)]+s.bonus)*slack <= least {
		return nil
	}
	if s.open != nil && open <= scarce {
		return s.each(from, end)
	}
	enough := 0 // number of clauses that together add too little
	for (s.sums[enough+1]+s.bonus)*slack <= least {
		enough++
	}
	for _, i := range s.order[enough:] {
		s.scan(&s.clauses[i], from, end)
	}
	return s.collect(from, enough)
}

// each offers the candidate documents of a window, one by one.
func (s *scorer) each(from, end uint32) error {
	for i, word := range s.open[from/64 : (end+63)/64] {
		for ; word != 0; word &= word - 1 {
			doc := from + uint32(i*64+bits.TrailingZeros64(word))
			if err := s.consider(doc, 0, len(s.order)); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounds sets the bounds of the clauses within a window, their order, and the sums.
func (s *scorer) bounds(from, end uint32) {
	for i := range s.clauses {
		c := &s.clauses[i]
		c.bound = 0
		next, ok := c.scan.Known(from)
		if !ok || next >= end {
			continue
		}
		if b, e := c.scan.Blocks(end); b != c.from || e != c.to {
			c.from, c.to, c.most = b, e, c.weight*s.most(c.list, b, e)
		}
		c.bound = c.most
	}
	for i := 1; i < len(s.order); i++ { // nearly in order from the previous window
		for k := i; k > 0 && s.clauses[s.order[k]].bound < s.clauses[s.order[k-1]].bound; k-- {
			s.order[k], s.order[k-1] = s.order[k-1], s.order[k]
		}
	}
	s.sums = append(s.sums[:0], 0)
	for k, i := range s.order {
		s.sums = append(s.sums, s.sums[k]+s.clauses[i].bound)
	}
}

// most returns a bound on the scores of some blocks of a list with weight 1.
func (s *scorer) most(l *segment.List, from, to int) (most float64) {
	for block := from; block < to; block++ {
		m, n := l.Maxima(block)
		for _, x := range m[:n] {
			f := float64(x.Count)
			most = max(most, f/(f+s.norms.least(x.Length)))
		}
	}
	return most
}

// scan adds the contribution of a clause to the documents of a window.
func (s *scorer) scan(c *clause, from, end uint32) {
	docs, place := c.scan.Chunk(from, end)
	for len(docs) > 0 {
		for i, doc := range docs {
			if !s.open.Has(doc) {
				continue
			}
			f := float64(c.scan.CountAt(place + i))
			d := doc - from
			s.partial[d] += c.weight * f / (f + s.norm(doc))
			s.found[d/64] |= 1 << (d % 64)
		}
		docs, place = c.scan.Chunk(docs[len(docs)-1]+1, end)
	}
}

// collect offers the documents that were found in the window at from. The first low
// clauses were not read.
func (s *scorer) collect(from uint32, low int) error {
	for w, word := range s.found {
		s.found[w] = 0
		for ; word != 0; word &= word - 1 {
			d := uint32(w*64 + bits.TrailingZeros64(word))
			score := s.partial[d]
			s.partial[d] = 0
			if err := s.consider(from+d, score, low); err != nil {
				return err
			}
		}
	}
	return nil
}

// consider offers a document with the given score from all but the first low
// clauses.
func (s *scorer) consider(doc uint32, score float64, low int) error {
	least := s.best.least()
	if s.bonus > 0 && keyword.Language(s.part.Language(doc)) == s.language {
		score += s.bonus
	}
	if (score+s.sums[low])*slack <= least {
		return nil
	}
	if low > 0 && least >= 0 {
		norm := s.norm(doc)
		for k := low - 1; k >= 0; k-- {
			c := &s.clauses[s.order[k]]
			if c.bound == 0 {
				break
			}
			if at, ok := c.probe.Seek(doc); ok && at == doc {
				f := float64(c.probe.Count())
				score += c.weight * f / (f + norm)
			}
			if (score+s.sums[k])*slack <= least {
				return nil
			}
		}
	}
	exact, found := s.exact(doc)
	if !found || exact <= least {
		return nil
	}
	if s.allowed != nil {
		if ok, err := s.allowed(doc); err != nil || !ok {
			return err
		}
	}
	s.best.offer(candidate{exact, s.place, doc})
	return nil
}

// exact returns the score of a document, summed in the order of the query, and
// whether it holds a term.
func (s *scorer) exact(doc uint32) (score float64, found bool) {
	norm := s.norm(doc)
	last := -1 // the word that was counted last
	for i := range s.clauses {
		c := &s.clauses[i]
		if c.overlap && c.word == last {
			continue
		}
		if at, ok := c.probe.Seek(doc); ok && at == doc {
			f := float64(c.probe.Count())
			score += c.weight * f / (f + norm)
			last, found = c.word, true
		}
	}
	if s.bonus > 0 && keyword.Language(s.part.Language(doc)) == s.language {
		score += s.bonus
	}
	return score, found
}
