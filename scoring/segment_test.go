package scoring

import (
	"encoding/json"
	"math"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/reflection"
)

func TestUnjudged(t *testing.T) {
	status := func(s reflection.Status) reflection.Judgment { return reflection.Judgment{Status: s} }
	unknown, pending := status(reflection.StatusUnknown), status(reflection.StatusPending)
	def := DefaultConfig()
	wide := DefaultConfig()
	wide.Absent = Absent{Relevance: 2, Support: -3, Utility: 4}
	high := DefaultConfig()
	high.UtilityScale = [5]float64{1, 2, 3, 4, 5}
	highAbsent := high
	highAbsent.Absent.Utility = 7
	wrong := judged(reflection.OneHot(reflection.Relevant))
	tests := []struct {
		name      string
		got, want Term
	}{
		{"relevance unknown", def.Relevance(unknown), Term{0, 0, 1, KindUnknown}},
		{"relevance pending", def.Relevance(pending), Term{0, 0, 1, KindPending}},
		{"support unknown", def.Support(unknown), Term{0, 0, 1, KindUnknown}},
		{"support pending", def.Support(pending), Term{0, 0, 1, KindPending}},
		{"utility unknown", def.Utility(unknown), Term{-1, -1, 1, KindUnknown}},
		{"utility pending", def.Utility(pending), Term{-1, -1, 1, KindPending}},
		{"relevance may be absent", wide.Relevance(pending), Term{0, 0, 2, KindPending}},
		{"support may be absent", wide.Support(pending), Term{-3, -3, 1, KindPending}},
		{"utility may be absent", wide.Utility(pending), Term{-1, -1, 4, KindPending}},
		{"utility may be absent, below the scale", high.Utility(pending), Term{0, 0, 5, KindPending}},
		{"utility may be zero-sum, below the scale", highAbsent.Utility(pending), Term{0, 0, 7, KindPending}},
		{"relevance absent", wide.Relevance(status(reflection.StatusAbsent)), Term{2, 2, 2, KindAbsent}},
		{"support absent", wide.Support(status(reflection.StatusAbsent)), Term{-3, -3, -3, KindAbsent}},
		{"utility absent", wide.Utility(status(reflection.StatusAbsent)), Term{4, 4, 4, KindAbsent}},
		{"distribution of another group", def.Support(wrong), Term{0, 0, 1, KindUnknown}},
		{"no distribution", def.Utility(status(reflection.StatusJudged)), Term{-1, -1, 1, KindUnknown}},
		{"status without a name", def.Support(status(77)), Term{0, 0, 1, KindUnknown}},
		{"ratio of another group", RetrievalRatio(wrong.Dist), Term{0, 0, 1, KindUnknown}},
		{"hard label", def.Support(judged(reflection.OneHot(reflection.PartiallySupported))), Term{0.5, 0.5, 0.5, KindExact}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantTerm(t, tt.got, tt.want) })
	}
}

func TestSequenceTerm(t *testing.T) {
	q := math.Exp(-0.4)
	tests := []struct {
		name     string
		sequence Sequence
		log      reflection.Prob
		n        int
		want     Term
	}{
		{"auto is geometric", SequenceAuto, reflection.ExactLog(-3.2), 8, Term{q, q, q, KindExact}},
		{"geometric", SequenceGeometric, reflection.ExactLog(-3.2), 8, Term{q, q, q, KindExact}},
		{"geometric bounded", SequenceGeometric, reflection.AtMostLog(-3.2), 8, Term{0, 0, q, KindBounded}},
		{"geometric unknown", SequenceGeometric, reflection.Prob{}, 8, Term{0, 0, 1, KindUnknown}},
		{"geometric of nothing", SequenceGeometric, reflection.Prob{}, 0, Term{1, 1, 1, KindExact}},
		{"geometric of less than nothing", SequenceGeometric, reflection.ExactLog(-3), -2, Term{1, 1, 1, KindExact}},
		{"probability", SequenceProbability, reflection.ExactLog(-0.4), 8, Term{q, q, q, KindExact}},
		{"probability bounded", SequenceProbability, reflection.AtMostLog(-0.4), 0, Term{0, 0, q, KindBounded}},
		{"probability unknown", SequenceProbability, reflection.Prob{}, 0, Term{0, 0, 1, KindUnknown}},
		{"none", SequenceNone, reflection.ExactLog(-3.2), 8, Term{0, 0, 0, KindOff}},
		{"rounded above zero", SequenceProbability, reflection.ExactLog(1e-5), 1, Term{1, 1, 1, KindExact}},
		{"certain", SequenceGeometric, reflection.ExactLog(0), 5, Term{1, 1, 1, KindExact}},
		{"not a log-probability", SequenceGeometric, reflection.ExactLog(7), 5, Term{0, 0, 1, KindUnknown}},
		{"NaN", SequenceGeometric, reflection.ExactLog(math.NaN()), 5, Term{0, 0, 1, KindUnknown}},
		{"probability zero", SequenceGeometric, reflection.ExactLog(math.Inf(-1)), 5, Term{0, 0, 0, KindExact}},
		{"bound of zero", SequenceGeometric, reflection.AtMostLog(math.Inf(-1)), 5, Term{0, 0, 0, KindExact}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			c.Sequence = tt.sequence
			wantTerm(t, c.SequenceTerm(tt.log, tt.n), tt.want)
		})
	}
}

