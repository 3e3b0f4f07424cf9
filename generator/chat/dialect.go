package chat

import (
	"bytes"
	"context"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/internal/completion/openai"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/reflection"
)

// dialect is that of /v1/chat/completions.
type dialect struct{ c Config }

// Open implements completion.Dialect. The API has no request about the model.
func (d dialect) Open(context.Context, *completion.Server) (*completion.Facts, error) {
	return &completion.Facts{Model: d.c.Server.Model, EndID: -1, MaxTop: d.c.TopLogProbs}, nil
}

type request struct {
	Model               string    `json:"model,omitempty"`
	Messages            []message `json:"messages"`
	MaxTokens           int       `json:"max_tokens,omitempty"`
	MaxCompletionTokens int       `json:"max_completion_tokens,omitempty"`
	Temperature         *float64  `json:"temperature,omitempty"`
	Seed                *int32    `json:"seed,omitempty"`
	LogProbs            bool      `json:"logprobs,omitempty"`
	TopLogProbs         int       `json:"top_logprobs,omitempty"`
	Stream              bool      `json:"stream"`
	StreamOptions       struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

type message struct {
	Role    generator.Role `json:"role"`
	Content string         `json:"content"`
}

// Call implements completion.Dialect.
func (d dialect) Call(_ *completion.Facts, q *completion.Query) modelhttp.Call {
	body := request{Model: d.c.Server.Model, LogProbs: q.Probs, TopLogProbs: q.Top, Stream: true}
	body.StreamOptions.IncludeUsage = true
	for _, m := range q.Messages {
		body.Messages = append(body.Messages, message{m.Role, m.Text})
	}
	if d.c.ReasoningTokens > 0 {
		body.MaxCompletionTokens = q.MaxTokens + d.c.ReasoningTokens
	} else {
		body.MaxTokens, body.Temperature = q.MaxTokens, &q.Temperature
		if q.Temperature > 0 {
			seed := int32(q.Seed & 0x7fffffff)
			body.Seed = &seed
		}
	}
	all := *q
	all.MaxTokens += d.c.ReasoningTokens
	return modelhttp.Call{Path: "/v1/chat/completions", Affinity: uint64(q.Affinity), Body: body, Limit: all.Room()}
}

// Stream implements completion.Dialect.
func (d dialect) Stream(_ *completion.Facts, q *completion.Query) completion.Stream {
	return &stream{probs: q.Probs}
}

// stream reads one answer.
type stream struct {
	probs bool
	event event
	held  []completion.Token // parts of a character that is not complete
}

// event is what the server sends for some tokens, and at the end.
type event struct {
	choices int
	text    []byte
	tokens  []completion.Token
	finish  string
}

// Read implements completion.Stream.
func (s *stream) Read(a *modelhttp.Answer, data []byte, c *completion.Chunk) error {
	e := &s.event
	*e = event{text: e.text[:0], tokens: e.tokens[:0]}
	err := completion.Object(a, data, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "choices":
			return completion.Elements(d, e.choice)
		case "usage":
			return openai.Usage(d, c)
		}
		return d.Skip()
	})
	switch {
	case err != nil || e.choices == 0: // only counts
		return err
	case e.choices > 1:
		return a.Errorf("the answer has %d choices: want one", e.choices)
	}
	if err := s.take(a, c); err != nil || e.finish == "" {
		return err
	}
	return c.End(a, e.finish)
}

func (e *event) choice(d *jx.Decoder) error {
	e.choices++
	return completion.Members(d, func(d *jx.Decoder, key []byte) (err error) {
		switch string(key) {
		case "index":
			n, err := completion.Int[int](d)
			e.choices = max(e.choices, n+1)
			return err
		case "delta":
			return completion.Members(d, e.delta)
		case "logprobs":
			return completion.Members(d, e.logProbs)
		case "finish_reason":
			e.finish, err = completion.String(d)
			return err
		}
		return d.Skip()
	})
}

