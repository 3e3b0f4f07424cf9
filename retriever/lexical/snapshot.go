package lexical

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical/internal/segment"
)

// snapshot holds the passages that a search sees. It is immutable.
type snapshot struct {
	parts []*part // in the order in which their passages were added
	live  int     // passages
	// languages holds the number of passages in each language, and totals the sums
	// of their lengths.
	languages [keyword.Count]int
	totals    [keyword.Count]int
	norms     func() *norms
	users     atomic.Int64 // searches and others, and one for the index
}

// part is a segment and which of its documents are live.
type part struct {
	*segment.Segment
	kept  []retriever.Passage // by document; nil if they are elsewhere
	alive segment.Set         // nil while all are
	dead  []uint32            // in the order of deletion; later parts of the same segment have more
	short []byte              // the lengths, if a byte is enough and there is only one language
	tally *tally              // of the segment
	file  *file               // of the segment; nil in memory
}

func newPart(s *segment.Segment, kept []retriever.Passage) *part {
	return &part{Segment: s, kept: kept, short: s.ShortLengths(), tally: new(tally)}
}

// Live returns the number of live documents.
func (p *part) Live() int { return p.Docs() - len(p.dead) }

// without returns p without some of its live documents.
func (p *part) without(docs []uint32) *part {
	q := *p
	if p.alive == nil {
		q.alive = segment.Full(p.Docs())
	} else {
		q.alive = slices.Clone(p.alive)
	}
	for _, d := range docs {
		q.alive.Remove(d)
	}
	q.dead = append(p.dead, docs...) // readers of p do not read past its end
	return &q
}

// clone returns a snapshot of the same passages, to be changed before it is stored.
func (s *snapshot) clone() *snapshot {
	return &snapshot{parts: slices.Clone(s.parts), live: s.live, languages: s.languages, totals: s.totals}
}

// find returns the live document with an id.
func (s *snapshot) find(id string) (part int, doc uint32, ok bool, err error) {
	for i, p := range s.parts {
		doc, ok, err = p.Doc(id)
		if err != nil || ok && p.alive.Has(doc) {
			return i, doc, ok, err
		}
	}
	return 0, 0, false, nil
}

// count adds a document to the sums, or subtracts it if sign is -1.
func (s *snapshot) count(p *part, doc uint32, sign int) {
	l := p.Language(doc)
	s.languages[l] += sign
	s.totals[l] += sign * int(p.Length(doc))
	s.live += sign
}

// norms holds the effect of the length of a passage on its score: k1 · (1 − b + b ·
// |D| / avgdl).
type norms struct {
	k1, b float64
	means [keyword.Count]float64
	// longest is the greatest mean of a language with passages: with it the norm of
	// a length is least.
	longest float64
	table   [keyword.Count][]float64 // by length, for languages that passages are in
	bounds  [tabled]float64          // by length, with the mean longest
}

// tabled is the number of lengths in a table of norms.
const tabled = 256

func (ix *Index) normsOf(s *snapshot) *norms {
	n := &norms{k1: ix.k1, b: ix.b}
	for l, passages := range s.languages {
		// Without a term in any passage there is no mean, and no posting needs it.
		n.means[l] = max(float64(s.totals[l]), 1) / max(float64(passages), 1)
		if passages == 0 {
			continue
		}
		n.longest = max(n.longest, n.means[l])
		n.table[l] = make([]float64, tabled)
		for i := range n.table[l] {
			n.table[l][i] = n.norm(i, n.means[l])
		}
	}
	for i := range n.bounds {
		n.bounds[i] = n.norm(i, n.longest)
	}
	return n
}

// least returns the least norm of a length.
func (n *norms) least(length uint32) float64 {
	if length < tabled {
		return n.bounds[length]
	}
	return n.norm(int(length), n.longest)
}

// norm returns the norm of a length. The conversion prevents processors from adding
// to the product before it is rounded.
func (n *norms) norm(length int, mean float64) float64 {
	return float64(n.k1 * (1 - n.b + n.b*float64(length)/mean))
}

// of returns the norm of a document.
func (n *norms) of(p *part, doc uint32) float64 {
	l, length := p.Language(doc), p.Length(doc)
	if t := n.table[l]; int(length) < len(t) {
		return t[length]
	}
	return n.norm(int(length), n.means[l])
}

// tally caches how many deleted documents of a segment hold a term.
type tally struct {
	counts sync.Map // of term to counted
	size   atomic.Int64
}

// counted says how many of the first upto deleted documents hold a term.
type counted struct{ upto, holders int }

// mostTallied is the greatest number of terms in a tally.
const mostTallied = 1 << 16

// holders returns the number of live documents that hold a term. l holds its
// postings.
func (p *part) holders(term string, l segment.List) int {
	if len(p.dead) == 0 || l.N == 0 {
		return int(l.N)
	}
	known := counted{}
	if v, ok := p.tally.counts.Load(term); ok {
		known = v.(counted)
	}
	if known.upto > len(p.dead) { // from a search that sees more deletions
		return p.recount(l)
	}
	if known.upto == len(p.dead) {
		return int(l.N) - known.holders
	}
	now := counted{upto: len(p.dead)}
	if more := p.dead[known.upto:]; len(more) < int(l.N)/16 {
		now.holders = known.holders + holdersAmong(more, l)
	} else {
		now.holders = int(l.N) - p.recount(l)
	}
	if _, had := p.tally.counts.Swap(term, now); !had && p.tally.size.Add(1) > mostTallied {
		p.tally.counts.Clear()
		p.tally.size.Store(0)
	}
	return int(l.N) - now.holders
}

// holdersAmong returns how many of docs are in a list.
func holdersAmong(docs []uint32, l segment.List) (n int) {
	docs = slices.Sorted(slices.Values(docs))
	var c segment.Cursor
	c.Reset(l)
	for _, d := range docs {
		if at, ok := c.Seek(d); !ok {
			break
		} else if at == d {
			n++
		}
	}
	return n
}

// recount returns how many documents of a list are live.
func (p *part) recount(l segment.List) (n int) {
	var c segment.Cursor
	c.Reset(l)
	end := uint32(p.Docs())
	for docs, _ := c.Chunk(0, end); len(docs) > 0; docs, _ = c.Chunk(docs[len(docs)-1]+1, end) {
		for _, d := range docs {
			if p.alive.Has(d) {
				n++
			}
		}
	}
	return n
}

// passage returns a passage that the index keeps.
func (p *part) passage(doc uint32) (retriever.Passage, error) {
	if p.kept == nil {
		return p.Passage(doc)
	}
	return p.kept[doc], nil
}
