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

// WithFilter limits retrieval to passages for which f holds; nil lifts the
// limit. The engine checks every passage against f again, whatever the retriever
// did.
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
// every segment, as the released code does. The default is to retrieve anew for
// each segment with the question and the segment before it.
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
		c.Sequence = cmp.Or(c.Sequence, scoring.SequenceAuto)
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

// WithConstraints rejects candidates inside the search, and says what happens
// when that leaves none.
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
// candidates have the largest summed score. At least two labels, different after
// the normalization of scoring.ClosedSet; none lifts the limit. The question
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
	return atLeast("WithMaxTokens", 1, n, func(s *settings) *int { return &s.maxTokens })
}

// WithSampling samples at the given temperature, from 0 to 100, instead of taking the
// likeliest continuation, which 0, the default, goes back to. Each candidate has its own
// stream of random numbers, made of seed and its place in the search.
func WithSampling(temperature float64, seed uint64) Option {
	return func(s *settings) error {
		if !(temperature >= 0 && temperature <= 100) {
			return optionError("WithSampling", "temperature is %v: want a number in [0, 100]", temperature)
		}
		s.temperature, s.seed = temperature, seed
		return nil
	}
}

// WithAbstention makes the engine say text, without citations, when the best
// IsREL score among the accepted candidates is known to be below tau, in [0, 1],
// or nothing was retrieved; 0 never abstains. Empty text means
// [DefaultAbstention]. In a long answer a later segment that falls below tau ends
// the answer before it. An answer that the model declines to give (see generator.Step) is
// an abstention whatever tau is.
//
// The default is what the model recommends for its own judgments
// (generator.Capabilities.AbstainBelow): the embedded model extractive.AbstainBelow, since
// it quotes from whatever it is shown, other models nothing. With another critic, whose
// scores are not comparable, the default is 0.
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
// long as at least m, at least 1, succeed. The default is that any failure fails
// the question; m 0 goes back to that.
func WithMinCandidates(m int) Option {
	return atLeast("WithMinCandidates", 0, m, func(s *settings) *int { return &s.need })
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
	return notNil("WithRewriter", "rewriter", r, func(s *settings) { s.rewriter = r })
}

// WithBudget bounds the cost of a question; see package budget. When a limit is reached the
// answer is what there is until then, and Answer.Stop says so; if there is none yet the
// error wraps budget.ErrExceeded. The zero Limits lift the bound. If the context has a
// budget, its limits hold, too.
//
// The limits hold for the generator, the critic, the decider, the rewriter and all models
// inside the retriever, as far as these ask their models through package generator or
// reserve calls by package budget, as those of this library do. What another part uses
// counts as soon as it says so, and can exceed the limits.
//
// Calls are reserved in the order of the candidates before any of a segment is launched.
// Candidates whose critic costs calls run beside each other as far as what they can cost
// at the most is left, and wait for each other otherwise. What one candidate costs is kept
// back from rewriting and retrieval.
func WithBudget(l budget.Limits) Option {
	return func(s *settings) error {
		if l.Calls < 0 || l.Tokens < 0 || l.Retrievals < 0 || l.Time < 0 {
			return optionError("WithBudget", "%+v: want no field below 0", l)
		}
		s.budget = l
		return nil
	}
}

// WithCallTimeout bounds the time of each call of the generator, the retriever,
// the critic, the decider and the rewriter; 0 lifts the bound. A call that takes
// longer fails. In [Engine.Stream] the time the reader takes over the events of a
// call counts, too.
func WithCallTimeout(d time.Duration) Option {
	return atLeast("WithCallTimeout", 0, d, func(s *settings) *time.Duration { return &s.callTimeout })
}

// WithConcurrency bounds the calls that run at the same time for one question;
// 0, the default, runs all that do not depend on each other. It never changes an
// answer.
func WithConcurrency(n int) Option {
	return atLeast("WithConcurrency", 0, n, func(s *settings) *int { return &s.concurrency })
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

// WithCritic sets what judges candidates. The default is [WithTokenCritic].
func WithCritic(c critique.Critic) Option {
	return notNil("WithCritic", "critic", c, func(s *settings) { s.critic = c })
}

// WithTokenCritic judges candidates by the generator's own reflection tokens
// ([critique.Tokens]). It is the default.
func WithTokenCritic() Option {
	return func(s *settings) error { s.critic = nil; return nil }
}

// WithDecider sets what gives the probability of retrieval. The default is
// [WithTokenDecider].
func WithDecider(d critique.Decider) Option {
	return notNil("WithDecider", "decider", d, func(s *settings) { s.decider = d })
}

// WithTokenDecider takes the probability of retrieval from the generator's own reflection
// tokens ([critique.Tokens]). It is the default.
func WithTokenDecider() Option {
	return func(s *settings) error { s.decider = nil; return nil }
}
