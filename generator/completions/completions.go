package completions

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/internal/completion/openai"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// topN is the number of alternatives that are asked for.
const topN = 20

// Model is a [generator.Generator], a [generator.Describer] and a [generator.Checker]. It
// is safe for concurrent use.
type Model struct{ inner *completion.Model }

// New returns a model, or an error that wraps [modelserver.ErrConfig]. It does
// not talk to the server: [generator.Check] does.
func New(c Config) (*Model, error) {
	m, err := completion.New(completion.Settings(c), dialect{})
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

type dialect struct{}

// Open implements completion.Dialect.
func (d dialect) Open(ctx context.Context, s *completion.Server) (*completion.Facts, error) {
	f := &completion.Facts{EndID: -1, Level: reflection.TopN, TopN: topN, MaxTop: topN}
	var err error
	if f.Model, err = openai.Model(ctx, s); err != nil || s.NoTokens {
		return f, err
	}
	return f, d.check(ctx, s, f)
}

// check asks a question. A model that was trained for Self-RAG begins its answer
// with a token of Retrieve, or with one of them among the likeliest.
func (d dialect) check(ctx context.Context, s *completion.Server, f *completion.Facts) error {
	prompt, err := s.Template.Render(generator.Prompt{Instruction: "Who wrote Faust?"})
	if err != nil {
		return err
	}
	q := &completion.Query{Prompt: prompt, MaxTokens: 1, Probs: !s.NoProbs, Top: topN}
	return s.First(ctx, d, f, q, func(_ *modelhttp.Answer, t *completion.Token, list []completion.Entry) error {
		list = append(list, completion.Entry{Text: string(t.Text)})
		for _, e := range list {
			if c, ok := reflection.ParseToken(e.Text); ok && c.Group() == reflection.Retrieve {
				return nil
			}
		}
		return fmt.Errorf("%w: completions: the model %q shows no token of the group %v where an answer begins: use a model that was trained for Self-RAG and a server that shows its special tokens, or set NoTokens", modelserver.ErrModel, f.Model, reflection.Retrieve)
	})
}

// Call implements completion.Dialect.
func (d dialect) Call(f *completion.Facts, q *completion.Query) modelhttp.Call {
	body := openai.Body(f.Model, q)
	if q.Probs {
		body["logprobs"] = max(q.Top, 1) // with 0 some give none at all, such as llama-server
	}
	return modelhttp.Call{Path: openai.Path, Body: body, Affinity: uint64(q.Affinity)}
}

// Stream implements completion.Dialect.
func (d dialect) Stream(f *completion.Facts, _ *completion.Query) completion.Stream {
	return &stream{openai.Stream{ByText: true}, f.Special}
}

type stream struct {
	openai.Stream
	special []string
}

// Read implements completion.Stream. Some servers send the end token, with no
// text, and some do not.
func (s *stream) Read(a *modelhttp.Answer, data []byte, c *completion.Chunk) error {
	err := s.Stream.Read(a, data, c)
	if n := len(c.Tokens); n > 0 && c.Finish == generator.FinishEnd {
		text := string(c.Tokens[n-1].Text)
		c.Ended = text == "" || slices.Contains(s.special, text)
	}
	return err
}
