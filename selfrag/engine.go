package selfrag

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
)

// Engine answers questions with one model over one retriever. Make one with
// [New]. It keeps nothing between questions and is safe for concurrent use.
type Engine struct {
	model    generator.Generator
	passages retriever.Retriever
	defaults settings
	tokens   *critique.Tokens // the model's own critic and decider

	mu        sync.Mutex
	described *generator.Capabilities
}

// Errors that classify why a question failed.
var (
	// ErrQuestion: the question itself cannot be answered: it is empty or not
	// UTF-8.
	ErrQuestion = errors.New("selfrag: bad question")
	// ErrUndecided: whether to retrieve cannot be known, and the policy is
	// UnknownFails.
	ErrUndecided = errors.New("selfrag: whether to retrieve cannot be known")
	// ErrRetriever: the retriever broke its contract.
	ErrRetriever = errors.New("selfrag: the retriever broke its contract")
	// ErrCritic: the critic or the decider broke its contract.
	ErrCritic = errors.New("selfrag: the critic broke its contract")
)

// New returns an engine. Options set its defaults; questions can override them.
// It makes no call. The error is an [*OptionError]: an option is out of its range, or
// an argument is nil.
func New(model generator.Generator, passages retriever.Retriever, options ...Option) (*Engine, error) {
	if isnil.Value(model) {
		return nil, optionError("New", "the generator is nil")
	}
	if isnil.Value(passages) {
		return nil, optionError("New", "the retriever is nil")
	}
	s := defaultSettings()
	s, err := s.apply(options)
	if err != nil {
		return nil, err
	}
	return &Engine{model: model, passages: passages, defaults: s, tokens: critique.NewTokens(model)}, nil
}

// settings returns the settings of a question.
func (e *Engine) settings(options []Option) (settings, error) {
	s, err := e.defaults.apply(options)
	if s.critic == nil {
		s.critic = e.tokens
	}
	if s.decider == nil {
		s.decider = e.tokens
	}
	return s, err
}

// Answer answers one question. With an error the answer is partial and holds at
// least the question; it is nil only if an option is wrong.
//
// The error is an [*OptionError], wraps [ErrQuestion], [ErrUndecided], [ErrRetriever],
// [ErrCritic], budget.ErrExceeded or ctx.Err(), or is that of the model, the
// retriever, the critic, the decider or the rewriter. An abstention is no error.
func (e *Engine) Answer(ctx context.Context, question string, options ...Option) (*Answer, error) {
	s, err := e.settings(options)
	if err != nil {
		return nil, err
	}
	ctx, step := begin(ctx, question)
	return e.run(ctx, step, question, s, nil)
}

// Stream answers one question and yields events while it works, for a user
// interface. The last event is an EventAnswer with the answer that [Engine.Answer]
// would return, and its error. The order of the events of concurrent candidates
// varies; the answer does not. Breaking out of the loop stops all work before the
// loop statement ends.
//
// To show text while it is generated, use the events EventDelta. Their Texts,
// joined, are Answer.Text, however the answer ends, and no text is ever taken back.
// A delta comes after a segment that makes more text certain: in a long answer the
// common beginning of all paths still in the beam, at the end the rest, which may
// be all of it.
func (e *Engine) Stream(ctx context.Context, question string, options ...Option) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s, err := e.settings(options)
		if err != nil {
			yield(Event{Kind: EventAnswer}, err)
			return
		}
		stopped := false
		ctx, step := begin(ctx, question)
		answer, err := e.run(ctx, step, question, s, func(ev Event) bool {
			stopped = stopped || !yield(ev, nil)
			return !stopped
		})
		if !stopped {
			yield(Event{Kind: EventAnswer, Answer: answer}, err)
		}
	}
}

