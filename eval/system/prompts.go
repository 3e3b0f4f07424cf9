package system

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/selfrag"
)

// ExamplesTemplate is the prompt of the system "few-shot": the question after four
// examples that show how short an answer should be. Its placeholder is question.
var ExamplesTemplate = func() generator.TaskTemplate {
	t := generator.MustTaskTemplate("few-shot-answer",
		"You answer questions from what you know, in a few words.",
		"Question: {{question}}\nAnswer:")
	t, err := t.WithExamples(
		example("Which planet is closest to the sun?", "Mercury"),
		example("In which year did the first person walk on the moon?", "1969"),
		example("What is the chemical symbol of iron?", "Fe"),
		example("Who wrote the play Hamlet?", "William Shakespeare"),
	)
	if err != nil {
		panic(err) // a constant
	}
	return t
}()

func example(question, reply string) generator.Example {
	return generator.Example{Values: map[string]string{"question": question}, Reply: reply}
}

// StepsTemplate is the prompt of the system "step-by-step": the model thinks first and
// answers on a last line. Its placeholder is question.
var StepsTemplate = generator.MustTaskTemplate("step-by-step-answer",
	"You answer questions from what you know.",
	"Question: {{question}}\n\nThink step by step, in at most five short sentences. Then write a last line that begins with \"Answer:\" and gives the answer in a few words.")

// prompted are the systems that ask the model without a passage.
var prompted = []System{
	{"few-shot", "four examples, then the question: no retrieval", task(func(b *Bench) generator.TaskTemplate { return b.Examples }, 100, func(s string) string { return s })},
	{"step-by-step", "the model thinks before it answers: no retrieval", task(func(b *Bench) generator.TaskTemplate { return b.Steps }, 400, lastAnswer)},
}

// task opens a system that asks one question with a template.
func task(template func(*Bench) generator.TaskTemplate, most int, read func(string) string) func(context.Context, *Bench) (Answerer, error) {
	return func(_ context.Context, b *Bench) (Answerer, error) {
		if !b.Instructed {
			return nil, fmt.Errorf("it needs a model that follows instructions: %w", errors.ErrUnsupported)
		}
		return func(ctx context.Context, q dataset.Question) (*selfrag.Answer, error) {
			done, err := generator.Complete(ctx, b.Model, generator.Request{
				Task:      &generator.Task{Template: template(b), Values: map[string]string{"question": q.Question}},
				MaxTokens: most,
			})
			a := answer(q, read(strings.TrimSpace(done.Said())))
			a.Usage = done.Spent()
			if done.Finish == generator.FinishLength {
				a.Stop = selfrag.StopLength
			}
			return a, err
		}, nil
	}
}

// lastAnswer returns the text after the last "Answer:" that begins a line, or the whole
// text if there is none: a model that ignored the form may still have answered.
func lastAnswer(text string) string {
	found := text
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t*"), "Answer:"); ok {
			found = strings.Trim(rest, " \t\r\n*")
		}
	}
	return found
}
