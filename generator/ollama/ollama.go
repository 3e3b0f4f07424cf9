package ollama

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/go-faster/jx"

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

// Model is a [generator.Generator], a [generator.Describer] and a [generator.Checker]. It
// is safe for concurrent use.
type Model struct{ inner *completion.Model }

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

// Generate implements [generator.Generator]. The first call also asks the server for
// the facts that it needs. An error wraps [generator.ErrRequest], [modelserver.ErrModel], a
// [*modelserver.Error] or ctx.Err().
func (m *Model) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return m.inner.Generate(ctx, req)
}

// Describe implements [generator.Describer]. It asks the server unless an earlier call
// did so with success.
func (m *Model) Describe(ctx context.Context) (generator.Capabilities, error) {
	return m.inner.Describe(ctx)
}

// Check implements [generator.Checker]: it asks the server for the facts that it needs and
// generates one token.
func (m *Model) Check(ctx context.Context) error {
	return m.inner.Check(ctx)
}

type dialect struct{ model string }

// The token types of GGUF files.
const (
	typeControl     = 3
	typeUserDefined = 4
)

// details is the part of /api/show that matters.
type details struct {
	kind     string
	unspaced bool // SentencePiece does not put a blank in front of text
	tokens   []string
	types    []int
	end      int // -1 if not told
}

// showLimit bounds the server's description of a model, in bytes. A vocabulary of 256,000
// tokens takes about 20 MB with its merges.
const showLimit = 64 << 20

// read parses the answer.
func (v *details) read(a *modelhttp.Answer) error {
	*v = details{end: -1}
	return completion.Whole(a, func(d *jx.Decoder, key []byte) error {
		if string(key) != "model_info" {
			return d.Skip()
		}
		return completion.Members(d, func(d *jx.Decoder, key []byte) (err error) {
			switch string(key) {
			case "tokenizer.ggml.model":
				v.kind, err = completion.String(d)
			case "tokenizer.ggml.add_space_prefix":
				if d.Next() == jx.Null {
					return d.Null()
				}
				var spaced bool
				spaced, err = d.Bool()
				v.unspaced = !spaced
			case "tokenizer.ggml.tokens":
				err = completion.Elements(d, func(d *jx.Decoder) error {
					s, err := completion.String(d)
					v.tokens = append(v.tokens, s)
					return err
				})
			case "tokenizer.ggml.token_type":
				err = completion.Elements(d, func(d *jx.Decoder) error {
					n, err := completion.Int[int](d)
					v.types = append(v.types, n)
					return err
				})
			case "tokenizer.ggml.eos_token_id":
				if d.Next() == jx.Null {
					return d.Null()
				}
				v.end, err = completion.Int[int](d)
			default:
				err = d.Skip()
			}
			return err
		})
	})
}

// Open implements completion.Dialect.
func (d dialect) Open(ctx context.Context, s *completion.Server) (*completion.Facts, error) {
	var v details
	call := modelhttp.Call{Path: "/api/show", Body: map[string]any{"model": d.model, "verbose": true}, Limit: showLimit}
	if err := s.Do(ctx, call, v.read); err != nil {
		return nil, err
	}
	if !s.NoTokens {
		if err := d.check(v.tokens, v.types); err != nil {
			return nil, err
		}
	}
	f := &completion.Facts{
		Model: d.model, EndID: -1, Level: reflection.TopN, TopN: topN, MaxTop: topN, Vocabulary: len(v.tokens),
		// SentencePiece puts a blank between a special token and the text after it.
		Tight: v.kind == "llama" && !v.unspaced,
	}
	for i, t := range v.types {
		if t == typeControl && i < len(v.tokens) {
			f.Special = append(f.Special, v.tokens[i])
		}
	}
	if v.end >= 0 && v.end < len(v.tokens) {
		f.EndText = v.tokens[v.end]
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
		LogProbs: q.Probs, TopLogProbs: q.Top,
		// The Modelfile may change any of these, and the defaults penalize
		// repetition.
		Options: map[string]any{
			"temperature": q.Temperature, "num_predict": q.MaxTokens, "seed": int32(q.Seed & 0x7fffffff),
			"top_k": 0, "top_p": 1, "min_p": 0, "typical_p": 1,
			"repeat_penalty": 1, "presence_penalty": 0, "frequency_penalty": 0, "stop": []string{},
		},
	}}
}

// Stream implements completion.Dialect.
func (d dialect) Stream(*completion.Facts, *completion.Query) completion.Stream { return &stream{} }

type stream struct{}

// Read implements completion.Stream.
func (s *stream) Read(a *modelhttp.Answer, data []byte, c *completion.Chunk) error {
	var done bool
	var reason string
	err := completion.Object(a, data, func(d *jx.Decoder, key []byte) (err error) {
		switch string(key) {
		case "response":
			c.Text, err = completion.AppendString(c.Text, d)
		case "done":
			done, err = completion.Bool(d)
		case "done_reason":
			reason, err = completion.String(d)
		case "prompt_eval_count":
			c.PromptTokens, err = completion.Int[int](d)
		case "eval_count":
			c.GeneratedTokens, err = completion.Int[int](d)
		case "logprobs":
			err = completion.Elements(d, func(d *jx.Decoder) error {
				t, err := completion.ReadToken(d, nil)
				c.Tokens = append(c.Tokens, t)
				return err
			})
		default:
			err = d.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(c.Tokens) == 0 {
		c.Unnumbered(c.Text)
	}
	if !done {
		return nil
	}
	return c.End(a, reason)
}

// Entries implements completion.Stream.
func (s *stream) Entries(a *modelhttp.Answer, raw []byte, list []completion.Entry) ([]completion.Entry, error) {
	return completion.ReadEntries(a, raw, list)
}