func TestTotal(t *testing.T) {
	pending := reflection.Judgment{Status: reflection.StatusPending}
	absent := reflection.Judgment{Status: reflection.StatusAbsent}
	sure := judged(reflection.NewDistribution(reflection.IsREL, 0.25, 0.75))
	halfSure := judged(reflection.NewDistribution(reflection.IsSUP, 0.5, 0.25)) // value 5/6, low end 0.625
	noRel := judged(reflection.Distribution{Group: reflection.IsREL})
	tests := []struct {
		name     string
		weights  Weights
		critique reflection.Critique
		log      reflection.Prob
		want     Term
	}{
		{"support and utility to come", DefaultWeights(), reflection.Critique{IsREL: sure, IsSUP: pending, IsUSE: pending}, reflection.ExactLog(0), Term{1.25, 1.25, 3.25, KindPending}},
		{"negative weight turns the interval", Weights{1, -2, 0, 1}, reflection.Critique{IsREL: sure, IsSUP: pending, IsUSE: pending}, reflection.ExactLog(0), Term{1.75, -0.25, 1.75, KindPending}},
		{"weight 0 leaves the term out", Weights{1, 0, 0, 0}, reflection.Critique{IsREL: sure, IsSUP: pending}, reflection.Prob{}, Term{0.75, 0.75, 0.75, KindExact}},
		{"bounded", DefaultWeights(), reflection.Critique{IsREL: sure, IsSUP: halfSure, IsUSE: absent}, reflection.ExactLog(0), Term{1.75 + 5./6, 2.375, 1.75 + 5./6, KindBounded}},
		{"unknown is less settled than bounded", DefaultWeights(), reflection.Critique{IsREL: noRel, IsSUP: halfSure, IsUSE: absent}, reflection.ExactLog(0), Term{1 + 5./6, 1.625, 2 + 5./6, KindUnknown}},
		{"sequence unknown", DefaultWeights(), reflection.Critique{IsREL: sure, IsSUP: absent, IsUSE: absent}, reflection.Prob{}, Term{0.75, 0.75, 1.75, KindUnknown}},
		{"all absent", DefaultWeights(), reflection.Critique{IsREL: absent, IsSUP: absent, IsUSE: absent}, reflection.ExactLog(0), Term{1, 1, 1, KindExact}},
		{"no weights", Weights{}, reflection.Critique{}, reflection.Prob{}, Term{0, 0, 0, KindExact}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			c.Weights = tt.weights
			wantTerm(t, c.Segment(tt.critique, tt.log, 3).Total, tt.want)
		})
	}
}

// TestTotalIsTheSum: the total is the plain sum of the four terms, in the stated
// order and to the last bit.
func TestTotalIsTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.Float64Range(-3, 3)
		c := DefaultConfig()
		c.Weights = Weights{weight.Draw(t, "rel"), weight.Draw(t, "sup"), weight.Draw(t, "use"), weight.Draw(t, "seq")}
		s := c.Segment(drawCritique(t), reflection.ExactLog(-rapid.Float64Range(0, 9).Draw(t, "log")), 4)
		products := []float64{c.Weights.Sequence * s.Sequence.Value, c.Weights.Relevance * s.Relevance.Value, c.Weights.Support * s.Support.Value, c.Weights.Utility * s.Utility.Value}
		sum := 0.0
		for _, p := range products {
			sum += p
		}
		if s.Total.Value != sum {
			t.Errorf("total %v, want %v", s.Total.Value, sum)
		}
	})
}

