package hnsw

import (
	"math"
	"unsafe"
)

// slab is an array of rows of equal size in chunks of 2^shift rows. Chunks do not
// move while they may be read: growing makes a new slab that shares them, except
// for the last, which is copied.
type slab struct {
	table  []unsafe.Pointer // the chunks; these pointers keep them in memory
	stride uintptr          // bytes per row
	shift  uint32
	rows   uint32 // how many rows there is room for
}

// at returns the address of row i.
func (s *slab) at(i uint32) unsafe.Pointer {
	return unsafe.Add(s.table[i>>s.shift], uintptr(i&(1<<s.shift-1))*s.stride)
}

// grow returns a slab with room for at least n rows that starts with the rows of s.
func (s *slab) grow(n uint32) slab {
	g := *s
	if n <= s.rows {
		return g
	}
	per := uint32(1) << s.shift
	whole := s.rows / per // chunks that stay as they are
	g.table = append([]unsafe.Pointer(nil), s.table[:whole]...)
	for g.rows = whole * per; g.rows < n; {
		size := min(n-g.rows, per)
		chunk := allocate(uintptr(size) * s.stride)
		if g.rows == whole*per && whole < uint32(len(s.table)) {
			bytes := uintptr(s.rows-g.rows) * s.stride
			copy(unsafe.Slice((*byte)(chunk), bytes), unsafe.Slice((*byte)(s.table[whole]), bytes))
		}
		g.table = append(g.table, chunk)
		g.rows += size
	}
	return g
}

// clone returns a slab with the rows of s in memory of its own.
func (s *slab) clone() slab {
	g := slab{stride: s.stride, shift: s.shift, rows: s.rows}
	for i, chunk := range s.table {
		bytes := uintptr(min(s.rows-uint32(i)<<s.shift, 1<<s.shift)) * s.stride
		own := allocate(bytes)
		copy(unsafe.Slice((*byte)(own), bytes), unsafe.Slice((*byte)(chunk), bytes))
		g.table = append(g.table, own)
	}
	return g
}

// bytes returns the memory of the rows.
func (s *slab) bytes() int64 { return int64(s.rows) * int64(s.stride) }

// hugePage is the size of the pages that allocate asks for. With small pages,
// accesses to scattered rows of a large array nearly always miss the processor's
// page table cache.
const hugePage = 2 << 20

// allocate returns n zeroed bytes, aligned to a cache line, and to a huge page if
// they fill one.
func allocate(n uintptr) unsafe.Pointer {
	align := uintptr(64)
	if n >= hugePage {
		align = hugePage
	}
	buf := make([]byte, n+align)
	p := unsafe.Pointer(unsafe.SliceData(buf))
	p = unsafe.Add(p, -uintptr(p)&(align-1))
	if n >= hugePage {
		adviseHuge(unsafe.Slice((*byte)(p), n&^(hugePage-1)))
	}
	return p
}

// chunkShift returns how many rows of a size, as a power of two, make up a chunk.
func chunkShift(stride uintptr) uint32 {
	const chunk = 16 << 20
	return min(uint32(math.Log2(float64(chunk/min(stride, chunk)))), 16)
}

// room returns how many rows to make room for when n are needed and there was room
// for had: more than needed, so that adding one by one does not copy each time.
func room(had, n uint32) uint32 {
	return max(n, min(had+had/4+64, maxSlots))
}
