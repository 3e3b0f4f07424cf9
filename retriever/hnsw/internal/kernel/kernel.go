// Package kernel measures distances between one query and many rows that lie
// anywhere in memory. There is one implementation in plain Go and one for each
// instruction set that pays; [Best] chooses at run time.
package kernel

import "unsafe"

// Batch says where the rows, the query and the results are. The assembly knows the
// offsets of its fields. The code that fills it keeps every address valid: a kernel
// checks nothing.
type Batch struct {
	// Table holds the addresses of the chunks of rows: row r is row r & Mask of
	// chunk r >> Shift, and a row takes Stride bytes.
	Table unsafe.Pointer
	// Query is of Blocks blocks: eight float32 each for Dot and L2, sixteen int16
	// each for Code. Rows have as many blocks: of eight float32, of sixteen int8.
	Query  unsafe.Pointer
	IDs    *uint32  // the rows to measure
	Out    *float32 // where the results go, one per id; smaller is nearer
	Shift  uint64
	Mask   uint64
	Stride uint64
	Blocks uint64
	// Norm, for Code: the byte offset in a row of a float32 that is added to its
	// result; 0 adds nothing.
	Norm uint64
	// Scale and Base, for Code: the result is Base + Scale · Σ query·row (+ norm).
	Scale, Base float32
}

// row returns the address of row id.
func (b *Batch) row(id uint32) unsafe.Pointer {
	chunk := *(*unsafe.Pointer)(unsafe.Add(b.Table, uintptr(uint64(id)>>b.Shift)*unsafe.Sizeof(b.Table)))
	return unsafe.Add(chunk, uintptr(uint64(id)&b.Mask)*uintptr(b.Stride))
}

// Set is the kernels of one instruction set. Each takes a batch and the number of
// its ids.
type Set struct {
	Name string
	Dot  func(b *Batch, n int) // the negative inner product
	L2   func(b *Batch, n int) // the squared Euclidean distance
	Code func(b *Batch, n int) // see Batch
	// Prefetch asks the processor for the 128 bytes at p, or does nothing.
	Prefetch func(p unsafe.Pointer)
}

// Go is the set that runs everywhere.
var Go = Set{Name: "go", Dot: dotGo, L2: l2Go, Code: codeGo, Prefetch: func(unsafe.Pointer) {}}

// Available lists the sets that this processor can run, best first.
func Available() []Set { return append(available(), Go) }

// Best is the first of Available.
func Best() Set { return Available()[0] }

func dotGo(b *Batch, n int) {
	q := unsafe.Slice((*float32)(b.Query), b.Blocks*8)
	ids, out := unsafe.Slice(b.IDs, n), unsafe.Slice(b.Out, n)
	for i, id := range ids {
		x := unsafe.Slice((*float32)(b.row(id)), len(q))
		var s0, s1, s2, s3 float32
		for j := 0; j+4 <= len(q) && j+4 <= len(x); j += 4 {
			s0 -= q[j] * x[j]
			s1 -= q[j+1] * x[j+1]
			s2 -= q[j+2] * x[j+2]
			s3 -= q[j+3] * x[j+3]
		}
		out[i] = (s0 + s1) + (s2 + s3)
	}
}

func l2Go(b *Batch, n int) {
	q := unsafe.Slice((*float32)(b.Query), b.Blocks*8)
	ids, out := unsafe.Slice(b.IDs, n), unsafe.Slice(b.Out, n)
	for i, id := range ids {
		x := unsafe.Slice((*float32)(b.row(id)), len(q))
		var s0, s1, s2, s3 float32
		for j := 0; j+4 <= len(q) && j+4 <= len(x); j += 4 {
			d0, d1, d2, d3 := q[j]-x[j], q[j+1]-x[j+1], q[j+2]-x[j+2], q[j+3]-x[j+3]
			s0 += d0 * d0
			s1 += d1 * d1
			s2 += d2 * d2
			s3 += d3 * d3
		}
		out[i] = (s0 + s1) + (s2 + s3)
	}
}

func codeGo(b *Batch, n int) {
	q := unsafe.Slice((*int16)(b.Query), b.Blocks*16)
	ids, out := unsafe.Slice(b.IDs, n), unsafe.Slice(b.Out, n)
	for i, id := range ids {
		row := b.row(id)
		x := unsafe.Slice((*int8)(row), len(q))
		var s int32
		for j, v := range q {
			s += int32(v) * int32(x[j])
		}
		// The conversion keeps the compiler from fusing the two operations: all sets
		// give the same codes the same distance, to the bit.
		d := float32(b.Scale*float32(s)) + b.Base
		if b.Norm != 0 {
			d += *(*float32)(unsafe.Add(row, uintptr(b.Norm)))
		}
		out[i] = d
	}
}
