// Command kernelgen writes the amd64 kernels of retriever/hnsw/internal/kernel:
//
//	go generate ./retriever/hnsw/internal/kernel
//
// Every kernel measures one query against the rows that a Batch names by their
// ids. While one row is read, one a few further on is prefetched, every cache line of
// it: the rows of a hop lie far apart in memory, and waiting for them is most of what
// a search does.
package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The offsets of the fields of kernel.Batch, which its tests check.
const (
	offTable  = 0
	offQuery  = 8
	offIDs    = 16
	offOut    = 24
	offShift  = 32
	offMask   = 40
	offStride = 48
	offBlocks = 56
	offNorm   = 64
	offScale  = 72
	offBase   = 76
)

// kernelType is the shape of func(b *Batch, n int): the package holds the declarations,
// and any pointer will do here.
const kernelType = "func(b *byte, n int)"

// prefetchLine is the distance between two prefetches: a cache line.
const prefetchLine = 64

// How many rows further on the prefetched row is. Int8 rows are short: with two, the
// processor could wait for more cache lines than it is asked for.
const (
	float32Ahead = 2
	int8Ahead    = 3
)

func main() {
	ConstraintExpr("amd64,!purego")
	float32Kernel("dotAVX2", avx2{}, false)
	float32Kernel("l2AVX2", avx2{}, true)
	float32Kernel("dotAVX512", avx512{}, false)
	float32Kernel("l2AVX512", avx512{}, true)
	int8Kernel("codeAVX2", avx2{}, false)
	int8Kernel("codeAVX512", avx512{}, false)
	int8Kernel("codeVNNI", avx512{}, true)
	prefetch()
	Generate()
}

// isa is what the two instruction sets do differently.
type isa interface {
	bytes() int // of a vector register
	vector() reg.VecVirtual
}

type avx2 struct{}

func (avx2) bytes() int             { return 32 }
func (avx2) vector() reg.VecVirtual { return YMM() }

type avx512 struct{}

func (avx512) bytes() int             { return 64 }
func (avx512) vector() reg.VecVirtual { return ZMM() }

// rows is the walk over the rows of a batch.
type rows struct {
	batch, ids, n, i reg.GPVirtual
	row, ahead       reg.GPVirtual
	between          []reg.GPVirtual // the rows after row and before ahead
}

// newRows is the walk that prefetches the row that is ahead rows further on.
func newRows(ahead int) *rows {
	r := &rows{batch: GP64(), ids: GP64(), n: GP64(), i: GP64(), row: GP64(), ahead: GP64()}
	for range ahead - 1 {
		r.between = append(r.between, GP64())
	}
	Load(Param("b"), r.batch)
	Load(Param("n"), r.n)
	MOVQ(r.field(offIDs), r.ids)
	return r
}

// field is the field of the batch at an offset.
func (r *rows) field(off int) Mem { return Mem{Base: r.batch, Disp: off} }

// address puts the address of row i, or of the last row if there are not that
// many, into to.
func (r *rows) address(i reg.GPVirtual, to reg.GPVirtual) {
	chunk, table := GP64(), GP64()
	LEAQ(Mem{Base: r.n, Disp: -1}, chunk)
	CMPQ(i, chunk)
	CMOVQLT(i, chunk)
	MOVL(Mem{Base: r.ids, Index: chunk, Scale: 4}, to.As32())
	MOVQ(r.field(offShift), chunk)
	SHRXQ(chunk, to, chunk)
	ANDQ(r.field(offMask), to)
	IMULQ(r.field(offStride), to)
	MOVQ(r.field(offTable), table)
	ADDQ(Mem{Base: table, Index: chunk, Scale: 8}, to)
}

// each emits the loop over all rows around body, after prefetching those before the
// first that is ahead.
func (r *rows) each(name string, body func()) {
	TESTQ(r.n, r.n)
	JE(LabelRef(name + "End"))
	XORQ(r.i, r.i)
	r.address(r.i, r.row)
	for j, row := range r.between {
		i := GP64()
		MOVQ(U32(j+1), i)
		r.address(i, row)
	}
	off := GP64()
	XORQ(off, off)
	Label(name + "Warm")
	PREFETCHT0(Mem{Base: r.row, Index: off, Scale: 1})
	for _, row := range r.between {
		PREFETCHT0(Mem{Base: row, Index: off, Scale: 1})
	}
	ADDQ(U8(prefetchLine), off)
	CMPQ(off, r.field(offStride))
	JLT(LabelRef(name + "Warm"))

	Label(name + "Row")
	i := GP64()
	LEAQ(Mem{Base: r.i, Disp: 1 + len(r.between)}, i)
	r.address(i, r.ahead)
	body()
	row := r.row
	for _, next := range append(r.between, r.ahead) {
		MOVQ(next, row)
		row = next
	}
	INCQ(r.i)
	CMPQ(r.i, r.n)
	JLT(LabelRef(name + "Row"))
	Label(name + "End")
	VZEROUPPER()
	RET()
}

