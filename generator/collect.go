package generator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/steproom"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
)

// Completion is a whole continuation.
type Completion struct {
	// Steps holds the tokens, without the last step of the stream.
	Steps []Step `json:"steps"`
	// End is the log-probability of the end token, when Finish is FinishEnd.
	End    reflection.Prob `json:"end"`
	Finish Finish          `json:"finish"`
	// Declined is set if the text says that there is no answer, see [Step].
	Declined bool  `json:"declined,omitempty"`
	Usage    Usage `json:"usage"`
}

// Text returns the text without control tokens. White space is kept.
func (c Completion) Text() string {
	n := 0
	for i := range c.Steps {
		n += len(c.Steps[i].Text)
	}
	var b strings.Builder
	b.Grow(n)
	for i := range c.Steps {
		b.WriteString(c.Steps[i].Text)
	}
	return b.String()
}

// First returns the first generated token of g and its position, or None and -1.
func (c Completion) First(g reflection.Group) (reflection.Token, int) {
	for i := range c.Steps {
		if t := c.Steps[i].Token; t != reflection.None && t.Group() == g {
			return t, i
		}
	}
	return reflection.None, -1
}

// Count says which tokens of a continuation its sequence probability covers. The
// zero value means CountAuto.
type Count string

const (
	CountAuto  Count = "auto"   // CountAll if the backend gives the end token's probability, else CountNoEnd
	CountAll   Count = "all"    // text, control tokens and the end token
	CountNoEnd Count = "no-end" // text and control tokens
	CountText  Count = "text"   // text only
)

// LogProb returns the sum of the log-probabilities of the counted tokens, and their
// number. The sum is exact if all of them are; a bounded or unknown one makes it an
// upper bound. CountAuto counts like CountAll.
func (c Completion) LogProb(count Count) (sum reflection.Prob, n int) {
	sum = reflection.ExactLog(0)
	add := func(p reflection.Prob) {
		n++
		if p.Known != reflection.Exact {
			sum.Known = reflection.Bounded
		}
		if p.Known != reflection.Unknown {
			// A server's rounding can give a value just above zero; the sum must
			// not be above.
			sum.Log += min(p.Log, 0)
		}
	}
	for i := range c.Steps {
		if count == CountText && c.Steps[i].Token != reflection.None {
			continue
		}
		add(c.Steps[i].LogProb)
	}
	if c.Finish == FinishEnd && count != CountNoEnd && count != CountText {
		add(c.End)
	}
	return sum, n
}

// ErrIncomplete is the error of a stream that ended without its last step.
var ErrIncomplete = errors.New("generator: the stream ended without a finish")

// ProtocolError says that a backend broke the contract of Generator.
type ProtocolError struct {
	Step   int // position in the stream, from 0
	Reason string
}

// Error implements error.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("generator: step %d: %s", e.Step, e.Reason)
}

// checker checks the steps of a stream against the contract of Generator.
type checker struct {
	limit  int // Request.MaxTokens
	tokens int // the number of tokens so far
	// last is the last step. It is held back until the stream ends, since nothing
	// may follow it. Its Finish is Running until it has arrived.
	last Step
	err  error // an error of the stream or in it
}

// next receives what a stream yields. It reports whether s is a token to pass on.
// If not, and err is still nil, the reader goes on.
func (k *checker) next(s *Step, err error) bool {
	switch {
	case err != nil:
		k.err = err
		return false
	case k.last.Finish != Running:
		k.err = &ProtocolError{k.tokens, "a step after the last one"}
		return false
	}
	if err := s.check(); err != nil {
		k.err = &ProtocolError{k.tokens, err.Error()}
		return false
	}
	if s.Finish != Running {
		k.last = *s
		return false
	}
	if k.tokens++; k.tokens > k.limit {
		k.err = &ProtocolError{k.tokens - 1, fmt.Sprintf("more than the %d tokens asked for", k.limit)}
		return false
	}
	return true
}

