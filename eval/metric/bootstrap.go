package metric

import (
	"fmt"
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
// and seed give equal intervals. Examples count as independent. If some depend on each
// other, as questions about one passage do, set Groups, or the interval is too narrow.
// It is also too narrow with fewer than about twenty examples or groups. With one, or
// if all values are equal, the interval has no width; that does not make the figure
// certain.
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

// Means returns what Mean returns for each of several figures of the same examples. It
// draws once for all, which is several times as fast. For an interval of a difference
// give the differences. Errors are those of Mean, and that lengths differ.
func (b Bootstrap) Means(figures ...[]float64) ([]Interval, error) {
	const name = "Bootstrap.Means"
	for i, values := range figures {
		if err := checkFinite(name, fmt.Sprintf("figures[%d]", i), values); err != nil {
			return nil, err
		}
		if err := checkLengths(name, "figures[0]", len(figures[0]), fmt.Sprintf("figures[%d]", i), len(values)); err != nil {
			return nil, err
		}
	}
	return b.intervals(name, figures)
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

func (b Bootstrap) interval(metric string, values []float64) (Interval, error) {
	list, err := b.intervals(metric, [][]float64{values})
	if err != nil {
		return Interval{}, err
	}
	return list[0], nil
}

// intervals returns the interval of the mean of each list of values, all of one length.
func (b Bootstrap) intervals(metric string, figures [][]float64) ([]Interval, error) {
	b, err := b.withDefaults(metric)
	if err != nil {
		return nil, err
	}
	if len(figures) == 0 {
		return nil, nil
	}
	sizes, sums, err := b.grouped(metric, figures)
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(b.Seed, 0))
	means := make([][]float64, len(figures))
	for f := range means {
		means[f] = make([]float64, b.Resamples)
	}
	drawn := make([]int, len(sizes))
	for i := range b.Resamples {
		n := draw(random, sizes, drawn)
		for f, of := range sums {
			sum := 0.0
			for _, g := range drawn {
				sum += of[g]
			}
			means[f][i] = sum / float64(n)
		}
	}
	tail := (1 - b.Level) / 2
	list := make([]Interval, len(figures))
	for f, m := range means {
		slices.Sort(m)
		list[f] = Interval{Value: mean(figures[f]), Low: quantile(m, tail), High: quantile(m, 1-tail)}
	}
	return list, nil
}

// withDefaults returns b with the values that 0 means.
func (b Bootstrap) withDefaults(metric string) (Bootstrap, error) {
	if b.Resamples == 0 {
		b.Resamples = 10000
	}
	if b.Level == 0 {
		b.Level = 0.95
	}
	if b.Resamples < 1 {
		return b, inputError(metric, "Resamples is %d: want at least 1, or 0 for 10000", b.Resamples)
	}
	if !(b.Level > 0 && b.Level < 1) { // false for NaN, too
		return b, inputError(metric, "Level is %v: want a number in (0, 1), or 0 for 0.95", b.Level)
	}
	return b, nil
}

// draw fills drawn with groups, as many as there are, and returns the number of their
// examples.
func draw(random *rand.Rand, sizes, drawn []int) int {
	n := 0
	for j := range drawn {
		g := random.IntN(len(sizes))
		drawn[j] = g
		n += sizes[g]
	}
	return n
}

// Figure returns the interval of any figure of n examples, for one that is no mean, such
// as balanced accuracy. of computes it of examples, given by their numbers from 0, each as
// often as it was drawn; it must not keep the slice. Value is the figure of all examples.
// The error, an *[InputError], says that n is below 1, that a figure is not finite, or which
// field is out of range.
func (b Bootstrap) Figure(n int, of func(examples []int) float64) (Interval, error) {
	const name = "Bootstrap.Figure"
	b, err := b.withDefaults(name)
	if err != nil {
		return Interval{}, err
	}
	if n < 1 {
		return Interval{}, inputError(name, "n is %d: want at least one example", n)
	}
	group, sizes, err := b.groups(name, n)
	if err != nil {
		return Interval{}, err
	}
	members := make([][]int, len(sizes))
	all := make([]int, n)
	for i, g := range group {
		members[g] = append(members[g], i)
		all[i] = i
	}
	value := of(all)
	random := rand.New(rand.NewPCG(b.Seed, 0))
	figures := make([]float64, b.Resamples)
	drawn := make([]int, len(sizes))
	var examples []int
	for i := range figures {
		draw(random, sizes, drawn)
		examples = examples[:0]
		for _, g := range drawn {
			examples = append(examples, members[g]...)
		}
		figures[i] = of(examples)
	}
	if err := checkFinite(name, "the figure", append(figures, value)); err != nil {
		return Interval{}, err
	}
	slices.Sort(figures)
	tail := (1 - b.Level) / 2
	return Interval{Value: value, Low: quantile(figures, tail), High: quantile(figures, 1-tail)}, nil
}

// grouped returns the number of examples of each group, and for each figure the sums of
// their values.
func (b Bootstrap) grouped(metric string, figures [][]float64) (sizes []int, sums [][]float64, err error) {
	group, sizes, err := b.groups(metric, len(figures[0]))
	if err != nil {
		return nil, nil, err
	}
	sums = make([][]float64, len(figures))
	for f, values := range figures {
		sums[f] = make([]float64, len(sizes))
		for i, v := range values {
			sums[f][group[i]] += v
		}
	}
	return sizes, sums, nil
}

// groups returns the group of each example, and the number of examples of each group.
// Groups are numbered in the order in which they first come.
func (b Bootstrap) groups(metric string, examples int) (group, sizes []int, err error) {
	if b.Groups != nil && len(b.Groups) != examples {
		return nil, nil, inputError(metric, "Groups has %d names for %d examples: want one for each", len(b.Groups), examples)
	}
	group = make([]int, examples)
	index := map[string]int{}
	for i := range group {
		at, known := len(sizes), false
		if b.Groups != nil {
			if at, known = index[b.Groups[i]]; !known {
				at = len(sizes)
				index[b.Groups[i]] = at
			}
		}
		if !known {
			sizes = append(sizes, 0)
		}
		group[i] = at
		sizes[at]++
	}
	return group, sizes, nil
}

// quantile interpolates between neighbors in sorted: the least value at 0, the
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
