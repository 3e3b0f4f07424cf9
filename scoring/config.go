package scoring

import (
	"fmt"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/internal/enum"
)

// Weights are the factors of the four terms of a segment's score. A weight of 0
// leaves its term out. Either sign is allowed here.
type Weights struct {
	Relevance float64 `json:"is_rel"`
	Support   float64 `json:"is_sup"`
	Utility   float64 `json:"is_use"`
	Sequence  float64 `json:"sequence"` // without effect under SequenceNone
}

// DefaultWeights returns the paper's weights: relevance 1, support 1, utility
// 0.5, sequence 1.
func DefaultWeights() Weights {
	return Weights{Relevance: 1, Support: 1, Utility: 0.5, Sequence: 1}
}

// Sequence says which function of the log-probability of the generated text is the
// sequence term. The zero value means SequenceAuto.
type Sequence string

const (
	// SequenceAuto leaves the choice to the engine. The engine takes
	// SequenceProbability for a model that chooses among a few fixed texts and
	// SequenceGeometric for all others. In this package it acts as
	// SequenceGeometric.
	SequenceAuto Sequence = "auto"
	// SequenceNone switches the term off.
	SequenceNone Sequence = "none"
	// SequenceGeometric is exp(mean log p), the geometric mean of the token
	// probabilities, which does not penalize long texts.
	SequenceGeometric Sequence = "geometric"
	// SequenceProbability is exp(Σ log p), the probability of the text, as in the
	// paper's Equation 3.
	SequenceProbability Sequence = "probability"
)

var sequences = enum.Texts[Sequence]{Package: "scoring", What: "sequence term",
	Names: []Sequence{SequenceAuto, SequenceNone, SequenceGeometric, SequenceProbability}}

// MarshalText writes s, the zero value as auto. A value without a name is an error.
func (s Sequence) MarshalText() ([]byte, error) { return sequences.Marshal(s) }

// UnmarshalText reads what MarshalText writes.
func (s *Sequence) UnmarshalText(b []byte) error { return sequences.Unmarshal(b, s) }

// Absent holds the scores of groups without a token although the text is complete.
// The paper's value, and the zero value, is 0 for all three. Note that a utility of
// 0 is better than Utility 1 or 2 and equals Utility 3.
type Absent struct {
	Relevance float64 `json:"is_rel"`
	Support   float64 `json:"is_sup"`
	Utility   float64 `json:"is_use"`
}

// Config says how judgments become a segment's score. Start from [DefaultConfig]:
// the zero value has all weights and the whole utility scale at zero and scores
// everything 0. The methods expect a Config that passes [Config.Check]. With
// another one they may return NaN, but do not panic.
type Config struct {
	Weights  Weights  `json:"weights"`
	Sequence Sequence `json:"sequence"`
	// UtilityScale holds the scores of Utility 1 to 5.
	UtilityScale [5]float64 `json:"utility_scale"`
	// MissingLogProb, if negative, is a natural-log probability that replaces every
	// bounded or unknown member of a group. If nothing is known of a group,
	// relevance is then 0.5, support 0.5, and utility the mean of the scale. The
	// released code uses -100 where it reads a group. A group that did not come
	// keeps its Absent score. It does not apply to the sequence term. 0 means off:
	// missing members are left out of the value and widen the interval.
	MissingLogProb float64 `json:"missing_log_prob"`
	Absent         Absent  `json:"absent"`
}

// DefaultConfig returns the paper's configuration: [DefaultWeights],
// [SequenceAuto], utilities -1, -0.5, 0, 0.5, 1, no replacement for missing tokens,
// and 0 for absent groups.
func DefaultConfig() Config {
	return Config{Weights: DefaultWeights(), Sequence: SequenceAuto, UtilityScale: [5]float64{-1, -0.5, 0, 0.5, 1}}
}

// ConfigError reports an invalid setting.
type ConfigError struct {
	Field  string // the setting, such as Weights.Support
	Reason string // what is wrong with it and what is wanted instead
}

// Error returns the field and the reason in one line.
func (e *ConfigError) Error() string { return "scoring: " + e.Field + ": " + e.Reason }

// limit keeps segment scores below 1e9, so that the product of as many of them as
// the engine allows is finite.
const limit = 1e4

// Check returns a [*ConfigError] for the first setting that is NaN or beyond 1e4 in
// magnitude, for a positive MissingLogProb, and for a Sequence without a name.
func (c Config) Check() error {
	fields := []struct {
		name  string
		value float64
	}{
		{"Weights.Relevance", c.Weights.Relevance},
		{"Weights.Support", c.Weights.Support},
		{"Weights.Utility", c.Weights.Utility},
		{"Weights.Sequence", c.Weights.Sequence},
		{"UtilityScale[0]", c.UtilityScale[0]},
		{"UtilityScale[1]", c.UtilityScale[1]},
		{"UtilityScale[2]", c.UtilityScale[2]},
		{"UtilityScale[3]", c.UtilityScale[3]},
		{"UtilityScale[4]", c.UtilityScale[4]},
		{"MissingLogProb", c.MissingLogProb},
		{"Absent.Relevance", c.Absent.Relevance},
		{"Absent.Support", c.Absent.Support},
		{"Absent.Utility", c.Absent.Utility},
	}
	for _, f := range fields {
		if math.IsNaN(f.value) || math.Abs(f.value) > limit {
			return &ConfigError{f.name, fmt.Sprintf("is %v; want a number in [-1e4, 1e4]", f.value)}
		}
	}
	if c.MissingLogProb > 0 {
		return &ConfigError{"MissingLogProb", fmt.Sprintf("is %v; want 0 (off) or a negative natural logarithm such as -100", c.MissingLogProb)}
	}
	if c.Sequence != "" && !slices.Contains(sequences.Names, c.Sequence) {
		return &ConfigError{"Sequence", fmt.Sprintf("is %q; want one of the Sequence constants", c.Sequence)}
	}
	return nil
}
