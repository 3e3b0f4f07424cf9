// Package metric measures answers, rankings, probabilities and classifications. All
// functions may be called from several goroutines at once. All but [Citations],
// which asks an [Entailer], are pure.
//
// Text, over a question's gold answers: [Match], [MatchFold], [ExactMatch], [F1],
// [RougeL], and as the programs of others compute them [MatchReleased], [StringEM],
// [RougeLStem], [RougeLsum]. Citations: [Citations]. Rankings: [Recall], [ReciprocalRank],
// [NDCG], [AveragePrecision], over the order of [TRECOrder]. Scores and probabilities: [AUC],
// [CalibrationError], [Reliability], [LogLoss], [Brier]. Abstention: [RiskCoverage]. Classes:
// [Confusion]. Biographies: [FactScore].
// Chance: [Bootstrap]. Times: [Quantile].
//
// The figures of single questions are averaged with [Mean]: the mean of
// AveragePrecision is MAP, that of ReciprocalRank MRR. Where a figure is not
// defined, a function returns a documented value or an *[InputError], never NaN.
package metric

import (
	"fmt"
	"math"
)

// InputError reports numbers without a defined metric.
type InputError struct {
	Metric string // the function
	Reason string // what was given and what is wanted
}

// Error implements error.
func (e *InputError) Error() string { return "metric: " + e.Metric + ": " + e.Reason }

func inputError(metric, format string, args ...any) error {
	return &InputError{metric, fmt.Sprintf(format, args...)}
}

// Mean returns the arithmetic mean. The error, an *[InputError], says that there
// is no value or that one is not finite.
func Mean(values []float64) (float64, error) {
	if err := checkFinite("Mean", "values", values); err != nil {
		return 0, err
	}
	return mean(values), nil
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// limit keeps sums of values finite.
const limit = 1e100

func checkFinite(metric, name string, values []float64) error {
	if len(values) == 0 {
		return inputError(metric, "%s is empty: want at least one number", name)
	}
	for i, v := range values {
		if !(math.Abs(v) <= limit) { // false for NaN, too
			return inputError(metric, "%s[%d] is %v: want a number in [-1e100, 1e100]", name, i, v)
		}
	}
	return nil
}

func checkLengths(metric, aName string, a int, bName string, b int) error {
	if a != b {
		return inputError(metric, "%s has %d values and %s has %d: want one of each per example", aName, a, bName, b)
	}
	if a == 0 {
		return inputError(metric, "%s and %s are empty: want at least one example", aName, bName)
	}
	return nil
}
