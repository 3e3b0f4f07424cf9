package selfrag

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
)

// Option changes how questions are answered. Options given to [New] hold for
// every question, those given with a question for that one, on top of the
// engine's. An option with a value out of range makes the call that takes it
// return an *[OptionError].
type Option func(*settings) error

// OptionError says which option has a value it cannot have, and which it can.
type OptionError struct {
	Option string // the function's name
	Reason string // what was given and what is wanted
}

// Error implements error.
func (e *OptionError) Error() string { return "selfrag: " + e.Option + ": " + e.Reason }

func optionError(option, format string, args ...any) error {
	return &OptionError{Option: option, Reason: fmt.Sprintf(format, args...)}
}

// Mode says how the engine decides whether to retrieve before a segment.
type Mode uint8

const (
	Adaptive Mode = iota // by the probability of [Retrieval] against the threshold
	Always               // before every segment
	Never                // not at all
	Hard                 // as the token that the model generated says
)

var modeNames = []string{"adaptive", "always", "never", "hard"}

// String returns the mode's name.
func (m Mode) String() string { return nameOf(modeNames, m) }

// MarshalText writes the mode's name.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads a mode's name.
func (m *Mode) UnmarshalText(b []byte) error { return parseName(modeNames, b, m) }

func nameOf[E ~uint8](names []string, e E) string {
	if int(e) >= len(names) {
		return fmt.Sprintf("%T(%d)", e, uint8(e))
	}
	return names[e]
}

func parseName[E ~uint8](names []string, b []byte, e *E) error {
	for i, n := range names {
		if n == string(b) {
			*e = E(i)
			return nil
		}
	}
	return fmt.Errorf("selfrag: %q: want one of %s", b, strings.Join(names, ", "))
}

// UnknownPolicy says what to do when it cannot be known on which side of the
// threshold the probability of [Retrieval] lies.
type UnknownPolicy uint8

const (
	UnknownRetrieves UnknownPolicy = iota // retrieve, and say so in the decision
	UnknownSkips                          // do not retrieve, and say so in the decision
	UnknownFails                          // fail with ErrUndecided
)

var unknownNames = []string{"retrieve", "skip", "fail"}

// String returns the policy's name.
func (p UnknownPolicy) String() string { return nameOf(unknownNames, p) }

