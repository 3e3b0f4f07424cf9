package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/viterin/vek/vek32"
)

// The assembly finds the fields of a Batch by these offsets.
func TestBatchOffsets(t *testing.T) {
	var b Batch
	got := []uintptr{
		unsafe.Offsetof(b.Table), unsafe.Offsetof(b.Query), unsafe.Offsetof(b.IDs), unsafe.Offsetof(b.Out),
		unsafe.Offsetof(b.Shift), unsafe.Offsetof(b.Mask), unsafe.Offsetof(b.Stride), unsafe.Offsetof(b.Blocks),
		unsafe.Offsetof(b.Norm), unsafe.Offsetof(b.Scale), unsafe.Offsetof(b.Base),
	}
	for i, want := range []uintptr{0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 76} {
		if got[i] != want {
			t.Errorf("field %d is at %d: want %d", i, got[i], want)
		}
	}
}

// floats is a set of rows of float32 in chunks of 2^shift rows, and a query.
type floats struct {
	rows  [][]float32 // the values, without padding
	query []float32
	keep  [][]float32
	table []unsafe.Pointer
	batch Batch
}

func newFloats(r *rand.Rand, n, dim, shift int) *floats {
	f := &floats{}
	padded := (dim + 7) / 8 * 8
	perChunk := 1 << shift
	for c := 0; c*perChunk < n; c++ {
		chunk := make([]float32, perChunk*padded)
		f.keep = append(f.keep, chunk)
		f.table = append(f.table, unsafe.Pointer(&chunk[0]))
	}
	for i := range n {
		at := (i & (perChunk - 1)) * padded
		row := f.keep[i>>shift][at : at+dim]
		for j := range row {
			row[j] = float32(r.NormFloat64())
		}
		f.rows = append(f.rows, row)
	}
	f.query = make([]float32, padded)
	for j := range dim {
		f.query[j] = float32(r.NormFloat64())
	}
	f.batch = Batch{
		Table: unsafe.Pointer(&f.table[0]), Query: unsafe.Pointer(&f.query[0]),
		Shift: uint64(shift), Mask: uint64(perChunk - 1), Stride: uint64(padded * 4), Blocks: uint64(padded / 8),
	}
	return f
}

// run measures the rows ids.
func (f *floats) run(k func(*Batch, int), ids []uint32) []float32 {
	out := make([]float32, len(ids)+1)
	out[len(ids)] = 42 // must not be written
	f.batch.Out = &out[0]
	if len(ids) > 0 {
		f.batch.IDs = &ids[0]
	}
	k(&f.batch, len(ids))
	return out
}

func TestFloat32(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, set := range Available() {
		t.Run(set.Name, func(t *testing.T) {
			for dim := 1; dim <= 200; dim++ {
				f := newFloats(r, 40, dim, 4)
				for _, n := range []int{0, 1, 2, 3, 7, 33} {
					ids := make([]uint32, n)
					for i := range ids {
						ids[i] = r.Uint32N(40)
					}
					dots, squares := f.run(set.Dot, ids), f.run(set.L2, ids)
					if dots[n] != 42 || squares[n] != 42 {
						t.Fatalf("dimension %d, %d rows: wrote behind the results", dim, n)
					}
					for i, id := range ids {
						var dot, square, size float64
						for j, x := range f.rows[id] {
							d := float64(f.query[j]) - float64(x)
							square += d * d
							dot += float64(f.query[j]) * float64(x)
							size += math.Abs(float64(f.query[j]) * float64(x))
						}
						if math.Abs(float64(dots[i])+dot) > 1e-5*(size+1) {
							t.Fatalf("dimension %d, row %d of %d: dot is %v: want %v", dim, i, n, dots[i], -dot)
						}
						if math.Abs(float64(squares[i])-square) > 1e-5*(square+1) {
							t.Fatalf("dimension %d, row %d of %d: squared distance is %v: want %v", dim, i, n, squares[i], square)
						}
						// vek is a second, independent implementation.
						if v := vek32.Dot(f.query[:dim], f.rows[id]); math.Abs(float64(dots[i]+v)) > 1e-5*(size+1) {
							t.Fatalf("dimension %d: dot is %v: vek has %v", dim, dots[i], -v)
						}
					}
				}
			}
		})
	}
}

// codes is a set of rows of int8, each followed by a float32, and a query of int16.
type codes struct {
	rows  [][]int8
	norms []float32
	query []int16
	keep  []int8
	table []unsafe.Pointer
	batch Batch
}

