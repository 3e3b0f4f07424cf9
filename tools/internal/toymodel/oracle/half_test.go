package oracle

import (
	"math"
	"testing"
)

// Values of IEEE 754 half precision.
func TestHalf(t *testing.T) {
	for _, c := range [][2]float64{
		{0, 0}, {1, 1}, {-2, -2}, {65504, 65504},
		{1.0 / 3, 0.333251953125},     // 0x3555
		{0.1, 0.0999755859375},        // 0x2e66
		{math.Pi, 3.140625},           // 0x4248
		{1 + 1.0/2048, 1},             // halfway, to even
		{1 + 3.0/2048, 1 + 2.0/1024},  // halfway, to even
		{math.Ldexp(1, -24), 0x1p-24}, // the smallest one
		{math.Ldexp(1, -25), 0},       // halfway, to even
		{6.1e-5, 6.097555160522461e-05},
	} {
		if got := half(c[0]); got != c[1] {
			t.Errorf("half(%v) = %v, want %v", c[0], got, c[1])
		}
	}
}
