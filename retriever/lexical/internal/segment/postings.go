package segment

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"

	"github.com/goselfrag/goselfrag/internal/blockfile"
)

// A list of postings is the documents that hold a term, ascending, each with its
// number of occurrences. A list of one posting is in the dictionary. A longer list
// is blocks of 128 postings; the last may have fewer. A block is
//
//	bits per gap, bits per count: a byte each
//	the gaps between documents less 1, packed; the counts less 1, packed
//
// If there is one block, the greatest count and the least length precede it, as
// varints. If there are several, an entry for each precedes them:
//
//	its last document, where it ends after the entries: a uint32 each
//	up to three maxima: a count and a length, a uint16 each
//
// For every posting of the block, some maximum has at least its count and at most
// its length. Maxima are rounded so that this holds.
const (
	perPostings = 128
	maxima      = 3
	entrySize   = 8 + 4*maxima
)

// Max is a bound on postings: each has at most Count, and its document at least
// Length.
type Max struct{ Count, Length uint32 }

// unbounded marks counts too large for an entry.
const unbounded = math.MaxUint16

// List is the postings of a term in a segment.
type List struct {
	// N is the number of postings. It is 0 if no document has the term.
	N       uint32
	doc     uint32 // if there is one posting
	count   uint32
	entries []byte
	blocks  []byte // with some bytes after them
	max     Max    // if there is one block
}

// readList returns the list of n postings in the bytes from to to of the postings.
func (s *Segment) readList(n uint32, from, to uint64) (List, error) {
	all := s.parts[secPostings]
	if n > s.docs || from > to || to > uint64(len(all)-padding) {
		return List{}, fmt.Errorf("%w: %d postings at %d to %d of %d", blockfile.ErrCorrupt, n, from, to, len(all))
	}
	if err := s.verify(secPostings, from, to+padding); err != nil {
		return List{}, err
	}
	l := List{N: n, blocks: all[from : to+padding : to+padding]}
	if blocks := l.Blocks(); blocks > 1 {
		if to-from < uint64(blocks)*entrySize {
			return List{}, fmt.Errorf("%w: %d postings in %d bytes", blockfile.ErrCorrupt, n, to-from)
		}
		l.entries, l.blocks = l.blocks[:blocks*entrySize], l.blocks[blocks*entrySize:]
		return l, nil
	}
	count, k := binary.Uvarint(l.blocks)
	length, m := binary.Uvarint(l.blocks[max(k, 0):])
	if k <= 0 || m <= 0 || k+m+2 > len(l.blocks) {
		return List{}, fmt.Errorf("%w: maximum of a list", blockfile.ErrCorrupt)
	}
	l.max, l.blocks = Max{uint32(count), uint32(length)}, l.blocks[k+m:]
	return l, nil
}

// Blocks returns the number of blocks.
func (l *List) Blocks() int { return int((l.N + perPostings - 1) / perPostings) }

// Last returns the last document of a block, or of the segment if there is only one
// block.
func (l *List) Last(block int) uint32 {
	if l.entries == nil {
		return math.MaxUint32 - 1
	}
	return binary.LittleEndian.Uint32(l.entries[block*entrySize:])
}

// Maxima returns the bounds on the postings of a block.
func (l *List) Maxima(block int) (m [maxima]Max, n int) {
	if l.entries == nil {
		m[0] = l.max
		return m, 1
	}
	e := l.entries[block*entrySize+8 : (block+1)*entrySize]
	for ; n < maxima; n++ {
		count := uint32(binary.LittleEndian.Uint16(e[4*n:]))
		if count == 0 {
			break
		}
		if count == unbounded {
			count = math.MaxUint32
		}
		m[n] = Max{count, uint32(binary.LittleEndian.Uint16(e[4*n+2:]))}
	}
	return m, n
}

// Cursor reads a list. Make it with [Cursor.Reset].
type Cursor struct {
	list   List
	at     int // the current block
	have   int // the block whose documents are in docs, -1 if none
	size   int // of that block
	pos    int // in docs
	width  uint
	counts []byte // of that block
	docs   [perPostings]uint32
}

