package scoring

import (
	"math"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/reflection"
)

func TestReject(t *testing.T) {
	sup := func(token reflection.Token, p ...float64) reflection.Critique {
		return reflection.Critique{IsSUP: reflection.Judged(reflection.NewDistribution(reflection.IsSUP, p...), token, reflection.ExactIDs)}
	}
	irrelevant := reflection.Critique{IsREL: reflection.Judged(reflection.OneHot(reflection.Irrelevant), reflection.Irrelevant, reflection.HardLabels)}
	bounded := sup(reflection.None, 0.25)
	bounded.IsSUP.Dist.Set(reflection.PartiallySupported, reflection.ExactValue(0))
	bounded.IsSUP.Dist.Set(reflection.NoSupport, atMost(0.25)) // between 0 and a half
	// Only no support is known, with 0.25 of 1: between a quarter and all.
	alone := reflection.Critique{IsSUP: judged(reflection.Distribution{Group: reflection.IsSUP})}
	alone.IsSUP.Dist.Set(reflection.NoSupport, reflection.ExactValue(0.25))
	hard := Constraints{RejectNoSupport: true}
	tests := []struct {
		name     string
		set      Constraints
		critique reflection.Critique
		reason   string // a part of it; "" for a candidate that is accepted
	}{
		{"nothing set", Constraints{}, sup(reflection.NoSupport, 0, 0, 1), ""},
		{"no support was generated", hard, sup(reflection.NoSupport, 0.6, 0, 0.4), "[No support / Contradictory] was generated"},
		{"no support is likely but was not generated", hard, sup(reflection.PartiallySupported, 0, 0.1, 0.9), ""},
		{"support absent", hard, reflection.Critique{IsSUP: reflection.Judgment{Status: reflection.StatusAbsent}}, ""},
		{"irrelevant was generated", Constraints{RejectIrrelevant: true}, irrelevant, "[Irrelevant] was generated"},
		{"irrelevant does not matter", hard, irrelevant, ""},
		{"relevant", Constraints{RejectIrrelevant: true}, reflection.Critique{IsREL: judged(reflection.OneHot(reflection.Relevant))}, ""},
		// 0.3/0.8 = 0.375 within the group.
		{"above the maximum", Constraints{MaxNoSupport: 0.37}, sup(reflection.FullySupported, 0.4, 0.1, 0.3), "probability 0.375 of [No support / Contradictory] is above 0.37"},
		{"at the maximum", Constraints{MaxNoSupport: 0.375}, sup(reflection.FullySupported, 0.4, 0.1, 0.3), ""},
		{"below the maximum", Constraints{MaxNoSupport: 0.38}, sup(reflection.FullySupported, 0.4, 0.1, 0.3), ""},
		{"may be above the maximum", Constraints{MaxNoSupport: 0.1}, bounded, ""},
		{"above the maximum unless something is missing", Constraints{MaxNoSupport: 0.5}, alone, ""},
		{"above the maximum whatever is open", Constraints{MaxNoSupport: 0.2}, alone, "probability 0.25 of"},
		{"nothing is known", Constraints{MaxNoSupport: 0.1}, sup(reflection.None), ""},
		{"no judgment", Constraints{MaxNoSupport: 0.1}, reflection.Critique{}, ""},
		{"judged by another group", Constraints{MaxNoSupport: 0.1}, reflection.Critique{IsSUP: judged(reflection.OneHot(reflection.Utility5))}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reason, rejected := tt.set.Reject(tt.critique)
			if rejected != (tt.reason != "") || !strings.Contains(reason, tt.reason) || rejected != (reason != "") {
				t.Errorf("got %q, %v; want %q", reason, rejected, tt.reason)
			}
		})
	}
}

// TestRejectAtMaximum: a probability that equals the maximum on paper is accepted,
// however the logarithms are rounded.
func TestRejectAtMaximum(t *testing.T) {
	for k := 1; k < 1000; k++ {
		p := float64(k) / 1000
		cr := reflection.Critique{IsSUP: judged(reflection.NewDistribution(reflection.IsSUP, (1-p)/2, (1-p)/2, p))}
		if reason, rejected := (Constraints{MaxNoSupport: p}).Reject(cr); rejected {
			t.Errorf("at %v: %s", p, reason)
		}
		if _, rejected := (Constraints{MaxNoSupport: p - 1e-6}).Reject(cr); !rejected {
			t.Errorf("above %v: accepted", p-1e-6)
		}
	}
}

func TestConstraintsCheck(t *testing.T) {
	for _, good := range []float64{0, 0.3, 1} {
		wantConfigError(t, Constraints{MaxNoSupport: good}.Check(), "")
	}
	for _, bad := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		wantConfigError(t, Constraints{MaxNoSupport: bad}.Check(), "MaxNoSupport")
	}
}