// MarshalText writes the policy's name.
func (p UnknownPolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a policy's name.
func (p *UnknownPolicy) UnmarshalText(b []byte) error { return parseName(unknownNames, b, p) }

// Fallback says what happens when the hard constraints reject every candidate of
// an expansion.
type Fallback uint8

const (
	FallbackStop Fallback = iota // the answer ends before that segment
	FallbackBest                 // the best rejected candidate is used and marked
)

var fallbackNames = []string{"stop", "best"}

// String returns the fallback's name.
func (f Fallback) String() string { return nameOf(fallbackNames, f) }

// MarshalText writes the fallback's name.
func (f Fallback) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a fallback's name.
func (f *Fallback) UnmarshalText(b []byte) error { return parseName(fallbackNames, b, f) }

// TraceDepth says how much of a run is written down.
type TraceDepth uint8

const (
	TraceOn   TraceDepth = iota // everything but the tokens of candidates
	TraceOff                    // nothing
	TraceFull                   // tokens as well, and both branches of every decision are run, as far as the budget allows without cutting the answer short
)

// Budget bounds one question. A zero field is no bound. Calls, tokens and
// retrievals are set aside before a call begins, so that the bounds hold for all
// calls to the generator and to the retriever. So do those of calls and tokens for the
// models that a Retriever or a Rewriter asks, if it asks them through package generator,
// as those of this library do, or uses package account; one candidate is kept back from
// them. With such a bound retrievals of one segment are made one after the other. What a
// Critic or a Decider of the caller's own uses is known only afterwards: it counts, but
// can exceed the bounds. If the context has an account (package account), its limits
// hold, too.
type Budget struct {
	// Calls bounds the model calls.
	Calls int `json:"calls,omitempty"`
	// Tokens bounds the generated tokens. A call reserves its token limit before
	// it starts and gives back what it did not use.
	Tokens int `json:"tokens,omitempty"`
	// Retrievals bounds the calls of the Retriever, those included that
	// [WithEagerRetrieval] began in vain.
	Retrievals int `json:"retrievals,omitempty"`
	// Time bounds the time from the start of the question.
	Time time.Duration `json:"time,omitempty"`
}

// Turn is an earlier question of a conversation and its answer.
type Turn = generator.Turn

// Rewriter makes a question that depends on a conversation stand on its own.
//
// Rewrite returns the stand-alone question. The history is never empty. What
// stands in the conversation is data. With an error the Rewriting still says what
// was used. Safe for concurrent use; an error fails the question.
type Rewriter interface {
	Rewrite(ctx context.Context, c generator.Conversation) (generator.Rewriting, error)
}

// settings is what the options of a question add up to.
type settings struct {
	mode        Mode
	threshold   float64
	unknown     UnknownPolicy
	k           int
	filter      retriever.Filter
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
	abstainAt   float64
	abstainText string
	need        int
	history     []Turn
	rewriter    Rewriter
	budget      Budget
	callTimeout time.Duration
	concurrency int
	trace       TraceDepth
	critic      critique.Critic
	decider     critique.Decider
	lazy        int
	lazyPlan    lazyPlan
	eager       bool
}

// DefaultAbstention is what an answer says when the engine abstains, unless
// [WithAbstention] says otherwise.
const DefaultAbstention = "The documents do not answer this question."

func defaultSettings() settings {
	return settings{
		threshold: 0.2,
		k:         5,
		scoring:   scoring.DefaultConfig(),
		width:     2,
		depth:     7,
		maxTokens: 200,
		rewriter:  Concatenate{},
	}
}

// apply returns a copy of s with the options on top.
func (s settings) apply(options []Option) (settings, error) {
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

// WithMode sets how to decide on retrieval. The default is Adaptive.
func WithMode(m Mode) Option {
	return func(s *settings) error {
		if int(m) >= len(modeNames) {
			return optionError("WithMode", "%v does not exist: want Adaptive, Always, Never or Hard", m)
		}
		s.mode = m
		return nil
	}
}

// WithThreshold sets the probability ratio p(Retrieval) / (p(Retrieval) +
// p(No Retrieval)), in [0, 1], above which the adaptive mode retrieves. The
// default is 0.2, as in the paper.
func WithThreshold(t float64) Option {
	return func(s *settings) error {
		if !(t >= 0 && t <= 1) {
			return optionError("WithThreshold", "%v: want a number in [0, 1]", t)
		}
		s.threshold = t
		return nil
	}
}

// WithUnknown sets what to do when the decision cannot be known. The default is
// UnknownRetrieves.
func WithUnknown(p UnknownPolicy) Option {
	return func(s *settings) error {
		if p > UnknownFails {
			return optionError("WithUnknown", "policy %d does not exist", p)
		}
		s.unknown = p
		return nil
	}
}

// WithK sets how many passages to retrieve, at least 1; each makes a candidate.
// The default is 5.
func WithK(k int) Option {
	return func(s *settings) error {
		if k < 1 {
			return optionError("WithK", "%d: want at least 1", k)
		}
		s.k = k
		return nil
	}
}

// WithFilter limits retrieval to passages for which f holds; nil lifts the
// limit. The engine checks every passage against f again, whatever the retriever
// did.
func WithFilter(f retriever.Filter) Option {
	return func(s *settings) error {
		if err := retriever.CheckFilter(f); err != nil {
			return optionError("WithFilter", "%v", err)
		}
		s.filter, s.filterText = f, retriever.FormatFilter(f)
		return nil
	}
}

// WithFixedPassages retrieves once per question and uses the same passages for
// every segment, as the released code does. The default is to retrieve anew for
// each segment with the question and the segment before it.
func WithFixedPassages() Option {
	return func(s *settings) error { s.fixed = true; return nil }
}

// WithWeights sets the weights of the score, each a finite number of at least 0.
// The defaults are 1 for IsREL and IsSUP, 0.5 for IsUSE and 1 for the sequence
// term.
func WithWeights(w scoring.Weights) Option {
	return func(s *settings) error {
		if err := checkWeights("WithWeights", w); err != nil {
			return err
		}
		c := s.scoring
		c.Weights = w
		if err := c.Check(); err != nil {
			return optionError("WithWeights", "%v", err)
		}
		s.scoring = c
		return nil
	}
}

// checkWeights refuses negative weights, which package scoring allows.
func checkWeights(option string, w scoring.Weights) error {
	for _, f := range [...]struct {
		name  string
		value float64
	}{{"Relevance", w.Relevance}, {"Support", w.Support}, {"Utility", w.Utility}, {"Sequence", w.Sequence}} {
		if !(f.value >= 0) { // NaN, too
			return optionError(option, "weight %s is %v: want a finite number of at least 0", f.name, f.value)
		}
	}
	return nil
}

// WithScoring replaces the whole scoring configuration, for studies; most uses
// want [WithWeights] and [WithSequence].
func WithScoring(c scoring.Config) Option {
	return func(s *settings) error {
		if err := c.Check(); err != nil {
			return optionError("WithScoring", "%v", err)
		}
		if err := checkWeights("WithScoring", c.Weights); err != nil {
			return err
		}
		s.scoring = c
		return nil
	}
}

// WithSequence sets the sequence term of the score and which tokens it is over.
// The defaults are scoring.SequenceAuto - the probability of the whole segment
// for models that quote, the geometric mean of its tokens' probabilities for
// other models that say that they give log-probabilities, and nothing for the
// rest - and CountAuto.
func WithSequence(q scoring.Sequence, c generator.Count) Option {
	return func(s *settings) error {
		if q > scoring.SequenceProbability {
			return optionError("WithSequence", "sequence %d does not exist", q)
		}
		if c > generator.CountText {
			return optionError("WithSequence", "count %d does not exist", c)
		}
		s.scoring.Sequence, s.count = q, c
		return nil
	}
}

// WithPathScore sets how the scores of a path's segments combine. The default is
// scoring.PathMean; the released code uses scoring.PathProduct.
func WithPathScore(p scoring.PathScore) Option {
	return func(s *settings) error {
		if p > scoring.PathProduct {
			return optionError("WithPathScore", "path score %d does not exist", p)
		}
		s.path = p
		return nil
	}
}

// WithConstraints rejects candidates inside the search, and says what happens
// when that leaves none.
func WithConstraints(c scoring.Constraints, f Fallback) Option {
	return func(s *settings) error {
		if err := c.Check(); err != nil {
			return optionError("WithConstraints", "%v", err)
		}
		if f > FallbackBest {
			return optionError("WithConstraints", "fallback %d does not exist", f)
		}
		s.constraints, s.fallback = c, f
		return nil
	}
}

// WithLabels makes the question a closed one: the answer is the label whose
// candidates have the largest summed score. At least two labels, different after
// the normalisation of scoring.ClosedSet; none lifts the limit. The question
// itself must tell the model what the labels mean.
func WithLabels(labels ...string) Option {
	labels = append([]string(nil), labels...)
	return func(s *settings) error {
		if len(labels) > 0 {
			if err := scoring.CheckLabels(labels); err != nil {
				return optionError("WithLabels", "%v", err)
			}
			if !utf8.ValidString(strings.Join(labels, "")) {
				return optionError("WithLabels", "a label is not UTF-8")
			}
		}
		s.labels = labels
		return nil
	}
}

// maxDepth keeps a product of segment scores finite.
const maxDepth = 32

// WithLongForm answers in several segments, found by a beam search that keeps
// width paths, at least 1, of at most depth segments, 1 to 32. The paper uses
// width 2, and the released command lines depth 7.
func WithLongForm(width, depth int) Option {
	return func(s *settings) error {
		if width < 1 {
			return optionError("WithLongForm", "width is %d: want at least 1", width)
		}
		if depth < 1 || depth > maxDepth {
			return optionError("WithLongForm", "depth is %d: want 1 to %d", depth, maxDepth)
		}
		s.long, s.width, s.depth = true, width, depth
		return nil
	}
}

// WithShortForm answers in one segment. It is the default.
func WithShortForm() Option {
	return func(s *settings) error { s.long = false; return nil }
}

// WithInstruction puts a task before the question. The default asks the bare
// question.
func WithInstruction(in generator.Instruction) Option {
	return func(s *settings) error {
		if err := in.Prompt("question").Check(); err != nil {
			return optionError("WithInstruction", "%v", err)
		}
		s.instruction = in
		return nil
	}
}

// WithMaxTokens bounds the tokens of one candidate, at least 1. The default is
// 200.
func WithMaxTokens(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return optionError("WithMaxTokens", "%d: want at least 1", n)
		}
		s.maxTokens = n
		return nil
	}
}