// end completes the last step of a stream that was read, or returns the error of
// the stream.
func (k *checker) end() error {
	switch {
	case k.err != nil:
		return k.err
	case k.last.Finish == Running:
		return ErrIncomplete
	case k.last.Finish == FinishEnd:
		if k.tokens++; k.tokens > k.limit {
			return &ProtocolError{k.tokens - 1, fmt.Sprintf("with the end token more than the %d tokens asked for", k.limit)}
		}
	}
	// Budgets depend on this number: a backend cannot report fewer tokens than it
	// sent.
	u := &k.last.Usage
	u.GeneratedTokens = max(u.GeneratedTokens, k.tokens)
	u.Calls = max(u.Calls, 1)
	return nil
}

// noStream is the error of a sequence that is nil.
func noStream() error { return &ProtocolError{0, "there is no stream"} }

// Checked passes a stream on. It ends it with an error as soon as it breaks the
// contract: a *[ProtocolError] for a malformed step, or [ErrIncomplete]. Read a
// Generator that you did not write through Checked or [Collect].
func Checked(req Request, seq iter.Seq2[Step, error]) iter.Seq2[Step, error] {
	limit := req.MaxTokens
	return func(yield func(Step, error) bool) {
		if seq == nil {
			yield(Step{}, noStream())
			return
		}
		// One variable for all that the loop changes: each would cost an
		// allocation.
		k := &struct {
			checker
			broke bool
		}{checker: checker{limit: limit}}
		for s, err := range seq {
			if k.next(&s, err) {
				k.broke = !yield(s, nil)
			}
			if k.broke || k.err != nil {
				break
			}
		}
		if k.broke {
			return
		}
		if err := k.end(); err != nil {
			yield(Step{}, err)
			return
		}
		yield(k.last, nil)
	}
}

// check returns an error if the contract does not allow the step.
func (s *Step) check() error {
	last := s.Finish != Running
	u := &s.Usage
	if s.Token > reflection.NoSupport || int(s.Finish) >= len(finishes.Names) ||
		s.Text != "" && (last || s.Token != reflection.None || !utf8.ValidString(s.Text)) ||
		last && s.Token != reflection.None || s.Declined && !last ||
		min(u.Calls, u.PromptTokens, u.CachedTokens, u.GeneratedTokens) < 0 {
		return s.fault()
	}
	if err := s.LogProb.Check(); err != nil {
		return err
	}
	for i := range s.Watched {
		if err := s.Watched[i].Check(); err != nil {
			return fmt.Errorf("%v: %w", s.Watched[i].Group, err)
		}
	}
	for i := range s.Top {
		if err := s.Top[i].Prob.Check(); err != nil {
			return fmt.Errorf("alternative %q: %w", s.Top[i].Text, err)
		}
	}
	return nil
}

// fault returns the reason for which check rejected the step.
func (s *Step) fault() error {
	switch {
	case s.Token > reflection.NoSupport:
		return fmt.Errorf("token %d does not exist", s.Token)
	case int(s.Finish) >= len(finishes.Names):
		return fmt.Errorf("finish %d does not exist", s.Finish)
	case s.Finish != Running && (s.Text != "" || s.Token != reflection.None):
		return errors.New("the last step holds a token")
	case s.Finish == Running && s.Declined:
		return errors.New("a step that is not the last one declines to answer")
	case min(s.Usage.Calls, s.Usage.PromptTokens, s.Usage.CachedTokens, s.Usage.GeneratedTokens) < 0:
		return fmt.Errorf("usage %+v has a negative count", s.Usage)
	case s.Text != "" && s.Token != reflection.None:
		return fmt.Errorf("text %q and token %v in one step", s.Text, s.Token)
	}
	return fmt.Errorf("text %q is not UTF-8", s.Text)
}

// collector gathers the steps of one stream.
type collector struct {
	checker
	steps []Step
}

