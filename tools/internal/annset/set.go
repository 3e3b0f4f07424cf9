package annset

import (
	"fmt"
	"math"
)

// Metric says what near means. A smaller distance is nearer.
type Metric string

const (
	L2           Metric = "l2"     // squared Euclidean distance
	Cosine       Metric = "cosine" // 1 - cosine; a set with this metric holds unit vectors
	InnerProduct Metric = "ip"     // - inner product
)

// Vectors are consecutive rows of the same number of dimensions.
type Vectors struct {
	Dim  int
	Data []float32 // Len() * Dim values
}

// Len is the number of rows.
func (v Vectors) Len() int {
	if v.Dim == 0 {
		return 0
	}
	return len(v.Data) / v.Dim
}

// Row returns row i, which shares the memory of v.
func (v Vectors) Row(i int) []float32 { return v.Data[i*v.Dim : (i+1)*v.Dim : (i+1)*v.Dim] }

// First returns the first n rows, or all if there are fewer. They share the memory of v.
func (v Vectors) First(n int) Vectors {
	return Vectors{Dim: v.Dim, Data: v.Data[:min(n, v.Len())*v.Dim]}
}

// Set is what an index is measured on: vectors to hold and queries to answer, none of
// which is among the vectors held. The number of a vector is its row.
type Set struct {
	Name    string
	Metric  Metric
	Base    Vectors
	Queries Vectors
}

// WithMetric returns the set under another metric. For Cosine the vectors are copied
// and scaled to length 1, so that every index gets the same values; a vector of length
// 0 is an error.
func (s *Set) WithMetric(m Metric) (*Set, error) {
	out := *s
	out.Metric = m
	switch m {
	case L2, InnerProduct:
		return &out, nil
	case Cosine:
		if s.Metric == Cosine {
			return &out, nil
		}
	default:
		return nil, fmt.Errorf("metric is %q: want %s, %s or %s", m, L2, Cosine, InnerProduct)
	}
	for _, v := range []*Vectors{&out.Base, &out.Queries} {
		*v = Vectors{Dim: v.Dim, Data: append([]float32(nil), v.Data...)}
		for i := range v.Len() {
			if !normalize(v.Row(i)) {
				return nil, fmt.Errorf("%s: a vector (row %d) has length 0: it has no cosine; leave it out or choose metric %s", s.Name, i, L2)
			}
		}
	}
	return &out, nil
}

// normalize scales v to length 1 and reports whether it could.
func normalize(v []float32) bool {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return false
	}
	scale := 1 / math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) * scale)
	}
	return true
}

// distance computes the distance of two vectors of equal length in float32. For Cosine
// both have length 1.
func (m Metric) distance(a, b []float32) float32 {
	if m == L2 {
		return squaredL2(a, b)
	}
	d := dot(a, b)
	if m == Cosine {
		return 1 - d
	}
	return -d
}

// Four sums at a time: one sum alone would wait for each addition.
func squaredL2(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	for len(a) >= 4 {
		d0, d1, d2, d3 := a[0]-b[0], a[1]-b[1], a[2]-b[2], a[3]-b[3]
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
		a, b = a[4:], b[4:]
	}
	for i := range a {
		d := a[i] - b[i]
		s0 += d * d
	}
	return s0 + s1 + s2 + s3
}

func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	for len(a) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i := range a {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}