// WithSampling samples at the given temperature, above 0, instead of taking the
// likeliest continuation. Each candidate has its own stream of random numbers,
// made of seed and its place in the search.
func WithSampling(temperature float64, seed uint64) Option {
	return func(s *settings) error {
		if !(temperature > 0 && temperature <= 100) {
			return optionError("WithSampling", "temperature is %v: want a number in (0, 100]", temperature)
		}
		s.temperature, s.seed = temperature, seed
		return nil
	}
}

// WithAbstention makes the engine say text, without citations, when the best
// IsREL score among the accepted candidates is known to be below tau, in [0, 1],
// or nothing was retrieved; 0, the default, never abstains. Empty text stands for
// [DefaultAbstention]. In a long answer a later segment that falls below tau ends
// the answer before it.
func WithAbstention(tau float64, text string) Option {
	return func(s *settings) error {
		if !(tau >= 0 && tau <= 1) {
			return optionError("WithAbstention", "tau is %v: want a number in [0, 1]", tau)
		}
		if !utf8.ValidString(text) {
			return optionError("WithAbstention", "the text is not UTF-8")
		}
		if text == "" {
			text = DefaultAbstention
		}
		s.abstain, s.abstainAt, s.abstainText = tau > 0, tau, text
		return nil
	}
}

