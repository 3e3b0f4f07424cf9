package scoring

import (
	"math"
	"testing"

	"github.com/goselfrag/goselfrag/reflection"
)

// The numbers in this file were computed without this package, from the formulas of
// the paper and with nine decimals.

const vectorTolerance = 1e-9

func TestDecisionVectors(t *testing.T) {
	tests := []struct {
		name           string
		yes, no, cont  float64
		ratio          float64
		choice         Choice
		withContinuing Choice
	}{
		{"1", -0.2, -1.8, gone, 0.832018385, ChooseRetrieval, ChooseRetrieval},
		{"2", -2.5, -0.1, gone, 0.083172696, ChooseNoRetrieval, ChooseNoRetrieval},
		{"3 first token is a plain word", -9, -7.5, gone, 0.182425524, ChooseNoRetrieval, ChooseUnknown},
		{"4 ratio equals threshold", -math.Log(4), 0, gone, 0.2, ChooseNoRetrieval, ChooseNoRetrieval},
		{"5 continue takes no part", -0.9, -1.4, -1.2, 0.622459331, ChooseRetrieval, ChooseRetrieval},
		// Vector 18 is about a rewriting step that only the released code has. On its
		// inputs the paper's ratio is 1/(1+exp(no-yes)) and never above 1.
		{"18a", -2.3, -0.5, -1.4, 0.141851065, ChooseNoRetrieval, ChooseNoRetrieval},
		{"18b", -4.6, -0.05, -3.9, 0.010456706, ChooseNoRetrieval, ChooseNoRetrieval},
		{"18c", -1, -3, -0.7, 0.880797078, ChooseRetrieval, ChooseContinue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := logs(reflection.Retrieve, tt.no, tt.yes, tt.cont)
			choice, r := Decide(d, 0.2, false)
			wantNear(t, "ratio", r.Value, tt.ratio, vectorTolerance)
			if !r.Exact() || r.Kind != KindExact {
				t.Errorf("ratio %+v is not exact", r)
			}
			if choice != tt.choice {
				t.Errorf("choice %v, want %v", choice, tt.choice)
			}
			if choice, _ := Decide(d, 0.2, true); choice != tt.withContinuing {
				t.Errorf("choice with a passage at hand %v, want %v", choice, tt.withContinuing)
			}
		})
	}
}

// The decisions of the released script for short answers at threshold 0.2.
func TestReleasedDecisionVectors(t *testing.T) {
	for _, tt := range []struct {
		name    string
		yes, no float64
		ratio   float64
		choice  Choice
		kind    TermKind
	}{
		{"1", -0.2, -1.8, 0.1, ChooseNoRetrieval, KindExact},
		{"2", -2.5, -0.1, 0.961538462, ChooseRetrieval, KindExact},
		{"3", -9, -7.5, 0.545454545, ChooseRetrieval, KindExact},
		{"4", -math.Log(4), 0, 1, ChooseRetrieval, KindExact},
		{"at the threshold", -1, -4, 0.2, ChooseNoRetrieval, KindExact},
		{"both certain", 0, 0, 0, ChooseUnknown, KindZeroSum},
		{"one missing", -1, gone, 0, ChooseUnknown, KindUnknown},
		{"one impossible", -1, math.Inf(-1), 0, ChooseUnknown, KindUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			choice, r := DecideByLogs(logs(reflection.Retrieve, tt.no, tt.yes, -0.5), 0.2)
			wantNear(t, "ratio", r.Value, tt.ratio, vectorTolerance)
			if choice != tt.choice || r.Kind != tt.kind {
				t.Errorf("%v, %+v: want %v of kind %v", choice, r, tt.choice, tt.kind)
			}
		})
	}
	if choice, _ := DecideByLogs(logs(reflection.IsREL, -1, -2), 0.2); choice != ChooseUnknown {
		t.Errorf("another group: %v, want unknown", choice)
	}
}

