package selfrag

import (
	"context"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
)

// Concatenate is the [Rewriter] that needs no model: it puts the previous question
// in front of the last one. That finds passages for "and who designed it?", but
// reads badly; with an instruct or chat model use [NewPromptRewriter].
type Concatenate struct{}

// MostCost implements budget.Declarer: no model is called.
func (Concatenate) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

// Rewrite implements [Rewriter].
func (Concatenate) Rewrite(_ context.Context, c generator.Conversation) (generator.Rewriting, error) {
	if len(c.History) == 0 {
		return generator.Rewriting{Question: c.Question}, nil
	}
	return generator.Rewriting{Question: c.History[len(c.History)-1].Question + " " + c.Question}, nil
}

// StandaloneTemplate is the default prompt of [NewPromptRewriter]. Its placeholders
// are history and question.
var StandaloneTemplate = generator.MustTaskTemplate("standalone-question",
	"You rewrite questions. You never answer them.",
	`Here is a conversation, then a follow-up question. Write the follow-up question again so that it can be understood without the conversation: put names in place of words such as "it", "they" or "there". Write the question only, on one line.

Conversation:
{{history}}

Follow-up question: {{question}}

Standalone question:`)

// standaloneTokens bounds a standalone question.
const standaloneTokens = 200

// PromptRewriter is a [Rewriter] that asks a model which follows instructions.
type PromptRewriter struct {
	model    generator.Generator
	template generator.TaskTemplate
}

// NewPromptRewriter returns a rewriter that asks model with template, which must
// have exactly the placeholders history and question.
func NewPromptRewriter(model generator.Generator, template generator.TaskTemplate) (*PromptRewriter, error) {
	if isnil.Value(model) {
		return nil, optionError("NewPromptRewriter", "the generator is nil")
	}
	if p := template.Placeholders(); len(p) != 2 || p[0] != "history" || p[1] != "question" {
		return nil, optionError("NewPromptRewriter", "the template has the placeholders %v: want history and question", p)
	}
	return &PromptRewriter{model, template}, nil
}

// MostCost implements budget.Declarer: one call.
func (r *PromptRewriter) MostCost(int) (budget.Cost, bool) {
	return budget.Cost{Calls: 1, Tokens: standaloneTokens}, true
}

// Rewrite implements [Rewriter]. The first line of the model's answer that is not
// empty is the question.
func (r *PromptRewriter) Rewrite(ctx context.Context, talk generator.Conversation) (generator.Rewriting, error) {
	var b strings.Builder
	for _, t := range talk.History {
		fmt.Fprintf(&b, "Q: %s\nA: %s\n", t.Question, t.Answer)
	}
	out := generator.Rewriting{Template: r.template.Name(), TemplateHash: r.template.Hash()}
	c, err := generator.Complete(ctx, r.model, generator.Request{
		Task: &generator.Task{Template: r.template, Values: map[string]string{
			"history": strings.TrimSpace(b.String()), "question": talk.Question,
		}},
		MaxTokens: standaloneTokens,
	})
	if budget.Refused(err) {
		return out, err // the model was not asked
	}
	out.Usage = c.Spent()
	if err != nil {
		return out, err
	}
	for line := range strings.Lines(c.Said()) {
		if out.Question = strings.TrimSpace(line); out.Question == "" {
			continue
		}
		if c.Finish == generator.FinishLength && !strings.HasSuffix(line, "\n") {
			return out, fmt.Errorf("the model's answer to the template %q was cut off: %q", r.template.Name(), out.Question)
		}
		return out, nil
	}
	return out, fmt.Errorf("the model answered the template %q with nothing", r.template.Name())
}
