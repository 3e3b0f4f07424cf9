// Package openai is the common part of servers with an OpenAI-compatible API.
package openai

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/go-faster/jx"

	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// Path is the path of completions.
const Path = "/v1/completions"

// Body returns the fields of a request that every server accepts.
func Body(model string, q *completion.Query) map[string]any {
	body := map[string]any{
		"model": model, "prompt": q.Prompt, "max_tokens": q.MaxTokens,
		"temperature": q.Temperature, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0,
		"seed":   int64(q.Seed & (1<<63 - 1)),
		"stream": true, "stream_options": map[string]any{"include_usage": true},
	}
	if q.Probs {
		body["logprobs"] = q.Top
	}
	return body
}

// Model returns the name of the model: the configured one, or else the only one of
// the server.
func Model(ctx context.Context, s *completion.Server) (string, error) {
	if s.Settings.Server.Model != "" {
		return s.Settings.Server.Model, nil
	}
	var list struct {
		Data []struct{ ID string }
	}
	if err := s.JSON(ctx, modelhttp.Call{Path: "/v1/models"}, &list); err != nil {
		return "", err
	}
	if len(list.Data) != 1 {
		return "", fmt.Errorf("%w: Server.Model is empty and the server has %d models: want the name of one", modelserver.ErrModel, len(list.Data))
	}
	return list.Data[0].ID, nil
}

// Tokenize cuts text into tokens, as completion.Tokenizer requires.
func Tokenize(ctx context.Context, s *completion.Server, f *completion.Facts, text string, begin bool) ([]int32, error) {
	var answer struct{ Tokens []int32 }
	err := s.JSON(ctx, modelhttp.Call{Path: "/tokenize", Limit: completion.TokenizeRoom(text), Body: map[string]any{
		"model": f.Model, "prompt": text, "add_special_tokens": begin,
	}}, &answer)
	return answer.Tokens, err
}

// Stream reads the events of a completion.
type Stream struct {
	// ByText is set if tokens are recognized by their text: then ids alone have no
	// meaning.
	ByText bool
	event  event
}

// event is what the server sends for some tokens, or at the end.
type event struct {
	choices  int
	text     []byte
	ids      []int32
	finish   string
	logProbs logProbs
}

// logProbs holds log-probabilities in the form of the old completions, or that of
// chats.
type logProbs struct {
	texts   [][]byte
	values  []reflection.Prob
	tops    [][]byte
	content []completion.Token
}

// Read implements completion.Stream.
func (s *Stream) Read(a *modelhttp.Answer, data []byte, c *completion.Chunk) error {
	e := &s.event
	l := e.logProbs
	*e = event{text: e.text[:0], ids: e.ids[:0], logProbs: logProbs{l.texts[:0], l.values[:0], l.tops[:0], l.content[:0]}}
	err := completion.Object(a, data, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "choices":
			return completion.Elements(d, e.choice)
		case "usage":
			return Usage(d, c)
		}
		return d.Skip()
	})
	if err != nil || e.choices == 0 {
		return err
	}
	if e.choices > 1 {
		return a.Errorf("the answer has %d choices: want one", e.choices)
	}
	if s.ByText {
		e.ids = e.ids[:0]
	}
	c.Text = append(c.Text, e.text...)
	if err := e.tokens(a, c); err != nil {
		return err
	}
	if e.finish == "" {
		return nil
	}
	return c.End(a, e.finish)
}

// Usage reads the counts of a completion or of a chat.
func Usage(d *jx.Decoder, c *completion.Chunk) error {
	return completion.Members(d, func(d *jx.Decoder, key []byte) (err error) {
		switch string(key) {
		case "prompt_tokens":
			c.PromptTokens, err = completion.Int[int](d)
		case "completion_tokens":
			c.GeneratedTokens, err = completion.Int[int](d)
		case "prompt_tokens_details":
			err = completion.Members(d, func(d *jx.Decoder, key []byte) (err error) {
				if string(key) != "cached_tokens" {
					return d.Skip()
				}
				c.CachedTokens, err = completion.Int[int](d)
				return err
			})
		default:
			err = d.Skip()
		}
		return err
	})
}

