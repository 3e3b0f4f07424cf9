package generator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/enum"
	"github.com/goselfrag/goselfrag/reflection"
)

// Generator continues prompts.
type Generator interface {
	// Generate continues one prompt, as a stream of steps.
	//
	// Contract:
	//
	//   - Every step but the last holds one token: text, or a control token,
	//     never both. The text is empty while bytes of a character are still held
	//     back. The last step has Finish set and neither text nor token; nothing
	//     follows it. A stream that cannot give that step ends with an error.
	//   - An error is yielded once, with a zero Step, and ends the stream. A
	//     request that fails [Request.Check] yields only that error.
	//   - At temperature 0 equal requests give equal steps. At a higher
	//     temperature equal requests with equal Seed do, if the backend can seed.
	//   - At most Request.MaxTokens tokens are generated, the end token included.
	//     A continuation cut there has FinishLength. The limit only cuts: the
	//     steps before it are those of a request with a higher limit.
	//   - The first step and every step whose token belongs to a watched group
	//     carry the distributions of Request.Watch, as far as the backend knows
	//     them. Unknown probabilities stay unknown.
	//   - After a step whose token is in Request.Stop, the last step follows,
	//     with FinishStop. See Request.Stop for models without control tokens.
	//   - Breaking out of the loop stops the work and frees everything before the
	//     loop statement ends. When ctx is done the stream ends promptly with an
	//     error that wraps ctx.Err(). No goroutine outlives the loop.
	//   - Generate may be called from several goroutines at once. The returned
	//     sequence is never nil. It is used once, by one goroutine; the work
	//     starts with the loop. After yield has returned false it must not be
	//     called again: Go then ends the program.
	Generate(ctx context.Context, req Request) iter.Seq2[Step, error]
}

// Request asks for the continuation of one prompt.
type Request struct {
	// Prompt is what to continue, unless Task is set.
	Prompt Prompt
	// Task replaces Prompt when it is not nil; Prompt must then be zero.
	Task *Task
	// MaxTokens is the greatest number of tokens to generate, at least 1. The end
	// token counts.
	MaxTokens int
	// Temperature is the softmax temperature of sampling, greater than 0, or 0 for
	// the likeliest continuation.
	Temperature float64
	// Seed makes sampling repeatable; ignored at temperature 0.
	Seed uint64
	// Watch lists the groups whose distributions are requested.
	Watch []reflection.Group
	// Stop lists control tokens after which to stop. The token is part of the
	// continuation. Position 0 counts like any other. A token of the group Retrieve
	// in Stop asks for one segment of a longer answer: a model without control
	// tokens then stops after a segment with FinishStop, and with FinishEnd only if
	// the whole answer is complete.
	Stop []reflection.Token
	// Alternatives is the number of likeliest tokens to report at each step in
	// Step.Top, 0 for none. A backend may report fewer.
	Alternatives int
	// After holds text and control tokens that follow the prompt as if the model
	// had generated them; the continuation starts after them. MaxTokens does not
	// count them. They have the form of stream steps; only Text and Token are
	// used. A backend that cannot write them after a prompt rejects the request
	// with an error that wraps errors.ErrUnsupported. The powers take the same as
	// an argument and reject this field.
	After []Step
	// Affinity is a hint: requests with the same positive number are one line of
	// work, such as one passage of a question over all segments. A server with
	// cache slots should serve them from one slot. 0 is no preference.
	Affinity int
}

// ErrRequest is wrapped by errors about an invalid request, which no backend can
// serve.
var ErrRequest = errors.New("generator: bad request")

