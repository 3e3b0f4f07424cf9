package scoring

import (
	"fmt"

	"github.com/goselfrag/goselfrag/reflection"
)

// Constraints reject candidates whatever their score. The zero value rejects none.
type Constraints struct {
	// RejectIrrelevant rejects a candidate for which [Irrelevant] was generated.
	RejectIrrelevant bool `json:"reject_irrelevant,omitempty"`
	// RejectNoSupport rejects a candidate for which [No support / Contradictory]
	// was generated: the paper's hard constraint.
	RejectNoSupport bool `json:"reject_no_support,omitempty"`
	// MaxNoSupport, in (0, 1], rejects a candidate if the probability of [No
	// support / Contradictory] within its group is above it, by more than a
	// relative rounding error of 1e-12. 0 means off. If the probability is only
	// known to be in an interval, the lower end counts: missing numbers never
	// reject.
	MaxNoSupport float64 `json:"max_no_support,omitempty"`
}

// Check returns a [*ConfigError] if MaxNoSupport is not in [0, 1].
func (c Constraints) Check() error {
	if !(c.MaxNoSupport >= 0 && c.MaxNoSupport <= 1) {
		return &ConfigError{"MaxNoSupport", fmt.Sprintf("is %v; want a probability in (0, 1], or 0 for off", c.MaxNoSupport)}
	}
	return nil
}

// noSupportScale makes a ratio the probability of no support within IsSUP.
var noSupportScale = []float64{0, 0, 1}

// Reject reports whether a candidate is rejected, and the first reason that
// applies, in the order of the fields. A group without a judgment rejects nothing.
func (c Constraints) Reject(cr reflection.Critique) (reason string, rejected bool) {
	if c.RejectIrrelevant && cr.IsREL.Token == reflection.Irrelevant {
		return fmt.Sprintf("%v was generated", reflection.Irrelevant), true
	}
	if c.RejectNoSupport && cr.IsSUP.Token == reflection.NoSupport {
		return fmt.Sprintf("%v was generated", reflection.NoSupport), true
	}
	if c.MaxNoSupport > 0 && cr.IsSUP.Status == reflection.StatusJudged && cr.IsSUP.Dist.Group == reflection.IsSUP {
		if p := ratio(&cr.IsSUP.Dist, noSupportScale, 0).Lo; above(p, c.MaxNoSupport) {
			return fmt.Sprintf("probability %.6g of %v is above %g", p, reflection.NoSupport, c.MaxNoSupport), true
		}
	}
	return "", false
}