func newCodes(r *rand.Rand, n, dim int, limit int16) *codes {
	padded := (dim + 15) / 16 * 16
	stride := padded + 16
	c := &codes{keep: make([]int8, n*stride), query: make([]int16, padded)}
	c.table = []unsafe.Pointer{unsafe.Pointer(&c.keep[0])}
	for i := range n {
		row := c.keep[i*stride : i*stride+dim]
		for j := range row {
			row[j] = int8(r.IntN(256) - 128)
		}
		c.rows = append(c.rows, row)
		norm := float32(r.NormFloat64())
		*(*float32)(unsafe.Pointer(&c.keep[i*stride+padded])) = norm
		c.norms = append(c.norms, norm)
	}
	for j := range dim {
		c.query[j] = int16(r.IntN(2*int(limit)+1) - int(limit))
	}
	c.batch = Batch{
		Table: unsafe.Pointer(&c.table[0]), Query: unsafe.Pointer(&c.query[0]), Shift: 20, Mask: 1<<20 - 1,
		Stride: uint64(stride), Blocks: uint64(padded / 16), Norm: uint64(padded), Scale: 0.3, Base: -3,
	}
	return c
}

func TestCode(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, set := range Available() {
		t.Run(set.Name, func(t *testing.T) {
			for dim := 1; dim <= 200; dim++ {
				// The largest query whose sum cannot overflow an int32.
				c := newCodes(r, 20, dim, int16(min(32767, (1<<31-1)/(128*dim))))
				for _, norm := range []bool{true, false} {
					if !norm {
						c.batch.Norm = 0
					}
					ids := []uint32{3, 19, 0, 7, 7, 12, 1}
					out := make([]float32, len(ids))
					c.batch.IDs, c.batch.Out = &ids[0], &out[0]
					set.Code(&c.batch, len(ids))
					for i, id := range ids {
						var sum int64
						for j, x := range c.rows[id] {
							sum += int64(x) * int64(c.query[j])
						}
						want := float32(float32(sum)*0.3) + -3
						if norm {
							want += c.norms[id]
						}
						if out[i] != want {
							t.Fatalf("dimension %d, row %d: got %v, want %v", dim, id, out[i], want)
						}
					}
				}
			}
		})
	}
}

// The largest values do not overflow.
func TestCodeExtremes(t *testing.T) {
	for _, set := range Available() {
		for _, dim := range []int{16, 768, 4096} {
			limit := int16(min(32767, (1<<31-1)/(128*dim)))
			c := newCodes(rand.New(rand.NewPCG(5, 6)), 1, dim, limit)
			c.batch.Norm, c.batch.Base, c.batch.Scale = 0, 0, 1
			for j := range c.rows[0] {
				c.rows[0][j], c.query[j] = -128, limit
			}
			ids, out := []uint32{0}, []float32{0}
			c.batch.IDs, c.batch.Out = &ids[0], &out[0]
			set.Code(&c.batch, 1)
			if want := float32(-128 * int64(limit) * int64(dim)); out[0] != want {
				t.Errorf("%s, dimension %d: got %v, want %v", set.Name, dim, out[0], want)
			}
		}
	}
}

// BenchmarkRows measures rows that lie far apart, as those of a hop do, and prints
// how much faster the kernel is than vek called row by row.
func BenchmarkRows(b *testing.B) {
	for _, dim := range []int{128, 768} {
		n := 50 << 20 / (4 * dim)
		f := newFloats(rand.New(rand.NewPCG(1, 2)), n, dim, 13)
		ids := make([]uint32, 1<<16)
		r := rand.New(rand.NewPCG(7, 8))
		for i := range ids {
			ids[i] = r.Uint32N(uint32(n))
		}
		const hop = 20
		out := make([]float32, hop)
		f.batch.Out = &out[0]
		at := 0
		next := func() []uint32 {
			at = (at + hop) % (len(ids) - hop)
			return ids[at : at+hop]
		}
		var vek float64
		b.Run(fmt.Sprintf("%d/vek", dim), func(b *testing.B) {
			for b.Loop() {
				for i, id := range next() {
					out[i] = vek32.Dot(f.query, f.rows[id])
				}
			}
			vek = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(vek/hop, "ns/row")
		})
		for _, set := range Available() {
			b.Run(fmt.Sprintf("%d/%s", dim, set.Name), func(b *testing.B) {
				for b.Loop() {
					f.batch.IDs = &next()[0]
					set.Dot(&f.batch, hop)
				}
				per := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
				b.ReportMetric(per/hop, "ns/row")
				b.ReportMetric(vek/per, "x-vek")
			})
		}
	}
}
