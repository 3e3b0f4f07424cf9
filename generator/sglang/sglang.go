package sglang

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/internal/completion/openai"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/reflection"
)

// Config says which model to use and how.
type Config = completions.Config

// Model is a [generator.Generator] with all powers but the whole distribution of
// the next token. It is safe for concurrent use.
type Model struct{ base }

type base = *completion.Model

// New returns a model, or an error that wraps [modelserver.ErrConfig]. It does
// not talk to the server: [generator.Check] does.
func New(c Config) (*Model, error) {
	m, err := completion.New(completion.Settings(c), dialect{})
	if err != nil {
		return nil, err
	}
	return &Model{m}, nil
}

type dialect struct{}

// Open implements completion.Dialect.
func (d dialect) Open(ctx context.Context, s *completion.Server) (*completion.Facts, error) {
	f := &completion.Facts{Level: reflection.ExactIDs, Tempered: true, EndLogProb: true, SharedPrefix: true}
	var err error
	if f.Model, err = openai.Model(ctx, s); err != nil {
		return nil, err
	}
	return f, f.Resolve(ctx, s, d, "")
}

// Tokenize implements completion.Tokenizer.
func (d dialect) Tokenize(ctx context.Context, s *completion.Server, f *completion.Facts, text string, begin bool) ([]int32, error) {
	return openai.Tokenize(ctx, s, f, text, begin)
}

// path is where the server generates.
const path = "/generate"

// body returns the fields of a request that ask for probabilities.
func body(q *completion.Query, start int) map[string]any {
	b := map[string]any{"return_logprob": q.Probs}
	if !q.Probs {
		return b
	}
	b["logprob_start_len"] = start
	b["top_logprobs_num"], b["return_text_in_logprobs"] = q.Top, q.Top > 0
	if len(q.Watch) > 0 {
		b["token_ids_logprob"] = q.Watch
	}
	return b
}

// Call implements completion.Dialect.
func (d dialect) Call(_ *completion.Facts, q *completion.Query) modelhttp.Call {
	b := body(q, -1)
	b["text"], b["stream"] = q.Prompt, true
	b["sampling_params"] = map[string]any{
		"temperature": q.Temperature, "max_new_tokens": q.MaxTokens,
		"skip_special_tokens": false, "spaces_between_special_tokens": false,
		// The model's generation_config may change any of these.
		"top_p": 1, "top_k": -1, "min_p": 0, "repetition_penalty": 1, "presence_penalty": 0, "frequency_penalty": 0,
	}
	return modelhttp.Call{Path: path, Body: b, Affinity: uint64(q.Affinity)}
}

// Stream implements completion.Dialect.
func (d dialect) Stream(*completion.Facts, *completion.Query) completion.Stream { return &stream{} }

type event struct {
	Text      string
	OutputIDs []int32 `json:"output_ids"`
	Meta      meta    `json:"meta_info"`
}

type meta struct {
	Finish *struct {
		Type    string
		Message string
	} `json:"finish_reason"`
	PromptTokens     int               `json:"prompt_tokens"`
	CompletionTokens int               `json:"completion_tokens"`
	CachedTokens     int               `json:"cached_tokens"`
	Output           []pair            `json:"output_token_logprobs"`
	OutputTop        []json.RawMessage `json:"output_top_logprobs"`
	OutputAsked      []json.RawMessage `json:"output_token_ids_logprobs"`
	Input            []pair            `json:"input_token_logprobs"`
	InputTop         []json.RawMessage `json:"input_top_logprobs"`
	InputAsked       []json.RawMessage `json:"input_token_ids_logprobs"`
}

// pair is a token with its log-probability: [-0.1, 32004, null].
type pair struct {
	LogProb *float64
	ID      int32
	Text    string
}

// UnmarshalJSON implements [json.Unmarshaler].
func (p *pair) UnmarshalJSON(b []byte) error {
	*p = pair{ID: -1}
	return json.Unmarshal(b, &[]any{&p.LogProb, &p.ID, &p.Text})
}

// stream reads events that repeat what earlier ones said, or do not, as the
// server was started.
type stream struct {
	text string
	seen int // tokens
}

