package selfrag

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
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

// Errors that tell what kind of failure ended a question.
var (
	// ErrQuestion: the question cannot be answered because of what it is: empty,
	// or not UTF-8.
	ErrQuestion = errors.New("selfrag: bad question")
	// ErrUndecided: whether to retrieve cannot be known, and the policy is
	// UnknownFails.
	ErrUndecided = errors.New("selfrag: whether to retrieve cannot be known")
	// ErrBudget: a budget was used up before there was any answer.
	ErrBudget = errors.New("selfrag: the budget was used up before there was an answer")
	// ErrRetriever: the retriever broke its contract.
	ErrRetriever = errors.New("selfrag: the retriever broke its contract")
)

// New returns an engine. Options set its defaults; questions can override them.
// It makes no call.
func New(model generator.Generator, passages retriever.Retriever, options ...Option) (*Engine, error) {
	if isNil(model) {
		return nil, optionError("New", "the generator is nil")
	}
	if isNil(passages) {
		return nil, optionError("New", "the retriever is nil")
	}
	s := defaultSettings()
	tokens := critique.NewTokens(model)
	s.critic, s.decider = tokens, tokens
	s, err := s.apply(options)
	if err != nil {
		return nil, err
	}
	return &Engine{model: model, passages: passages, defaults: s, tokens: tokens}, nil
}

// isNil also finds a nil pointer inside an interface: the usual way a failed
// constructor ends up here.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil()
}

// Answer answers one question. On an error the answer holds what there is of
// one, at least the question; it is nil only if an option is wrong.
func (e *Engine) Answer(ctx context.Context, question string, options ...Option) (*Answer, error) {
	s, err := e.defaults.apply(options)
	if err != nil {
		return nil, err
	}
	ctx, step := begin(ctx, question)
	return e.run(ctx, step, question, s, nil)
}

// Stream answers one question and yields what happens as it happens, for a user
// interface to draw. The last event is an EventAnswer with the same answer that
// [Engine.Answer] returns, and its error. The order of events of candidates that
// run side by side varies; the answer does not. Breaking out of the loop stops
// all work before the loop statement ends.
func (e *Engine) Stream(ctx context.Context, question string, options ...Option) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s, err := e.defaults.apply(options)
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

// AnswerAll answers many questions, at most concurrency, at least 1, at the same
// time, and yields the answers in the order of the questions, each with its own
// error. Breaking out of the loop stops all work before the loop statement ends;
// so does ctx, after which the questions not yet answered yield its error. Where the
// limits of an account hold for ctx (package account), one question is answered after
// the other.
func (e *Engine) AnswerAll(ctx context.Context, questions []string, concurrency int, options ...Option) iter.Seq2[*Answer, error] {
	return func(yield func(*Answer, error) bool) {
		s, err := e.defaults.apply(options)
		if err == nil && concurrency < 1 {
			err = optionError("AnswerAll", "concurrency is %d: want at least 1", concurrency)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		type result struct {
			answer *Answer
			err    error
			panic  any
		}
		concurrency := min(concurrency, max(len(questions), 1))
		if account.Bounded(ctx) {
			concurrency = 1 // what a question may spend is what those before it left
		}
		// The channel of channels keeps the order and, by its length, bounds how far
		// the work runs ahead of the reader.
		pending := make(chan chan result, concurrency)
		slots := make(chan struct{}, concurrency)
		var group sync.WaitGroup
		group.Go(func() {
			defer close(pending)
			for _, q := range questions {
				done := make(chan result, 1)
				pending <- done // the reader takes all, even when it has gone
				slots <- struct{}{}
				ctx, step := begin(ctx, q) // here, so that steps stand in order
				group.Go(func() {
					var r result
					defer func() {
						r.panic = recover()
						<-slots
						done <- r
					}()
					r.answer, r.err = e.run(ctx, step, q, s, nil)
				})
			}
		})
		defer func() {
			cancel()
			for range pending { // lets the sender finish
			}
			group.Wait()
		}()
		for done := range pending {
			r := <-done
			if r.panic != nil {
				panic(r.panic) // here, where the caller can recover from it
			}
			if !yield(r.answer, r.err) {
				return
			}
		}
	}
}

// Check verifies that the generator works, if it can tell, and caches its
// capabilities. It is for start-up; nothing depends on it.
func (e *Engine) Check(ctx context.Context) error {
	if err := generator.Check(ctx, e.model); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	_, _, err := e.capabilities(ctx)
	return err
}

// capabilities asks the model until it has succeeded once; only a success is
// kept. known is false if the model cannot describe itself.
func (e *Engine) capabilities(ctx context.Context) (c generator.Capabilities, known bool, err error) {
	e.mu.Lock()
	cached := e.described
	e.mu.Unlock()
	if cached != nil {
		return *cached, true, nil
	}
	c, err = generator.Describe(ctx, e.model)
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

// resolve fixes what the settings leave to the model's capabilities.
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

// begin opens the step of a question in the account of ctx, if it has one.
func begin(ctx context.Context, question string) (context.Context, *account.Account) {
	ctx, step := account.Begin(ctx, "question")
	step.Note(question)
	return ctx, step
}

// run answers one question, whose cost is charged to step. yield, if not nil, takes
// events and says whether to go on; it is called from this goroutine only.
func (e *Engine) run(ctx context.Context, step *account.Account, question string, s settings, yield func(Event) bool) (answer *Answer, err error) {
	defer func() { step.Fail(err) }()
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
	if err := s.budget.tighten(account.Left(ctx)); err != nil {
		answer.Stop = StopBudget
		return answer, fmt.Errorf("%w: %w", ErrBudget, err)
	}
	defer func() { step.Charge(l.usage) }()
	l.budget = newBudget(s.budget)
	ctx, l.cancel = context.WithCancel(account.Detach(ctx))
	defer l.cancel()
	if s.budget.Time > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, s.budget.Time, errTimeBudget)
		defer stop()
	}
	if err := l.prepareQuestion(ctx, s); err != nil {
		answer.Usage = l.usage
		if l.trace != nil && s.trace != TraceOff {
			l.trace.Usage = l.usage
			answer.Trace = l.trace
		}
		switch {
		case errors.Is(err, ErrBudget):
			answer.Stop = StopBudget
		case timeIsUp(ctx) && errors.Is(err, context.DeadlineExceeded):
			answer.Stop = StopTime
			err = fmt.Errorf("%w (%s): %w", ErrBudget, StopTime, err)
		}
		return answer, err
	}
	found, err := search(ctx, l.settings, l)
	l.finish(answer, found)
	if err == nil && found.best == nil && (answer.Stop == StopBudget || answer.Stop == StopTime) {
		err = fmt.Errorf("%w (%s)", ErrBudget, answer.Stop)
	}
	return answer, err
}

