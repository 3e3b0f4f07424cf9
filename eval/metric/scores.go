package metric

import (
	"cmp"
	"math"
	"slices"
)

// AUC returns the area under the ROC curve, in [0, 1]: the probability that a
// positive example scores higher than a negative one, an equal score counting half
// (the Mann-Whitney statistic divided by the number of pairs). A score that says
// nothing has 1/2. Infinite scores are allowed. The error, an *[InputError], says that
// the lengths differ, that a score is NaN, or that there is no positive or no negative
// example, when the area is not defined.
func AUC(scores []float64, positive []bool) (float64, error) {
	if err := checkLengths("AUC", "scores", len(scores), "positive", len(positive)); err != nil {
		return 0, err
	}
	order := make([]int, len(scores))
	for i, s := range scores {
		if math.IsNaN(s) {
			return 0, inputError("AUC", "scores[%d] is NaN: want a number", i)
		}
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(scores[i], scores[j]) })
	var won, pos, neg float64 // neg: the negatives below the group of equal scores
	for i := 0; i < len(order); {
		var p, n float64
		for first := scores[order[i]]; i < len(order) && scores[order[i]] == first; i++ {
			if positive[order[i]] {
				p++
			} else {
				n++
			}
		}
		won += p * (neg + n/2)
		pos += p
		neg += n
	}
	if pos == 0 || neg == 0 {
		return 0, inputError("AUC", "%v positive and %v negative examples: want at least one of each", pos, neg)
	}
	return won / (pos * neg), nil
}

// CalibrationError returns the expected calibration error of probabilities, in
// [0, 1] (Guo et al., arXiv 1706.04599): the interval [0, 1] is cut into a number of
// bins of equal width, and the distances between the mean probability of a bin and
// the share of its events that happened are averaged, weighted by the bins' numbers
// of examples. A bin holds its lower end and not its upper one, the last bin holds
// both. The figure depends on the number of bins: say it; 10 and 15 are common. The
// error, an *[InputError], says that the lengths differ, that a probability is not in
// [0, 1], or that bins is below 1.
func CalibrationError(probabilities []float64, happened []bool, bins int) (float64, error) {
	if err := checkLengths("CalibrationError", "probabilities", len(probabilities), "happened", len(happened)); err != nil {
		return 0, err
	}
	if bins < 1 {
		return 0, inputError("CalibrationError", "bins is %d: want at least 1", bins)
	}
	// By index, for a bin that holds nothing takes no room.
	gaps := map[int]float64{} // sum of probabilities minus number of events
	var order []int
	for i, p := range probabilities {
		if !(p >= 0 && p <= 1) { // false for NaN, too
			return 0, inputError("CalibrationError", "probabilities[%d] is %v: want a number in [0, 1]", i, p)
		}
		b := min(int(p*float64(bins)), bins-1)
		if _, ok := gaps[b]; !ok {
			order = append(order, b)
		}
		if gaps[b] += p; happened[i] {
			gaps[b]--
		}
	}
	sum := 0.0
	for _, b := range order {
		sum += math.Abs(gaps[b])
	}
	return sum / float64(len(probabilities)), nil
}

// Quantile returns the value below which a share q of values lies: the least at q 0, the
// median at 0.5, the greatest at 1, and between two values the one that divides the way
// from one to the next in proportion (Hyndman and Fan, "Sample Quantiles in Statistical
// Packages", 1996, definition 7). The error, an *[InputError], says that there is no
// value, that one is not finite, or that q is not in [0, 1].
func Quantile(values []float64, q float64) (float64, error) {
	if err := checkFinite("Quantile", "values", values); err != nil {
		return 0, err
	}
	if !(q >= 0 && q <= 1) { // false for NaN, too
		return 0, inputError("Quantile", "q is %v: want a number in [0, 1]", q)
	}
	return quantile(slices.Sorted(slices.Values(values)), q), nil
}
