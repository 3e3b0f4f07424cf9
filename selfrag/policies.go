package selfrag

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/enum"
	"github.com/goselfrag/goselfrag/scoring"
)

// Mode says how the engine decides whether to retrieve before a segment. The zero value
// means Adaptive.
type Mode string

const (
	Adaptive Mode = "adaptive" // by the probability of [Retrieval] against the threshold
	Always   Mode = "always"   // before every segment
	Never    Mode = "never"    // not at all
	Hard     Mode = "hard"     // follows the token that the model generated
)

var modes = []Mode{Adaptive, Always, Never, Hard}

// MarshalText writes m, the zero value as adaptive.
func (m Mode) MarshalText() ([]byte, error) { return []byte(cmp.Or(m, Adaptive)), nil }

// UnmarshalText reads a mode. Any other text is an error.
func (m *Mode) UnmarshalText(b []byte) error { return parseName(modes, b, m) }

func parseName[E ~string](names []E, b []byte, e *E) error {
	if !slices.Contains(names, E(b)) {
		return fmt.Errorf("selfrag: %q: want one of %s", b, enum.List(names))
	}
	*e = E(b)
	return nil
}

// UnknownPolicy says what to do if it is unknown on which side of the threshold the
// probability of [Retrieval] lies. The zero value means UnknownRetrieves.
type UnknownPolicy string

const (
	UnknownRetrieves UnknownPolicy = "retrieve" // retrieve, and say so in the decision
	UnknownSkips     UnknownPolicy = "skip"     // do not retrieve, and say so in the decision
	UnknownFails     UnknownPolicy = "fail"     // fail with ErrUndecided
)

var policies = []UnknownPolicy{UnknownRetrieves, UnknownSkips, UnknownFails}

// MarshalText writes p, the zero value as retrieve.
func (p UnknownPolicy) MarshalText() ([]byte, error) { return []byte(cmp.Or(p, UnknownRetrieves)), nil }

// UnmarshalText reads a policy. Any other text is an error.
func (p *UnknownPolicy) UnmarshalText(b []byte) error { return parseName(policies, b, p) }

// Fallback says what happens when the hard constraints reject every candidate of
// an expansion. The zero value means FallbackStop.
type Fallback string

const (
	FallbackStop Fallback = "stop" // the answer ends before that segment
	FallbackBest Fallback = "best" // the best rejected candidate is used and marked
)

var fallbacks = []Fallback{FallbackStop, FallbackBest}

// MarshalText writes f, the zero value as stop.
func (f Fallback) MarshalText() ([]byte, error) { return []byte(cmp.Or(f, FallbackStop)), nil }

// UnmarshalText reads a fallback. Any other text is an error.
func (f *Fallback) UnmarshalText(b []byte) error { return parseName(fallbacks, b, f) }

var (
	counts     = []generator.Count{generator.CountAuto, generator.CountAll, generator.CountNoEnd, generator.CountText}
	sequences  = []scoring.Sequence{scoring.SequenceAuto, scoring.SequenceNone, scoring.SequenceGeometric, scoring.SequenceProbability}
	pathScores = []scoring.PathScore{scoring.PathMean, scoring.PathSum, scoring.PathProduct}
)

// TraceDepth says how much of a run is recorded.
type TraceDepth uint8

const (
	TraceOn   TraceDepth = iota // everything but the tokens of candidates
	TraceOff                    // nothing
	TraceFull                   // tokens as well, and both branches of every decision are run, as far as the budget allows without cutting the answer short
)
