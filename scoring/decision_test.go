package scoring

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/reflection"
)

func TestDecide(t *testing.T) {
	exact := reflection.ExactValue
	unknown := reflection.Prob{}
	zero := reflection.ExactLog(math.Inf(-1))
	type probs = [reflection.MaxGroupSize]reflection.Prob
	tests := []struct {
		name        string
		probs       probs // No Retrieval, Retrieval, Continue
		threshold   float64
		canContinue bool
		want        Choice
	}{
		{"open on the safe side of the threshold", probs{exact(0.3), exact(0.6), unknown}, 0.2, false, ChooseRetrieval},
		{"rest cannot lift it over the threshold", probs{exact(0.9), unknown, unknown}, 0.2, false, ChooseNoRetrieval},
		{"rest may lift it over the threshold", probs{exact(0.7), unknown, unknown}, 0.2, false, ChooseUnknown},
		{"exact Continue leaves too little", probs{exact(0.7), unknown, exact(0.2)}, 0.2, false, ChooseNoRetrieval},
		{"nothing known", probs{}, 0.2, false, ChooseUnknown},
		{"nothing known, threshold 1", probs{}, 1, false, ChooseNoRetrieval},
		{"nothing known, negative threshold", probs{}, -0.1, false, ChooseRetrieval},
		{"threshold NaN", probs{zero, exact(1), zero}, math.NaN(), false, ChooseNoRetrieval},
		{"threshold 0 and hardly any retrieval", probs{exact(0.9), exact(1e-300), zero}, 0, false, ChooseRetrieval},
		{"threshold 0 and no retrieval", probs{exact(0.9), zero, exact(0.1)}, 0, false, ChooseNoRetrieval},
		{"all zero", probs{zero, zero, zero}, 0.2, true, ChooseUnknown},
		{"only Continue, at the start", probs{zero, zero, exact(1)}, 0.2, false, ChooseUnknown},
		{"only Continue", probs{zero, zero, exact(1)}, 0.2, true, ChooseContinue},
		{"only Continue can be", probs{zero, zero, unknown}, 0.2, true, ChooseContinue},
		{"Continue ties with retrieval", probs{exact(0.2), exact(0.4), exact(0.4)}, 0.2, true, ChooseContinue},
		{"Continue ties with no retrieval", probs{exact(0.4), exact(0.2), exact(0.4)}, 0.2, true, ChooseContinue},
		{"Continue ties, at the start", probs{exact(0.4), exact(0.2), exact(0.4)}, 0.2, false, ChooseRetrieval},
		{"Continue below retrieval", probs{exact(0.1), exact(0.5), exact(0.4)}, 0.2, true, ChooseRetrieval},
		{"Continue above no retrieval, below retrieval", probs{exact(0.2), exact(0.41), exact(0.39)}, 0.5, true, ChooseRetrieval},
		{"Continue open, too small to win", probs{exact(0.6), exact(0.3), unknown}, 0.2, true, ChooseRetrieval},
		{"Continue open, may win", probs{exact(0.3), exact(0.1), unknown}, 0.2, true, ChooseUnknown},
		{"Continue exact, others may be larger", probs{exact(0.1), unknown, exact(0.4)}, 0.2, true, ChooseUnknown},
		{"Continue exact, others cannot be larger", probs{exact(0.1), unknown, exact(0.5)}, 0.2, true, ChooseContinue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := reflection.Distribution{Group: reflection.Retrieve, Probs: tt.probs}
			got, r := Decide(d, tt.threshold, tt.canContinue)
			if got != tt.want {
				t.Errorf("got %v, ratio %+v; want %v", got, r, tt.want)
			}
			if r != RetrievalRatio(d) {
				t.Errorf("ratio %+v, want %+v", r, RetrievalRatio(d))
			}
		})
	}
	for _, canContinue := range []bool{false, true} {
		if got, r := Decide(reflection.OneHot(reflection.Relevant), 0.2, canContinue); got != ChooseUnknown || r.Kind != KindUnknown {
			t.Errorf("distribution of another group: %v, %+v", got, r)
		}
	}
}

// TestDecideAtThreshold: a ratio that equals the threshold on paper does not
// retrieve, however the logarithms are rounded. One that is a little larger does.
func TestDecideAtThreshold(t *testing.T) {
	for k := 1; k < 1000; k++ {
		p := float64(k) / 1000
		for _, mass := range []float64{1, 0.37, 1e-9} {
			d := reflection.NewDistribution(reflection.Retrieve, mass*(1-p), mass*p, 0)
			if got, r := Decide(d, p, true); got != ChooseNoRetrieval {
				t.Errorf("ratio %v at threshold %v: %v", r.Value, p, got)
			}
			if got, r := Decide(d, p-1e-9, true); got != ChooseRetrieval {
				t.Errorf("ratio %v above threshold %v: %v", r.Value, p-1e-9, got)
			}
		}
	}
}

