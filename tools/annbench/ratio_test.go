package main

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEqualRecall(t *testing.T) {
	base := []sample{{0.85, 4000}, {0.95, 2000}, {0.9995, 500}}
	for _, tt := range []struct {
		name            string
		x, y            []sample
		ratio, from, to float64
	}{
		{"itself", base, base, 1, 0.90, 0.999},
		{"three times", []sample{{0.85, 12000}, {0.95, 6000}, {0.9995, 1500}}, base, 3, 0.90, 0.999},
		{"turned round", base, []sample{{0.85, 12000}, {0.95, 6000}, {0.9995, 1500}}, 1.0 / 3, 0.90, 0.999},
		// The difference of the logarithms rises evenly from 0 to log 4: its mean is log 2.
		{"drawn apart", []sample{{0.90, 1000}, {0.999, 400}}, []sample{{0.90, 1000}, {0.999, 100}}, 2, 0.90, 0.999},
		{"other order", []sample{{0.999, 400}, {0.90, 1000}}, []sample{{0.90, 1000}, {0.999, 100}}, 2, 0.90, 0.999},
		// At 0.94 and 0.96, x is 400 and 200, y 100 and 50.
		{"part in common", []sample{{0.92, 800}, {0.96, 200}}, []sample{{0.94, 100}, {0.98, 25}}, 4, 0.94, 0.96},
		{"nothing in common", []sample{{0.1, 9}, {0.2, 8}}, base, math.NaN(), 0, 0},
		{"a point", []sample{{0.95, 9}}, base, math.NaN(), 0, 0},
		{"nothing", nil, base, math.NaN(), 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ratio, from, to := equalRecall(tt.x, tt.y)
			if math.IsNaN(tt.ratio) {
				if !math.IsNaN(ratio) {
					t.Errorf("ratio %v, want none", ratio)
				}
				return
			}
			if math.Abs(ratio/tt.ratio-1) > 1e-4 || from != tt.from || to != tt.to {
				t.Errorf("ratio %v over %v to %v, want %v over %v to %v", ratio, from, to, tt.ratio, tt.from, tt.to)
			}
		})
	}
}

func TestFrontier(t *testing.T) {
	got := frontier([]sample{{0.9, 100}, {0.95, 120}, {0.99, 50}, {1, 10}, {1, 20}, {0.97, 40}})
	want := []sample{{0.95, 120}, {0.99, 50}, {1, 20}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(sample{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 9, 2}, 3}} {
		if got := median(tt.values); got != tt.want {
			t.Errorf("median of %v is %v, want %v", tt.values, got, tt.want)
		}
	}
}