// store writes the result of the row.
func (r *rows) store(result reg.Register) {
	out := GP64()
	MOVQ(r.field(offOut), out)
	VMOVSS(result, Mem{Base: out, Index: r.i, Scale: 4})
}

// float32Kernel emits a kernel over rows of blocks of eight float32: the negative
// inner product, or the squared distance.
func float32Kernel(name string, set isa, squared bool) {
	TEXT(name, attr.NOSPLIT|attr.NOFRAME, kernelType)
	r := newRows(float32Ahead)
	query := GP64()
	MOVQ(r.field(offQuery), query)

	const accumulators = 4
	width := set.bytes()
	acc := make([]reg.VecVirtual, accumulators)
	for j := range acc {
		acc[j] = set.vector()
	}
	// step adds what one vector register at off holds to an accumulator.
	step := func(acc reg.VecVirtual, v reg.VecVirtual, off reg.GPVirtual, disp int) {
		VMOVUPS(Mem{Base: r.row, Index: off, Scale: 1, Disp: disp}, v)
		if squared {
			VSUBPS(Mem{Base: query, Index: off, Scale: 1, Disp: disp}, v, v)
			VFMADD231PS(v, v, acc)
		} else {
			VFNMADD231PS(Mem{Base: query, Index: off, Scale: 1, Disp: disp}, v, acc)
		}
	}

	r.each(name, func() {
		left, off := GP64(), GP64()
		for _, a := range acc {
			zero(a)
		}
		XORQ(off, off)
		perRound := accumulators * width / 32 // blocks of 32 bytes
		MOVQ(r.field(offBlocks), left)
		SUBQ(U8(perRound), left)
		JLT(LabelRef(name + "Tail"))
		Label(name + "Round")
		for p := 0; p < accumulators*width; p += prefetchLine {
			PREFETCHT0(Mem{Base: r.ahead, Index: off, Scale: 1, Disp: p})
		}
		for j, a := range acc {
			step(a, set.vector(), off, j*width)
		}
		ADDQ(U32(accumulators*width), off)
		SUBQ(U8(perRound), left)
		JGE(LabelRef(name + "Round"))
		Label(name + "Tail")
		ADDQ(U8(perRound), left)
		JE(LabelRef(name + "Sum"))
		if width == 64 {
			// Pairs of blocks, then the odd one.
			SUBQ(U8(2), left)
			JLT(LabelRef(name + "Odd"))
			Label(name + "Pair")
			PREFETCHT0(Mem{Base: r.ahead, Index: off, Scale: 1})
			step(acc[0], set.vector(), off, 0)
			ADDQ(U8(64), off)
			SUBQ(U8(2), left)
			JGE(LabelRef(name + "Pair"))
			Label(name + "Odd")
			ADDQ(U8(2), left)
			JE(LabelRef(name + "Sum"))
			// A 256-bit operation clears the upper half of its register, so the
			// odd block gets an accumulator of its own.
			PREFETCHT0(Mem{Base: r.ahead, Index: off, Scale: 1})
			odd := YMM()
			zero(odd)
			step(odd, YMM(), off, 0)
			VADDPS(odd.AsZ(), acc[1], acc[1])
		} else {
			Label(name + "Block")
			PREFETCHT0(Mem{Base: r.ahead, Index: off, Scale: 1})
			step(acc[0], set.vector(), off, 0)
			ADDQ(U8(32), off)
			DECQ(left)
			JNE(LabelRef(name + "Block"))
		}
		Label(name + "Sum")
		VADDPS(acc[1], acc[0], acc[0])
		VADDPS(acc[3], acc[2], acc[2])
		VADDPS(acc[2], acc[0], acc[0])
		sum := acc[0].AsY()
		if width == 64 {
			high := YMM()
			VEXTRACTF64X4(U8(1), acc[0], high)
			VADDPS(high, sum, sum)
		}
		half := XMM()
		VEXTRACTF128(U8(1), sum, half)
		low := acc[0].AsX()
		VADDPS(half, low, low)
		VHADDPS(low, low, low)
		VHADDPS(low, low, low)
		r.store(low)
	})
}

