package metric

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Interval is a figure with the interval in which it would lie, at the level asked
// for, if other questions of the same kind had been asked.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Bootstrap computes intervals by drawing examples anew, with replacement (Efron and
// Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13: the percentile
// interval). The zero value draws 10000 times and gives 95 % intervals. Equal input
// and seed give equal intervals. Examples count as independent: if several hang
// together, as questions about one passage do, give their Groups, or the interval is
// too narrow. It is too narrow with few examples or groups, too, below some twenty; of
// one, or if all values are equal, it has no width, which is no certainty.
type Bootstrap struct {
	// Resamples is how often to draw, 0 for 10000.
	Resamples int
	// Level is the probability of the interval, in (0, 1), 0 for 0.95.
	Level float64
	Seed  uint64
	// Groups, unless nil, names the group of each example: whole groups are drawn.
	Groups []string
}

// Mean returns the mean of values with its interval. The error, an *[InputError], says
// that there is no value, that one is not finite, or which field is out of range.
func (b Bootstrap) Mean(values []float64) (Interval, error) {
	if err := checkFinite("Bootstrap.Mean", "values", values); err != nil {
		return Interval{}, err
	}
	return b.interval("Bootstrap.Mean", values)
}

// Difference returns the mean of x minus that of y with its interval. Both hold one
// value per example, in the same order: the same examples are drawn from both, so that
// what makes an example hard for both does not widen the interval (a paired
// bootstrap). If the interval does not hold 0, the difference is unlikely to be
// chance. Errors are those of Mean, and that the lengths differ.
func (b Bootstrap) Difference(x, y []float64) (Interval, error) {
	const name = "Bootstrap.Difference"
	if err := checkLengths(name, "x", len(x), "y", len(y)); err != nil {
		return Interval{}, err
	}
	if err := checkFinite(name, "x", x); err != nil {
		return Interval{}, err
	}
	if err := checkFinite(name, "y", y); err != nil {
		return Interval{}, err
	}
	d := make([]float64, len(x))
	for i := range x {
		d[i] = x[i] - y[i]
	}
	return b.interval(name, d)
}

// group is the sum of some values and their number.
type group struct {
	sum float64
	n   int
}

func (b Bootstrap) interval(metric string, values []float64) (Interval, error) {
	if b.Resamples == 0 {
		b.Resamples = 10000
	}
	if b.Level == 0 {
		b.Level = 0.95
	}
	if b.Resamples < 1 {
		return Interval{}, inputError(metric, "Resamples is %d: want at least 1, or 0 for 10000", b.Resamples)
	}
	if !(b.Level > 0 && b.Level < 1) { // false for NaN, too
		return Interval{}, inputError(metric, "Level is %v: want a number in (0, 1), or 0 for 0.95", b.Level)
	}
	groups, err := b.grouped(metric, values)
	if err != nil {
		return Interval{}, err
	}
	random := rand.New(rand.NewPCG(b.Seed, 0))
	means := make([]float64, b.Resamples)
	for i := range means {
		var drawn group
		for range groups {
			g := groups[random.IntN(len(groups))]
			drawn.sum += g.sum
			drawn.n += g.n
		}
		means[i] = drawn.sum / float64(drawn.n)
	}
	slices.Sort(means)
	tail := (1 - b.Level) / 2
	return Interval{Value: mean(values), Low: quantile(means, tail), High: quantile(means, 1-tail)}, nil
}

// grouped returns the groups in the order in which they first come.
func (b Bootstrap) grouped(metric string, values []float64) ([]group, error) {
	if b.Groups == nil {
		groups := make([]group, len(values))
		for i, v := range values {
			groups[i] = group{v, 1}
		}
		return groups, nil
	}
	if len(b.Groups) != len(values) {
		return nil, inputError(metric, "Groups has %d names for %d examples: want one for each", len(b.Groups), len(values))
	}
	var groups []group
	index := map[string]int{}
	for i, v := range values {
		at, ok := index[b.Groups[i]]
		if !ok {
			at = len(groups)
			index[b.Groups[i]] = at
			groups = append(groups, group{})
		}
		groups[at].sum += v
		groups[at].n++
	}
	return groups, nil
}

// quantile interpolates between neighbours in sorted: the least value at 0, the
// greatest at 1.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(math.Floor(at))
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	// The product is rounded before it is added, on every processor.
	return sorted[i] + float64((at-float64(i))*(sorted[i+1]-sorted[i]))
}