// Read implements completion.Stream.
func (s *stream) Read(a *modelhttp.Answer, data []byte, c *completion.Chunk) error {
	var e event
	if err := a.Decode(data, &e); err != nil {
		return err
	}
	m := &e.Meta
	total := m.CompletionTokens
	// Old servers can send new ids only, with the whole text and all probabilities.
	whole := len(m.Output) == total || len(m.Output) == 0 && len(e.OutputIDs) == total
	text := e.Text
	if whole {
		if !strings.HasPrefix(text, s.text) {
			return a.Errorf("an event does not begin with the text of the one before")
		}
		text = text[len(s.text):]
	}
	s.text += text
	c.Text = append(c.Text, text...)
	if err := s.tokens(a, &e, c); err != nil {
		return err
	}
	s.seen = total
	c.PromptTokens, c.CachedTokens, c.GeneratedTokens = m.PromptTokens, m.CachedTokens, total
	if m.Finish == nil {
		return nil
	}
	switch m.Finish.Type {
	case "stop":
		c.Finish = generator.FinishEnd
		c.Ended = len(c.Tokens) > 0
	case "length":
		c.Finish = generator.FinishLength
	default:
		return a.Errorf("the answer ended for the reason %q (%s): want stop or length", m.Finish.Type, m.Finish.Message)
	}
	return nil
}

// tokens adds the tokens that are new to c.
func (s *stream) tokens(a *modelhttp.Answer, e *event, c *completion.Chunk) error {
	m := &e.Meta
	fresh := m.CompletionTokens - s.seen
	list := len(m.Output)
	if list == 0 {
		list = len(e.OutputIDs)
	}
	if fresh < 0 || fresh > list {
		return a.Errorf("an event has %d tokens, but there are %d after %d", list, m.CompletionTokens, s.seen)
	}
	if len(m.Output) == 0 {
		for _, id := range e.OutputIDs[len(e.OutputIDs)-fresh:] {
			c.Tokens = append(c.Tokens, completion.Token{ID: id})
		}
		return nil
	}
	for i := range fresh {
		if p, q := len(m.Output)-1-i, len(e.OutputIDs)-1-i; q >= 0 && m.Output[p].ID != e.OutputIDs[q] {
			return a.Errorf("the token %d came with the log-probability of %d", e.OutputIDs[q], m.Output[p].ID)
		}
	}
	return add(a, c, fresh, m.Output, m.OutputTop, m.OutputAsked)
}

// add adds the last n tokens of list to c, with their alternatives.
func add(a *modelhttp.Answer, c *completion.Chunk, n int, list []pair, likeliest, asked []json.RawMessage) error {
	if len(likeliest) > 0 && len(likeliest) != len(list) || len(asked) > 0 && len(asked) != len(list) || n > len(list) {
		return a.Errorf("%d tokens came with %d lists of alternatives and %d of those asked for", len(list), len(likeliest), len(asked))
	}
	for i := len(list) - n; i < len(list); i++ {
		t := completion.Token{ID: list[i].ID, LogProb: completion.Log(list[i].LogProb)}
		if len(likeliest) > 0 {
			t.Likeliest = likeliest[i]
		}
		if len(asked) > 0 {
			t.Asked = asked[i]
		}
		c.Tokens = append(c.Tokens, t)
	}
	return nil
}

// Entries implements completion.Stream.
func (s *stream) Entries(a *modelhttp.Answer, raw []byte, list []completion.Entry) ([]completion.Entry, error) {
	if len(raw) == 0 {
		return list, nil
	}
	var pairs []pair
	if err := a.Decode(raw, &pairs); err != nil {
		return nil, err
	}
	list = slices.Grow(list, len(pairs))
	for _, p := range pairs {
		list = append(list, completion.Entry{ID: p.ID, Text: p.Text, LogProb: completion.Log(p.LogProb)})
	}
	return list, nil
}

// ScoreCall implements completion.Scorer. The server says nothing of the token at
// the start.
func (d dialect) ScoreCall(_ *completion.Facts, q *completion.Query, ids []int32, from int) modelhttp.Call {
	b := body(q, from-1)
	b["input_ids"] = ids
	b["sampling_params"] = map[string]any{"temperature": 0, "max_new_tokens": 1}
	return modelhttp.Call{Path: path, Body: b, Affinity: uint64(q.Affinity)}
}

// ScoreRead implements completion.Scorer.
func (d dialect) ScoreRead(a *modelhttp.Answer, _ *completion.Query, ids []int32, from int, c *completion.Chunk) error {
	var e event
	if err := a.JSON(&e); err != nil {
		return err
	}
	m := &e.Meta
	if err := add(a, c, len(ids)-from, m.Input, m.InputTop, m.InputAsked); err != nil {
		return err
	}
	for i := range c.Tokens {
		if c.Tokens[i].ID != ids[from+i] {
			return a.Errorf("the answer scores the token %d in place of %d", c.Tokens[i].ID, ids[from+i])
		}
	}
	return nil
}