func drawCritique(t *rapid.T) reflection.Critique {
	draw := func(g reflection.Group) reflection.Judgment {
		switch rapid.IntRange(0, 5).Draw(t, "special") {
		case 0:
			return reflection.Judgment{Status: reflection.StatusAbsent}
		case 1: // all zero
			return judged(reflection.NewDistribution(g, make([]float64, g.Size())...))
		}
		values := rapid.SliceOfN(rapid.Float64Range(-20, 0), g.Size(), g.Size()).Draw(t, "logs")
		return judgedLogs(g, values...)
	}
	return reflection.Critique{IsREL: draw(reflection.IsREL), IsSUP: draw(reflection.IsSUP), IsUSE: draw(reflection.IsUSE)}
}

// TestPendingEncloses: the total of an incomplete candidate encloses its final
// total, without any tolerance for what is pending, for all weights, scales and
// absent scores. The geometric term at the token limit needs a tolerance for
// rounding.
func TestPendingEncloses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Float64Range(-3, 3)
		c := Config{
			Weights:  Weights{number.Draw(t, "rel"), number.Draw(t, "sup"), number.Draw(t, "use"), number.Draw(t, "seq")},
			Sequence: rapid.SampledFrom([]Sequence{SequenceNone, SequenceGeometric, SequenceProbability}).Draw(t, "sequence"),
			Absent:   Absent{number.Draw(t, "no rel"), number.Draw(t, "no sup"), number.Draw(t, "no use")},
		}
		for i := range c.UtilityScale {
			c.UtilityScale[i] = number.Draw(t, "scale")
		}
		final := drawCritique(t)
		now := final
		for _, j := range []*reflection.Judgment{&now.IsREL, &now.IsSUP, &now.IsUSE} {
			if rapid.Bool().Draw(t, "pending") {
				*j = reflection.Judgment{Status: reflection.StatusPending}
			}
		}
		// Of a limit of 20 tokens some are used, and then some more.
		used := rapid.IntRange(1, 20).Draw(t, "used")
		length := rapid.IntRange(used, 20).Draw(t, "length")
		log := -rapid.Float64Range(0, 30).Draw(t, "log")
		more := -rapid.Float64Range(0, 30).Draw(t, "more")
		if length == used {
			more = 0
		}

		done := c.Segment(final, reflection.ExactLog(log+more), length).Total
		if got := c.Segment(now, reflection.ExactLog(log+more), length).Total; !(got.Lo <= done.Value && done.Value <= got.Hi) {
			t.Errorf("ends up at %v, outside %+v", done.Value, got)
		}
		if got := c.Segment(now, reflection.AtMostLog(log), 20).Total; !(got.Lo-1e-12 <= done.Value && done.Value <= got.Hi+1e-12) {
			t.Errorf("ends up at %v, outside %+v, bounded with %d tokens to go", done.Value, got, 20-used)
		}
	})
}

func TestSegmentJSON(t *testing.T) {
	c := DefaultConfig()
	s := c.Segment(reflection.Critique{
		IsREL: judged(reflection.OneHot(reflection.Relevant)),
		IsSUP: reflection.Judgment{Status: reflection.StatusPending},
		IsUSE: reflection.Judgment{Status: reflection.StatusAbsent},
	}, reflection.AtMostLog(0), 2)
	const want = `{"sequence":{"value":0,"lo":0,"hi":1,"kind":"bounded"},` +
		`"is_rel":{"value":1,"lo":1,"hi":1,"kind":"exact"},` +
		`"is_sup":{"value":0,"lo":0,"hi":1,"kind":"pending"},` +
		`"is_use":{"value":0,"lo":0,"hi":0,"kind":"absent"},` +
		`"total":{"value":1,"lo":1,"hi":3,"kind":"pending"}}`
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var back Terms
	if err := json.Unmarshal(got, &back); err != nil || back != s {
		t.Errorf("read back %+v, %v; want %+v", back, err, s)
	}
	if got := s.Total.Interval(); got != (Interval{1, 3}) || s.Total.Exact() {
		t.Errorf("interval %+v", got)
	}
}