// Check returns an error that wraps ErrRequest and names the field at fault.
func (r Request) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrRequest, fmt.Sprintf(format, args...))
	}
	switch {
	case r.MaxTokens < 1:
		return bad("MaxTokens is %d: want at least 1", r.MaxTokens)
	case !(r.Temperature >= 0 && r.Temperature < 1e9): // false for NaN, too
		return bad("Temperature is %v: want 0 or a finite number above it", r.Temperature)
	case r.Alternatives < 0:
		return bad("Alternatives is %d: want 0 or more", r.Alternatives)
	case r.Affinity < 0:
		return bad("Affinity is %d: want 0 or more", r.Affinity)
	}
	for _, g := range r.Watch {
		if g.Size() == 0 {
			return bad("Watch holds %v: want Retrieve, IsREL, IsSUP or IsUSE", g)
		}
	}
	for _, t := range r.Stop {
		if t == reflection.None || t > reflection.NoSupport {
			return bad("Stop holds %v, which is no control token", t)
		}
	}
	for i := range r.After {
		switch s := &r.After[i]; {
		case s.Token > reflection.NoSupport:
			return bad("After[%d] holds the token %d, which does not exist", i, uint8(s.Token))
		case s.Text != "" && s.Token != reflection.None:
			return bad("After[%d] holds the text %q and the token %v: want one of them", i, s.Text, s.Token)
		case s.Finish != Running:
			return bad("After[%d] is the last step of a stream: want steps with a token", i)
		case !utf8.ValidString(s.Text):
			return bad("After[%d] holds the text %q, which is not UTF-8", i, s.Text)
		}
	}
	if r.Task != nil {
		if !r.Prompt.isZero() {
			return bad("Prompt and Task are both set: want one of them")
		}
		return r.Task.Check()
	}
	return r.Prompt.Check()
}

// Step is one token of a continuation, or its end.
type Step struct {
	// Text is what the token adds to the text, in valid UTF-8; empty for control
	// tokens. A backend holds bytes back until they form whole characters.
	Text string `json:"text,omitempty"`
	// Token is the control token that was generated, None for text. Only tokens
	// that the model itself produced count, never text that looks like one.
	Token reflection.Token `json:"token,omitzero"`
	// LogProb is the natural log-probability of this token, at most 0, given all before
	// it, before temperature is applied. On the last step with FinishEnd it is that of the end
	// token.
	LogProb reflection.Prob `json:"log_prob"`
	// Watched holds the distributions of watched groups at this position.
	Watched []reflection.Distribution `json:"watched,omitempty"`
	// Top holds the likeliest tokens at this position, best first.
	Top []Alternative `json:"top,omitempty"`
	// Finish is set on the last step only.
	Finish Finish `json:"finish,omitzero"`
	// Declined is set on the last step if the text says that the model has no
	// answer. A backend sets it only if it can tell; most cannot.
	Declined bool `json:"declined,omitempty"`
	// Usage is set on the last step. A backend that has the counts of the prompt
	// earlier may also set those on the first step, so that they are known if the
	// stream is stopped.
	Usage Usage `json:"usage,omitzero"`
}

// Group returns the distribution of g at this step, and whether there is one.
func (s Step) Group(g reflection.Group) (reflection.Distribution, bool) {
	for _, d := range s.Watched {
		if d.Group == g {
			return d, true
		}
	}
	return reflection.Distribution{}, false
}

// Alternative is a possible token at a position. Exactly one of Text, Bytes, Token
// and End is set.
type Alternative struct {
	Text string `json:"text,omitempty"`
	// Bytes holds the bytes of a text token that is not whole UTF-8, such as a part
	// of a character.
	Bytes []byte           `json:"bytes,omitempty"`
	Token reflection.Token `json:"token,omitzero"`
	End   bool             `json:"end,omitempty"`
	Prob  reflection.Prob  `json:"prob"`
}

// Finish says why a continuation ended. It is a number because every step of a
// stream has one, and a string would make each step larger.
type Finish uint8

const (
	Running      Finish = iota // not the last step
	FinishEnd                  // the model generated its end token
	FinishStop                 // a token of Request.Stop was generated, or a segment ended where one would be
	FinishLength               // Request.MaxTokens or the context window was reached
)

var finishes = enum.Numbers[Finish]{Package: "generator", What: "finish", Names: []string{"running", "end", "stop", "length"}}

// String returns the name used in traces.
func (f Finish) String() string { return finishes.String(f) }

// MarshalText writes the name.
func (f Finish) MarshalText() ([]byte, error) { return finishes.Marshal(f) }

// UnmarshalText reads what MarshalText writes.
func (f *Finish) UnmarshalText(b []byte) error { return finishes.Unmarshal(b, f) }

// Usage is the cost of model calls.
type Usage = budget.Usage
