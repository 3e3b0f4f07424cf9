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
	//   - Every step but the last holds one token: text, or a control token, never
	//     both; the text is empty while bytes of a character are still held back.
	//     The last one has Finish set and neither text nor token; nothing follows
	//     it. A stream that cannot give that step ends with an error.
	//   - An error is yielded once, with a zero Step, and ends the stream. A
	//     request that fails [Request.Check] yields that error first and only.
	//   - At temperature 0 the same request gives the same steps. At a higher one
	//     the same request with the same Seed does, if the backend can seed.
	//   - At most Request.MaxTokens tokens are generated, the end token included;
	//     being cut there is FinishLength. The limit only cuts: the steps before it
	//     are those of a request with a higher one.
	//   - The first step and every step whose token belongs to a watched group
	//     carry the distributions of Request.Watch, as far as the backend knows
	//     them. A probability it does not know is left unknown.
	//   - After a step whose token is in Request.Stop, the last step follows, with
	//     FinishStop. See Request.Stop for models without control tokens.
	//   - Breaking out of the loop stops the work and frees everything before the
	//     loop statement ends. When ctx is done the stream ends promptly with an
	//     error that wraps ctx.Err(). No goroutine outlives the loop.
	//   - Generate may be called from several goroutines at once. The returned
	//     sequence is never nil and used once, by one goroutine; the work starts
	//     with the loop. After yield has returned false it must not be called
	//     again: Go ends the program for that.
	Generate(ctx context.Context, req Request) iter.Seq2[Step, error]
}

// Request asks for the continuation of one prompt.
type Request struct {
	// Prompt is what to continue, unless Task is set.
	Prompt Prompt
	// Task replaces Prompt when it is not nil; Prompt must then be zero.
	Task *Task
	// MaxTokens is the greatest number of tokens to generate, the end token
	// included, at least 1.
	MaxTokens int
	// Temperature is 0 for the likeliest continuation, else the softmax
	// temperature to sample at, greater than 0.
	Temperature float64
	// Seed makes sampling repeatable; ignored at temperature 0.
	Seed uint64
	// Watch lists the groups whose distributions are wanted.
	Watch []reflection.Group
	// Stop lists control tokens after which to stop. The token is part of the
	// continuation. Position 0 counts like any other. Tokens of the group Retrieve
	// in it ask for one segment of a longer answer: a backend whose model has no
	// control tokens stops after a segment then, with FinishStop, and with
	// FinishEnd only when the whole answer is complete.
	Stop []reflection.Token
	// Alternatives is how many of the likeliest tokens to report at each step in
	// Step.Top, 0 for none. A backend may report fewer.
	Alternatives int
	// After is text and control tokens that follow the prompt as if the model had
	// generated them; the continuation goes on from there. MaxTokens does not count
	// them. Steps like those of a stream: what else than Text and Token they hold is
	// ignored. A backend that cannot put them behind a prompt refuses such a request
	// with an error that wraps errors.ErrUnsupported. The powers take the same as an
	// argument and refuse this field.
	After []Step
	// Affinity is a hint: requests with the same positive number are one line of
	// work, such as a passage of a question over all segments, and a server with
	// cache slots should keep them on one. 0 is no preference.
	Affinity int
}

// ErrRequest is wrapped by errors about a request that no backend can serve
// because of what it says.
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
	// Text is what the token adds to the text, valid UTF-8; empty for control
	// tokens. A backend holds bytes back until they make whole characters.
	Text string `json:"text,omitempty"`
	// Token is the control token that was generated, None for text. Only tokens
	// that the model itself produced count, never text that looks like one.
	Token reflection.Token `json:"token,omitzero"`
	// LogProb is the log-probability of this token given everything before it,
	// before temperature. On the last step with FinishEnd it is that of the
	// model's end token.
	LogProb reflection.Prob `json:"log_prob"`
	// Watched holds the distributions of watched groups at this position.
	Watched []reflection.Distribution `json:"watched,omitempty"`
	// Top holds the likeliest tokens at this position, best first.
	Top []Alternative `json:"top,omitempty"`
	// Finish is set on the last step and only there.
	Finish Finish `json:"finish,omitzero"`
	// Declined is set on the last step if the text is no answer but says that the
	// model gives none. A backend sets it only if it knows; most cannot.
	Declined bool `json:"declined,omitempty"`
	// Usage is set on the last step. A backend that knows the counts of the prompt
	// earlier may set those on the first one as well, so that they are known of a
	// stream that is broken off.
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

// Alternative is a token that could stand at a position. Exactly one of Text,
// Bytes, Token and End is set.
type Alternative struct {
	Text string `json:"text,omitempty"`
	// Bytes holds the bytes of a text token that is not whole UTF-8, such as a part
	// of a character.
	Bytes []byte           `json:"bytes,omitempty"`
	Token reflection.Token `json:"token,omitzero"`
	End   bool             `json:"end,omitempty"`
	Prob  reflection.Prob  `json:"prob"`
}

// Finish says why a continuation ended. It is a number because every step holds it
// of a stream, where a string would make each larger.
type Finish uint8

const (
	Running      Finish = iota // not the last step
	FinishEnd                  // the model generated its end token
	FinishStop                 // a token of Request.Stop was generated, or a segment ended where one would be
	FinishLength               // Request.MaxTokens or the context window was reached
)

var finishes = enum.Numbers[Finish]{Package: "generator", What: "finish", Names: []string{"running", "end", "stop", "length"}}

// String returns the name that stands in traces.
func (f Finish) String() string { return finishes.String(f) }

// MarshalText writes the name.
func (f Finish) MarshalText() ([]byte, error) { return finishes.Marshal(f) }

// UnmarshalText reads what MarshalText writes.
func (f *Finish) UnmarshalText(b []byte) error { return finishes.Unmarshal(b, f) }

// Usage is what model calls cost.
type Usage = budget.Usage
