package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// MinClusters is the least number of groups of examples for which [Bootstrap.Compare]
// claims a difference. With fewer groups its standard errors are too uncertain.
const MinClusters = 30

// Comparisons are several systems beside one baseline, on the same examples.
type Comparisons struct {
	// Clusters is the number of groups of examples.
	Clusters int `json:"clusters"`
	// Systems holds a comparison for each system, in their order.
	Systems []Comparison `json:"systems"`
}

// Comparison is a system's mean minus that of the baseline.
type Comparison struct {
	// Pointwise is the difference with the interval that would be right if this system
	// were the only one.
	Pointwise Interval `json:"pointwise"`
	// Simultaneous is the difference with an interval such that all
	// those of one call hold the true differences at the same time, at the level asked
	// for. It is at least as wide as Pointwise, and equal to it for a single system.
	Simultaneous Interval `json:"simultaneous"`
	// StandardError is that of the difference; 0 if it is the same in all groups, or if
	// there is one group, which is no certainty.
	StandardError float64 `json:"standard_error"`
	// Detectable is the smallest true difference, up or down, that such a set would show
	// with a probability of about 0.8, in that Simultaneous does not hold 0:
	// (c + 0.8416)·StandardError, where c·StandardError is half the width of
	// Simultaneous and 0.8416 is the quantile 0.8 of the normal distribution.
	Detectable float64 `json:"detectable"`
	// Claim is set if the difference can be told from chance: Simultaneous does not hold
	// 0, and there are at least [MinClusters] groups.
	Claim bool `json:"claim"`
}

// power is that at which Comparison.Detectable is computed.
const power = 0.8

// Compare returns the differences of several systems from a baseline, paired by example,
// with intervals that hold for all of them at once. Of many intervals that hold for one
// system each, one in twenty misses by chance. How far the systems' figures depend on each
// other is taken from the examples: nothing is assumed.
//
// The intervals are difference ± c·StandardError. c comes from draws of whole groups: t is
// |difference in the draw − difference| divided by the standard error. c is the quantile of t
// at the level for Pointwise, and that of the greatest t of all systems for Simultaneous
// (the sup-t band of Montiel Olea and Plagborg-Møller, "Simultaneous confidence bands",
// 2019); it is never below the quantile of the normal distribution. The standard error is
// that of a ratio of sums over G groups of n_g examples, whose differences add up to s_g:
//
//	d = Σ s_g / Σ n_g,   SE² = G/(G−1) · Σ (s_g − d·n_g)² / (Σ n_g)²
//
// It is computed once, from all examples, and not for each draw. If two systems differ in a
// few examples only, a draw can lack them all, and one such system would widen the
// intervals of all. The intervals are symmetric and so differ a little from those of
// [Bootstrap.Difference]. Errors are those of Difference.
func (b Bootstrap) Compare(baseline []float64, systems ...[]float64) (Comparisons, error) {
	const name = "Bootstrap.Compare"
	b, err := b.withDefaults(name)
	if err != nil {
		return Comparisons{}, err
	}
	if err := checkFinite(name, "baseline", baseline); err != nil {
		return Comparisons{}, err
	}
	figures := make([][]float64, len(systems))
	for f, values := range systems {
		system := fmt.Sprintf("systems[%d]", f)
		if err := checkLengths(name, "baseline", len(baseline), system, len(values)); err != nil {
			return Comparisons{}, err
		}
		if err := checkFinite(name, system, values); err != nil {
			return Comparisons{}, err
		}
		figures[f] = make([]float64, len(values))
		for i, v := range values {
			figures[f][i] = v - baseline[i]
		}
	}
	// Without a system the baseline represents the examples.
	sizes, sums, err := b.grouped(name, append([][]float64{baseline}, figures...))
	if err != nil {
		return Comparisons{}, err
	}
	sums = sums[1:]
	out := Comparisons{Clusters: len(sizes), Systems: make([]Comparison, len(systems))}
	for f, values := range figures {
		d := mean(values)
		rounding := 1e-12 * (greatest(baseline) + greatest(systems[f]))
		n, squares := 0.0, 0.0
		for g, size := range sizes {
			// The group's distance from its share of the mean.
			sums[f][g] -= d * float64(size)
			if math.Abs(sums[f][g]) <= rounding*float64(size) {
				sums[f][g] = 0 // a constant difference has no standard error
			}
			n += float64(size)
			squares += sums[f][g] * sums[f][g]
		}
		out.Systems[f].Pointwise.Value = d
		if g := float64(len(sizes)); g > 1 {
			out.Systems[f].StandardError = math.Sqrt(g/(g-1)*squares) / n
		}
	}
	t, most := b.deviations(sizes, sums, out.Systems)
	normal := math.Sqrt2 * math.Erfinv(b.Level)
	at := max(normal, quantile(most, b.Level))
	for f := range out.Systems {
		s := &out.Systems[f]
		s.Pointwise = around(s.Pointwise.Value, max(normal, quantile(t[f], b.Level))*s.StandardError)
		s.Simultaneous = around(s.Pointwise.Value, at*s.StandardError)
		s.Detectable = (at + math.Sqrt2*math.Erfinv(2*power-1)) * s.StandardError
		s.Claim = out.Clusters >= MinClusters && (s.Simultaneous.Low > 0 || s.Simultaneous.High < 0)
	}
	return out, nil
}

// greatest returns the greatest absolute value.
func greatest(values []float64) float64 {
	most := 0.0
	for _, v := range values {
		most = max(most, math.Abs(v))
	}
	return most
}

func around(value, half float64) Interval {
	return Interval{Value: value, Low: value - half, High: value + half}
}

// deviations draws groups anew and returns the t of each system in each draw, and the
// greatest of all systems, each list in ascending order. distances holds those of the groups
// from the mean. Systems without a standard error are left out: their t is 0.
func (b Bootstrap) deviations(sizes []int, distances [][]float64, systems []Comparison) (t [][]float64, most []float64) {
	t = make([][]float64, len(systems))
	for f := range t {
		t[f] = make([]float64, b.Resamples)
	}
	most = make([]float64, b.Resamples)
	random := rand.New(rand.NewPCG(b.Seed, 0))
	drawn := make([]int, len(sizes))
	for i := range b.Resamples {
		n := float64(draw(random, sizes, drawn))
		for f, list := range distances {
			if systems[f].StandardError == 0 {
				continue
			}
			sum := 0.0
			for _, g := range drawn {
				sum += list[g]
			}
			t[f][i] = math.Abs(sum) / n / systems[f].StandardError
			most[i] = max(most[i], t[f][i])
		}
	}
	for f := range t {
		slices.Sort(t[f])
	}
	slices.Sort(most)
	return t, most
}