// Reset moves c before the first posting of a list.
func (c *Cursor) Reset(l List) { c.list, c.at, c.have, c.pos, c.size = l, 0, -1, 0, 0 }

// Skip moves c to the first block that does not end before a document, and reports
// whether there is one. The block is not read. Documents must not descend from call
// to call.
func (c *Cursor) Skip(doc uint32) bool {
	n := c.list.Blocks()
	if c.at >= n || c.list.Last(c.at) >= doc {
		return c.at < n
	}
	step := 1
	for c.at+step < n && c.list.Last(c.at+step) < doc {
		step *= 2
	}
	from, to := c.at+step/2+1, min(c.at+step+1, n)
	c.at = from + sort.Search(to-from, func(i int) bool { return c.list.Last(from+i) >= doc })
	return c.at < n
}

// decodeBlock decodes the documents of the current block.
func (c *Cursor) decodeBlock() {
	if c.have == c.at {
		return
	}
	c.have, c.pos = c.at, 0
	if c.list.N == 1 {
		c.size, c.docs[0] = 1, c.list.doc
		return
	}
	data, next := c.list.blocks, uint64(0)
	if c.at > 0 {
		e := c.list.entries[(c.at-1)*entrySize:]
		next = uint64(binary.LittleEndian.Uint32(e)) + 1
		data = data[binary.LittleEndian.Uint32(e[4:]):]
	}
	c.size = min(perPostings, int(c.list.N)-c.at*perPostings)
	gaps, counts := uint(data[0]), uint(data[1])
	if gaps > 32 || counts > 32 {
		panic(corrupt{})
	}
	data = data[2:]
	if unpackGaps(c.docs[:c.size], data, gaps, next) > 1<<32 {
		panic(corrupt{})
	}
	c.counts, c.width = data[packedSize(c.size, gaps):], counts
}

// corrupt is a runtime.Error about numbers that no writer produces.
type corrupt struct{}

func (corrupt) Error() string { return "segment: numbers of more than 32 bits" }

// RuntimeError implements runtime.Error.
func (corrupt) RuntimeError() {}

// Seek moves c to the first posting whose document is not below doc and returns its
// document, or false if there is none. Documents must not descend from call to
// call.
func (c *Cursor) Seek(doc uint32) (uint32, bool) {
	if !c.Skip(doc) {
		return 0, false
	}
	c.decodeBlock()
	docs := c.docs[:c.size]
	for c.pos < len(docs) && docs[c.pos] < doc {
		c.pos++
	}
	if c.pos == len(docs) { // the last of the list
		c.at++
		return 0, false
	}
	return docs[c.pos], true
}

// Count returns the count of the posting that Seek moved to.
func (c *Cursor) Count() uint32 { return c.CountAt(c.pos) }

// Known returns the next document at or after doc if finding it reads no further
// block; otherwise it returns doc itself. It returns false if there is none.
func (c *Cursor) Known(doc uint32) (uint32, bool) {
	if !c.Skip(doc) {
		return 0, false
	}
	if c.have == c.at || c.list.N <= perPostings {
		return c.Seek(doc)
	}
	return doc, true
}

// Blocks returns the numbers of the blocks with postings of documents from the
// argument of Skip up to end: from index from up to index to.
func (c *Cursor) Blocks(end uint32) (from, to int) {
	to = c.at
	for n := c.list.Blocks(); to < n; to++ {
		if c.list.Last(to) >= end-1 {
			return c.at, to + 1
		}
	}
	return c.at, to
}

// Chunk returns documents from doc up to end that are in one block, and the
// position of the first for CountAt. It returns none if there are none in the list.
func (c *Cursor) Chunk(doc, end uint32) (docs []uint32, place int) {
	if next, ok := c.Seek(doc); !ok || next >= end {
		return nil, 0
	}
	docs = c.docs[c.pos:c.size]
	if docs[len(docs)-1] >= end {
		n := 1
		for docs[n] < end {
			n++
		}
		docs = docs[:n]
	}
	return docs, c.pos
}

// CountAt returns the count of a posting of the block of the last Chunk.
func (c *Cursor) CountAt(place int) uint32 {
	if c.list.N == 1 {
		return c.list.count
	}
	return packed(c.counts, place, c.width) + 1
}
