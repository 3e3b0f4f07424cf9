package hnsw

import (
	"context"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"

	"github.com/edsrzf/mmap-go"
)

// mapped is a file in memory, and which of its blocks were checked.
type mapped struct {
	h       *header
	sums    []uint32
	first   [secCount + 1]int
	data    mmap.MMap
	checked []atomic.Uint64

	keys sync.Mutex  // held while they are read; see store.graph for the order of locks
	read atomic.Bool // the keys were read
	lost atomic.Bool // reading failed
}

func newMapped(h *header, sums []uint32, data mmap.MMap) *mapped {
	return &mapped{h: h, sums: sums, first: h.leadingBlocks(), data: data, checked: make([]atomic.Uint64, (len(sums)+63)/64)}
}

func (m *mapped) section(sec int) []byte {
	s := m.h.Sections[sec]
	return m.data[s.Offset : s.Offset+s.Size]
}

// checkBlocks checks the blocks of bytes from to to of a section that were not checked
// before.
func (m *mapped) checkBlocks(sec int, from, to uint64) error {
	for b := from / blockSize; b*blockSize < to; b++ {
		block := m.first[sec] + int(b)
		word, bit := &m.checked[block/64], uint64(1)<<(block%64)
		if word.Load()&bit != 0 {
			continue
		}
		all := m.section(sec)
		data := all[b*blockSize : min((b+1)*blockSize, uint64(len(all)))]
		if crc32.Checksum(data, castagnoli) != m.sums[block] {
			return fmt.Errorf("%w: checksum of block %d of section %d", ErrCorrupt, b, sec)
		}
		word.Or(bit)
	}
	return nil
}

// row checks the blocks of a row of a slab.
func (m *mapped) row(sec int, s *slab, i uint32) error {
	from := uint64(i) * uint64(s.stride)
	return m.checkBlocks(sec, from, from+uint64(s.stride))
}

// measured checks what a search measures: the rows or codes of slots.
func (v *view[K]) measured(slots []uint32) error {
	if v.guard == nil {
		return nil
	}
	sec, s := secRows, &v.rows
	if v.codes != nil {
		sec, s = secCodes, &v.codes.slab
	}
	for _, slot := range slots {
		if err := v.guard.row(sec, s, slot); err != nil {
			return err
		}
	}
	return nil
}

// checkMeasured checks the first n of s.ids before they are measured and sets s.err if
// something is wrong.
func checkMeasured[K comparable](s *scratch, v *view[K], n int) {
	if v.guard != nil && s.err == nil {
		s.err = v.measured(s.ids[:n])
	}
}

// linked checks the links of a slot on a level.
func (v *view[K]) linked(slot uint32, level int) error {
	m := v.guard
	if m == nil {
		return nil
	}
	if level == 0 {
		return m.row(secLinks, &v.links, slot)
	}
	if err := m.row(secTower, &v.tower, slot); err != nil {
		return err
	}
	ref := atomic.LoadUint32(v.towerRef(slot))
	if err := m.h.checkRef(slot, ref); err != nil || int(ref&heightMask) < level {
		return err
	}
	return m.row(secUpper, &v.upper, ref>>heightBits+uint32(level-1))
}

// known reads and checks the keys and the states of the slots, if that was not
// done. Before that no other call stores a view: writers call it first.
func (x *Index[K]) known() error {
	m := x.mapped
	if m == nil || m.read.Load() {
		return nil
	}
	m.keys.Lock()
	defer m.keys.Unlock()
	if m.read.Load() {
		return nil
	}
	for _, sec := range []int{secMeta, secKeys} {
		if err := m.checkBlocks(sec, 0, m.h.Sections[sec].Size); err != nil {
			return err
		}
	}
	g := *x.view.Load()
	g.keys = growKeys[K](nil, m.h.Slots, g.meta.shift)
	codec, err := fittingCodec[K](m.h)
	if err != nil {
		return err
	}
	if err := codec.decode(&g, m.h.Slots, m.section(secKeys)); err != nil {
		return err
	}
	x.view.Store(&g)
	m.read.Store(true)
	return nil
}

// Verify checks all of the file of an opened index. An index that was not opened
// from a file, or that was already verified, has nothing to check. The error wraps
// ErrCorrupt, ErrKeyType, ErrLost, ErrClosed or, when ctx is done, ctx.Err().
func (x *Index[K]) Verify(ctx context.Context) error {
	return x.exclusively(func() error { return x.ready(ctx) })
}

// ready checks all unchecked parts of a file, so that the index can be changed. It
// must be called within exclusively.
func (x *Index[K]) ready(ctx context.Context) error {
	if x.mapped == nil || x.view.Load().guard == nil {
		return nil
	}
	m := x.mapped
	if err := x.known(); err != nil {
		return err
	}
	for sec := range secCount {
		const step = 16 << 20
		for from := uint64(0); from < m.h.Sections[sec].Size; from += step {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := m.checkBlocks(sec, from, min(from+step, m.h.Sections[sec].Size)); err != nil {
				return err
			}
		}
	}
	if err := x.checkAll(ctx, m.h); err != nil {
		return err
	}
	if err := x.index(m.h); err != nil {
		return err
	}
	g := *x.view.Load()
	// From now on, a change of a slot's state tells searches that its key was
	// written. The race detector knows no such order for memory outside of Go's
	// own.
	g.meta = g.meta.clone()
	g.guard = nil
	x.view.Store(&g)
	return nil
}

// Close releases the file of an opened index. It waits for running searches and
// selections; a function such as Query.Where, which runs within one, must not call
// it. Later calls return ErrClosed. So do an Add, Delete, Save or Verify that waits
// for another writer, and an Add that has not linked all of its vectors. A second
// Close waits for the first and does nothing. An index that is only in memory need
// not be closed.
func (x *Index[K]) Close() error {
	x.graph.Lock()
	x.closed = true // from now on, a holder of graph does not touch the file
	x.graph.Unlock()
	x.readers.close()
	x.graph.Lock()
	defer x.graph.Unlock()
	if x.mapped == nil || x.mapped.data == nil {
		return nil
	}
	return x.mapped.data.Unmap()
}
