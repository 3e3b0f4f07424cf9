package segment

import (
	"bytes"
	"slices"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Builder makes a segment of documents. Add the terms of each document, then call End.
type Builder struct {
	owner uint64
	names names
	about []usage // by term

	// The postings in the order of addition.
	terms, counts []uint32
	begin         int // start of the current document

	ends      []int // of the postings of each document
	lengths   []uint32
	languages []byte
	fields    fieldsWriter
}

// usage records the occurrences of a term in the documents so far.
type usage struct {
	holders uint32 // documents
	last    uint32 // the posting of the last of them, plus one
}

var builders atomic.Uint64 // number of builders made

// NewBuilder returns a builder without documents.
func NewBuilder() *Builder { return &Builder{owner: builders.Add(1), fields: fieldsWriter{}} }

// Owner returns a number that is unique to the builder, to mark the numbers that it
// gave.
func (b *Builder) Owner() uint64 { return b.owner }

// Number returns the number of a term.
func (b *Builder) Number(term []byte) uint32 {
	id, fresh := b.names.number(term)
	if fresh {
		b.about = append(b.about, usage{})
	}
	return id
}

// Add adds the term with a number to the current document, with that many more
// occurrences.
func (b *Builder) Add(id, times uint32) {
	u := &b.about[id]
	if int(u.last) > b.begin {
		b.counts[u.last-1] += times
		return
	}
	b.terms, b.counts = append(b.terms, id), append(b.counts, times)
	u.holders++
	u.last = uint32(len(b.terms))
}

// End ends the current document.
func (b *Builder) End(length uint32, language uint8, m filter.Metadata) {
	b.fields.add(uint32(len(b.ends)), m)
	b.begin = len(b.terms)
	b.ends = append(b.ends, b.begin)
	b.lengths = append(b.lengths, length)
	b.languages = append(b.languages, language)
}

// Segment returns the documents as a segment. id returns their ids. The builder
// must not be used afterwards.
func (b *Builder) Segment(id func(doc int) string) (*Segment, error) {
	docs, counts, starts := b.byTerm()
	order := make([]uint32, b.names.len())
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int { return bytes.Compare(b.names.of(x), b.names.of(y)) })
	w := &writer{lengths: b.lengths}
	for _, id := range order {
		from, to := starts[id], starts[id]+b.about[id].holders
		if from < to { // a term may have a number and no document
			w.add(b.names.of(id), docs[from:to], counts[from:to])
		}
	}
	s := newSegment()
	s.docs = uint32(len(b.ends))
	s.parts[secLanguages] = b.languages
	if err := w.finish(s); err != nil {
		return nil, err
	}
	var err error
	if s.parts[secFields], err = b.fields.finish(len(b.ends)); err != nil {
		return nil, err
	}
	s.setMeta()
	return s, s.setIDs(len(b.ends), id)
}

// byTerm returns the postings in the order of terms, and where the postings of each
// begin.
func (b *Builder) byTerm() (docs, counts, starts []uint32) {
	starts = make([]uint32, b.names.len())
	at := uint32(0)
	for id, u := range b.about {
		starts[id] = at
		at += u.holders
	}
	next := slices.Clone(starts)
	docs, counts = make([]uint32, len(b.terms)), make([]uint32, len(b.terms))
	i := 0
	for doc, end := range b.ends {
		for ; i < end; i++ {
			id := b.terms[i]
			docs[next[id]], counts[next[id]] = uint32(doc), b.counts[i]
			next[id]++
		}
	}
	return docs, counts, starts
}