func TestGroupVectors(t *testing.T) {
	const rel, sup, use = reflection.IsREL, reflection.IsSUP, reflection.IsUSE
	tests := []struct {
		name     string
		missing  float64
		group    reflection.Group
		log      []float64 // in the order of the group's tokens; relevance has Irrelevant first
		want     float64
		relative bool
	}{
		{"6", 0, rel, []float64{-3.2, -0.05}, 0.958908722, false},
		{"6a", 0, rel, []float64{gone, -0.05}, 1, false},
		{"6a with -100 for missing", -100, rel, []float64{gone, -0.05}, 1, false},
		{"6b", 0, rel, []float64{-0.05, gone}, 0, false},
		{"6b with -100 for missing", -100, rel, []float64{-0.05, gone}, 3.910808e-44, true},
		{"6c", 0, rel, []float64{gone, gone}, 0, false},
		{"6c with -100 for missing", -100, rel, []float64{gone, gone}, 0.5, false},
		{"7", 0, sup, []float64{-0.3, -1.5, -4}, 0.867774126, false},
		{"7a", 0, sup, []float64{-0.3, -1.5, gone}, 0.884262392, false},
		{"7a with -100 for missing", -100, sup, []float64{-0.3, -1.5, gone}, 0.884262392, false},
		{"7b", 0, sup, []float64{gone, -0.1, -2.4}, 0.454438519, false},
		{"7b with -100 for missing", -100, sup, []float64{gone, -0.1, -2.4}, 0.454438519, false},
		{"8", 0, use, []float64{-6, -5, -3.5, -2, -0.2}, 0.886329432, false},
		{"8a", 0, use, []float64{gone, gone, -3.5, -2, -0.2}, 0.900570291, false},
		{"8a with -100 for missing", -100, use, []float64{gone, gone, -3.5, -2, -0.2}, 0.900570291, false},
		{"8b", 0, use, []float64{-0.01, gone, gone, gone, gone}, -1, false},
		{"8b with -100 for missing", -100, use, []float64{-0.01, gone, gone, gone, gone}, -1, false},
		{"8c", 0, use, []float64{-1.7, -1.7, -1.7, -1.7, -1.7}, 0, false},
		{"9 all at -800", 0, sup, []float64{-800, -800, -800}, 0.5, false},
		{"9 all at -745", 0, sup, []float64{-745, -745, -745}, 0.5, false},
		{"9 far below and apart", 0, rel, []float64{-801, -800}, 0.731058579, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			c.MissingLogProb = tt.missing
			got := scoreOf(c, judgedLogs(tt.group, tt.log...))
			tolerance := vectorTolerance
			if tt.relative {
				tolerance = 1e-6 * tt.want
			}
			wantNear(t, "value", got.Value, tt.want, tolerance)
			if tt.missing != 0 && (got.Kind != KindAssumed || !got.Exact()) {
				t.Errorf("%+v, want a point of kind assumed", got)
			}
		})
	}

	t.Run("7c", func(t *testing.T) {
		wantTerm(t, DefaultConfig().Support(reflection.Judgment{Status: reflection.StatusAbsent}), Term{Kind: KindAbsent})
	})
	t.Run("8d", func(t *testing.T) {
		wantTerm(t, DefaultConfig().Utility(reflection.Judgment{Status: reflection.StatusAbsent}), Term{Kind: KindAbsent})
	})
	t.Run("8c to 1e-12", func(t *testing.T) {
		d := judgedLogs(use, -1.7, -1.7, -1.7, -1.7, -1.7)
		wantNear(t, "value", DefaultConfig().Utility(d).Value, 0, 1e-12)
	})
}

// scoreOf applies the function that belongs to j's group.
func scoreOf(c Config, j reflection.Judgment) Term {
	switch j.Dist.Group {
	case reflection.IsREL:
		return c.Relevance(j)
	case reflection.IsSUP:
		return c.Support(j)
	case reflection.IsUSE:
		return c.Utility(j)
	}
	return RetrievalRatio(j.Dist)
}

