package toymodel

import "math"

// feature is a coordinate of the residual stream. Weights are set so that it is 1 where a
// condition holds and 0 where it does not, or a share between.
type feature int

// weight is a feature with a factor; several make a linear reading.
type weight struct {
	of feature
	by float64
}

// reading is a sum of features.
type reading []weight

func unitReading(list ...feature) reading {
	var r reading
	for _, f := range list {
		r = append(r, weight{f, 1})
	}
	return r
}

// match adds nats · query(here) · key(there) to the score of attention.
type match struct {
	query, key reading
	nats       float64
}

// move adds the reading of the place attended to to a feature here.
type move struct {
	from reading
	to   feature
}

// turn adds nats · cos(frequency · distance + phase) to the score, by means of
// the rotary position embedding of one pair of coordinates.
type turn struct {
	pair        int
	nats, phase float64
}

// head is an attention head.
type head struct {
	matches []match
	turns   []turn
	moves   []move
}

// The shape of the model. The frequencies of the rotating pairs of a head are powers
// of ten. The slots for matches are in pairs that rotate by 1e-8 a position or less,
// so that position does not matter there.
const (
	layers    = 3
	heads     = 2
	headWidth = 64
	firstSlot = 16
	ropeBase  = 1e32 // frequency of pair i: ropeBase^(-2i/headWidth) = 10^-i
	epsilon   = 1e-5
	feedWidth = 32 // of the feed-forward part, which is all zero
	context   = 4096
)

// one is the feature that is always on, and bias its size. Because it outweighs
// all others, the norms between the layers, which divide by the length of the
// vector, divide by nearly the same number everywhere, and weights can be set as
// if there were no norms.
const (
	one  = feature(0)
	bias = 256.0
)

// norm is the factor that undoes the division.
func norm(width int) float32 { return float32(bias / math.Sqrt(float64(width))) }

// writeReading writes a reading, times by, into a row of a matrix.
func writeReading(row []float32, r reading, by float64) {
	for _, w := range r {
		size := 1.0
		if w.of == one {
			size = bias
		}
		row[w.of] = float32(by * w.by / size)
	}
}

// layer holds the matrices of one layer's attention, row by row; a row holds what
// one output reads.
type layer struct{ q, k, v, out []float32 }

// compile turns the heads of a layer into matrices for a stream of the given
// width.
func compile(list [heads]head, width int) layer {
	inner := heads * headWidth
	l := layer{
		q: make([]float32, inner*width), k: make([]float32, inner*width),
		v: make([]float32, inner*width), out: make([]float32, width*inner),
	}
	// Scores are divided by the root of the head's width.
	scale := math.Sqrt(headWidth)
	for i, h := range list {
		row := func(m []float32, at int) []float32 {
			at += i * headWidth
			return m[at*width : (at+1)*width]
		}
		if firstSlot+len(h.matches) > headWidth || len(h.moves) > headWidth {
			panic("toymodel: a head has too many matches or moves")
		}
		for j, m := range h.matches {
			size := math.Sqrt(scale * math.Abs(m.nats))
			writeReading(row(l.q, firstSlot+j), m.query, size)
			writeReading(row(l.k, firstSlot+j), m.key, math.Copysign(size, m.nats))
		}
		for _, t := range h.turns {
			size := math.Sqrt(scale * t.nats)
			writeReading(row(l.q, 2*t.pair), unitReading(one), size*math.Cos(t.phase))
			writeReading(row(l.q, 2*t.pair+1), unitReading(one), size*math.Sin(t.phase))
			writeReading(row(l.k, 2*t.pair), unitReading(one), size)
		}
		for j, m := range h.moves {
			writeReading(row(l.v, j), m.from, 1)
			l.out[int(m.to)*inner+i*headWidth+j] = 1
		}
	}
	return l
}
