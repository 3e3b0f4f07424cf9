package metric

import (
	"cmp"
	"math"
	"slices"
)

// CoveragePoint says what comes of answering only what has a score of at least Threshold.
type CoveragePoint struct {
	Threshold float64 `json:"threshold"`
	Coverage  float64 `json:"coverage"` // share of the questions that are answered, in (0, 1]
	Risk      float64 `json:"risk"`     // share of the wrong among these answers, in [0, 1]
}

// RiskCoverage returns the risk-coverage curve of abstaining by a score (El-Yaniv and Wiener,
// "On the Foundations of Noise-free Selective Classification", 2010): a point for each
// different score, from the greatest on, so that coverage grows to 1. The error, an
// *[InputError], says that the lengths differ, that there is no answer, or that a score is NaN.
func RiskCoverage(scores []float64, right []bool) ([]CoveragePoint, error) {
	if err := checkLengths("RiskCoverage", "scores", len(scores), "right", len(right)); err != nil {
		return nil, err
	}
	order := make([]int, len(scores))
	for i, s := range scores {
		if math.IsNaN(s) {
			return nil, inputError("RiskCoverage", "scores[%d] is NaN: want a number", i)
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(scores[j], scores[i]) })
	var list []CoveragePoint
	wrong := 0
	for n, i := range order {
		if !right[i] {
			wrong++
		}
		if n+1 == len(order) || scores[order[n+1]] != scores[i] {
			list = append(list, CoveragePoint{scores[i], share(n+1, len(order)), share(wrong, n+1)})
		}
	}
	return list, nil
}

// RiskCoverageArea (AURC) returns the area below the steps of the curve of [RiskCoverage], in
// [0, 1]: the mean risk over all coverages, each point holding back to the one before. A score
// that says nothing has about the share of wrong answers; less is better. The error is that of
// RiskCoverage.
func RiskCoverageArea(scores []float64, right []bool) (float64, error) {
	points, err := RiskCoverage(scores, right)
	area, before := 0.0, 0.0
	for _, p := range points {
		area += (p.Coverage - before) * p.Risk
		before = p.Coverage
	}
	return area, err
}

// Brier returns the mean squared distance of probabilities from what happened, 1 or 0, in
// [0, 1] (Brier, "Verification of forecasts expressed in terms of probability", 1950, for two
// outcomes, halved). The error, an *[InputError], says that the lengths differ, that there is
// no example, or that a probability is not in [0, 1].
func Brier(probabilities []float64, happened []bool) (float64, error) {
	if err := checkLengths("Brier", "probabilities", len(probabilities), "happened", len(happened)); err != nil {
		return 0, err
	}
	sum := 0.0
	for i, p := range probabilities {
		if !(p >= 0 && p <= 1) { // false for NaN, too
			return 0, inputError("Brier", "probabilities[%d] is %v: want a number in [0, 1]", i, p)
		}
		if happened[i] {
			p = 1 - p
		}
		sum += p * p
	}
	return sum / float64(len(probabilities)), nil
}

// FactScore returns the share of the facts of an answer that are supported, in [0, 1], times
// the penalty of FActScore for short answers (Min et al., arXiv 2305.14251): with n facts it
// is exp(1 − gamma/n) if n is at most gamma. The released tool takes gamma 10; 0 means no
// penalty. The result is 0 without facts; FActScore leaves such answers out of its mean.
func FactScore(supported []bool, gamma float64) float64 {
	n, right := float64(len(supported)), 0
	for _, s := range supported {
		if s {
			right++
		}
	}
	penalty := 1.0
	if len(supported) > 0 && n <= gamma {
		penalty = math.Exp(1 - gamma/n)
	}
	return penalty * share(right, len(supported))
}