// WithMinCandidates lets an expansion go on when some of its candidates fail, as
// long as at least m, at least 1, succeed. The default is that any failure fails
// the question; m 0 goes back to that.
func WithMinCandidates(m int) Option {
	return func(s *settings) error {
		if m < 0 {
			return optionError("WithMinCandidates", "%d: want 0 or more", m)
		}
		s.need = m
		return nil
	}
}

// WithHistory gives the turns before the question, oldest first. The rewriter
// makes a stand-alone question of them.
func WithHistory(turns ...Turn) Option {
	turns = append([]Turn(nil), turns...)
	return func(s *settings) error { s.history = turns; return nil }
}

// WithRewriter sets what makes stand-alone questions. The default is
// [Concatenate].
func WithRewriter(r Rewriter) Option {
	return func(s *settings) error {
		if isNil(r) {
			return optionError("WithRewriter", "the rewriter is nil")
		}
		s.rewriter = r
		return nil
	}
}

// WithBudget bounds the cost of a question. When a bound is reached the answer
// is what there is until then, and says so.
func WithBudget(b Budget) Option {
	return func(s *settings) error {
		if b.Calls < 0 || b.Tokens < 0 || b.Retrievals < 0 || b.Time < 0 {
			return optionError("WithBudget", "%+v: want no field below 0", b)
		}
		s.budget = b
		return nil
	}
}

// WithCallTimeout bounds the time of each call of the generator, the retriever,
// the critic, the decider and the rewriter; 0 lifts the bound. A call that takes
// longer fails. In [Engine.Stream] the time the reader takes over the events of a
// call counts, too.
func WithCallTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d < 0 {
			return optionError("WithCallTimeout", "%v: want 0 or more", d)
		}
		s.callTimeout = d
		return nil
	}
}

// WithConcurrency bounds the calls that run at the same time for one question;
// 0, the default, runs all that do not depend on each other. It never changes an
// answer.
func WithConcurrency(n int) Option {
	return func(s *settings) error {
		if n < 0 {
			return optionError("WithConcurrency", "%d: want 0 or more", n)
		}
		s.concurrency = n
		return nil
	}
}

// WithTrace sets how much of the run is written down. The default is TraceOn.
func WithTrace(d TraceDepth) Option {
	return func(s *settings) error {
		if d > TraceFull {
			return optionError("WithTrace", "depth %d does not exist", d)
		}
		s.trace = d
		return nil
	}
}

// WithCritic sets what judges candidates. The default reads the generator's own
// reflection tokens ([critique.Tokens]).
func WithCritic(c critique.Critic) Option {
	return func(s *settings) error {
		if isNil(c) {
			return optionError("WithCritic", "the critic is nil")
		}
		s.critic = c
		return nil
	}
}

// WithDecider sets what gives the probability of retrieval. The default reads
// the generator's own reflection tokens ([critique.Tokens]).
func WithDecider(d critique.Decider) Option {
	return func(s *settings) error {
		if isNil(d) {
			return optionError("WithDecider", "the decider is nil")
		}
		s.decider = d
		return nil
	}
}
