package segment

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/goselfrag/goselfrag/internal/blockfile"
)

// The table of ids is a hash table with open addressing: each slot is a document
// plus one, or 0 if it is free. At most two thirds are filled.

// idSlots returns the number of slots for docs documents, a power of two.
func idSlots(docs uint64) uint64 {
	if docs == 0 {
		return 0
	}
	return 1 << bits.Len64(docs*3/2)
}

func hashID(id string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return h ^ h>>32
}

// setIDs stores the ids of the documents.
func (s *Segment) setIDs(count int, id func(doc int) string) error {
	slots := idSlots(uint64(count))
	table := make([]byte, 4*slots)
	var text []byte
	ends := make([]byte, 0, 4*count)
	for doc := range count {
		name := id(doc)
		text = append(text, name...)
		ends = binary.LittleEndian.AppendUint32(ends, uint32(len(text)))
		at := hashID(name) & (slots - 1)
		for binary.LittleEndian.Uint32(table[4*at:]) != 0 {
			at = (at + 1) & (slots - 1)
		}
		binary.LittleEndian.PutUint32(table[4*at:], uint32(doc)+1)
	}
	if len(text) > math.MaxUint32 {
		return fmt.Errorf("%w: %d bytes of ids", ErrTooLarge, len(text))
	}
	s.parts[secIDs], s.parts[secIDEnds], s.parts[secIDTable] = text, ends, table
	return nil
}

// ID returns the id of a document. The error wraps blockfile.ErrCorrupt.
func (s *Segment) ID(doc uint32) (string, error) {
	id, err := s.id(doc)
	return string(id), err
}

// IDBytes is ID without a copy. The bytes must not be changed, or read after Close.
func (s *Segment) IDBytes(doc uint32) ([]byte, error) { return s.id(doc) }

func (s *Segment) id(doc uint32) ([]byte, error) {
	all, ends := s.parts[secIDs], s.parts[secIDEnds]
	at := 4 * uint64(doc)
	if err := s.verify(secIDEnds, max(at, 4)-4, at+4); err != nil {
		return nil, err
	}
	from, to := uint64(0), uint64(binary.LittleEndian.Uint32(ends[at:]))
	if doc > 0 {
		from = uint64(binary.LittleEndian.Uint32(ends[at-4:]))
	}
	if from >= to || to > uint64(len(all)) {
		return nil, fmt.Errorf("%w: id of document %d", blockfile.ErrCorrupt, doc)
	}
	return all[from:to], s.verify(secIDs, from, to)
}

// Doc returns the document with an id, and whether there is one. The error wraps
// blockfile.ErrCorrupt.
func (s *Segment) Doc(id string) (uint32, bool, error) {
	table := s.parts[secIDTable]
	slots := uint64(len(table) / 4)
	if slots == 0 {
		return 0, false, nil
	}
	at := hashID(id) & (slots - 1)
	for range slots {
		if err := s.verify(secIDTable, 4*at, 4*at+4); err != nil {
			return 0, false, err
		}
		d := binary.LittleEndian.Uint32(table[4*at:])
		if d == 0 {
			return 0, false, nil
		}
		if d > s.docs {
			return 0, false, fmt.Errorf("%w: document %d of %d", blockfile.ErrCorrupt, d-1, s.docs)
		}
		have, err := s.id(d - 1)
		if err != nil {
			return 0, false, err
		}
		if string(have) == id {
			return d - 1, true, nil
		}
		at = (at + 1) & (slots - 1)
	}
	return 0, false, nil
}