// AnswerAll answers many questions, at most concurrency (at least 1) at the same
// time. It yields the answers in the order of the questions, each with its own
// error. Breaking out of the loop stops all work before the loop statement ends.
// When ctx is done, the remaining questions yield its error.
//
// Under a budget (package budget) each question sets aside the most that it can
// cost. If that is unknown, or more than is left, the question waits for those
// before it and uses what they left. So the answers do not depend on the
// concurrency.
func (e *Engine) AnswerAll(ctx context.Context, questions []string, concurrency int, options ...Option) iter.Seq2[*Answer, error] {
	return func(yield func(*Answer, error) bool) {
		s, err := e.settings(options)
		if err == nil && concurrency < 1 {
			err = optionError("AnswerAll", "concurrency is %d: want at least 1", concurrency)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		concurrency = min(concurrency, max(len(questions), 1))
		most := func(int) (budget.Cost, bool) { return e.mostCost(&s) }
		each := func(ctx context.Context, start func(context.Context, int) func() error) []error {
			return budget.Each(ctx, len(questions), concurrency, most, start)
		}
		ask := func(ctx context.Context, i int) func() (*Answer, error) {
			ctx, step := begin(ctx, questions[i])
			return func() (*Answer, error) { return e.run(ctx, step, questions[i], s, nil) }
		}
		for answer, err := range fanout.Stream(ctx, len(questions), concurrency, each, ask) {
			if !yield(answer, err) {
				return
			}
		}
	}
}

// Check verifies that the generator works, if the generator supports that, and
// caches its capabilities. Call it at start-up; it is optional.
func (e *Engine) Check(ctx context.Context) error {
	if err := generator.Check(ctx, e.model); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	_, _, err := e.capabilities(ctx)
	return err
}

// capabilities asks the model until one call has succeeded, and keeps only a
// success. known is false if the model cannot describe itself.
func (e *Engine) capabilities(ctx context.Context) (c generator.Capabilities, known bool, err error) {
	e.mu.Lock()
	cached := e.described
	e.mu.Unlock()
	if cached != nil {
		return *cached, true, nil
	}
	return e.describe(ctx)
}

// describe asks the model. It is a function of its own, so that a call with the
// capabilities at hand allocates nothing.
func (e *Engine) describe(ctx context.Context) (c generator.Capabilities, known bool, err error) {
	err = apart(func() (err error) {
		c, err = generator.Describe(ctx, e.model)
		return err
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return generator.Capabilities{}, false, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("selfrag: describing the model: %w", err)
	}
	e.mu.Lock()
	e.described = &c
	e.mu.Unlock()
	return c, true, nil
}

// resolve sets what the settings leave to the model's capabilities.
func (s *settings) resolve(c generator.Capabilities, known bool) error {
	q := &s.scoring.Sequence
	switch {
	case *q == scoring.SequenceNone:
	case known && !c.LogProbs && *q != scoring.SequenceAuto:
		return optionError("WithSequence", "%v needs log-probabilities, and %s gives none: use scoring.SequenceNone", *q, c.Model)
	case *q != scoring.SequenceAuto:
	case !c.LogProbs:
		*q = scoring.SequenceNone
	case c.Quotes:
		*q = scoring.SequenceProbability
	default:
		*q = scoring.SequenceGeometric
	}
	switch {
	case s.count == generator.CountAll && *q != scoring.SequenceNone && known && !c.EndLogProb:
		return optionError("WithSequence", "%v counts the end token, and %s gives no probability for it: use generator.CountNoEnd", s.count, c.Model)
	case s.count != generator.CountAuto:
	case c.EndLogProb:
		s.count = generator.CountAll
	default:
		s.count = generator.CountNoEnd
	}
	return nil
}

// begin reports to the observers of ctx that a question begins.
func begin(ctx context.Context, question string) (context.Context, *observe.Span) {
	ctx, step := observe.Start(ctx, observe.Question, "question")
	step.Note(question)
	return ctx, step
}

// run answers one question, which is a step. yield, if not nil, receives the events
// and returns whether to go on; it is called from this goroutine only.
func (e *Engine) run(ctx context.Context, step *observe.Span, question string, s settings, yield func(Event) bool) (answer *Answer, err error) {
	defer step.EndWith(&err)()
	l := &live{
		engine: e, question: question,
		yield: yield, stream: yield != nil, start: time.Now(),
		affinity: 1 + int(hash(question)&0xffffff),
	}
	answer = &Answer{Question: question, Segments: []Segment{}, Citations: []Citation{}, Stop: StopFailed}
	if strings.TrimSpace(question) == "" {
		return answer, fmt.Errorf("%w: it is empty", ErrQuestion)
	}
	if !utf8.ValidString(question) {
		return answer, fmt.Errorf("%w: it is not UTF-8", ErrQuestion)
	}
	if left := budget.Left(ctx); left.Calls < 0 || left.Tokens < 0 {
		answer.Stop = StopBudget
		return answer, withoutAnswer(StopBudget, nil)
	}
	ctx, l.cancel = context.WithCancel(ctx)
	defer l.cancel()
	l.outside = ctx
	ctx, l.budget = budget.Open(ctx, "question", s.budget)
	defer l.budget.Close()
	if s.budget.Time != 0 { // it ends the calls as well
		l.outside = ctx
	}
	l.whole, l.outside = ctx, budget.Detach(l.outside)
	l.bounded = budget.Bounded(ctx)
	defer func() { step.Spend(l.budget.Usage()) }()
	if err := l.prepareQuestion(ctx, s); err != nil {
		answer.Usage = l.budget.Usage()
		if l.trace != nil && s.trace != TraceOff {
			l.trace.Usage = answer.Usage
			answer.Trace = l.trace
		}
		switch {
		case refused(ctx, err):
			answer.Stop = StopBudget
			err = withoutAnswer(StopBudget, err)
		case timeIsUp(ctx) && errors.Is(err, context.DeadlineExceeded):
			answer.Stop = StopTime
			err = withoutAnswer(StopTime, err)
		}
		return answer, err
	}
	found, err := search(ctx, &l.settings, l)
	l.finish(answer, found)
	if err == nil && found.best == nil && (answer.Stop == StopBudget || answer.Stop == StopTime) {
		err = withoutAnswer(answer.Stop, nil)
	}
	return answer, err
}

// hash spreads questions over numbers (FNV-1a).
func hash(s string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum32()
}

// prepareQuestion does the work before the search: it fixes the settings and makes
// the question independent of the history.
func (l *live) prepareQuestion(ctx context.Context, s settings) error {
	if err := ctx.Err(); err != nil {
		return explain(ctx, err)
	}
	call, cancel := s.callContext(ctx)
	defer cancel()
	caps, known, err := l.engine.capabilities(call)
	if err != nil {
		return explain(call, err)
	}
	if err := s.resolve(caps, known); err != nil {
		return err
	}
	if s.critic == critique.Critic(l.engine.tokens) && !s.abstainSet {
		if at := caps.AbstainBelow; !(at >= 0 && at <= 1) {
			return fmt.Errorf("selfrag: %s recommends to abstain below %v: want a number in [0, 1], or WithAbstention", caps.Model, at)
		} else if at > 0 {
			s.abstain, s.abstainAt, s.abstainText = true, at, DefaultAbstention
		}
	}
	s.lazyPlan = s.planLazy(caps, s.critic == critique.Critic(l.engine.tokens), l.bounded)
	l.settings = s
	if known && s.critic == critique.Critic(l.engine.tokens) && caps.Level == reflection.LevelUnstated {
		return optionError("WithCritic", "%s has no reflection tokens to read judgments from: give a critic that judges its text, and a decider with WithDecider or another mode", caps.Model)
	}
	l.trace = &Trace{Version: TraceVersion, Question: l.question, Settings: s.traced(), Model: caps, Templates: templates(s.critic, s.decider), Expansions: []*Expansion{}, Path: []int{}}
	if len(s.history) == 0 {
		return nil
	}
	made, err := l.rewrite(ctx)
	if err != nil {
		return fmt.Errorf("selfrag: making a standalone question: %w", err)
	}
	l.question, l.trace.Rewriting = made.Question, &made
	return nil
}

// rewrite makes the question independent of the history.
func (l *live) rewrite(ctx context.Context) (made generator.Rewriting, err error) {
	defer l.keepCandidate(ctx)()
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	ctx, step := observe.Start(ctx, observe.Rewriting, "standalone question")
	defer step.EndWith(&err)()
	seen, spent := budget.Open(ctx, "standalone question", budget.Limits{})
	defer spent.Close()
	err = apart(func() (err error) {
		made, err = l.rewriter.Rewrite(seen, generator.Conversation{History: slices.Clone(l.history), Question: l.question})
		return err
	})
	budget.Charge(ctx, made.Usage.Beyond(spent.Usage())) // what was spent outside package generator
	made.Usage = made.Usage.Max(spent.Usage())
	if err == nil && (strings.TrimSpace(made.Question) == "" || !utf8.ValidString(made.Question+made.Template+made.TemplateHash)) {
		err = fmt.Errorf("the rewriter returned %q: want a question", made.Question)
	}
	step.Note(made.Question)
	return made, explain(ctx, err)
}
