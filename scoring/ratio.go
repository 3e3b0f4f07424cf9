package scoring

import (
	"cmp"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
)

// member is one token of a group: its score, and its log-probability or, if that is
// not exact, an upper bound of it.
type member struct{ scale, log float64 }

// ratio returns Σ scale_i·p_i / Σ p_i over the first len(scale) members of d's
// group. A negative missing replaces members that are not exact.
//
// Otherwise these members may have any probabilities up to their bounds, and
// together at most what the exact ones leave of 1. The value is that of the exact
// members alone.
func ratio(d *reflection.Distribution, scale []float64, missing float64) Term {
	probs := d.Probs[:d.Group.Size()]
	rest := 0.0 // a replacement is used as it is, whatever is left
	if missing >= 0 && slices.ContainsFunc(probs[:len(scale)], inexact) {
		rest = remainder(probs)
	}
	// Arrays avoid an allocation.
	var first, second [reflection.MaxGroupSize]member
	exact, open := first[:0], second[:0]
	assumed := false
	for i, s := range scale {
		log, isExact := logOf(probs[i], rest)
		switch {
		case isExact:
			exact = append(exact, member{s, log})
		case missing < 0:
			exact = append(exact, member{s, missing})
			assumed = true
		default:
			open = append(open, member{s, log})
		}
	}
	slices.SortStableFunc(open, func(a, b member) int { return cmp.Compare(a.scale, b.scale) })

	value, mass := mean(exact)
	if math.IsInf(mass, -1) {
		if len(open) == 0 {
			return point(0, KindZeroSum)
		}
		// One open member may have all of the probability.
		lo, hi := open[0].scale, open[len(open)-1].scale
		if lo == hi {
			return point(lo, KindExact)
		}
		return Term{Value: lo, Lo: lo, Hi: hi, Kind: KindUnknown}
	}
	if assumed {
		return point(value, KindAssumed)
	}
	lo := reach(value, mass, rest, open, -1)
	slices.Reverse(open)
	hi := reach(value, mass, rest, open, 1)
	if lo == hi {
		return point(value, KindExact)
	}
	return Term{Value: value, Lo: lo, Hi: hi, Kind: KindBounded}
}

// inexact reports whether p may have values other than the given one.
func inexact(p reflection.Prob) bool { return p.Known != reflection.Exact || p.Check() != nil }

// remainder returns the logarithm of what the exact members leave of 1, minus
// infinity if nothing.
func remainder(probs []reflection.Prob) float64 {
	sum := 0.0
	for _, p := range probs {
		if log, exact := logOf(p, 0); exact {
			sum += math.Exp(log)
		}
	}
	return math.Log(max(0, 1-sum))
}

// logOf returns p's logarithm if it is exact, and otherwise its least upper bound,
// given that p is at most exp(rest). An invalid log-probability counts as unknown,
// and a bound of zero is exact.
func logOf(p reflection.Prob, rest float64) (log float64, exact bool) {
	bound := rest
	if p.Known != reflection.Unknown && p.Check() == nil {
		if p.Known == reflection.Exact {
			return p.Log, true
		}
		bound = min(bound, p.Log)
	}
	return bound, math.IsInf(bound, -1)
}

// mean returns the mean of the scales, weighted by probability, and the
// logarithm of the total probability. Without any probability, the mean is 0 and
// the logarithm minus infinity.
func mean(ms []member) (value, mass float64) {
	top := math.Inf(-1)
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, m := range ms {
		top = max(top, m.log)
		lo, hi = min(lo, m.scale), max(hi, m.scale)
	}
	if math.IsInf(top, -1) {
		return 0, top
	}
	num, den := 0.0, 0.0
	for _, m := range ms {
		p := math.Exp(m.log - top)
		num += float64(m.scale * p)
		den += p
	}
	// Rounding must not move a mean past the ends of its scale.
	return min(max(num/den, lo), hi), top + math.Log(den)
}

// reach returns how far up (sign 1) or down (sign -1) the open members can move
// value, which is the mean at total probability exp(mass). They are sorted by
// distance, furthest first, and share exp(rest).
//
// A mean moves towards a member that is added. So the extreme is reached by giving
// the furthest member as much as it can hold, then the next one, as long as the
// mean still moves the same way. The computation uses logarithms, since the members
// may differ by hundreds of orders of magnitude.
func reach(value, mass, rest float64, open []member, sign float64) float64 {
	for _, m := range open {
		if sign*(m.scale-value) <= 0 || math.IsInf(rest, -1) {
			break
		}
		log := min(m.log, rest)
		keep, share := 1/(1+math.Exp(log-mass)), 1/(1+math.Exp(mass-log))
		next := float64(keep*value) + float64(share*m.scale)
		// Rounding must move it neither backwards nor past the member.
		value = min(max(next, min(value, m.scale)), max(value, m.scale))
		mass = max(mass, log) + math.Log1p(math.Exp(-math.Abs(mass-log)))
		rest += math.Log1p(-math.Exp(log - rest))
	}
	return value
}

// above reports whether x is greater than threshold by more than a rounding error.
// On its way here a probability goes through a logarithm and back. That can lift a
// ratio equal to the threshold by a unit in the last place, differently on
// different processors.
func above(x, threshold float64) bool {
	return x > threshold && x-threshold > 1e-12*threshold
}
