package segment

import (
	"encoding/binary"
	"fmt"
	"math"
)

// writer makes the dictionary and the postings of a segment. Terms come in order.
type writer struct {
	lengths  []uint32 // of the documents
	terms    []byte
	blocks   []byte
	postings []byte
	n        uint32 // terms
	last     []byte // term
	gaps     [perPostings]uint32
	counts   [perPostings]uint32
}

// add adds a term and its postings, at least one.
func (w *writer) add(term []byte, docs, counts []uint32) {
	shared := 0
	if w.n%perBlock == 0 {
		w.blocks = binary.LittleEndian.AppendUint32(w.blocks, uint32(len(w.terms)))
		w.terms = binary.AppendUvarint(w.terms, uint64(len(w.postings)))
	} else {
		for shared < len(term) && shared < len(w.last) && term[shared] == w.last[shared] {
			shared++
		}
		w.terms = binary.AppendUvarint(w.terms, uint64(shared))
	}
	w.terms = binary.AppendUvarint(w.terms, uint64(len(term)-shared))
	w.terms = append(w.terms, term[shared:]...)
	w.terms = binary.AppendUvarint(w.terms, uint64(len(docs)))
	if len(docs) == 1 {
		w.terms = binary.AppendUvarint(w.terms, uint64(docs[0]))
		w.terms = binary.AppendUvarint(w.terms, uint64(counts[0]))
	} else {
		before := len(w.postings)
		w.list(docs, counts)
		w.terms = binary.AppendUvarint(w.terms, uint64(len(w.postings)-before))
	}
	w.last = append(w.last[:0], term...)
	w.n++
}

// list appends a list of several postings.
func (w *writer) list(docs, counts []uint32) {
	blocks := (len(docs) + perPostings - 1) / perPostings
	if blocks == 1 {
		m := Max{0, math.MaxUint32}
		for i, d := range docs {
			m = Max{max(m.Count, counts[i]), min(m.Length, w.lengths[d])}
		}
		w.postings = binary.AppendUvarint(w.postings, uint64(m.Count))
		w.postings = binary.AppendUvarint(w.postings, uint64(m.Length))
		w.block(docs, counts, math.MaxUint32)
		return
	}
	entries := len(w.postings)
	w.postings = append(w.postings, make([]byte, blocks*entrySize)...)
	start := len(w.postings)
	last := uint32(math.MaxUint32)
	for b := range blocks {
		from, to := b*perPostings, min((b+1)*perPostings, len(docs))
		w.block(docs[from:to], counts[from:to], last)
		last = docs[to-1]
		e := w.postings[entries+b*entrySize:]
		binary.LittleEndian.PutUint32(e, last)
		binary.LittleEndian.PutUint32(e[4:], uint32(len(w.postings)-start))
		m, n := w.maxima(docs[from:to], counts[from:to])
		for i, x := range m[:n] {
			binary.LittleEndian.PutUint16(e[8+4*i:], uint16(min(x.Count, unbounded)))
			binary.LittleEndian.PutUint16(e[8+4*i+2:], uint16(min(x.Length, math.MaxUint16)))
		}
	}
}

// block appends postings. The first comes after document last.
func (w *writer) block(docs, counts []uint32, last uint32) {
	gaps, less := w.gaps[:len(docs)], w.counts[:len(docs)]
	for i, d := range docs {
		gaps[i] = d - last - 1
		less[i] = counts[i] - 1
		last = d
	}
	g, c := bitsOf(gaps), bitsOf(less)
	w.postings = append(w.postings, byte(g), byte(c))
	w.postings = pack(w.postings, gaps, g)
	w.postings = pack(w.postings, less, c)
}

// few is the number of different counts in maxima.
const few = 16

// maxima returns bounds on postings: those that no other bounds, the greatest count
// first. If there are too many, one bounds all between the first and the last.
func (w *writer) maxima(docs, counts []uint32) (out [maxima]Max, n int) {
	var least [few]uint32 // length, by count; the last is for all greater ones
	for i := range least {
		least[i] = math.MaxUint32
	}
	greatest := uint32(0)
	for i, d := range docs {
		c := min(counts[i], few) - 1
		least[c] = min(least[c], w.lengths[d])
		greatest = max(greatest, counts[i])
	}
	for c := few - 1; c >= 0; c-- {
		m := Max{uint32(c) + 1, least[c]}
		if m.Length == math.MaxUint32 || n > 0 && m.Length >= out[n-1].Length {
			continue
		}
		if c == few-1 {
			m.Count = greatest
		}
		if n == maxima {
			out[n-2] = Max{out[n-2].Count, out[n-1].Length}
			n--
		}
		out[n] = m
		n++
	}
	return out, n
}

// finish stores the output of w in a segment.
func (w *writer) finish(s *Segment) error {
	if len(w.terms) > math.MaxUint32 {
		return fmt.Errorf("%w: %d bytes of terms", ErrTooLarge, len(w.terms))
	}
	s.terms = w.n
	s.parts[secTerms], s.parts[secBlocks] = w.terms, w.blocks
	s.parts[secPostings] = append(w.postings, make([]byte, padding)...)
	s.setLengths(w.lengths)
	return nil
}
