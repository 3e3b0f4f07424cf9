package generator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/reflection"
)

// Completion is a whole continuation.
type Completion struct {
	// Steps holds the tokens, without the last step of the stream.
	Steps []Step `json:"steps"`
	// End is the log-probability of the end token, when Finish is FinishEnd.
	End    reflection.Prob `json:"end"`
	Finish Finish          `json:"finish"`
	Usage  Usage           `json:"usage"`
}

// Text returns the text without control tokens, white space kept.
func (c Completion) Text() string {
	n := 0
	for i := range c.Steps {
		n += len(c.Steps[i].Text)
	}
	b := make([]byte, 0, n)
	for i := range c.Steps {
		b = append(b, c.Steps[i].Text...)
	}
	return string(b)
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

// Count says which tokens of a continuation its sequence probability is over.
type Count uint8

const (
	CountAuto  Count = iota // CountAll if the backend gives the end token's probability, else CountNoEnd
	CountAll                // text, control tokens and the end token
	CountNoEnd              // text and control tokens
	CountText               // text only
)

var countNames = [...]string{"auto", "all", "no-end", "text"}

// String returns the name that stands in traces.
func (c Count) String() string {
	if int(c) >= len(countNames) {
		return fmt.Sprintf("Count(%d)", uint8(c))
	}
	return countNames[c]
}

// LogProb returns the sum of the log-probabilities of the tokens that count and
// their number. The sum is exact if every one of them is; a token that is only
// bounded or unknown leaves an upper bound. CountAuto counts like CountAll.
func (c Completion) LogProb(count Count) (sum reflection.Prob, n int) {
	sum = reflection.ExactLog(0)
	add := func(p reflection.Prob) {
		n++
		if p.Known != reflection.Exact {
			sum.Known = reflection.Bounded
		}
		if p.Known != reflection.Unknown {
			// A hair above zero is a server's rounding; the sum must not be above.
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

// Checked passes a stream on and ends it with an error as soon as it breaks the
// contract: a *[ProtocolError] for a step that is not well formed, or
// [ErrIncomplete]. Code that reads a Generator it did not write reads it through
// Checked or [Collect].
func Checked(req Request, seq iter.Seq2[Step, error]) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		var (
			tokens int
			last   *Step
			failed bool
			broke  bool
			fail   = func(err error) { failed = true; yield(Step{}, err) }
		)
		if seq == nil {
			fail(&ProtocolError{0, "there is no stream"})
			return
		}
		for s, err := range seq {
			if err != nil {
				fail(err)
				break
			}
			if last != nil {
				fail(&ProtocolError{tokens, "a step after the last one"})
				break
			}
			if err := s.check(); err != nil {
				fail(&ProtocolError{tokens, err.Error()})
				break
			}
			if s.Finish != Running {
				// Held back until the stream has ended: nothing may follow it. The copy
				// keeps all other steps off the heap.
				held := s
				last = &held
				continue
			}
			if tokens++; tokens > req.MaxTokens {
				fail(&ProtocolError{tokens - 1, fmt.Sprintf("more than the %d tokens asked for", req.MaxTokens)})
				break
			}
			if !yield(s, nil) {
				broke = true
				break
			}
		}
		switch {
		case failed || broke:
		case last == nil:
			yield(Step{}, ErrIncomplete)
		default:
			if last.Finish == FinishEnd {
				if tokens++; tokens > req.MaxTokens {
					yield(Step{}, &ProtocolError{tokens - 1, fmt.Sprintf("with the end token more than the %d tokens asked for", req.MaxTokens)})
					return
				}
			}
			// Budgets rest on this number: no backend can report fewer than it sent.
			last.Usage.GeneratedTokens = max(last.Usage.GeneratedTokens, tokens)
			last.Usage.Calls = max(last.Usage.Calls, 1)
			yield(*last, nil)
		}
	}
}

// check returns an error if the step is not one the contract allows.
func (s Step) check() error {
	switch {
	case s.Token > reflection.NoSupport:
		return fmt.Errorf("token %d does not exist", s.Token)
	case int(s.Finish) >= len(finishNames):
		return fmt.Errorf("finish %d does not exist", s.Finish)
	case s.Finish != Running && (s.Text != "" || s.Token != reflection.None):
		return errors.New("the last step holds a token")
	case min(s.Usage.Calls, s.Usage.PromptTokens, s.Usage.CachedTokens, s.Usage.GeneratedTokens) < 0:
		return fmt.Errorf("usage %+v has a negative count", s.Usage)
	case s.Text != "" && s.Token != reflection.None:
		return fmt.Errorf("text %q and token %v in one step", s.Text, s.Token)
	case !utf8.ValidString(s.Text):
		return fmt.Errorf("text %q is not UTF-8", s.Text)
	}
	if err := s.LogProb.Check(); err != nil {
		return err
	}
	for _, d := range s.Watched {
		if err := d.Check(); err != nil {
			return fmt.Errorf("%v: %w", d.Group, err)
		}
	}
	for _, a := range s.Top {
		if err := a.Prob.Check(); err != nil {
			return fmt.Errorf("alternative %q: %w", a.Text, err)
		}
	}
	return nil
}

// Collect reads a stream made for req to its end, checked. On an error it
// returns what came before it; Finish is then Running.
func Collect(req Request, seq iter.Seq2[Step, error]) (Completion, error) {
	var c Completion
	for s, err := range Checked(req, seq) {
		if err != nil {
			return c, err
		}
		c.Append(s)
	}
	return c, nil
}

// Append adds the next step of a checked stream. A completion is complete when
// its Finish is not Running.
func (c *Completion) Append(s Step) {
	if s.Finish == Running {
		if c.Steps == nil {
			// Room for a sentence: steps are large, and growing to it would copy most
			// of them several times.
			c.Steps = make([]Step, 0, 32)
		}
		c.Steps = append(c.Steps, s)
		return
	}
	c.Finish, c.Usage = s.Finish, s.Usage
	if s.Finish == FinishEnd {
		c.End = s.LogProb
	}
}

// Spent is what the completion cost. One that was cut off does not report all of it,
// but the call was made all the same.
func (c Completion) Spent() Usage {
	if c.Finish != Running {
		return c.Usage
	}
	u := Usage{Calls: 1, GeneratedTokens: len(c.Steps), Partial: true}
	if len(c.Steps) > 0 { // some backends know the prompt's part at once
		u.PromptTokens, u.CachedTokens = c.Steps[0].Usage.PromptTokens, c.Steps[0].Usage.CachedTokens
	}
	return u
}

// Complete generates and collects. The account of ctx, if it has one, is charged for the
// call; if that does not allow it, the error wraps account.ErrLimit.
func Complete(ctx context.Context, g Generator, req Request) (Completion, error) {
	if err := req.Check(); err != nil {
		return Completion{}, err
	}
	name := "answer"
	if req.Task != nil {
		name = req.Task.Template.Name()
	}
	call, err := account.Reserve(ctx, name, req.MaxTokens)
	if err != nil {
		return Completion{}, err
	}
	if req.Task != nil {
		call.Prompt(name, req.Task.Template.Hash())
	}
	c, err := Collect(req, g.Generate(account.Detach(ctx), req))
	call.Settle(c.Spent(), c.Text(), err)
	return c, err
}
