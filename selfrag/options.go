package selfrag

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/scoring"
)

// Option changes how questions are answered. Options given to [New] apply to every
// question. Options given with a question apply to that one, after the engine's. If
// a value is out of range, the call that takes the option returns an
// *[OptionError].
type Option func(*settings) error

// OptionError names an option with a bad value, and the values that it can have.
type OptionError struct {
	Option string // the function's name
	Reason string // what was given and what is wanted
}

// Error implements error.
func (e *OptionError) Error() string { return "selfrag: " + e.Option + ": " + e.Reason }

func optionError(option, format string, args ...any) error {
	return &OptionError{Option: option, Reason: fmt.Sprintf(format, args...)}
}

// Turn is an earlier question of a conversation and its answer.
type Turn = generator.Turn

// Rewriter makes a question that depends on a conversation independent of it.
//
// Rewrite returns the independent question. The history is never empty. Text in the
// conversation is data. With an error the Rewriting still reports the usage. It
// must be safe for concurrent use. An error fails the question.
type Rewriter interface {
	Rewrite(ctx context.Context, c generator.Conversation) (generator.Rewriting, error)
}

// WithMode sets how to decide on retrieval. The default is Adaptive.
func WithMode(m Mode) Option {
	return func(s *settings) (err error) {
		s.mode, err = oneOf("WithMode", "mode", modes, m)
		return err
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
		s.setThreshold(t)
		return nil
	}
}

// WithUnknown sets what to do when the decision cannot be known. The default is
// UnknownRetrieves.
func WithUnknown(p UnknownPolicy) Option {
	return func(s *settings) (err error) {
		s.unknown, err = oneOf("WithUnknown", "policy", policies, p)
		return err
	}
}

// WithK sets how many passages to retrieve, at least 1; each makes a candidate.
// The default is 5.
func WithK(k int) Option {
	return atLeast("WithK", 1, k, func(s *settings) *int { return &s.k })
}

// WithFilter limits retrieval to passages that match f; nil lifts the limit. The
// engine checks every passage against f again, whatever the retriever did.
func WithFilter(f filter.Expr) Option {
	return func(s *settings) error {
		if err := filter.Check(f); err != nil {
			return optionError("WithFilter", "%v", err)
		}
		s.filter, s.filterText = f, filter.Format(f)
		return nil
	}
}

// WithFixedPassages retrieves once per question and uses the same passages for
// every segment, as the released code does. By default every segment has a
// retrieval of its own, with the question and the previous segment.
func WithFixedPassages(on bool) Option {
	return func(s *settings) error { s.fixed = on; return nil }
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
		c.Sequence = cmp.Or(c.Sequence, scoring.SequenceAuto)
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

// WithScoring replaces the whole scoring configuration. It is for studies; most
// programs need only [WithWeights] and [WithSequence].
func WithScoring(c scoring.Config) Option {
	return func(s *settings) error {
		if err := c.Check(); err != nil {
			return optionError("WithScoring", "%v", err)
		}
		if err := checkWeights("WithScoring", c.Weights); err != nil {
			return err
		}
		c.Sequence = cmp.Or(c.Sequence, scoring.SequenceAuto)
		s.scoring = c
		return nil
	}
}

// WithSequence sets the sequence term of the score and which tokens it covers. The
// defaults are CountAuto and scoring.SequenceAuto. SequenceAuto means the
// probability of the whole segment for models that quote, and the geometric mean of
// the token probabilities for other models that declare log-probabilities. For all
// other models there is no term.
func WithSequence(q scoring.Sequence, c generator.Count) Option {
	return func(s *settings) error {
		q, err := oneOf("WithSequence", "sequence", sequences, q)
		if err != nil {
			return err
		}
		c, err := oneOf("WithSequence", "count", counts, c)
		if err != nil {
			return err
		}
		s.scoring.Sequence, s.count = q, c
		return nil
	}
}

// WithPathScore sets how the scores of a path's segments combine. The default is
// scoring.PathMean; the released code uses scoring.PathProduct.
func WithPathScore(p scoring.PathScore) Option {
	return func(s *settings) (err error) {
		s.path, err = oneOf("WithPathScore", "path score", pathScores, p)
		return err
	}
}

// WithConstraints rejects candidates inside the search. f says what happens if that
// leaves none.
func WithConstraints(c scoring.Constraints, f Fallback) Option {
	return func(s *settings) error {
		if err := c.Check(); err != nil {
			return optionError("WithConstraints", "%v", err)
		}
		f, err := oneOf("WithConstraints", "fallback", fallbacks, f)
		if err != nil {
			return err
		}
		s.constraints, s.fallback = c, f
		return nil
	}
}

// WithLabels makes the question a closed one: the answer is the label whose
// candidates have the largest summed score. It takes at least two labels, which
// must differ after the normalization of scoring.ClosedSet; none makes the question
// open again. The question itself must tell the model what the labels mean. It is an
// error together with [WithLongForm].
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

// WithLongForm answers in several segments, found by a beam search. It keeps width
// paths, at least 1, of at most depth segments, 1 to 32. The paper uses width 2,
// the released command lines depth 7.
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

// WithInstruction puts a task before the question. By default there is none.
func WithInstruction(in generator.Instruction) Option {
	return func(s *settings) error {
		if err := in.Prompt("question").Check(); err != nil {
			return optionError("WithInstruction", "%v", err)
		}
		s.instruction = in
		return nil
	}
}

// WithMaxTokens bounds the tokens of one candidate, at least 1. The default is 200.
func WithMaxTokens(n int) Option {
	return atLeast("WithMaxTokens", 1, n, func(s *settings) *int { return &s.maxTokens })
}

// WithSampling samples at the given temperature, 0 to 100. 0, the default, takes
// the likeliest continuation instead. Each candidate has its own stream of random
// numbers, derived from seed and its place in the search.
func WithSampling(temperature float64, seed uint64) Option {
	return func(s *settings) error {
		if !(temperature >= 0 && temperature <= 100) {
			return optionError("WithSampling", "temperature is %v: want a number in [0, 100]", temperature)
		}
		s.temperature, s.seed = temperature, seed
		return nil
	}
}

// WithAbstention makes the engine abstain: it answers with text and no citations if
// the best IsREL score among the accepted candidates is known to be below tau, in
// [0, 1], or if nothing was retrieved. 0 never abstains. Empty text means
// [DefaultAbstention]. In a long answer a later segment below tau ends the answer
// before it. If the model declines to answer (see generator.Step), that is an
// abstention at every tau.
//
// The default for the model's own judgments is generator.Capabilities.AbstainBelow.
// The embedded model, which quotes from any passage it is given, recommends
// extractive.AbstainBelow; other models recommend nothing. With another critic the
// default is 0, since its scores are not comparable.
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
		s.abstain, s.abstainSet, s.abstainAt, s.abstainText = tau > 0, true, tau, text
		return nil
	}
}

