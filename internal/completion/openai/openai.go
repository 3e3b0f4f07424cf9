// Package openai has what servers with an OpenAI-compatible /v1/completions share.
package openai

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
)

// Path is where completions are made.
const Path = "/v1/completions"

// Body returns the fields of a request that every server knows.
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

// Model returns the name of the model: the one that is configured, or else the
// only one that the server has.
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

// Tokenize cuts text into tokens, as completion.Tokenizer wants it.
func Tokenize(ctx context.Context, s *completion.Server, f *completion.Facts, text string, begin bool) ([]int32, error) {
	var answer struct{ Tokens []int32 }
	err := s.JSON(ctx, modelhttp.Call{Path: "/tokenize", Body: map[string]any{
		"model": f.Model, "prompt": text, "add_special_tokens": begin,
	}}, &answer)
	return answer.Tokens, err
}

// Stream reads the events of a completion.
type Stream struct{}

type event struct {
	Choices []choice
	Usage   *struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
		Details          *struct {
			CachedTokens int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	}
	Error json.RawMessage
}

type choice struct {
	Text         string
	TokenIDs     []int32 `json:"token_ids"`
	LogProbs     *logProbs
	FinishReason string          `json:"finish_reason"`
	StopReason   json.RawMessage `json:"stop_reason"`
}

// logProbs has the form of the old completions, or that of chats.
type logProbs struct {
	Tokens        []string
	TokenLogProbs []*float64        `json:"token_logprobs"`
	TopLogProbs   []json.RawMessage `json:"top_logprobs"`
	Content       []struct {
		ID      *int32
		Token   string
		LogProb *float64
		Top     json.RawMessage `json:"top_logprobs"`
	}
}

// Read implements completion.Stream.
func (Stream) Read(a *modelhttp.Answer, data []byte, c *completion.Chunk) error {
	var e event
	if err := a.Decode(data, &e); err != nil {
		return err
	}
	if u := e.Usage; u != nil {
		c.PromptTokens, c.GeneratedTokens = u.PromptTokens, u.CompletionTokens
		if u.Details != nil {
			c.CachedTokens = u.Details.CachedTokens
		}
	}
	if len(e.Choices) == 0 {
		return nil
	}
	if len(e.Choices) > 1 {
		return a.Errorf("the answer has %d choices: want one", len(e.Choices))
	}
	ch := &e.Choices[0]
	c.Text = append(c.Text, ch.Text...)
	if err := ch.tokens(a, c); err != nil {
		return err
	}
	switch ch.FinishReason {
	case "":
	case "stop":
		c.Finish = generator.FinishEnd
	case "length":
		c.Finish = generator.FinishLength
	default:
		return a.Errorf("the answer ended for the reason %q: want stop or length", ch.FinishReason)
	}
	return nil
}

// tokens adds the tokens of the choice to c.
func (ch *choice) tokens(a *modelhttp.Answer, c *completion.Chunk) error {
	l := ch.LogProbs
	switch {
	case l == nil || len(l.Content)+len(l.Tokens) == 0:
		for _, id := range ch.TokenIDs {
			c.Tokens = append(c.Tokens, completion.Token{ID: id})
		}
		if len(ch.TokenIDs) == 0 {
			c.Unnumbered(c.Text)
		}
		return nil
	case len(l.Content) > 0:
		for _, t := range l.Content {
			token := completion.Token{ID: -1, Text: []byte(t.Token), LogProb: completion.Log(t.LogProb), Likeliest: t.Top}
			if t.ID != nil {
				token.ID = *t.ID
			}
			c.Tokens = append(c.Tokens, token)
		}
		return nil
	}
	n := len(l.Tokens)
	if len(l.TokenLogProbs) != n || len(l.TopLogProbs) != n && len(l.TopLogProbs) != 0 || len(ch.TokenIDs) != n && len(ch.TokenIDs) != 0 {
		return a.Errorf("%d tokens came with %d log-probabilities, %d lists of alternatives and %d ids", n, len(l.TokenLogProbs), len(l.TopLogProbs), len(ch.TokenIDs))
	}
	for i := range n {
		token := completion.Token{ID: -1, Text: []byte(l.Tokens[i]), LogProb: completion.Log(l.TokenLogProbs[i])}
		if len(l.TopLogProbs) > 0 {
			token.Likeliest = l.TopLogProbs[i]
		}
		if len(ch.TokenIDs) > 0 {
			token.ID = ch.TokenIDs[i]
		}
		if id, ok := placeholder(l.Tokens[i]); ok && len(ch.TokenIDs) > 0 {
			token.ID, token.Text = id, nil
		}
		c.Tokens = append(c.Tokens, token)
	}
	return nil
}

// placeholder reads what vLLM writes in place of a token's text when it is asked
// for ids.
func placeholder(s string) (int32, bool) {
	const prefix = "token_id:"
	if len(s) <= len(prefix) || s[:len(prefix)] != prefix {
		return -1, false
	}
	id, err := strconv.ParseInt(s[len(prefix):], 10, 32)
	return int32(id), err == nil && id >= 0
}

// Entries implements completion.Stream.
func (Stream) Entries(a *modelhttp.Answer, raw []byte, list []completion.Entry) ([]completion.Entry, error) {
	start := len(list)
	switch trimmed := bytes.TrimSpace(raw); {
	case len(trimmed) == 0 || string(trimmed) == "null":
		return list, nil
	case trimmed[0] == '[':
		var top []struct {
			ID      *int32
			Token   string
			LogProb *float64
		}
		if err := a.Decode(raw, &top); err != nil {
			return nil, err
		}
		for _, t := range top {
			e := completion.Entry{ID: -1, Text: t.Token, LogProb: completion.Log(t.LogProb)}
			if t.ID != nil {
				e.ID = *t.ID
			}
			list = append(list, e)
		}
		return list, nil
	}
	var top map[string]*float64
	if err := a.Decode(raw, &top); err != nil {
		return nil, err
	}
	for text, x := range top {
		e := completion.Entry{ID: -1, Text: text, LogProb: completion.Log(x)}
		if id, ok := placeholder(text); ok {
			e.ID, e.Text = id, ""
		}
		list = append(list, e)
	}
	slices.SortFunc(list[start:], func(a, b completion.Entry) int {
		return cmp.Or(cmp.Compare(b.LogProb.Log, a.LogProb.Log), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Text, b.Text))
	})
	return list, nil
}
