package hnsw

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/goselfrag/goselfrag/retriever/hnsw/internal/kernel"
)

// candidate is a slot at a distance from a query.
type candidate struct {
	distance float32 // in the unit of the kernels
	id       uint32  // the slot, and expanded
}

// expanded marks a candidate whose links have been followed.
const expanded = 1 << 31

func (c candidate) slot() uint32 { return c.id &^ expanded }

// scratch is the memory of one search, kept from search to search.
type scratch struct {
	busy  bool
	began uint64
	moves atomic.Uint64   // the moves that the search has seen
	ctx   context.Context // of the search; nil while building
	err   error           // of ctx, or of a damaged file

	query   []float32 // padded
	ids     []uint32
	out     []float32
	pool    []candidate
	bound   float32 // see nearest
	visited bitset
	batch   kernel.Batch
	measure func(*kernel.Batch, int)

	code   []int16 // the query for codes, and before rounding
	weight []float32
	flat   []float32 // a row decoded from its code

	found  []uint32
	kept   []candidate
	rest   []candidate
	chosen [maxLevel + 1][]candidate
}

// late reports whether the search must end, and checks its context for that. Then
// s.err is the reason.
func (s *scratch) late() bool {
	if s.err == nil && s.ctx != nil {
		if err := s.ctx.Err(); err != nil {
			s.err = fmt.Errorf("hnsw: search: %w", err)
		}
	}
	return s.err != nil
}

// room makes ids and out hold n.
func (s *scratch) room(n int) {
	if len(s.ids) < n {
		s.ids, s.out = make([]uint32, n), make([]float32, n)
	}
	s.batch.IDs, s.batch.Out = unsafe.SliceData(s.ids), unsafe.SliceData(s.out)
}

// aimRows sets the batch to measure rows of float32 against query, which is padded.
func (s *scratch) aimRows(rows *slab, set *kernel.Set, metric Metric, query *float32) {
	s.measure = set.Dot
	if metric == SquaredL2 {
		s.measure = set.L2
	}
	s.batch.Query = unsafe.Pointer(query)
	s.aimSlab(rows)
	s.batch.Blocks = uint64(rows.stride / 32)
}

func (s *scratch) aimSlab(rows *slab) {
	s.batch.Table = unsafe.Pointer(unsafe.SliceData(rows.table))
	s.batch.Shift = uint64(rows.shift)
	s.batch.Mask = 1<<rows.shift - 1
	s.batch.Stride = uint64(rows.stride)
}

// forget drops references that would keep the memory of an index alive.
func (s *scratch) forget() {
	s.batch.Table, s.batch.Query = nil, nil
}

// sortTies puts runs of equal distance in a sorted list into the order of addition.
func sortTies[K comparable](v *view[K], found []candidate) {
	for i := 0; i < len(found); {
		j := i + 1
		for j < len(found) && found[j].distance == found[i].distance {
			j++
		}
		if j-i > 1 {
			slices.SortFunc(found[i:j], func(a, b candidate) int { return cmp.Compare(v.added(a.slot()), v.added(b.slot())) })
		}
		i = j
	}
}

// bitset marks slots.
type bitset struct {
	words   []uint64
	touched []uint32 // marked slots, kept if clearing all words would be slow
	track   bool
}

// reset clears the marks and makes room for n slots.
func (b *bitset) reset(n uint32) {
	const whole = 4096 // words that are cleared as quickly as a list is traversed
	if need := int(n+63) / 64; need > len(b.words) {
		b.words = make([]uint64, need)
	} else if b.track {
		for _, i := range b.touched {
			b.words[i/64] = 0
		}
	} else {
		clear(b.words)
	}
	b.touched = b.touched[:0]
	b.track = len(b.words) > whole
}
