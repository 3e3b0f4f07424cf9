package hnsw

import (
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/viterin/vek/vek32"
)

// rotation rotates vectors so that no component is much larger than the others:
// random signs and a Walsh–Hadamard transform of the first components, as many as
// the largest power of two, then the same for the last ones. It preserves lengths
// and inner products. Codes of rotated vectors are more accurate if some dimensions
// have far larger values than others.
type rotation struct {
	size          int // of the transform
	first, second []float32
}

func newRotation(dim int, seed uint64) *rotation {
	r := rand.New(rand.NewPCG(seed, 0x726f74617465))
	signs := func() []float32 {
		s := make([]float32, dim)
		for i := range s {
			s[i] = float32(1 - 2*int(r.Uint64()&1))
		}
		return s
	}
	return &rotation{size: 1 << (bits.Len(uint(dim)) - 1), first: signs(), second: signs()}
}

// turn rotates x in place.
func (r *rotation) turn(x []float32) {
	vek32.Mul_Inplace(x, r.first)
	hadamard(x[:r.size])
	vek32.Mul_Inplace(x, r.second)
	hadamard(x[len(x)-r.size:])
}

// back inverts turn.
func (r *rotation) back(x []float32) {
	hadamard(x[len(x)-r.size:])
	vek32.Mul_Inplace(x, r.second)
	hadamard(x[:r.size])
	vek32.Mul_Inplace(x, r.first)
}

// hadamard is the Walsh–Hadamard transform, scaled so that it is its own inverse.
// The length is a power of two.
func hadamard(x []float32) {
	for half := 1; half < len(x); half *= 2 {
		for start := 0; start < len(x); start += 2 * half {
			a, b := x[start:start+half], x[start+half:start+2*half]
			for i, u := range a {
				v := b[i]
				a[i], b[i] = u+v, u-v
			}
		}
	}
	vek32.MulNumber_Inplace(x, float32(1/math.Sqrt(float64(len(x)))))
}