func (e *event) choice(d *jx.Decoder) error {
	e.choices++
	return completion.Members(d, func(d *jx.Decoder, key []byte) (err error) {
		switch string(key) {
		case "index":
			n, err := completion.Int[int](d)
			e.choices = max(e.choices, n+1)
			return err
		case "text":
			e.text, err = completion.AppendString(e.text, d)
		case "token_ids":
			e.ids, err = completion.Int32s(d, e.ids)
		case "finish_reason":
			e.finish, err = completion.String(d)
		case "logprobs":
			err = completion.Members(d, e.logProbs.member)
		default:
			err = d.Skip()
		}
		return err
	})
}

func (l *logProbs) member(d *jx.Decoder, key []byte) error {
	switch string(key) {
	case "tokens":
		return completion.Elements(d, func(d *jx.Decoder) error {
			text, err := completion.AppendString(nil, d)
			l.texts = append(l.texts, text)
			return err
		})
	case "token_logprobs":
		return completion.Elements(d, func(d *jx.Decoder) error {
			p, err := completion.LogProb(d)
			l.values = append(l.values, p)
			return err
		})
	case "top_logprobs":
		return completion.Elements(d, func(d *jx.Decoder) error {
			raw, err := completion.Raw(d)
			l.tops = append(l.tops, raw)
			return err
		})
	case "content":
		return completion.Elements(d, func(d *jx.Decoder) error {
			t, err := completion.ReadToken(d, nil)
			l.content = append(l.content, t)
			return err
		})
	}
	return d.Skip()
}

// tokens adds the tokens of the event to c.
func (e *event) tokens(a *modelhttp.Answer, c *completion.Chunk) error {
	l := &e.logProbs
	n := len(l.texts)
	switch {
	case len(l.content) > 0:
		c.Tokens = append(c.Tokens, l.content...)
		return nil
	case n == 0 && len(e.ids) == 0:
		c.Unnumbered(c.Text)
		return nil
	case n == 0:
		for _, id := range e.ids {
			c.Tokens = append(c.Tokens, completion.Token{ID: id})
		}
		return nil
	}
	if len(l.values) != n || len(l.tops) != n && len(l.tops) != 0 || len(e.ids) != n && len(e.ids) != 0 {
		return a.Errorf("%d tokens came with %d log-probabilities, %d lists of alternatives and %d ids", n, len(l.values), len(l.tops), len(e.ids))
	}
	for i := range n {
		t := completion.Token{ID: -1, Text: l.texts[i], LogProb: l.values[i]}
		if len(l.tops) > 0 {
			t.Likeliest = l.tops[i]
		}
		if len(e.ids) > 0 {
			t.ID = e.ids[i]
		}
		if id, ok := placeholder(t.Text); ok {
			if t.ID >= 0 && t.ID != id {
				return a.Errorf("the token %d came with the log-probability of %d", t.ID, id)
			}
			t.ID, t.Text = id, nil
		}
		c.Tokens = append(c.Tokens, t)
	}
	return nil
}

// placeholder parses the string that vLLM writes in place of a token's text when it
// is asked for ids.
func placeholder(s []byte) (int32, bool) {
	digits, ok := bytes.CutPrefix(s, []byte("token_id:"))
	if !ok || len(digits) == 0 || len(digits) > 9 {
		return -1, false
	}
	var id int32
	for _, c := range digits {
		if c < '0' || c > '9' {
			return -1, false
		}
		id = 10*id + int32(c-'0')
	}
	return id, true
}

// Entries implements completion.Stream. The members of an object are in no order.
func (s *Stream) Entries(a *modelhttp.Answer, raw []byte, list []completion.Entry) ([]completion.Entry, error) {
	if len(raw) == 0 {
		return list, nil
	}
	if raw[0] == '[' {
		return completion.ReadEntries(a, raw, list)
	}
	start := len(list)
	err := completion.Object(a, raw, func(d *jx.Decoder, key []byte) error {
		e := completion.Entry{ID: -1}
		var ok bool
		if e.ID, ok = placeholder(key); !ok {
			e.Text = string(key)
		}
		p, err := completion.LogProb(d)
		e.LogProb = p
		list = append(list, e)
		return err
	})
	slices.SortFunc(list[start:], func(a, b completion.Entry) int {
		return cmp.Or(cmp.Compare(b.LogProb.Log, a.LogProb.Log), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Text, b.Text))
	})
	return list, err
}
