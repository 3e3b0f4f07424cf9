package scoring

import (
	"math"

	"github.com/goselfrag/goselfrag/internal/enum"
)

// PathScore says how the scores of a path's segments become the score of the path.
// The zero value, and a value without a name, acts as PathMean.
type PathScore string

const (
	PathMean    PathScore = "mean"    // the arithmetic mean; 0 for a path without segments
	PathSum     PathScore = "sum"     // the sum; 0 for a path without segments
	PathProduct PathScore = "product" // the product, as in the released code; 1 for a path without segments
)

var pathScores = enum.Texts[PathScore]{Package: "scoring", What: "path score", Names: []PathScore{PathMean, PathSum, PathProduct}}

// MarshalText writes p, the zero value as mean. A value without a name is an error.
func (p PathScore) MarshalText() ([]byte, error) { return pathScores.Marshal(p) }

// UnmarshalText reads what MarshalText writes.
func (p *PathScore) UnmarshalText(b []byte) error { return pathScores.Unmarshal(b, p) }

// Score returns the score of a path from the scores of its segments, combined from
// left to right. Note that under PathProduct two negative segments make a positive
// path.
func (p PathScore) Score(segments []float64) float64 {
	return p.finish(p.fold(segments), len(segments))
}

// Bounds returns the interval of the path's score after a segment with a score
// within next is added to the segments in done. Under PathProduct a negative
// product of done reverses the interval. The ends are computed like
// [PathScore.Score], so they enclose its result without any rounding error.
func (p PathScore) Bounds(done []float64, next Interval) Interval {
	acc := p.fold(done)
	a := p.finish(p.combine(acc, next.Lo), len(done)+1)
	b := p.finish(p.combine(acc, next.Hi), len(done)+1)
	return Interval{Lo: min(a, b), Hi: max(a, b)}
}

// Below reports whether a score of at most hi is below theta: hi + 1e-9·max(1,
// |theta|) < theta. The margin is larger than rounding errors of a bound. It grows
// with theta because of products and large weights. Equal scores are not below each
// other. With NaN the result is false.
func Below(hi, theta float64) bool { return hi+1e-9*max(1, math.Abs(theta)) < theta }

func (p PathScore) fold(segments []float64) float64 {
	acc := 0.0
	if p == PathProduct {
		acc = 1
	}
	for _, s := range segments {
		acc = p.combine(acc, s)
	}
	return acc
}

func (p PathScore) combine(acc, s float64) float64 {
	if p == PathProduct {
		return acc * s
	}
	return acc + s
}

func (p PathScore) finish(acc float64, n int) float64 {
	if p == PathSum || p == PathProduct || n == 0 {
		return acc
	}
	return acc / float64(n)
}
