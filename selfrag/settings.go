package selfrag

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/enum"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/scoring"
)

// settings is the sum of the options of a question.
type settings struct {
	mode        Mode
	threshold   float64
	above       string // the reasons of decisions
	notAbove    string
	unknown     UnknownPolicy
	k           int
	filter      filter.Expr
	filterText  string
	fixed       bool
	scoring     scoring.Config
	count       generator.Count
	path        scoring.PathScore
	constraints scoring.Constraints
	fallback    Fallback
	labels      []string
	width       int
	depth       int
	long        bool
	instruction generator.Instruction
	maxTokens   int
	temperature float64
	seed        uint64
	abstain     bool
	abstainSet  bool // set by an option
	abstainAt   float64
	abstainText string
	need        int
	history     []Turn
	rewriter    Rewriter
	budget      budget.Limits
	callTimeout time.Duration
	concurrency int
	trace       TraceDepth
	critic      critique.Critic  // nil for the token critic
	decider     critique.Decider // nil for the token decider
	lazy        int
	lazyPlan    lazyPlan
	eager       bool
	wholeOutput bool
	logRatio    bool // the ratio of a decision is that of the released short form
}

// DefaultAbstention is the default text of an abstention; see [WithAbstention].
const DefaultAbstention = "The documents do not answer this question."

func defaultSettings() settings {
	s := settings{
		mode:      Adaptive,
		unknown:   UnknownRetrieves,
		count:     generator.CountAuto,
		path:      scoring.PathMean,
		fallback:  FallbackStop,
		k:         5,
		scoring:   scoring.DefaultConfig(),
		width:     2,
		depth:     7,
		maxTokens: 200,
		rewriter:  Concatenate{},
	}
	s.setThreshold(0.2)
	return s
}

func (s *settings) setThreshold(t float64) {
	s.threshold = t
	s.above, s.notAbove = fmt.Sprintf("ratio above the threshold %g", t), fmt.Sprintf("ratio not above the threshold %g", t)
}

// apply returns a copy of s changed by the options.
func (s settings) apply(options []Option) (settings, error) {
	if len(options) == 0 { // the settings were checked when they were made
		return s, nil
	}
	return s.applied(options)
}

// applied does that for at least one option: s is then on the heap.
func (s settings) applied(options []Option) (settings, error) {
	for i, o := range options {
		if o == nil {
			return s, optionError("Option", "number %d is nil", i)
		}
		if err := o(&s); err != nil {
			return s, err
		}
	}
	if len(s.labels) > 0 && s.long {
		return s, optionError("WithLabels", "a closed set is answered in short form: leave WithLongForm out")
	}
	return s, nil
}

// atLeast returns an option that sets a field to a number of at least least.
func atLeast[N int | time.Duration](option string, least, n N, field func(*settings) *N) Option {
	return func(s *settings) error {
		switch {
		case n < least && least == 0:
			return optionError(option, "%v: want 0 or more", n)
		case n < least:
			return optionError(option, "%v: want at least %v", n, least)
		}
		*field(s) = n
		return nil
	}
}

// notNil returns an option that sets a part of the engine.
func notNil(option, what string, part any, set func(*settings)) Option {
	return func(s *settings) error {
		if isnil.Value(part) {
			return optionError(option, "the %s is nil", what)
		}
		set(s)
		return nil
	}
}

// oneOf returns e, or the first of names for the zero value. A value that is not in
// names is an error.
func oneOf[E ~string](option, what string, names []E, e E) (E, error) {
	if e = cmp.Or(e, names[0]); !slices.Contains(names, e) {
		return e, optionError(option, "%s %q does not exist: want one of %s", what, e, enum.List(names))
	}
	return e, nil
}