// delta reads text. The text of a refusal is text of the answer, too.
func (e *event) delta(d *jx.Decoder, key []byte) (err error) {
	if k := string(key); k != "content" && k != "refusal" {
		return d.Skip()
	}
	if d.Next() == jx.Array {
		return d.Arr(e.part)
	}
	e.text, err = completion.AppendString(e.text, d)
	return err
}

// part reads a part of a content that is a list, as reasoning models send it. Besides text
// there are thoughts and references.
func (e *event) part(d *jx.Decoder) error {
	var kind string
	var text []byte
	err := d.ObjBytes(func(d *jx.Decoder, key []byte) (err error) {
		switch string(key) {
		case "type":
			kind, err = completion.String(d)
		case "text":
			text, err = completion.AppendString(nil, d)
		default:
			err = d.Skip()
		}
		return err
	})
	if kind == "text" {
		e.text = append(e.text, text...)
	}
	return err
}

// logProbs reads the tokens of text. Their bytes are exact where a character is
// cut; their texts are not.
func (e *event) logProbs(d *jx.Decoder, key []byte) error {
	if k := string(key); k != "content" && k != "refusal" {
		return d.Skip()
	}
	return completion.Elements(d, func(d *jx.Decoder) error {
		var codes []int32
		t, err := completion.ReadToken(d, func(d *jx.Decoder, key []byte) (err error) {
			if string(key) != "bytes" {
				return d.Skip()
			}
			codes, err = completion.Int32s(d, nil)
			return err
		})
		if len(codes) > 0 {
			t.Text = t.Text[:0]
			for _, x := range codes {
				t.Text = append(t.Text, byte(x))
			}
		}
		t.ID = -1 // it would be of no use
		e.tokens = append(e.tokens, t)
		return err
	})
}

// take adds the text of the event and its tokens to c. Tokens without text begin a
// character, or the server hides them, such as those of a thought or the end: these
// are passed over.
func (s *stream) take(a *modelhttp.Answer, c *completion.Chunk) error {
	e := &s.event
	if n := len(e.tokens); len(e.text) == 0 && (n == 0 || !cut(e.tokens[n-1].Text)) {
		return nil
	}
	for i := range e.tokens {
		t := &e.tokens[i]
		switch {
		case !s.probs: // they were not asked for
			t.LogProb, t.Likeliest = reflection.Prob{}, nil
		case unlikely(t.LogProb):
			t.LogProb = reflection.AtMostLog(0)
		}
	}
	switch {
	case len(e.text) == 0:
		for _, t := range e.tokens {
			t.Likeliest = bytes.Clone(t.Likeliest) // the event will be gone
			s.held = append(s.held, t)
		}
		return nil
	case len(e.tokens) == 0 && s.probs:
		return a.Errorf("the server gives no log-probabilities for this model: set TopLogProbs to 0")
	case len(e.tokens) == 0:
		e.tokens = append(e.tokens, completion.Token{ID: -1, Text: e.text}) // an event is a token then
	}
	c.Text = append(c.Text, e.text...)
	c.Tokens = append(append(c.Tokens, s.held...), e.tokens...)
	s.held = s.held[:0]
	return nil
}

// cut reports whether text ends within a character, or did so before the server wrote it
// as UTF-8.
func cut(text []byte) bool { return !utf8.Valid(text) || bytes.HasSuffix(text, []byte("\uFFFD")) }

// unlikely reports whether p is the very low number that OpenAI sends for a token that
// is not among the likeliest. It is a marker and not a probability.
func unlikely(p reflection.Prob) bool {
	return p.Known == reflection.Exact && math.IsInf(p.Log, -1)
}

// Entries implements completion.Stream.
func (s *stream) Entries(a *modelhttp.Answer, raw []byte, list []completion.Entry) ([]completion.Entry, error) {
	list, err := completion.ReadEntries(a, raw, list)
	return slices.DeleteFunc(list, func(e completion.Entry) bool {
		return unlikely(e.LogProb) || e.LogProb.Known == reflection.Unknown
	}), err
}