var collectors = sync.Pool{New: func() any { return new(collector) }}

// Collect reads a stream made for req to its end and checks it. With an error it
// returns the steps before it, with Finish Running.
func Collect(req Request, seq iter.Seq2[Step, error]) (c Completion, err error) {
	err = c.Collect(req, seq)
	return c, err
}

// Collect sets c to the completion that the function [Collect] returns. c also
// holds the steps of a stream that panics or ends its goroutine: they were
// generated, and count in budgets.
func (c *Completion) Collect(req Request, seq iter.Seq2[Step, error]) error {
	*c = Completion{}
	if seq == nil {
		return noStream()
	}
	// One variable for all that the loop changes: each would cost an allocation.
	k := collectors.Get().(*collector)
	k.limit = req.MaxTokens
	ended := false
	defer func() {
		c.Steps = k.steps
		if ended { // otherwise the stream may continue
			*k = collector{}
			collectors.Put(k)
		}
	}()
	for s, err := range seq {
		if k.next(&s, err) {
			if k.steps == nil { // not earlier: a call can wait for a long time
				k.steps = room(k.limit)
			}
			k.steps = append(k.steps, s)
		}
		if k.err != nil {
			break
		}
	}
	ended = true
	err := k.end()
	if err == nil {
		c.finish(&k.last)
	}
	return err
}

// room returns an empty slice for the steps of a completion of up to limit tokens,
// with capacity for a sentence. Steps are large, and growing to that size would
// copy most of them several times.
func room(limit int) []Step {
	if limit < steproom.Least {
		return make([]Step, 0, limit)
	}
	return steproom.Take[Step]()
}

// Append adds the next step of a checked stream. A completion is complete if its
// Finish is not Running.
func (c *Completion) Append(s Step) {
	if s.Finish == Running {
		if c.Steps == nil {
			c.Steps = room(steproom.Least)
		}
		c.Steps = append(c.Steps, s)
		return
	}
	c.finish(&s)
}

// finish stores the last step of a stream.
func (c *Completion) finish(last *Step) {
	c.Finish, c.Usage, c.Declined = last.Finish, last.Usage, last.Declined
	if last.Finish == FinishEnd {
		c.End = last.LogProb
	}
}

// Spent returns the cost of the completion. A stream that was stopped early does
// not report all of its cost, but the call still counts.
func (c Completion) Spent() Usage {
	if c.Finish != Running {
		return c.Usage
	}
	u := Usage{Calls: 1, GeneratedTokens: len(c.Steps), Partial: true}
	if len(c.Steps) > 0 { // some backends report the prompt's part at once
		u.PromptTokens, u.CachedTokens = c.Steps[0].Usage.PromptTokens, c.Steps[0].Usage.CachedTokens
	}
	return u
}

// Complete generates and collects. The call counts in the budget of ctx (package
// budget). If the budget forbids it, the error wraps budget.ErrExceeded and g is
// not called. The call is reported to the observers of ctx (package observe).
func Complete(ctx context.Context, g Generator, req Request) (c Completion, err error) {
	if err := req.Check(); err != nil {
		return Completion{}, err
	}
	name := "answer"
	if req.Task != nil {
		name = req.Task.Template.Name()
	}
	ctx, span := observe.Start(ctx, observe.Generation, name)
	defer func() { span.End(err) }()
	reserved, err := budget.Reserve(ctx, name, budget.Cost{Calls: 1, Tokens: req.MaxTokens})
	if err != nil {
		return Completion{}, err
	}
	defer func() {
		reserved.Settle(c.Spent())
		span.Spend(c.Spent())
	}()
	if req.Task != nil {
		span.Prompt(name, req.Task.Template.Hash())
	}
	err = fanout.ErrNoReturn // unless the call returns
	err = c.Collect(req, g.Generate(budget.Detach(ctx), req))
	if text := c.Text(); text != "" {
		span.Note(text)
	}
	return c, err
}
