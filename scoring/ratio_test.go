package scoring

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/reflection"
)

func atMost(p float64) reflection.Prob { return reflection.AtMostLog(math.Log(p)) }

// TestIntervals compares with values computed by hand.
func TestIntervals(t *testing.T) {
	exact := reflection.ExactValue
	unknown := reflection.Prob{}
	zero := reflection.ExactLog(math.Inf(-1))
	type probs = [reflection.MaxGroupSize]reflection.Prob
	tests := []struct {
		name  string
		group reflection.Group
		probs probs
		want  Term
	}{
		// Relevance: Irrelevant, Relevant.
		{"unknown other gets the rest", reflection.IsREL, probs{unknown, exact(0.75)}, Term{1, 0.75, 1, KindBounded}},
		{"bound is tighter than the rest", reflection.IsREL, probs{atMost(0.25), exact(0.5)}, Term{1, 2. / 3, 1, KindBounded}},
		{"rest is tighter than the bound", reflection.IsREL, probs{atMost(0.5), exact(0.75)}, Term{1, 0.75, 1, KindBounded}},
		{"nothing is left", reflection.IsREL, probs{unknown, exact(1)}, Term{1, 1, 1, KindExact}},
		{"more than one, by rounding", reflection.IsREL, probs{atMost(0.5), reflection.ExactLog(1e-5)}, Term{1, 1, 1, KindExact}},
		{"bound of zero is exact", reflection.IsREL, probs{reflection.AtMostLog(math.Inf(-1)), exact(0.5)}, Term{1, 1, 1, KindExact}},
		{"both bounded", reflection.IsREL, probs{atMost(0.1), atMost(0.01)}, Term{0, 0, 1, KindUnknown}},
		{"only one can be", reflection.IsREL, probs{zero, atMost(0.01)}, Term{1, 1, 1, KindExact}},
		{"all zero", reflection.IsREL, probs{zero, zero}, Term{0, 0, 0, KindZeroSum}},
		{"NaN is unknown", reflection.IsREL, probs{reflection.ExactLog(math.NaN()), exact(0.75)}, Term{1, 0.75, 1, KindBounded}},
		{"above one is unknown", reflection.IsREL, probs{reflection.ExactLog(3), exact(0.75)}, Term{1, 0.75, 1, KindBounded}},
		{"infinite is unknown", reflection.IsREL, probs{reflection.AtMostLog(math.Inf(1)), exact(0.75)}, Term{1, 0.75, 1, KindBounded}},

		// Support: fully 1, partially 0.5, none 0.
		{"ends tightened by a zero", reflection.IsSUP, probs{zero, atMost(0.1), unknown}, Term{0, 0, 0.5, KindUnknown}},
		// Value (0.4 + 0.5·0.4)/0.8; the open 0.2 goes to no support.
		{"open low end", reflection.IsSUP, probs{exact(0.4), exact(0.4), unknown}, Term{0.75, 0.6, 0.75, KindBounded}},
		// Value 0.5; up: 0.2 to fully, (0.2 + 0.25)/0.7; down: 0.1 to none, 0.25/0.6.
		{"open on both sides", reflection.IsSUP, probs{atMost(0.2), exact(0.5), atMost(0.1)}, Term{0.5, 0.25 / 0.6, 0.45 / 0.7, KindBounded}},

		// Utility. Exact 0.9 for 5; the two open ones share 0.1, so the low end gives
		// all of it to 1, and not 0.1 to each.
		{"open members share the rest", reflection.IsUSE, probs{atMost(0.1), atMost(0.1), zero, zero, exact(0.9)}, Term{1, 0.8, 1, KindBounded}},
		// Down: 0.05 to 1, then 0.05 to 2: 0.9 - 0.05 - 0.025.
		{"the rest goes on to the next", reflection.IsUSE, probs{atMost(0.05), atMost(0.1), zero, zero, exact(0.9)}, Term{1, 0.825, 1, KindBounded}},
		// Mean 0. Up: 0.01 to 5 gives 0.01/0.51 = 0.0196, then 4 (0.5) still lifts it:
		// (0.01 + 0.005)/0.52. Down: nothing is open below.
		{"two lift", reflection.IsUSE, probs{zero, zero, exact(0.5), atMost(0.01), atMost(0.01)}, Term{0, 0, 0.015 / 0.52, KindBounded}},
		// Up: 0.5 to 5 gives 0.5/0.51 = 0.98; 4 would pull it down again.
		{"the second would not lift", reflection.IsUSE, probs{zero, zero, exact(0.01), atMost(0.4), atMost(0.5)}, Term{0, 0, 0.5 / 0.51, KindBounded}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := reflection.Distribution{Group: tt.group, Probs: tt.probs}
			wantTerm(t, scoreOf(DefaultConfig(), judged(d)), tt.want)
		})
	}
}

