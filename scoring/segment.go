package scoring

import (
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
)

// The scores of the members of a group, in the order of Group.Tokens.
var (
	relevanceScale = []float64{0, 1}      // Irrelevant, Relevant
	supportScale   = []float64{1, 0.5, 0} // fully, partially, not supported
)

// Relevance returns p(Relevant) / (p(Relevant) + p(Irrelevant)), in [0, 1].
//
// For this and the other two judgments: a group that did not come has its [Absent]
// score. Without a judgment (unknown, pending, or judged with a distribution of
// another group) the interval covers everything that is still possible: the scale,
// the absent score, and 0; unless [Config.MissingLogProb] replaces what is unknown.
func (c Config) Relevance(j reflection.Judgment) Term {
	return c.relevance(&j)
}

// Support returns (p(Fully) + 0.5·p(Partially)) / (p(Fully) + p(Partially) +
// p(No support)), in [0, 1].
func (c Config) Support(j reflection.Judgment) Term {
	return c.support(&j)
}

// Utility returns the mean of [Config.UtilityScale] under the probabilities of
// Utility 1 to 5; in [-1, 1] by default.
func (c Config) Utility(j reflection.Judgment) Term {
	return c.utility(&j)
}

func (c *Config) relevance(j *reflection.Judgment) Term {
	return c.judged(j, reflection.IsREL, relevanceScale, c.Absent.Relevance)
}

func (c *Config) support(j *reflection.Judgment) Term {
	return c.judged(j, reflection.IsSUP, supportScale, c.Absent.Support)
}

func (c *Config) utility(j *reflection.Judgment) Term {
	return c.judged(j, reflection.IsUSE, c.UtilityScale[:], c.Absent.Utility)
}

func (c *Config) judged(j *reflection.Judgment, g reflection.Group, scale []float64, absent float64) Term {
	kind := KindUnknown
	known := j.Status == reflection.StatusJudged && j.Dist.Group == g
	if c.MissingLogProb < 0 && !known && j.Status != reflection.StatusAbsent && j.Status != reflection.StatusPending {
		return ratio(&reflection.Distribution{Group: g}, scale, c.MissingLogProb)
	}
	switch {
	case j.Status == reflection.StatusAbsent:
		return point(absent, KindAbsent)
	case known:
		return ratio(&j.Dist, scale, c.MissingLogProb)
	case j.Status == reflection.StatusPending:
		kind = KindPending
	}
	// A group scores 0 if all its probabilities are zero.
	lo := min(slices.Min(scale), absent, 0)
	hi := max(slices.Max(scale), absent, 0)
	return Term{Value: lo, Lo: lo, Hi: hi, Kind: kind}
}

// SequenceTerm returns the sequence term, in [0, 1], of a text of n tokens. log is
// the natural-log probability, summed over the tokens. The caller chooses which
// tokens count, the same for log and n.
//
// The geometric term of a text without tokens (n <= 0) is 1. A bounded log gives an
// interval from 0 to the term at the bound. So an incomplete text, with
// log-probability L so far and a limit of N tokens, has the bounds of
// SequenceTerm(AtMostLog(L), N). An unknown log gives [0, 1]. In both cases the
// value is 0. Under [SequenceNone] the term is off.
func (c Config) SequenceTerm(log reflection.Prob, n int) Term {
	switch c.Sequence {
	case SequenceNone:
		return Term{}
	case SequenceProbability:
		n = 1
	default:
		if n <= 0 {
			return point(1, KindExact)
		}
	}
	if log.Known == reflection.Unknown || log.Check() != nil {
		return Term{Hi: 1, Kind: KindUnknown}
	}
	// Servers may round a certain text to slightly above zero.
	q := math.Exp(min(log.Log, 0) / float64(n))
	switch {
	case log.Known == reflection.Exact:
		return point(q, KindExact)
	case q == 0:
		return point(0, KindExact)
	}
	return Term{Hi: q, Kind: KindBounded}
}

// Terms is the score of one candidate segment: four terms before weights, and
// their weighted sum.
type Terms struct {
	Sequence  Term `json:"sequence"`
	Relevance Term `json:"is_rel"`
	Support   Term `json:"is_sup"`
	Utility   Term `json:"is_use"`
	Total     Term `json:"total"`
}

// Segment scores one candidate. cr is the critic's judgment, log the natural-log
// probability of its n tokens (see [Config.SequenceTerm]).
//
// The total's value is the sum, from left to right, of weight times value for
// sequence, relevance, support and utility, with every product rounded to float64.
// Its ends are summed in the same way, so they enclose the value without any
// rounding error. Its kind is the least settled one among the terms whose weight is
// not 0, or KindExact if those are all exact, absent or zero-sum.
func (c Config) Segment(cr reflection.Critique, log reflection.Prob, n int) Terms {
	s := Terms{
		Sequence:  c.SequenceTerm(log, n),
		Relevance: c.relevance(&cr.IsREL),
		Support:   c.support(&cr.IsSUP),
		Utility:   c.utility(&cr.IsUSE),
	}
	w := &c.Weights
	s.Total.Kind = KindExact
	s.Total.add(w.Sequence, s.Sequence)
	s.Total.add(w.Relevance, s.Relevance)
	s.Total.add(w.Support, s.Support)
	s.Total.add(w.Utility, s.Utility)
	return s
}

// add adds w times u to t.
func (t *Term) add(w float64, u Term) {
	lo, hi := u.Lo, u.Hi
	if w < 0 {
		lo, hi = hi, lo
	}
	t.Value += float64(w * u.Value)
	t.Lo += float64(w * lo)
	t.Hi += float64(w * hi)
	if w != 0 && u.Kind >= KindAssumed {
		t.Kind = max(t.Kind, u.Kind)
	}
}
