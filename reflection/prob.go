package reflection

import (
	"encoding/json"
	"fmt"
	"math"
)

// Knowledge says how well a probability is known.
type Knowledge uint8

const (
	Unknown Knowledge = iota // not given
	Bounded                  // the true value is at most the given one
	Exact                    // the given value
)

// Prob is the natural-log probability of one token at one position. The zero
// value is unknown.
type Prob struct {
	// Log is the natural logarithm of the probability, at most 0; minus infinity
	// is a probability of zero. It is an upper bound when Known is Bounded and
	// meaningless when Known is Unknown.
	Log   float64
	Known Knowledge
}

// ExactLog returns the probability whose natural logarithm is log.
func ExactLog(log float64) Prob { return Prob{Log: log, Known: Exact} }

// AtMostLog returns a probability with an upper bound whose natural logarithm is
// log.
func AtMostLog(log float64) Prob { return Prob{Log: log, Known: Bounded} }

// ExactValue returns the probability p, in [0, 1].
func ExactValue(p float64) Prob { return ExactLog(math.Log(p)) }

// Value returns the probability in [0, 1], and whether it is exact. For a
// bounded probability it returns the bound, for an unknown one 1, which bounds
// every probability.
func (p Prob) Value() (v float64, exact bool) {
	if p.Known == Unknown {
		return 1, false
	}
	return math.Exp(p.Log), p.Known == Exact
}

// logTolerance allows for rounding: servers compute in float32, and a certain token
// can come back slightly above zero.
const logTolerance = 1e-4

// Check returns an error if p carries a number that no log-probability can have:
// NaN, plus infinity, or more than 1e-4 above zero.
func (p Prob) Check() error {
	if p.Known == Unknown || p.Log <= logTolerance { // false for NaN
		return nil
	}
	return p.wrong() // a function of its own, so that the check itself is inlined
}

func (p Prob) wrong() error {
	return fmt.Errorf("log-probability %v: want a number in [-Inf, 0]", p.Log)
}

type probJSON struct {
	Log    *float64 `json:"log,omitempty"`
	AtMost *float64 `json:"at_most,omitempty"`
	Zero   bool     `json:"zero,omitempty"`
}

// MarshalJSON writes {"log":x} for an exact value, {"at_most":x} for a bound,
// {"zero":true} for an exact probability of zero, and null for unknown.
func (p Prob) MarshalJSON() ([]byte, error) {
	switch {
	case p.Known == Unknown:
		return []byte("null"), nil
	case math.IsInf(p.Log, -1):
		return json.Marshal(probJSON{Zero: true})
	case p.Known == Bounded:
		return json.Marshal(probJSON{AtMost: &p.Log})
	}
	return json.Marshal(probJSON{Log: &p.Log})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Prob) UnmarshalJSON(b []byte) error {
	var v *probJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("reflection: probability: %w", err)
	}
	switch {
	case v == nil:
		*p = Prob{}
	case v.Zero:
		*p = ExactLog(math.Inf(-1))
	case v.Log != nil:
		*p = ExactLog(*v.Log)
	case v.AtMost != nil:
		*p = AtMostLog(*v.AtMost)
	default:
		return fmt.Errorf("reflection: probability %s: want log, at_most, zero or null", b)
	}
	return p.Check()
}

// Distribution holds the probabilities of the tokens of one group at one position.
// They need not sum to one: a model may assign probability to other tokens, and
// scores are ratios inside the group.
type Distribution struct {
	Group Group
	// Probs is parallel to Group.Tokens(); entries past Group.Size() are zero.
	Probs [MaxGroupSize]Prob
}

// NewDistribution returns the distribution of g with the exact probabilities p,
// each in [0, 1], in the order of g.Tokens(). Tokens past the end of p stay
// unknown, and values past the group's size are ignored.
func NewDistribution(g Group, p ...float64) Distribution {
	d := Distribution{Group: g}
	for i := range min(len(p), g.Size()) {
		d.Probs[i] = ExactValue(p[i])
	}
	return d
}

// OneHot returns the distribution of t's group that is certain of t. It represents
// a hard label, a token generated without probabilities.
func OneHot(t Token) Distribution {
	d := Distribution{Group: t.Group()}
	for i, u := range d.Group.Tokens() {
		if u == t {
			d.Probs[i] = ExactLog(0)
		} else {
			d.Probs[i] = ExactLog(math.Inf(-1))
		}
	}
	return d
}

// Prob returns the probability of t, unknown if t is not in the group.
func (d Distribution) Prob(t Token) Prob {
	if i := d.Group.index(t); i >= 0 {
		return d.Probs[i]
	}
	return Prob{}
}

// Set sets the probability of t to p. It reports false, and changes nothing, if t
// is not in the group.
func (d *Distribution) Set(t Token, p Prob) bool {
	i := d.Group.index(t)
	if i < 0 {
		return false
	}
	d.Probs[i] = p
	return true
}

// Exact reports whether every probability of the group is exact.
func (d Distribution) Exact() bool {
	for _, p := range d.Probs[:d.Group.Size()] {
		if p.Known != Exact {
			return false
		}
	}
	return d.Group != NoGroup
}

// Check returns an error if the group does not exist or one of the probabilities
// fails [Prob.Check].
func (d Distribution) Check() error {
	if d.Group > IsUSE {
		return fmt.Errorf("group %d does not exist", d.Group)
	}
	for i := range d.Group.Size() {
		if err := d.Probs[i].Check(); err != nil {
			return fmt.Errorf("%v: %w", d.Group.Tokens()[i], err)
		}
	}
	return nil
}

type distributionJSON struct {
	Group Group           `json:"group"`
	Probs map[string]Prob `json:"probs"`
}

// MarshalJSON writes the group's name and an object from token literals to
// probabilities; keys are sorted, so the form is stable.
func (d Distribution) MarshalJSON() ([]byte, error) {
	out := distributionJSON{Group: d.Group, Probs: make(map[string]Prob, d.Group.Size())}
	for i, t := range d.Group.Tokens() {
		out.Probs[t.String()] = d.Probs[i]
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Distribution) UnmarshalJSON(b []byte) error {
	var in distributionJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("reflection: distribution: %w", err)
	}
	*d = Distribution{Group: in.Group}
	for name, p := range in.Probs {
		t, ok := ParseToken(name)
		if !ok || !d.Set(t, p) {
			return fmt.Errorf("reflection: distribution of %v: %q is not one of its tokens", in.Group, name)
		}
	}
	return nil
}