// TestIntervalsFarBelow has members so far apart that their probabilities do not
// fit one scale.
func TestIntervalsFarBelow(t *testing.T) {
	low := reflection.AtMostLog
	tests := []struct {
		name  string
		probs [reflection.MaxGroupSize]reflection.Prob
		want  Term
	}{
		{"an open member may have everything", [5]reflection.Prob{reflection.ExactLog(-800), low(math.Inf(-1)), {}, low(math.Inf(-1)), low(math.Inf(-1))}, Term{-1, -1, 0, KindBounded}},
		// 5 outweighs the exact 1 by exp(10), and then 3, although it could be certain,
		// would lower the mean: (exp(10) - 1)/(exp(10) + 1) = tanh 5.
		{"the small one counts", [5]reflection.Prob{reflection.ExactLog(-800), low(math.Inf(-1)), low(0), low(math.Inf(-1)), low(-790)}, Term{-1, -1, math.Tanh(5), KindBounded}},
		{"too small to count", [5]reflection.Prob{low(-790), reflection.ExactLog(-1), reflection.ExactLog(-2), low(-900), reflection.ExactLog(math.Inf(-1))}, Term{-0.5 / (1 + math.Exp(-1)), -0.5 / (1 + math.Exp(-1)), -0.5 / (1 + math.Exp(-1)), KindExact}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := reflection.Distribution{Group: reflection.IsUSE, Probs: tt.probs}
			wantTerm(t, DefaultConfig().Utility(judged(d)), tt.want)
		})
	}
}

// TestIntervalsStayOnTheScale: rounding moves no end past the scale, which would
// break bounds computed while the judgment was pending.
func TestIntervalsStayOnTheScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := DefaultConfig()
		scale := c.UtilityScale[:]
		for i := range scale {
			scale[i] = rapid.Float64Range(-1, 1).Draw(t, "scale")
		}
		d := reflection.Distribution{Group: reflection.IsUSE}
		// The first member weighs nothing against the others, so the ends are theirs.
		d.Probs[0] = reflection.ExactLog(-800)
		if got := c.Utility(judged(d)); got.Lo != slices.Min(scale) || got.Hi != slices.Max(scale) {
			t.Errorf("got %+v on the scale %v", got, scale)
		}
	})
}

// TestNarrowScale has scores so close that a rounding error in the mean would show.
func TestNarrowScale(t *testing.T) {
	same, c := DefaultConfig(), DefaultConfig()
	same.UtilityScale = [5]float64{0.9, 0.9, 0.9, 0.9, 0.9}
	c.UtilityScale = [5]float64{0.9, 0.9, 0.9, 0.91, 0.89}
	for k := range 4000 {
		log := -float64(k) / 100
		got := same.Utility(judgedLogs(reflection.IsUSE, log, -0.7, log/3, -1.1, -2))
		if got.Value != 0.9 {
			t.Fatalf("mean of scores that are all 0.9, at %v: %.17g", log, got.Value)
		}
		d := logs(reflection.IsUSE, -1, math.Inf(-1), math.Inf(-1))
		d.Set(reflection.Utility4, reflection.AtMostLog(log-1))
		d.Set(reflection.Utility5, reflection.AtMostLog(log-1))
		if got := c.Utility(judged(d)); !(0.89 <= got.Lo && got.Lo <= 0.9 && 0.9 <= got.Hi && got.Hi <= 0.91) || got.Value != 0.9 {
			t.Fatalf("0.9 and something at most exp(%v) times as likely: %+v", log, got)
		}
	}
}

// A hidden distribution is a true one with some members shown as bounded or
// unknown.
type hidden struct {
	group reflection.Group
	true  []float64
	bound []float64 // 0 for an exact member, 1 for an unknown one
	shown reflection.Distribution
}

func drawHidden(t *rapid.T) hidden {
	g := rapid.SampledFrom(reflection.Groups()).Draw(t, "group")
	n := g.Size()
	// Whole thousandths, with the rest of 1 outside the group.
	parts := rapid.SliceOfN(rapid.IntRange(0, 1000), n, n).Draw(t, "parts")
	total := rapid.IntRange(0, 500).Draw(t, "outside")
	for _, p := range parts {
		total += p
	}
	h := hidden{group: g, true: make([]float64, n), bound: make([]float64, n), shown: reflection.Distribution{Group: g}}
	for i, p := range parts {
		h.true[i] = float64(p) / float64(max(total, 1))
		switch rapid.IntRange(0, 2).Draw(t, "knowledge") {
		case 0:
			h.shown.Probs[i] = reflection.ExactValue(h.true[i])
		case 1:
			h.bound[i] = min(1, h.true[i]+rapid.Float64Range(0.001, 0.5).Draw(t, "slack"))
			h.shown.Probs[i] = atMost(h.bound[i])
		case 2:
			h.bound[i] = 1
		}
	}
	return h
}

