package rag

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Option changes how questions are answered. Options given to a constructor apply
// to every question, those given with a question to that one. If a value is out of
// range, or the decoder has no use for the option, the call that takes it returns
// an error that wraps [ErrOption].
type Option func(*settings) error

// ErrOption is wrapped by errors about options. They name the option and its range.
var ErrOption = errors.New("rag: bad option")

func optionError(option, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrOption, option, fmt.Sprintf(format, args...))
}

// Decoding says what RAG-Sequence uses for p(y|x,z) if the search of passage z has
// not found y. The zero value means Thorough.
type Decoding string

const (
	Thorough Decoding = "thorough" // score it, by one more forward pass
	Fast     Decoding = "fast"     // 0
)

// settings is the sum of the options of a question.
type settings struct {
	kind        selfrag.TraceKind
	k           int
	filter      filter.Expr
	maxTokens   int
	labels      []string
	instruction generator.Instruction
	prior       Prior
	temperature float64 // 0 if not given
	beams       int
	decoding    Decoding
	seed        uint64
	end         bool
	prompt      generator.TaskTemplate // of standard RAG
	asTask      bool                   // prompt was given
	budget      budget.Limits
	concurrency int
}

// defaultTokens is the default of the engine.
const defaultTokens = 200

func defaultSettings(kind selfrag.TraceKind) settings {
	s := settings{kind: kind, k: 5, maxTokens: defaultTokens, beams: 1, end: true, prompt: AnswerTemplate}
	if kind == selfrag.KindSequence {
		s.beams, s.decoding = 4, Thorough
	}
	return s
}

// apply returns a copy of s changed by the options.
func (s settings) apply(options []Option) (settings, error) {
	for i, o := range options {
		if o == nil {
			return s, optionError("Option", "number %d is nil", i)
		}
		if err := o(&s); err != nil {
			return s, err
		}
	}
	return s, nil
}

var constructors = map[selfrag.TraceKind]string{
	selfrag.KindStandard: "NewStandard", selfrag.KindSequence: "NewSequence", selfrag.KindToken: "NewToken",
}

// only returns an error unless s is of one of the kinds.
func (s *settings) only(option string, kinds ...selfrag.TraceKind) error {
	if slices.Contains(kinds, s.kind) {
		return nil
	}
	var names []string
	for _, k := range kinds {
		names = append(names, constructors[k])
	}
	return optionError(option, "it changes nothing with %s: want it with %s only", constructors[s.kind], strings.Join(names, " or "))
}

// WithK sets how many passages to retrieve, at least 1. The default is 5.
func WithK(k int) Option {
	return func(s *settings) error {
		if k < 1 {
			return optionError("WithK", "%d: want at least 1", k)
		}
		s.k = k
		return nil
	}
}

// WithFilter limits retrieval to passages that match f; nil lifts the limit. Every
// passage is checked against f again, whatever the retriever did.
func WithFilter(f filter.Expr) Option {
	return func(s *settings) error {
		if err := filter.Check(f); err != nil {
			return optionError("WithFilter", "%v", err)
		}
		s.filter = f
		return nil
	}
}

// WithMaxTokens bounds the tokens of an answer, the end token included, at least 1. The
// default is 200.
func WithMaxTokens(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return optionError("WithMaxTokens", "%d: want at least 1", n)
		}
		s.maxTokens = n
		return nil
	}
}

