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
	list, err := binned("CalibrationError", probabilities, happened, bins)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, b := range list {
		sum += math.Abs(b.sum - float64(b.happened))
	}
	return sum / float64(len(probabilities)), nil
}

// Bin is a bin of a reliability diagram.
type Bin struct {
	// Low and High are the ends of the bin.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Count is the number of examples, at least 1.
	Count int `json:"count"`
	// Mean is the mean of their probabilities, Share the share of their events that
	// happened. Of well calibrated probabilities they are about equal.
	Mean  float64 `json:"mean"`
	Share float64 `json:"share"`
}

// Reliability returns a reliability diagram: the bins over which [CalibrationError]
// averages, in ascending order, without those that hold no example. The weighted mean of
// |Mean − Share| is that error. The error, an *[InputError], is that of CalibrationError.
func Reliability(probabilities []float64, happened []bool, bins int) ([]Bin, error) {
	list, err := binned("Reliability", probabilities, happened, bins)
	if err != nil {
		return nil, err
	}
	out := make([]Bin, len(list))
	for i, b := range list {
		out[i] = Bin{
			Low:   float64(b.number) / float64(bins),
			High:  float64(b.number+1) / float64(bins),
			Count: b.count,
			Mean:  b.sum / float64(b.count),
			Share: share(b.happened, b.count),
		}
	}
	return out, nil
}

// tally is what a bin holds.
type tally struct {
	number, count, happened int
	sum                     float64 // of the probabilities
}

// binned returns the bins that hold something, in ascending order.
func binned(metric string, probabilities []float64, happened []bool, bins int) ([]tally, error) {
	if err := checkLengths(metric, "probabilities", len(probabilities), "happened", len(happened)); err != nil {
		return nil, err
	}
	if bins < 1 {
		return nil, inputError(metric, "bins is %d: want at least 1", bins)
	}
	// By number, for a bin that holds nothing takes no room.
	at := map[int]int{}
	var list []tally
	for i, p := range probabilities {
		if !(p >= 0 && p <= 1) { // false for NaN, too
			return nil, inputError(metric, "probabilities[%d] is %v: want a number in [0, 1]", i, p)
		}
		number := min(int(p*float64(bins)), bins-1)
		k, ok := at[number]
		if !ok {
			k = len(list)
			at[number] = k
			list = append(list, tally{number: number})
		}
		list[k].count++
		list[k].sum += p
		if happened[i] {
			list[k].happened++
		}
	}
	slices.SortFunc(list, func(a, b tally) int { return cmp.Compare(a.number, b.number) })
	return list, nil
}

// leastProbability is that with which LogLoss reckons for one below it.
const leastProbability = 1e-15

// LogLoss returns the mean of −ln p over the probabilities p that were given to what
// happened: 0 if all were 1. A p below 1e-15 counts as 1e-15, so that an example that was
// held to be impossible adds 34.5 and not infinity. The error, an *[InputError], says that
// there is no probability or that one is not in [0, 1].
func LogLoss(probabilities []float64) (float64, error) {
	if len(probabilities) == 0 {
		return 0, inputError("LogLoss", "probabilities is empty: want at least one example")
	}
	sum := 0.0
	for i, p := range probabilities {
		if !(p >= 0 && p <= 1) { // false for NaN, too
			return 0, inputError("LogLoss", "probabilities[%d] is %v: want a number in [0, 1]", i, p)
		}
		sum -= math.Log(max(p, leastProbability))
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
