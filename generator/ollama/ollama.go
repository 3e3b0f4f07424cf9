package ollama

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// topN is the greatest number of alternatives that Ollama gives.
const topN = 20

// Config says which model to use and how. Server.Model is needed.
type Config = completions.Config

// Model is a [generator.Generator], and a [generator.Describer] and
// [generator.Checker]. It is safe for concurrent use.
type Model struct{ base }

type base = *completion.Model

// New returns a model, or an error that wraps [modelserver.ErrConfig]. It does
// not talk to the server: [generator.Check] does.
func New(c Config) (*Model, error) {
	if c.Server.Model == "" {
		return nil, fmt.Errorf("%w: Model is empty: want the name of a model that Ollama has", modelserver.ErrConfig)
	}
	m, err := completion.New(completion.Settings(c), dialect{model: c.Server.Model})
	if err != nil {
		return nil, err
	}
	return &Model{m}, nil
}

type dialect struct{ model string }

// The token types of GGUF files.
const (
	typeControl     = 3
	typeUserDefined = 4
)

// details is the part of /api/show that matters.
type details struct {
	Info struct {
		Kind        string   `json:"tokenizer.ggml.model"`
		SpacePrefix *bool    `json:"tokenizer.ggml.add_space_prefix"`
		Tokens      []string `json:"tokenizer.ggml.tokens"`
		Types       []int    `json:"tokenizer.ggml.token_type"`
		End         *int     `json:"tokenizer.ggml.eos_token_id"`
	} `json:"model_info"`
}

// Open implements completion.Dialect.
func (d dialect) Open(ctx context.Context, s *completion.Server) (*completion.Facts, error) {
	var show details
	call := modelhttp.Call{Path: "/api/show", Body: map[string]any{"model": d.model, "verbose": true}}
	if err := s.JSON(ctx, call, &show); err != nil {
		return nil, err
	}
	v := show.Info
	if !s.NoTokens {
		if err := d.check(v.Tokens, v.Types); err != nil {
			return nil, err
		}
	}
	f := &completion.Facts{
		Model: d.model, EndID: -1, Level: reflection.TopN, TopN: topN, Vocabulary: len(v.Tokens),
		// SentencePiece puts a blank in front of the text behind a special token.
		Tight: v.Kind == "llama" && (v.SpacePrefix == nil || *v.SpacePrefix),
	}
	for i, t := range v.Types {
		if t == typeControl && i < len(v.Tokens) {
			f.Special = append(f.Special, v.Tokens[i])
		}
	}
	if v.End != nil && *v.End >= 0 && *v.End < len(v.Tokens) {
		f.EndText = v.Tokens[*v.End]
	}
	return f, nil
}

// check returns an error unless the model has all reflection tokens, visible.
func (d dialect) check(tokens []string, types []int) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: ollama: %s, or set NoTokens", modelserver.ErrModel, fmt.Sprintf(format, args...))
	}
	for _, t := range reflection.Tokens() {
		i := slices.Index(tokens, t.String())
		switch {
		case len(tokens) == 0:
			return bad("the server does not list the tokens of the model %q, so there is no telling whether it was trained for Self-RAG: use a model from a GGUF file", d.model)
		case i < 0:
			return bad("the model %q has no token %q: use a model that was trained for Self-RAG", d.model, t)
		case i >= len(types) || types[i] != typeUserDefined:
			return bad("the token %q of the model %q is not of the type USER_DEFINED, so Ollama hides it: convert the model with its reflection tokens as USER_DEFINED", t, d.model)
		}
	}
	return nil
}

// request is the body of /api/generate.
type request struct {
	Model       string         `json:"model"`
	Prompt      string         `json:"prompt"`
	Raw         bool           `json:"raw"`
	Stream      bool           `json:"stream"`
	Truncate    bool           `json:"truncate"`
	Shift       bool           `json:"shift"`
	LogProbs    bool           `json:"logprobs,omitempty"`
	TopLogProbs int            `json:"top_logprobs,omitempty"`
	Options     map[string]any `json:"options"`
}

// Call implements completion.Dialect.
func (d dialect) Call(_ *completion.Facts, q *completion.Query) modelhttp.Call {
	return modelhttp.Call{Path: "/api/generate", Affinity: uint64(q.Affinity), Body: request{
		Model: d.model, Prompt: q.Prompt, Raw: true, Stream: true,
		LogProbs: q.Probs, TopLogProbs: min(q.Top, topN),
		// The Modelfile may change any of these, and the defaults penalise what was
		// said before.
		Options: map[string]any{
			"temperature": q.Temperature, "num_predict": q.MaxTokens, "seed": int32(q.Seed & 0x7fffffff),
			"top_k": 0, "top_p": 1, "min_p": 0, "typical_p": 1,
			"repeat_penalty": 1, "presence_penalty": 0, "frequency_penalty": 0, "stop": []string{},
		},
	}}
}

// Stream implements completion.Dialect.
func (d dialect) Stream(*completion.Facts, *completion.Query) completion.Stream { return &stream{} }

// event is a line of the answer.
type event struct {
	Response        string    `json:"response"`
	Done            bool      `json:"done"`
	DoneReason      string    `json:"done_reason"`
	PromptEvalCount int       `json:"prompt_eval_count"`
	EvalCount       int       `json:"eval_count"`
	LogProbs        []logProb `json:"logprobs"`
}

type logProb struct {
	Token   string          `json:"token"`
	LogProb *float64        `json:"logprob"`
	Top     json.RawMessage `json:"top_logprobs"`
}

type stream struct{}

// Read implements completion.Stream.
func (s *stream) Read(a *modelhttp.Answer, data []byte, c *completion.Chunk) error {
	var e event
	if err := a.Decode(data, &e); err != nil {
		return err
	}
	c.Text = append(c.Text, e.Response...)
	for _, l := range e.LogProbs {
		c.Tokens = append(c.Tokens, completion.Token{ID: -1, Text: []byte(l.Token), LogProb: completion.Log(l.LogProb), Likeliest: l.Top})
	}
	if len(e.LogProbs) == 0 {
		c.Unnumbered(c.Text)
	}
	if !e.Done {
		return nil
	}
	c.PromptTokens, c.GeneratedTokens = e.PromptEvalCount, e.EvalCount
	switch e.DoneReason {
	case "stop":
		c.Finish = generator.FinishEnd
	case "length":
		c.Finish = generator.FinishLength
	default:
		return a.Errorf("the answer ended for the reason %q: want stop or length", e.DoneReason)
	}
	return nil
}

// Entries implements completion.Stream.
func (s *stream) Entries(a *modelhttp.Answer, raw []byte, list []completion.Entry) ([]completion.Entry, error) {
	if len(raw) == 0 {
		return list, nil
	}
	var top []logProb
	if err := a.Decode(raw, &top); err != nil {
		return nil, err
	}
	for _, t := range top {
		list = append(list, completion.Entry{ID: -1, Text: t.Token, LogProb: completion.Log(t.LogProb)})
	}
	return list, nil
}
