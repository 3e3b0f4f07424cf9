package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
)

// kernels are those that are checked.
var kernels = []string{"dotAVX2", "l2AVX2", "codeAVX2", "dotAVX512", "l2AVX512", "codeAVX512", "codeVNNI"}

// testCase is one call of a kernel.
type testCase struct {
	kernel, what string
	want         []float64 // the last is after the results, and unwritten
	slack        []float64 // how far from want a result may be
}

func (c testCase) compare(got []float32) error {
	for i, want := range c.want {
		if d := math.Abs(float64(got[i]) - want); !(d <= c.slack[i]) {
			return fmt.Errorf("%s, %s: result %d is %v: want %v", c.kernel, c.what, i, got[i], want)
		}
	}
	return nil
}

// rows are rows that a batch names, with the expected result of each.
type rows struct {
	what  string
	batch batch
	// measure returns the result of a kernel for a row, and how far off it may be.
	measure func(kernel string, id uint32) (want, slack float64)
}

const (
	rowCount = 6
	shift    = 1 // two rows in each chunk
)

// cases calls the kernels with rows of all lengths up to 20 blocks, which takes every
// path through them, and with long ones.
func (m *image) cases(code map[string][]byte) []testCase {
	r := rand.New(rand.NewPCG(1, 2))
	functions := map[string]uint64{}
	for _, k := range kernels {
		functions[k] = m.place(code[k])
	}
	lists := [][]uint32{{}, {4}, {1, 5}, {3, 0, 5, 5, 2, 1, 4}}
	placed := make([]uint64, len(lists))
	for i, ids := range lists {
		placed[i] = m.place(ids)
	}
	var cases []testCase
	run := func(r rows, kernels ...string) {
		for _, k := range kernels {
			for i, ids := range lists {
				b := r.batch
				b.IDs = placed[i]
				m.run(functions[k], b, len(ids))
				c := testCase{kernel: k, what: fmt.Sprintf("%s, rows %v", r.what, ids)}
				for _, id := range ids {
					want, slack := r.measure(k, id)
					c.want, c.slack = append(c.want, want), append(c.slack, slack)
				}
				c.want, c.slack = append(c.want, unwritten), append(c.slack, 0)
				cases = append(cases, c)
			}
		}
	}
	lengths := []int{96}
	for blocks := range 20 {
		lengths = append(lengths, blocks+1)
	}
	for _, blocks := range lengths {
		run(m.floats(r, blocks), "dotAVX2", "l2AVX2", "dotAVX512", "l2AVX512")
		for _, c := range []struct{ norm, extreme bool }{{false, false}, {true, false}, {false, true}} {
			run(m.codes(r, blocks, c.norm, c.extreme), "codeAVX2", "codeAVX512", "codeVNNI")
		}
	}
	return cases
}

// floats places rows of float32 and a query.
func (m *image) floats(r *rand.Rand, blocks int) rows {
	random := func() []float32 {
		v := make([]float32, 8*blocks)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	query, data := random(), make([][]float32, rowCount)
	table := make([]uint64, rowCount>>shift)
	for i := range table {
		data[2*i], data[2*i+1] = random(), random()
		table[i] = m.place(append(append([]float32{}, data[2*i]...), data[2*i+1]...))
	}
	return rows{
		what: fmt.Sprintf("%d blocks", blocks),
		batch: batch{
			Table: m.place(table), Query: m.place(query), Shift: shift, Mask: 1<<shift - 1,
			Stride: uint64(32 * blocks), Blocks: uint64(blocks),
		},
		measure: func(kernel string, id uint32) (want, slack float64) {
			var dot, square, size float64
			for i, x := range data[id] {
				q, x := float64(query[i]), float64(x)
				dot += q * x
				size += math.Abs(q * x)
				square += (q - x) * (q - x)
			}
			if kernel == "l2AVX2" || kernel == "l2AVX512" {
				return square, 1e-5 * (square + 1)
			}
			return -dot, 1e-5 * (size + 1)
		},
	}
}

// codes places rows of int8, each followed by a norm, and a query of int16 that is
// as large as the sum allows. With extreme, every row comes as near to an overflow as
// it can.
func (m *image) codes(r *rand.Rand, blocks int, norm, extreme bool) rows {
	const scale, base = 0.3, -3
	dim := 16 * blocks
	limit := min(math.MaxInt16, math.MaxInt32/(128*dim))
	query := make([]int16, dim)
	for i := range query {
		query[i] = int16(r.IntN(2*limit+1) - limit)
		if extreme {
			query[i] = int16(limit)
		}
	}
	norms, data := make([]float32, rowCount), make([][]int8, rowCount)
	stride := dim + 16
	chunks := make([][]byte, rowCount>>shift)
	for id := range data {
		norms[id], data[id] = float32(r.NormFloat64()), make([]int8, dim)
		row := make([]byte, stride)
		for i := range data[id] {
			data[id][i] = int8(r.IntN(256) - 128)
			if extreme {
				data[id][i] = math.MinInt8
			}
			row[i] = byte(data[id][i])
		}
		binary.LittleEndian.PutUint32(row[dim:], math.Float32bits(norms[id]))
		chunks[id>>shift] = append(chunks[id>>shift], row...)
	}
	table := make([]uint64, len(chunks))
	for i, c := range chunks {
		table[i] = m.place(c)
	}
	b := batch{
		Table: m.place(table), Query: m.place(query), Shift: shift, Mask: 1<<shift - 1,
		Stride: uint64(stride), Blocks: uint64(blocks), Scale: scale, Base: base,
	}
	if norm {
		b.Norm = uint64(dim)
	}
	return rows{
		what:  fmt.Sprintf("%d blocks, norm %v, extreme %v", blocks, norm, extreme),
		batch: b,
		measure: func(_ string, id uint32) (want, slack float64) {
			var sum int64
			for i, x := range data[id] {
				sum += int64(x) * int64(query[i])
			}
			d := float32(float32(sum)*scale) + base
			if norm {
				d += norms[id]
			}
			return float64(d), 0
		},
	}
}