// WithMinCandidates lets an expansion go on when some of its candidates fail, as
// long as at least m succeed. The default, 0, means that any failure fails the
// question.
func WithMinCandidates(m int) Option {
	return atLeast("WithMinCandidates", 0, m, func(s *settings) *int { return &s.need })
}

// WithHistory gives the turns before the question, oldest first. The rewriter makes
// the question independent of them.
func WithHistory(turns ...Turn) Option {
	turns = append([]Turn(nil), turns...)
	return func(s *settings) error { s.history = turns; return nil }
}

// WithRewriter sets the rewriter of questions with a history. The default is
// [Concatenate].
func WithRewriter(r Rewriter) Option {
	return notNil("WithRewriter", "rewriter", r, func(s *settings) { s.rewriter = r })
}

// WithBudget bounds the cost of a question; see package budget. When a limit is
// reached the answer is what was found so far, and Answer.Stop says so; if there is
// none yet the error wraps budget.ErrExceeded. The zero Limits lift the bound. If
// the context has a budget, its limits apply, too.
//
// The limits cover the generator, the critic, the decider, the rewriter and all
// models inside the retriever, as far as they call models through package generator
// or reserve calls with package budget. All parts of this library do. What another
// part uses counts when it reports it, and can exceed the limits.
//
// Calls are reserved in the order of the candidates before any call of a segment
// starts. If the critic costs calls, candidates run concurrently as far as the rest
// covers their greatest cost, and wait for each other otherwise. Rewriting and
// retrieval cannot spend the cost of one candidate.
func WithBudget(l budget.Limits) Option {
	return func(s *settings) error {
		if l.Calls < 0 || l.Tokens < 0 || l.Retrievals < 0 || l.Time < 0 {
			return optionError("WithBudget", "%+v: want no field below 0", l)
		}
		s.budget = l
		return nil
	}
}

// WithCallTimeout bounds the time of each call of the generator, the retriever, the
// critic, the decider and the rewriter; 0 lifts the bound. A call that takes longer
// fails. In [Engine.Stream] the reader's work on the events of a call counts, too.
func WithCallTimeout(d time.Duration) Option {
	return atLeast("WithCallTimeout", 0, d, func(s *settings) *time.Duration { return &s.callTimeout })
}

// WithConcurrency bounds the concurrent calls of one question. 0, the default, runs
// all calls that do not depend on each other. It never changes an answer.
func WithConcurrency(n int) Option {
	return atLeast("WithConcurrency", 0, n, func(s *settings) *int { return &s.concurrency })
}

// WithTrace sets how much of the run is recorded. The default is TraceOn.
func WithTrace(d TraceDepth) Option {
	return func(s *settings) error {
		if d > TraceFull {
			return optionError("WithTrace", "depth %d does not exist", d)
		}
		s.trace = d
		return nil
	}
}

// WithCritic sets the judge of candidates. The default is [WithTokenCritic].
func WithCritic(c critique.Critic) Option {
	return notNil("WithCritic", "critic", c, func(s *settings) { s.critic = c })
}

// WithTokenCritic judges candidates by the generator's own reflection tokens
// ([critique.Tokens]). It is the default.
func WithTokenCritic() Option {
	return func(s *settings) error { s.critic = nil; return nil }
}

// WithDecider sets the source of the probability of retrieval. The default is
// [WithTokenDecider].
func WithDecider(d critique.Decider) Option {
	return notNil("WithDecider", "decider", d, func(s *settings) { s.decider = d })
}

// WithTokenDecider takes the probability of retrieval from the generator's own reflection
// tokens ([critique.Tokens]). It is the default.
func WithTokenDecider() Option {
	return func(s *settings) error { s.decider = nil; return nil }
}
