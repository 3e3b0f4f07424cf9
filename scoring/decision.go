package scoring

import (
	"math"

	"github.com/goselfrag/goselfrag/internal/enum"
	"github.com/goselfrag/goselfrag/reflection"
)

// Choice is the decision before a segment. The zero value is ChooseUnknown. It is a
// number because seeds are mixed from it.
type Choice uint8

const (
	ChooseUnknown     Choice = iota // the probabilities leave it open
	ChooseNoRetrieval               // continue without a passage
	ChooseRetrieval                 // retrieve passages
	ChooseContinue                  // continue with the current passage
)

var choices = enum.Numbers[Choice]{Package: "scoring", What: "choice", Names: []string{"unknown", "no-retrieval", "retrieval", "continue"}}

// String returns unknown, no-retrieval, retrieval or continue.
func (c Choice) String() string { return choices.String(c) }

// MarshalText writes what String returns; a number without a name is an error.
func (c Choice) MarshalText() ([]byte, error) { return choices.Marshal(c) }

// UnmarshalText reads what MarshalText writes.
func (c *Choice) UnmarshalText(b []byte) error { return choices.Unmarshal(b, c) }

// retrievalScale covers No Retrieval and Retrieval. The third member, Continue, is
// not part of the ratio.
var retrievalScale = []float64{0, 1}

// RetrievalRatio returns p(Retrieval) / (p(Retrieval) + p(No Retrieval)), in [0,
// 1]. [Continue to Use Evidence] is not part of it, but an exact probability of it
// leaves less for the other two. The ratio of a distribution of another group is
// unknown.
func RetrievalRatio(d reflection.Distribution) Term {
	if d.Group != reflection.Retrieve {
		return Term{Hi: 1, Kind: KindUnknown}
	}
	return ratio(&d, retrievalScale, 0)
}

// Decide decides by probabilities whether to retrieve (paper, Appendix A.3). It
// also returns the ratio that it used, that of [RetrievalRatio].
//
// If canContinue is set (the path holds a passage, so not in the first segment) and
// p(Continue) is at least as large as both others, the choice is ChooseContinue.
// Otherwise it is ChooseRetrieval if the ratio is above threshold, and
// ChooseNoRetrieval if it is not. A ratio equal to threshold, up to a relative
// rounding error of 1e-12, does not retrieve.
//
// It is ChooseUnknown if the inexact probabilities leave open whether Continue wins
// or on which side of threshold the ratio is, and if the relevant probabilities are
// all zero. A threshold of 1 or more, or NaN, never retrieves by the ratio; a
// negative one always does.
func Decide(d reflection.Distribution, threshold float64, canContinue bool) (Choice, Term) {
	r := RetrievalRatio(d)
	if canContinue {
		switch wins, settled := continueWins(d); {
		case !settled:
			return ChooseUnknown, r
		case wins:
			return ChooseContinue, r
		}
	}
	switch {
	case r.Kind == KindZeroSum:
		return ChooseUnknown, r
	case above(r.Lo, threshold):
		return ChooseRetrieval, r
	case !above(r.Hi, threshold):
		return ChooseNoRetrieval, r
	}
	return ChooseUnknown, r
}

// DecideByLogs decides as the released script for short answers does: it retrieves
// if log p(Retrieval) / (log p(Retrieval) + log p(No Retrieval)), which it also
// returns, is above threshold. Logarithms reverse the ratio of [Decide]: the surer
// the model is that it should retrieve, the smaller the ratio. Use it for
// comparisons with that script.
//
// The choice is ChooseUnknown unless both probabilities are exact, finite as
// logarithms, and not both 1. Continue is not part of it.
func DecideByLogs(d reflection.Distribution, threshold float64) (Choice, Term) {
	yes, no := d.Prob(reflection.Retrieval), d.Prob(reflection.NoRetrieval)
	if inexact(yes) || inexact(no) || math.IsInf(yes.Log, 0) || math.IsInf(no.Log, 0) {
		return ChooseUnknown, Term{Hi: 1, Kind: KindUnknown}
	}
	if yes.Log == 0 && no.Log == 0 {
		return ChooseUnknown, point(0, KindZeroSum)
	}
	r := point(yes.Log/(yes.Log+no.Log), KindExact)
	if r.Value > threshold {
		return ChooseRetrieval, r
	}
	return ChooseNoRetrieval, r
}

// continueWins reports whether p(Continue) is positive and at least as large as
// p(Retrieval) and p(No Retrieval), and whether that is settled.
func continueWins(d reflection.Distribution) (wins, settled bool) {
	if d.Group != reflection.Retrieve {
		return false, false
	}
	rest := remainder(d.Probs[:d.Group.Size()])
	// ends returns the logarithms that enclose t's probability.
	ends := func(t reflection.Token) (lo, hi float64) {
		hi, exact := logOf(d.Prob(t), rest)
		if !exact {
			return math.Inf(-1), hi
		}
		return hi, hi
	}
	lo, hi := ends(reflection.ContinueEvidence)
	yesLo, yesHi := ends(reflection.Retrieval)
	noLo, noHi := ends(reflection.NoRetrieval)
	switch {
	case math.IsInf(hi, -1) || hi < max(yesLo, noLo):
		return false, true
	case lo >= max(yesHi, noHi):
		return true, true
	}
	return false, false
}

// HardChoice decides by the generated token. Continue without a passage to continue
// from, and any token outside the group Retrieve, is ChooseUnknown.
func HardChoice(t reflection.Token, canContinue bool) Choice {
	switch {
	case t == reflection.NoRetrieval:
		return ChooseNoRetrieval
	case t == reflection.Retrieval:
		return ChooseRetrieval
	case t == reflection.ContinueEvidence && canContinue:
		return ChooseContinue
	}
	return ChooseUnknown
}