// hash spreads questions over numbers (FNV-1a).
func hash(s string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum32()
}

// prepareQuestion does what comes before the search: it fixes the settings and
// makes the question stand on its own.
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
	s.lazyPlan = s.planLazy(caps, s.critic == critique.Critic(l.engine.tokens))
	l.settings = s
	if known && s.critic == critique.Critic(l.engine.tokens) && caps.Level == reflection.LevelUnstated {
		return optionError("WithCritic", "%s has no reflection tokens to read judgements from: give a critic that judges its text, and a decider with WithDecider or another mode", caps.Model)
	}
	l.trace = &Trace{Version: TraceVersion, Question: l.question, Settings: s.traced(), Model: caps, Templates: templates(s.critic, s.decider), Expansions: []*Expansion{}, Path: []int{}}
	if len(s.history) == 0 {
		return nil
	}
	call, cancel = s.callContext(ctx)
	defer cancel()
	call, spent := account.Open(call, "stand-alone question", l.budget.beside(s.maxTokens))
	made, err := s.rewriter.Rewrite(call, generator.Conversation{History: slices.Clone(s.history), Question: l.question})
	made.Usage = atLeast(made.Usage, spent.Usage())
	l.budget.charge(made.Usage)
	l.usage = made.Usage
	if err == nil && (strings.TrimSpace(made.Question) == "" || !utf8.ValidString(made.Question+made.Template+made.TemplateHash)) {
		err = fmt.Errorf("the rewriter returned %q: want a question", made.Question)
	}
	if spent.Forbade(err) {
		err = fmt.Errorf("%w (%s): %w", ErrBudget, StopBudget, err)
	}
	if err != nil {
		return fmt.Errorf("selfrag: making a stand-alone question: %w", explain(call, err))
	}
	l.question, l.trace.Rewriting = made.Question, &made
	return nil
}

// atLeast is what was said to be used, and no less than what was seen to be.
func atLeast(said, seen generator.Usage) generator.Usage {
	return generator.Usage{
		Calls:           max(said.Calls, seen.Calls),
		PromptTokens:    max(said.PromptTokens, seen.PromptTokens),
		CachedTokens:    max(said.CachedTokens, seen.CachedTokens),
		GeneratedTokens: max(said.GeneratedTokens, seen.GeneratedTokens),
		Partial:         said.Partial || seen.Partial,
	}
}
