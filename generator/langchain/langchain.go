package langchain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/internal/segment"
)

// Config says how a model is asked. Only Name is needed.
type Config struct {
	// Name is the model's name, for traces.
	Name string
	// Template writes prompts out as messages; the zero value has the default
	// prompts.
	Template generator.ChatTemplate
	// Special lists special tokens of the model, such as "<|im_end|>", on top of
	// the usual ones. They are neutralized in all data.
	Special []string
}

// Model is a [generator.Generator] and a [generator.Describer]. It is safe for
// concurrent use if the model inside is.
type Model struct {
	model llms.Model
	c     Config
}

// New returns a generator that asks model. The error says what the model or the
// configuration lacks; about the template it wraps [generator.ErrRequest]. New
// makes no call.
func New(model llms.Model, c Config) (*Model, error) {
	if isnil.Value(model) {
		return nil, errors.New("langchain: the langchaingo model is nil")
	}
	if c.Name == "" {
		return nil, errors.New("langchain: Config.Name is empty: want the name of the model")
	}
	if err := c.Template.Check(); err != nil {
		return nil, fmt.Errorf("langchain: Config.Template: %w", err)
	}
	return &Model{model, c}, nil
}

// Describe implements [generator.Describer].
func (m *Model) Describe(context.Context) (generator.Capabilities, error) {
	return generator.Capabilities{Model: m.c.Name, Template: m.c.Template.Name(), TemplateHash: m.c.Template.Hash()}, nil
}

// Generate implements [generator.Generator]. A model that does not end its call
// when the context is done delays the end of the stream. An error wraps
// [generator.ErrRequest], errors.ErrUnsupported for a request with After, ctx.Err()
// or the error of the model, or says that the answer has no text.
func (m *Model) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	seq := m.reply(ctx, req)
	if segment.Wanted(req) {
		return segment.First(seq)
	}
	return seq
}

// reply is the whole text in one step, and the last step.
func (m *Model) reply(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		text, last, err := m.ask(ctx, req)
		if err == nil && text != "" && !yield(generator.Step{Text: text}, nil) {
			return
		}
		if err == nil {
			err = ctx.Err() // the reader may have canceled meanwhile
		}
		if err != nil {
			yield(generator.Step{}, err)
			return
		}
		yield(last, nil)
	}
}

// ask makes the call and returns the text and the last step.
func (m *Model) ask(ctx context.Context, req generator.Request) (string, generator.Step, error) {
	var last generator.Step
	if err := cmp.Or(req.Check(), ctx.Err()); err != nil {
		return "", last, err
	}
	if len(req.After) > 0 {
		return "", last, fmt.Errorf("langchain: %s: a chat model cannot go on from a given beginning of its reply: %w", m.c.Name, errors.ErrUnsupported)
	}
	messages, err := m.render(req)
	if err != nil {
		return "", last, err
	}
	options := []llms.CallOption{llms.WithMaxTokens(req.MaxTokens), llms.WithTemperature(req.Temperature)}
	if req.Temperature > 0 {
		options = append(options, llms.WithSeed(int(req.Seed&0x7fffffff)))
	}
	answer, err := m.model.GenerateContent(ctx, messages, options...)
	switch {
	case ctx.Err() != nil:
		return "", last, fmt.Errorf("langchain: %s: %w", m.c.Name, ctx.Err())
	case err != nil:
		return "", last, fmt.Errorf("langchain: %s: %w", m.c.Name, err)
	case answer == nil || len(answer.Choices) == 0 || slices.Contains(answer.Choices, nil):
		return "", last, fmt.Errorf("langchain: %s: the answer holds no text", m.c.Name)
	}
	last.Usage = usage(answer)
	last.Finish, err = finish(answer)
	if err != nil {
		return "", last, fmt.Errorf("langchain: %s: %w", m.c.Name, err)
	}
	// One answer was requested; some providers split it into several choices.
	var text strings.Builder
	told := false
	for _, c := range answer.Choices {
		text.WriteString(c.Content)
		told = told || c.StopReason != ""
	}
	if text.Len() > 0 && req.MaxTokens == 1 || !told && last.Usage.GeneratedTokens >= req.MaxTokens {
		last.Finish = generator.FinishLength // the end is one token more than was asked for
	}
	return strings.ToValidUTF8(text.String(), "\uFFFD"), last, nil
}

// render writes the messages out.
func (m *Model) render(req generator.Request) ([]llms.MessageContent, error) {
	var list []generator.Message
	var err error
	if req.Task != nil {
		list, err = req.Task.Render(m.c.Special...)
	} else {
		list, err = m.c.Template.Render(req.Prompt, segment.Wanted(req), m.c.Special...)
	}
	out := make([]llms.MessageContent, len(list))
	for i, message := range list {
		role := llms.ChatMessageTypeHuman
		switch message.Role {
		case generator.RoleSystem:
			role = llms.ChatMessageTypeSystem
		case generator.RoleAssistant:
			role = llms.ChatMessageTypeAI
		}
		out[i] = llms.TextParts(role, message.Text)
	}
	return out, err
}

// finish reads why the model stopped. Every provider has names of its own.
func finish(answer *llms.ContentResponse) (generator.Finish, error) {
	for _, c := range answer.Choices {
		reason := strings.ToLower(c.StopReason)
		has := func(part string) bool { return strings.Contains(reason, part) }
		switch {
		case has("length"), has("max_tokens"), has("maxtokens"), has("context_window"):
			return generator.FinishLength, nil
		case has("tool"), has("function"):
			return generator.Running, fmt.Errorf("the model calls a tool in place of an answer: %s", c.StopReason)
		case has("filter"), has("safety"), has("recitation"), has("blocklist"), has("prohibited"), has("guardrail"), has("spii"):
			return generator.Running, fmt.Errorf("the answer was suppressed: %s", c.StopReason)
		}
	}
	return generator.FinishEnd, nil
}

// usage reads what the call cost, under the names that providers give it.
func usage(answer *llms.ContentResponse) generator.Usage {
	count := func(names ...string) (n int, known bool) {
		for _, c := range answer.Choices {
			for _, name := range names {
				switch v := c.GenerationInfo[name].(type) {
				case int:
					n, known = max(n, v), true
				case int32:
					n, known = max(n, int(v)), true
				case int64:
					n, known = max(n, int(v)), true
				case float64:
					n, known = max(n, int(v)), true
				}
			}
		}
		return n, known
	}
	prompt, knowsPrompt := count("PromptTokens", "InputTokens", "input_tokens")
	generated, knowsGenerated := count("CompletionTokens", "OutputTokens", "output_tokens")
	cached, _ := count("PromptCachedTokens")
	return generator.Usage{
		Calls: 1, PromptTokens: prompt, CachedTokens: min(cached, prompt), GeneratedTokens: generated,
		Partial: !knowsPrompt || !knowsGenerated,
	}
}