// plainDecide is the rule of the paper for known probabilities. It is ChooseUnknown
// for 0/0 and too close to a tie for a comparison.
func plainDecide(no, yes, cont, threshold float64, canContinue bool) Choice {
	const close = 1e-9
	if canContinue {
		switch diff := cont - max(no, yes); {
		case math.Abs(diff) < close:
			return ChooseUnknown
		case diff > 0:
			return ChooseContinue
		}
	}
	r := yes / (yes + no)
	switch {
	case no+yes < close || math.Abs(r-threshold) < close:
		return ChooseUnknown
	case r > threshold:
		return ChooseRetrieval
	}
	return ChooseNoRetrieval
}

// TestDecideHidden hides members of random distributions. A choice agrees with the
// true distribution and with every corner of the possible ones. Without a choice
// some corners differ.
func TestDecideHidden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHidden(t)
		if h.group != reflection.Retrieve {
			return // another group
		}
		threshold := rapid.Float64Range(0, 1).Draw(t, "threshold")
		canContinue := rapid.Bool().Draw(t, "can continue")
		got, r := Decide(h.shown, threshold, canContinue)
		if want := plainDecide(h.true[0], h.true[1], h.true[2], threshold, canContinue); got != want && got != ChooseUnknown && want != ChooseUnknown {
			t.Fatalf("got %v, the truth gives %v", got, want)
		}
		seen, near := map[Choice]bool{}, false
		h.corners(func(p []float64) {
			c := plainDecide(p[0], p[1], p[2], threshold, canContinue)
			seen[c], near = true, near || c == ChooseUnknown
		})
		delete(seen, ChooseUnknown)
		if got != ChooseUnknown && (len(seen) > 1 || len(seen) == 1 && !seen[got]) {
			t.Fatalf("got %v by %+v, corners give %v", got, r, seen)
		}
		if got == ChooseUnknown && len(seen) < 2 && !near {
			t.Fatalf("got no choice by %+v, all corners give %v", r, seen)
		}
	})
}

// TestDecideMonotone: raising the threshold never turns no retrieval into
// retrieval, and unknown only into no retrieval.
func TestDecideMonotone(t *testing.T) {
	rank := map[Choice]int{ChooseRetrieval: 0, ChooseUnknown: 1, ChooseNoRetrieval: 2}
	rapid.Check(t, func(t *rapid.T) {
		h := drawHidden(t)
		if h.group != reflection.Retrieve {
			return // another group
		}
		a := rapid.Float64Range(-0.5, 1.5).Draw(t, "a")
		b := rapid.Float64Range(-0.5, 1.5).Draw(t, "b")
		low, _ := Decide(h.shown, min(a, b), false)
		high, _ := Decide(h.shown, max(a, b), false)
		if r := RetrievalRatio(h.shown); rank[low] > rank[high] && r.Kind != KindZeroSum {
			t.Errorf("%v at %v, but %v at %v", low, min(a, b), high, max(a, b))
		}
		withLow, _ := Decide(h.shown, min(a, b), true)
		withHigh, _ := Decide(h.shown, max(a, b), true)
		if (withLow == ChooseContinue) != (withHigh == ChooseContinue) {
			t.Errorf("continuing depends on the threshold: %v and %v", withLow, withHigh)
		}
	})
}

func TestHardChoice(t *testing.T) {
	want := map[reflection.Token][2]Choice{
		reflection.NoRetrieval:      {ChooseNoRetrieval, ChooseNoRetrieval},
		reflection.Retrieval:        {ChooseRetrieval, ChooseRetrieval},
		reflection.ContinueEvidence: {ChooseUnknown, ChooseContinue},
	}
	for _, token := range append(reflection.Tokens(), reflection.None, reflection.Token(99)) {
		t.Run(fmt.Sprint(token), func(t *testing.T) {
			got := [2]Choice{HardChoice(token, false), HardChoice(token, true)}
			if got != want[token] {
				t.Errorf("got %v, want %v", got, want[token])
			}
		})
	}
}

// TestHardChoiceIsDecide: the token alone gives the same as a distribution that is
// certain of it.
func TestHardChoiceIsDecide(t *testing.T) {
	for _, token := range reflection.Retrieve.Tokens() {
		for _, canContinue := range []bool{false, true} {
			soft, _ := Decide(reflection.OneHot(token), 0.2, canContinue)
			if hard := HardChoice(token, canContinue); hard != soft {
				t.Errorf("%v, %v: %v by token, %v by distribution", token, canContinue, hard, soft)
			}
		}
	}
}