func TestSequenceVectors(t *testing.T) {
	geometric := DefaultConfig()
	wantNear(t, "10", geometric.SequenceTerm(reflection.ExactLog(-3.2), 8).Value, 0.670320046, vectorTolerance)
	wantNear(t, "11", geometric.SequenceTerm(reflection.ExactLog(0), 0).Value, 1, 0)
	geometric.Sequence = SequenceGeometric
	wantNear(t, "10 by name", geometric.SequenceTerm(reflection.ExactLog(-3.2), 8).Value, 0.670320046, vectorTolerance)

	// exp(-3.2). An eighth of it is the variant that vector 10 warns of.
	probability := DefaultConfig()
	probability.Sequence = SequenceProbability
	wantNear(t, "10 as a probability", probability.SequenceTerm(reflection.ExactLog(-3.2), 8).Value, 8*0.0050952754, 8e-9)
}

func TestSegmentVectors(t *testing.T) {
	absent := reflection.Judgment{Status: reflection.StatusAbsent}
	full := reflection.Critique{
		IsREL: judgedLogs(reflection.IsREL, -3.2, -0.05),
		IsSUP: judgedLogs(reflection.IsSUP, -0.3, -1.5, -4),
		IsUSE: judgedLogs(reflection.IsUSE, -6, -5, -3.5, -2, -0.2),
	}
	noSup, noUse := full, full
	noSup.IsSUP, noUse.IsUSE = absent, absent
	poor := reflection.Critique{IsREL: judgedLogs(reflection.IsREL, -0.05, -3.2), IsSUP: absent, IsUSE: absent}
	tests := []struct {
		name     string
		critique reflection.Critique
		sequence Sequence
		utility  float64
		want     float64
	}{
		{"12", full, SequenceGeometric, 0.5, 2.940167609},
		{"13", full, SequenceGeometric, 1, 3.383332325},
		{"13a", full, SequenceNone, 0.5, 2.269847563},
		{"13b relevance and support only", full, SequenceNone, 0, 1.826682847},
		{"13d without support", noSup, SequenceGeometric, 0.5, 2.072393484},
		{"13d without utility", noUse, SequenceGeometric, 0.5, 2.497002893},
		{"13e", poor, SequenceGeometric, 0.5, 0.711411324},
		{"15 first token of a group counts", readTokens(), SequenceGeometric, 0.5, 2.940167609},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig()
			c.Sequence, c.Weights.Utility = tt.sequence, tt.utility
			got := c.Segment(tt.critique, reflection.ExactLog(-3.2), 8).Total
			wantNear(t, "total", got.Value, tt.want, vectorTolerance)
			if !got.Exact() || got.Kind != KindExact {
				t.Errorf("total %+v is not exact", got)
			}
		})
	}
}

// readTokens reads the critique off the tokens of vector 15 as a token critic does:
// the distribution at the first token of each group.
func readTokens() reflection.Critique {
	at := []struct {
		token reflection.Token
		dist  reflection.Distribution
	}{
		{reflection.Relevant, logs(reflection.IsREL, -3.2, -0.05)},
		{reflection.None, reflection.Distribution{}},
		{reflection.FullySupported, logs(reflection.IsSUP, -0.3, -1.5, -4)},
		{reflection.NoSupport, logs(reflection.IsSUP, -5, -4, -0.1)},
		{reflection.Utility5, logs(reflection.IsUSE, -6, -5, -3.5, -2, -0.2)},
		{reflection.Utility1, logs(reflection.IsUSE, -0.1, -5, -6, -7, -8)},
		{reflection.None, reflection.Distribution{}},
		{reflection.None, reflection.Distribution{}},
	}
	var c reflection.Critique
	for _, p := range at {
		for g, j := range map[reflection.Group]*reflection.Judgment{reflection.IsREL: &c.IsREL, reflection.IsSUP: &c.IsSUP, reflection.IsUSE: &c.IsUSE} {
			if p.token.Group() == g && j.Status == reflection.StatusUnknown {
				*j = reflection.Judged(p.dist, p.token, reflection.ExactIDs)
			}
		}
	}
	return c
}
