// Package linear holds small linear models over named features: softmax over
// classes and softmax over alternatives, and the file they are kept in. The module
// tools fits them.
package linear

import (
	"fmt"
	"math"
	"slices"
)

// Model is a linear model. It gives a vector of features x one score for each
// row of Weights, Σ_j Weights[r][j]·x[j].
//
//   - With Classes, it is multinomial logistic regression: the probability of
//     class r is the softmax of the scores at r. There are as many rows as
//     classes.
//   - Without, it is a conditional logit: one row, and the softmax is over
//     alternatives, each with a vector of its own.
//
// A Model that passes [Model.Check] is safe for concurrent use while it is not
// changed.
type Model struct {
	Features []string    `json:"features"`
	Classes  []string    `json:"classes,omitempty"`
	Weights  [][]float64 `json:"weights"`
}

// Check returns an error if the parts of m do not fit together or a weight is
// not finite.
func (m *Model) Check() error {
	rows := max(1, len(m.Classes))
	if len(m.Weights) != rows || len(m.Features) == 0 || len(m.Classes) == 1 {
		return fmt.Errorf("%d features, %d classes and %d rows of weights: want at least 1 feature, no class or at least 2, and %d rows",
			len(m.Features), len(m.Classes), len(m.Weights), rows)
	}
	for r, row := range m.Weights {
		if len(row) != len(m.Features) {
			return fmt.Errorf("row %d has %d weights: want one for each of %d features", r, len(row), len(m.Features))
		}
		for j, w := range row {
			if math.IsNaN(w) || math.Abs(w) > maxWeight {
				return fmt.Errorf("the weight of %q is %v: want a number of magnitude up to %g", m.Features[j], w, float64(maxWeight))
			}
		}
	}
	return nil
}

const maxWeight = 1e6

// Expects returns an error unless m has exactly these features and classes, in
// this order.
func (m *Model) Expects(features, classes []string) error {
	if i := firstDifference(m.Features, features); i >= 0 {
		return fmt.Errorf("feature %d is %q: want %q: fit the model again with this version of the program", i, at(m.Features, i), at(features, i))
	}
	if i := firstDifference(m.Classes, classes); i >= 0 {
		return fmt.Errorf("class %d is %q: want %q", i, at(m.Classes, i), at(classes, i))
	}
	return nil
}

func firstDifference(a, b []string) int {
	if slices.Equal(a, b) {
		return -1
	}
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return len(a)
}

func at(s []string, i int) string {
	if i < len(s) {
		return s[i]
	}
	return ""
}

// Score returns the score of x under the first row. Features beyond the length
// of the shorter of x and the row count as 0.
func (m *Model) Score(x []float64) float64 { return dot(m.Weights[0], x) }

// Probs returns the probabilities of the classes for x.
func (m *Model) Probs(x []float64) []float64 {
	out := make([]float64, len(m.Weights))
	for r, row := range m.Weights {
		out[r] = dot(row, x)
	}
	Softmax(out)
	return out
}

func dot(w, x []float64) float64 {
	sum := 0.0
	for j := range min(len(w), len(x)) {
		if x[j] != 0 {
			sum += float64(w[j] * x[j]) // rounded, so that all processors agree
		}
	}
	return sum
}

// Softmax turns scores into probabilities, in place.
func Softmax(x []float64) {
	if len(x) == 0 {
		return
	}
	top, sum := slices.Max(x), 0.0
	for i := range x {
		x[i] = math.Exp(x[i] - top)
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
}