// int8Kernel emits a kernel over rows of blocks of sixteen int8, measured against a
// query of int16: base + scale · Σ query·row, and the float32 at offset norm of the
// row added if norm is not 0.
func int8Kernel(name string, set isa, vnni bool) {
	TEXT(name, attr.NOSPLIT|attr.NOFRAME, kernelType)
	r := newRows(int8Ahead)
	query := GP64()
	MOVQ(r.field(offQuery), query)

	const accumulators = 4
	codes := set.bytes() / 2 // int8 that widen to one vector register
	acc := make([]reg.VecVirtual, accumulators)
	for j := range acc {
		acc[j] = set.vector()
	}
	step := func(acc, v reg.VecVirtual, off reg.GPVirtual, disp int) {
		VPMOVSXBW(Mem{Base: r.row, Index: off, Scale: 1, Disp: disp}, v)
		q := Mem{Base: query, Index: off, Scale: 2, Disp: 2 * disp}
		if vnni {
			dotWords(q, v, acc)
			return
		}
		VPMADDWD(q, v, v)
		VPADDD(v, acc, acc)
	}

	r.each(name, func() {
		left, off := GP64(), GP64()
		for _, a := range acc {
			zero(a)
		}
		XORQ(off, off)
		perRound := accumulators * codes / 16 // blocks of 16 codes
		MOVQ(r.field(offBlocks), left)
		SUBQ(U8(perRound), left)
		JLT(LabelRef(name + "Tail"))
		Label(name + "Round")
		for p := 0; p < accumulators*codes; p += prefetchLine {
			PREFETCHT0(Mem{Base: r.ahead, Index: off, Scale: 1, Disp: p})
		}
		for j, a := range acc {
			step(a, set.vector(), off, j*codes)
		}
		ADDQ(U32(accumulators*codes), off)
		SUBQ(U8(perRound), left)
		JGE(LabelRef(name + "Round"))
		Label(name + "Tail")
		ADDQ(U8(perRound), left)
		PREFETCHT0(Mem{Base: r.ahead, Index: off, Scale: 1})
		TESTQ(left, left)
		JE(LabelRef(name + "Sum"))
		if codes == 32 {
			SUBQ(U8(2), left)
			JLT(LabelRef(name + "Odd"))
			Label(name + "Pair")
			step(acc[0], set.vector(), off, 0)
			ADDQ(U8(32), off)
			// Seven blocks and the norm after them lie in two cache lines.
			PREFETCHT0(Mem{Base: r.ahead, Index: off, Scale: 1})
			SUBQ(U8(2), left)
			JGE(LabelRef(name + "Pair"))
			Label(name + "Odd")
			ADDQ(U8(2), left)
			JE(LabelRef(name + "Sum"))
			odd := YMM()
			zero(odd)
			step(odd, YMM(), off, 0)
			VPADDD(odd.AsZ(), acc[1], acc[1])
		} else {
			Label(name + "Block")
			step(acc[0], set.vector(), off, 0)
			ADDQ(U8(16), off)
			DECQ(left)
			JNE(LabelRef(name + "Block"))
		}
		Label(name + "Sum")
		VPADDD(acc[1], acc[0], acc[0])
		VPADDD(acc[3], acc[2], acc[2])
		VPADDD(acc[2], acc[0], acc[0])
		sum := acc[0].AsY()
		if codes == 32 {
			high := YMM()
			VEXTRACTI64X4(U8(1), acc[0], high)
			VPADDD(high, sum, sum)
		}
		half := XMM()
		VEXTRACTI128(U8(1), sum, half)
		low := acc[0].AsX()
		VPADDD(half, low, low)
		VPHADDD(low, low, low)
		VPHADDD(low, low, low)
		VCVTDQ2PS(low, low)
		VMULSS(r.field(offScale), low, low)
		VADDSS(r.field(offBase), low, low)
		norm := GP64()
		MOVQ(r.field(offNorm), norm)
		TESTQ(norm, norm)
		JE(LabelRef(name + "Store"))
		VADDSS(Mem{Base: r.row, Index: norm, Scale: 1}, low, low)
		Label(name + "Store")
		r.store(low)
	})
}

// dotWords emits VPDPWSSD, which avo has no constructor for.
func dotWords(m Mem, v, acc reg.VecVirtual) {
	Instruction(&ir.Instruction{
		Opcode:   "VPDPWSSD",
		Operands: []Op{m, v, acc},
		Inputs:   []Op{m, v, acc},
		Outputs:  []Op{acc},
	})
}

func zero(v reg.VecVirtual) {
	if v.Size() == 64 {
		VPXORD(v, v, v)
		return
	}
	VPXOR(v, v, v)
}

// prefetch emits a kernel that asks for the two cache lines at an address.
func prefetch() {
	TEXT("prefetch128", attr.NOSPLIT|attr.NOFRAME, "func(p *byte)")
	p := GP64()
	Load(Param("p"), p)
	PREFETCHT0(Mem{Base: p})
	PREFETCHT0(Mem{Base: p, Disp: 64})
	RET()
}