// scaleOf returns the scores of the members of g. Continue, which is not part of
// the ratio, is NaN.
func scaleOf(g reflection.Group) []float64 {
	return map[reflection.Group][]float64{
		reflection.Retrieve: {0, 1, math.NaN()},
		reflection.IsREL:    {0, 1},
		reflection.IsSUP:    {1, 0.5, 0},
		reflection.IsUSE:    {-1, -0.5, 0, 0.5, 1},
	}[g]
}

// plainRatio is the formula of the paper; ok is false for 0/0.
func plainRatio(scale, p []float64) (v float64, ok bool) {
	num, den := 0.0, 0.0
	for i, s := range scale {
		if !math.IsNaN(s) {
			num += s * p[i]
			den += p[i]
		}
	}
	return num / den, den > 1e-15
}

// corners calls visit with every corner of what h leaves open: each way to fill
// some of the open members one after the other, up to their bounds and to what is
// left of 1.
func (h hidden) corners(visit func(p []float64)) {
	p := make([]float64, len(h.true))
	left := 1.0
	for i := range p {
		if h.bound[i] == 0 {
			p[i] = h.true[i]
			left -= p[i]
		}
	}
	filled := make([]bool, len(p))
	var fill func(left float64)
	fill = func(left float64) {
		visit(p)
		for i := range p {
			if h.bound[i] > 0 && !filled[i] {
				filled[i], p[i] = true, min(h.bound[i], left)
				fill(left - p[i])
				filled[i], p[i] = false, 0
			}
		}
	}
	fill(max(left, 0))
}

// TestIntervalsEncloseAndAreTight hides members of random distributions: the
// interval holds the true score and every possible corner, and its ends are
// corners.
func TestIntervalsEncloseAndAreTight(t *testing.T) {
	const tolerance = 1e-9
	rapid.Check(t, func(t *rapid.T) {
		h := drawHidden(t)
		scale := scaleOf(h.group)
		got := scoreOf(DefaultConfig(), judged(h.shown))
		if !(got.Lo <= got.Value && got.Value <= got.Hi) {
			t.Fatalf("value outside its interval: %+v", got)
		}
		if v, ok := plainRatio(scale, h.true); ok && !(got.Lo-tolerance <= v && v <= got.Hi+tolerance) {
			t.Fatalf("true score %v outside %+v", v, got)
		}
		lo, hi := math.Inf(1), math.Inf(-1)
		h.corners(func(p []float64) {
			if v, ok := plainRatio(scale, p); ok {
				lo, hi = min(lo, v), max(hi, v)
			}
		})
		if lo > hi {
			if got.Kind != KindZeroSum {
				t.Fatalf("no probability anywhere, yet %+v", got)
			}
			return
		}
		if math.Abs(got.Lo-lo) > tolerance || math.Abs(got.Hi-hi) > tolerance {
			t.Fatalf("got %+v, the corners give [%v, %v]", got, lo, hi)
		}
	})
}

// TestIntervalsEncloseGrid tries, for support with two open members, all points
// of a grid and not only corners.
func TestIntervalsEncloseGrid(t *testing.T) {
	const steps = 40
	for _, exact := range []float64{0.05, 0.3, 0.8} {
		for _, bound := range []float64{0.02, 0.2, 1} {
			for at := range 3 {
				d := reflection.Distribution{Group: reflection.IsSUP}
				for i := range 3 {
					d.Probs[i] = atMost(bound)
				}
				d.Probs[at] = reflection.ExactValue(exact)
				got := DefaultConfig().Support(judged(d))
				nearLo, nearHi := math.Inf(1), math.Inf(1)
				for i := range steps + 1 {
					for j := range steps + 1 {
						a, b := bound*float64(i)/steps, bound*float64(j)/steps
						if exact+a+b > 1+1e-12 {
							continue
						}
						p := make([]float64, 3)
						p[at], p[(at+1)%3], p[(at+2)%3] = exact, a, b
						v, _ := plainRatio(scaleOf(reflection.IsSUP), p)
						if v < got.Lo-1e-12 || v > got.Hi+1e-12 {
							t.Fatalf("exact %v at %d, bound %v: %v gives %v, outside %+v", exact, at, bound, p, v, got)
						}
						nearLo, nearHi = min(nearLo, v-got.Lo), min(nearHi, got.Hi-v)
					}
				}
				// A grid comes within a step of every corner.
				wantNear(t, "distance to Lo", nearLo, 0, 2*bound/steps/exact)
				wantNear(t, "distance to Hi", nearHi, 0, 2*bound/steps/exact)
			}
		}
	}
}