// WithLabels makes the question a closed one. RAG-Sequence and RAG-Token score
// every label, written as given, and answer with the likeliest. Standard RAG
// answers with the label that the generated text gives (scoring.ClosedSet). It
// takes at least two labels that pass scoring.CheckLabels; none makes the question
// open again.
func WithLabels(labels ...string) Option {
	labels = slices.Clone(labels)
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

// WithPrior sets p(z|x), the weight of each passage. The zero Prior, the default,
// derives it from the scores by their kind: see [Prior].
func WithPrior(p Prior) Option {
	return func(s *settings) error {
		s.prior = p
		return s.only("WithPrior", selfrag.KindSequence, selfrag.KindToken)
	}
}

// WithPriorTemperature sets T in softmax(score/T), a finite number above 0. The
// default is 1 for inner products. Cosines have no default, since their range does
// not imply a probability. The larger T is, the more equal are the weights.
func WithPriorTemperature(t float64) Option {
	return func(s *settings) error {
		if !(t > 0) || math.IsInf(t, 0) {
			return optionError("WithPriorTemperature", "%v: want a finite number above 0", t)
		}
		s.temperature = t
		return s.only("WithPriorTemperature", selfrag.KindSequence, selfrag.KindToken)
	}
}

// WithBeams sets the width of the search, at least 1. For RAG-Sequence it is the
// number of hypotheses per passage, 4 by default as in the paper: the width of the
// beam or, if the model does not give whole distributions, 1 greedy answer and the
// rest samples. For RAG-Token it is the width of the beam over the mixture, 1 by
// default.
func WithBeams(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return optionError("WithBeams", "%d: want at least 1", n)
		}
		s.beams = n
		return s.only("WithBeams", selfrag.KindSequence, selfrag.KindToken)
	}
}

// WithDecoding sets what RAG-Sequence does if one passage has not found the
// hypothesis of another. The default is Thorough, which needs a model that scores a
// given text.
func WithDecoding(d Decoding) Option {
	return func(s *settings) error {
		if d == "" {
			d = Thorough
		}
		if d != Thorough && d != Fast {
			return optionError("WithDecoding", "%q: want Thorough or Fast", d)
		}
		s.decoding = d
		return s.only("WithDecoding", selfrag.KindSequence)
	}
}

// WithSeed sets the seed of the samples of RAG-Sequence. Samples are drawn only if
// the model does not give whole distributions. The default is 0.
func WithSeed(seed uint64) Option {
	return func(s *settings) error {
		s.seed = seed
		return s.only("WithSeed", selfrag.KindSequence)
	}
}

// WithEnd says whether the end token counts as the last token of an answer, so that
// its probability is a factor of p(y|x). By default it counts, for every model.
// Without it, the probability is that of all answers with this beginning. A search
// ends its hypotheses by the end token in both cases. A model that does not report
// the end's probability is rejected while the end counts. Turn it off for labels
// after which a model would not end.
func WithEnd(on bool) Option {
	return func(s *settings) error {
		s.end = on
		return s.only("WithEnd", selfrag.KindSequence, selfrag.KindToken)
	}
}

// WithPrompt sets the task of standard RAG, in place of [AnswerTemplate]. It has
// the placeholders question and passages. A model that quotes, or has reflection
// tokens, is asked with this task only if the option is given.
func WithPrompt(t generator.TaskTemplate) Option {
	return func(s *settings) error {
		if want := AnswerTemplate.Placeholders(); !slices.Equal(t.Placeholders(), want) {
			return optionError("WithPrompt", "template %q has the placeholders %v: want exactly %v", t.Name(), t.Placeholders(), want)
		}
		s.prompt, s.asTask = t, true
		return s.only("WithPrompt", selfrag.KindStandard)
	}
}

// WithBudget bounds the cost of a question; see package budget. When a limit is
// reached, the answer is what was found so far, and Answer.Stop says so; if there
// is none yet the error wraps budget.ErrExceeded. A budget of the context applies,
// too.
func WithBudget(l budget.Limits) Option {
	return func(s *settings) error {
		if l.Calls < 0 || l.Tokens < 0 || l.Retrievals < 0 || l.Time < 0 {
			return optionError("WithBudget", "%+v: want no field below 0", l)
		}
		s.budget = l
		return nil
	}
}

// WithConcurrency bounds the concurrent calls of one question. 0, the default, runs
// all calls that do not depend on each other. It never changes an answer.
func WithConcurrency(n int) Option {
	return func(s *settings) error {
		if n < 0 {
			return optionError("WithConcurrency", "%d: want 0 or more", n)
		}
		s.concurrency = n
		return nil
	}
}
