package chat

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/internal/segment"
	"github.com/goselfrag/goselfrag/modelserver"
)

// maxTop is the most that the API allows.
const maxTop = 20

// Config says which model to use and how. Only Server is needed, with the name of
// the model if the server has more than one.
type Config struct {
	Server modelserver.Config
	// TopLogProbs is the most alternatives with log-probabilities that the server
	// returns for a token, 0 to 20. Many servers return 20, some 5. With 0 no
	// log-probabilities are requested at all; some reasoning models require this.
	TopLogProbs int
	// ReasoningTokens is for OpenAI's reasoning models: the number of tokens that
	// they may spend on reasoning, in addition to those of the answer. If it is
	// above 0 the limit is sent as max_completion_tokens. No temperature is sent
	// then, since these models refuse one, and equal requests can have different
	// answers.
	ReasoningTokens int
	// Template writes prompts out; the zero value has the default prompts.
	Template generator.ChatTemplate
	// Special lists special tokens of the model, such as "<|im_end|>", on top of
	// the usual ones. They are neutralized in all data.
	Special []string
}

// Model is a [generator.Generator], a [generator.Describer] and a
// [generator.Checker]. It is safe for concurrent use.
type Model struct {
	inner *completion.Model
	c     Config
}

// New returns a model, or an error that wraps [modelserver.ErrConfig] or, about the
// template, [generator.ErrRequest]. It does not talk to the server:
// [generator.Check] does.
func New(c Config) (*Model, error) {
	switch {
	case c.TopLogProbs < 0 || c.TopLogProbs > maxTop:
		return nil, fmt.Errorf("%w: TopLogProbs is %d: want 0 to %d", modelserver.ErrConfig, c.TopLogProbs, maxTop)
	case c.ReasoningTokens < 0:
		return nil, fmt.Errorf("%w: ReasoningTokens is %d: want 0 or more", modelserver.ErrConfig, c.ReasoningTokens)
	}
	if err := c.Template.Check(); err != nil {
		return nil, fmt.Errorf("chat: Config.Template: %w", err)
	}
	inner, err := completion.NewChat(completion.Settings{
		Server: c.Server, Special: c.Special, NoProbs: c.TopLogProbs == 0,
	}, c.messages, dialect{c})
	if err != nil {
		return nil, err
	}
	return &Model{inner, c}, nil
}

// Generate implements [generator.Generator]. An error wraps [generator.ErrRequest],
// a [*modelserver.Error], errors.ErrUnsupported for a request with After, or ctx.Err().
func (m *Model) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	if !segment.Wanted(req) {
		return m.inner.Generate(ctx, req)
	}
	return segment.First(m.inner.Generate(ctx, req))
}

// messages writes a request out.
func (c Config) messages(req generator.Request, special []string) ([]generator.Message, error) {
	if req.Task != nil {
		return req.Task.Render(special...)
	}
	return c.Template.Render(req.Prompt, segment.Wanted(req), special...)
}

// Describe implements [generator.Describer]. It makes no call: [generator.Check]
// finds out whether the server supports what the configuration promises.
func (m *Model) Describe(context.Context) (generator.Capabilities, error) {
	return generator.Capabilities{
		Model:        m.c.Server.Model,
		LogProbs:     m.c.TopLogProbs > 0,
		Template:     m.c.Template.Name(),
		TemplateHash: m.c.Template.Hash(),
	}, nil
}

var ready = generator.MustTaskTemplate("chat-check", "", "Is this server ready? Answer yes or no.")

// Check implements [generator.Checker]: it generates one token, with
// log-probabilities if the configuration promises them.
func (m *Model) Check(ctx context.Context) error {
	c, err := generator.Complete(ctx, m, generator.Request{
		Task: &generator.Task{Template: ready}, MaxTokens: 1, Alternatives: m.c.TopLogProbs,
	})
	if err != nil {
		return err
	}
	if m.c.TopLogProbs > 0 && !slices.ContainsFunc(c.Steps, func(s generator.Step) bool { return len(s.Top) > 0 }) {
		return fmt.Errorf("%w: chat: the server gives no alternatives with their log-probabilities: set TopLogProbs to 0", modelserver.ErrModel)
	}
	return nil
}
