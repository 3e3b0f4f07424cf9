// Package segment holds immutable parts of a keyword index: postings, a dictionary,
// and data of each document.
//
// A document is a number below [Segment.Docs], in the order of addition. Documents
// are never removed from a segment: its owner keeps the set of live ones. [Merge]
// makes one segment of the live documents of several.
//
// A segment is the same bytes in memory and in a file, in sections. Reading a file
// whose checksums are right but whose content is not may panic with a
// runtime.Error; owners of segments from files recover it.
package segment

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/internal/blockfile"
)

// The sections.
const (
	secMeta      = iota // see meta
	secLengths          // of each document, in meta.Width bytes
	secLanguages        // a byte per document
	secTerms            // blocks of terms, see dict.go
	secBlocks           // the uint32 offset of each block of terms
	secPostings         // see postings.go
	secIDs              // the ids, one after another
	secIDEnds           // the uint32 end of each id
	secIDTable          // see ids.go
	secFields           // see fields.go
	secPassages         // see passages.go; empty if passages are kept elsewhere
	secPassageEnds
	Sections // the number of sections
)

// The sections that [WritePassages] fills.
const (
	Passages    = secPassages
	PassageEnds = secPassageEnds
)

// ErrTooLarge: the offsets of a segment do not fit its format.
var ErrTooLarge = errors.New("segment is too large")

// Segment is an immutable part of a keyword index. It may be used by several goroutines.
type Segment struct {
	docs  uint32
	terms uint32
	width uint8 // bytes per length
	parts [Sections][]byte
	file  *blockfile.File // that holds the parts; nil in memory

	// fields reads the fields of the metadata on first use.
	fields func() (map[string]func() (*field, error), error)
	sets   atomic.Pointer[[]matched] // of the most recent filters
}

// newSegment returns a segment without content.
func newSegment() *Segment {
	s := &Segment{}
	s.fields = sync.OnceValues(s.readFields)
	return s
}

// metaSize is the size of secMeta: documents, terms, bytes per length.
const metaSize = 12

func (s *Segment) setMeta() {
	m := make([]byte, metaSize)
	binary.LittleEndian.PutUint32(m, s.docs)
	binary.LittleEndian.PutUint32(m[4:], s.terms)
	m[8] = s.width
	s.parts[secMeta] = m
}

// FromFile returns the segment that a file holds. The error wraps blockfile.ErrCorrupt.
func FromFile(f *blockfile.File) (*Segment, error) {
	if f.Sections() != Sections {
		return nil, fmt.Errorf("%w: %d sections: want %d", blockfile.ErrCorrupt, f.Sections(), Sections)
	}
	s := newSegment()
	s.file = f
	for i := range s.parts {
		s.parts[i] = f.Section(i)
	}
	// These are read at random positions: checking each position when read would
	// take longer.
	for _, sec := range []int{secMeta, secLengths, secLanguages, secBlocks} {
		if err := f.Check(sec, 0, uint64(len(s.parts[sec]))); err != nil {
			return nil, err
		}
	}
	m := s.parts[secMeta]
	if len(m) != metaSize {
		return nil, fmt.Errorf("%w: %d bytes about the segment: want %d", blockfile.ErrCorrupt, len(m), metaSize)
	}
	s.docs, s.terms, s.width = binary.LittleEndian.Uint32(m), binary.LittleEndian.Uint32(m[4:]), m[8]
	return s, s.checkSizes()
}

// checkSizes checks that the sections have the sizes that follow from the numbers of
// documents and terms.
func (s *Segment) checkSizes() error {
	docs := uint64(s.docs)
	want := map[int]uint64{
		secLengths: docs * uint64(s.width), secLanguages: docs, secBlocks: 4 * ((uint64(s.terms) + perBlock - 1) / perBlock),
		secIDEnds: 4 * docs, secIDTable: 4 * idSlots(docs),
	}
	if len(s.parts[secPassages]) > 0 || len(s.parts[secPassageEnds]) > 0 {
		want[secPassageEnds] = 8 * docs
	}
	for sec, w := range want {
		if uint64(len(s.parts[sec])) != w {
			return fmt.Errorf("%w: section %d has %d bytes: want %d", blockfile.ErrCorrupt, sec, len(s.parts[sec]), w)
		}
	}
	if s.width != 1 && s.width != 2 && s.width != 4 {
		return fmt.Errorf("%w: lengths of %d bytes", blockfile.ErrCorrupt, s.width)
	}
	if len(s.parts[secPostings]) < padding {
		return fmt.Errorf("%w: %d bytes of postings", blockfile.ErrCorrupt, len(s.parts[secPostings]))
	}
	return nil
}

// Parts returns the sections, to be written to a file.
func (s *Segment) Parts() [Sections][]byte { return s.parts }

// Docs returns the number of documents.
func (s *Segment) Docs() int { return int(s.docs) }

// Size returns the number of bytes of all sections.
func (s *Segment) Size() (n int) {
	for _, p := range s.parts {
		n += len(p)
	}
	return n
}

// Close releases the file of a segment that is in one. The segment must not be used
// any more.
func (s *Segment) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Mapped reports whether reading the segment reads a mapped file.
func (s *Segment) Mapped() bool { return s.file != nil && s.file.Mapped() }

// FromDisk reports whether the bytes of the segment come from a file.
func (s *Segment) FromDisk() bool { return s.file != nil }

// Verify checks everything that has a checksum.
func (s *Segment) Verify(ctx context.Context) error {
	if s.file == nil {
		return nil
	}
	return s.file.Verify(ctx)
}

// verify checks the checksums of a part of a section.
func (s *Segment) verify(sec int, from, to uint64) error {
	if s.file == nil {
		return nil
	}
	return s.file.Check(sec, from, to)
}

// Length returns the length of a document.
func (s *Segment) Length(doc uint32) uint32 {
	p := s.parts[secLengths]
	switch s.width {
	case 1:
		return uint32(p[doc])
	case 2:
		return uint32(binary.LittleEndian.Uint16(p[2*doc:]))
	}
	return binary.LittleEndian.Uint32(p[4*uint64(doc):])
}

// ShortLengths returns the lengths of all documents if each fits in one byte and
// all documents are in one language, and nil otherwise.
func (s *Segment) ShortLengths() []byte {
	l := s.parts[secLanguages]
	if s.width != 1 || len(l) == 0 || bytes.Count(l, l[:1]) < len(l) {
		return nil
	}
	return s.parts[secLengths]
}

// Language returns the language of a document.
func (s *Segment) Language(doc uint32) uint8 { return s.parts[secLanguages][doc] }

// setLengths stores lengths in as few bytes as the longest takes.
func (s *Segment) setLengths(lengths []uint32) {
	longest := uint32(0)
	for _, n := range lengths {
		longest = max(longest, n)
	}
	switch {
	case longest < 1<<8:
		s.width = 1
	case longest < 1<<16:
		s.width = 2
	default:
		s.width = 4
	}
	p := make([]byte, 0, len(lengths)*int(s.width))
	for _, n := range lengths {
		switch s.width {
		case 1:
			p = append(p, byte(n))
		case 2:
			p = binary.LittleEndian.AppendUint16(p, uint16(n))
		default:
			p = binary.LittleEndian.AppendUint32(p, n)
		}
	}
	s.parts[secLengths] = p
}