// TestShiftAndPermutation: adding a constant to all logarithms changes nothing,
// and permuting members together with their scores changes nothing.
func TestShiftAndPermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shift := rapid.Float64Range(-5000, 0).Draw(t, "shift")
		values := rapid.SliceOfN(rapid.Float64Range(-30, 0), 5, 5).Draw(t, "logs")
		order := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "order")
		c, permuted := DefaultConfig(), DefaultConfig()
		shifted, moved := make([]float64, 5), make([]float64, 5)
		for i, j := range order {
			shifted[i] = values[i] + shift
			moved[i], permuted.UtilityScale[i] = values[j], c.UtilityScale[j]
		}
		p := make([]float64, 5)
		for i, v := range values {
			p[i] = math.Exp(v)
		}
		want, _ := plainRatio(c.UtilityScale[:], p)
		for what, got := range map[string]Term{
			"plain":    c.Utility(judgedLogs(reflection.IsUSE, values...)),
			"shifted":  c.Utility(judgedLogs(reflection.IsUSE, shifted...)),
			"permuted": permuted.Utility(judgedLogs(reflection.IsUSE, moved...)),
		} {
			// Shifting by 5000 costs digits of the logarithms themselves.
			if math.Abs(got.Value-want) > 1e-11 || got.Kind != KindExact {
				t.Errorf("%s: %+v, want %v", what, got, want)
			}
		}
		a := c.Relevance(judgedLogs(reflection.IsREL, values[0], values[1])).Value
		b := c.Relevance(judgedLogs(reflection.IsREL, values[1], values[0])).Value
		if math.Abs(a+b-1) > 1e-12 {
			t.Errorf("relevance %v and, with the two exchanged, %v: want a sum of 1", a, b)
		}
	})
}

// TestMissingLogProb compares the replacement with a distribution that contains the
// number explicitly.
func TestMissingLogProb(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHidden(t)
		if h.group == reflection.Retrieve {
			return // the ratio of the decision has no replacement
		}
		c := DefaultConfig()
		c.MissingLogProb = rapid.Float64Range(-200, -0.001).Draw(t, "missing")
		written, open := h.shown, false
		for i := range h.true {
			if h.bound[i] > 0 {
				written.Probs[i], open = reflection.ExactLog(c.MissingLogProb), true
			}
		}
		want := scoreOf(DefaultConfig(), judged(written))
		if open {
			want.Kind = KindAssumed
		}
		if got := scoreOf(c, judged(h.shown)); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// TestMissingLogProbBesideCertainty: the replacement is used even if the exact
// members leave nothing. Value (0.5·1 + 0·p)/(1 + p) with p = exp(-1).
func TestMissingLogProbBesideCertainty(t *testing.T) {
	c := DefaultConfig()
	c.MissingLogProb = -1
	d := reflection.NewDistribution(reflection.IsSUP, 0, 1)
	d.Set(reflection.NoSupport, atMost(0.5))
	want := 0.5 / (1 + math.Exp(-1))
	wantTerm(t, c.Support(judged(d)), Term{want, want, want, KindAssumed})
}

// TestMissingLogProbOfNothing: if a server lists no token of a group, nothing is
// known of it, and the replacement is used for all of its members.
func TestMissingLogProbOfNothing(t *testing.T) {
	c := DefaultConfig()
	c.MissingLogProb = -100
	unknown := reflection.Critique{}
	foreign := judged(reflection.OneHot(reflection.Utility1))
	for what, term := range map[string]struct {
		got  Term
		want float64
	}{
		"relevance":                        {c.Relevance(unknown.IsREL), 0.5},
		"support":                          {c.Support(unknown.IsSUP), 0.5},
		"utility":                          {c.Utility(unknown.IsUSE), 0},
		"relevance, another group's token": {c.Relevance(foreign), 0.5},
	} {
		if term.got.Value != term.want || term.got.Lo != term.want || term.got.Hi != term.want || term.got.Kind != KindAssumed {
			t.Errorf("%s: %+v, want the point %v of kind assumed", what, term.got, term.want)
		}
	}
	for what, j := range map[string]reflection.Judgment{
		"absent": {Status: reflection.StatusAbsent}, "pending": {Status: reflection.StatusPending},
	} {
		if got := c.Relevance(j); got.Kind == KindAssumed || got.Value != 0 {
			t.Errorf("%s: %+v, want nothing assumed", what, got)
		}
	}
}
