package generator_test

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

func ExampleComplete() {
	// Any Generator will do; this one answers from a script.
	model := &generatortest.Script{Rules: []generatortest.Rule{{
		Steps: generatortest.Segment(0.9, "Kafka wrote it.", [3]float64{0.7, 0.2, 0.1}, [5]float64{}),
	}}}
	c, err := generator.Complete(context.Background(), model, generator.Request{
		Prompt: generator.Prompt{
			Instruction: "Who wrote The Trial?",
			Evidence:    []generator.Evidence{{Title: "The Trial", Text: "The Trial is a novel by Franz Kafka."}},
		},
		MaxTokens: 20,
		Watch:     []reflection.Group{reflection.IsREL, reflection.IsSUP},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q, finish %v\n", c.Text(), c.Finish)
	for _, s := range c.Steps {
		if s.Token != reflection.None {
			d, _ := s.Group(s.Token.Group())
			p, _ := d.Prob(s.Token).Value()
			fmt.Printf("%v %.1f\n", s.Token, p)
		}
	}
	// Output:
	// "Kafka wrote it.", finish end
	// [Relevant] 0.9
	// [Fully supported] 0.7
}

// A template turns a structured prompt into the text format of the training of the
// published models.
func ExampleSelfRAGTemplate() {
	text, err := generator.SelfRAGTemplate{}.Render(generator.Prompt{
		Instruction: "Who wrote The Trial?",
		Evidence:    []generator.Evidence{{Title: "The Trial", Text: "The Trial is a novel by Franz Kafka."}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(text)
	// Output:
	// ### Instruction:
	// Who wrote The Trial?
	//
	// ### Response:
	// [Retrieval]<paragraph>The Trial
	// The Trial is a novel by Franz Kafka.</paragraph>
}

// A wrapper counts, caches or retries without hiding what the model can do.
func ExampleWrap() {
	model := &generatortest.Script{Rules: []generatortest.Rule{{Steps: generatortest.Words(1, "Hello.")}}}
	calls := 0
	counted := generator.Wrap(model, func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		calls++
		return model.Generate(ctx, req)
	})

	ctx := context.Background()
	req := generator.Request{Prompt: generator.Prompt{Instruction: "Say hello."}, MaxTokens: 5}
	for range 2 {
		if _, err := generator.Complete(ctx, counted, req); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(calls, "calls")

	about, err := generator.Describe(ctx, counted)
	fmt.Println(about.Model, err)

	// A missing power is an error that a caller can test for.
	_, err = generator.Score(ctx, counted, req, nil, true)
	fmt.Println(errors.Is(err, errors.ErrUnsupported))
	// Output:
	// 2 calls
	// script <nil>
	// true
}

func ExampleNewTaskTemplate() {
	t, err := generator.NewTaskTemplate("translate", "You translate.", "Translate into {{language}}: {{text}}")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.Placeholders())

	task := generator.Task{Template: t, Values: map[string]string{"language": "French", "text": "Good morning."}}
	messages, err := task.Render()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range messages {
		fmt.Printf("%s: %s\n", m.Role, m.Text)
	}
	// Output:
	// [language text]
	// system: You translate.
	// user: Translate into French: Good morning.
}

func ExampleTaskTemplate_WithExamples() {
	t := generator.MustTaskTemplate("colour", "You name colours.", "What colour is {{thing}}?")
	t, err := t.WithExamples(
		generator.Example{Values: map[string]string{"thing": "the sky"}, Reply: "blue"},
		generator.Example{Values: map[string]string{"thing": "grass"}, Reply: "green"},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	messages, err := generator.Task{Template: t, Values: map[string]string{"thing": "snow"}}.Render()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range messages {
		fmt.Printf("%s: %s\n", m.Role, m.Text)
	}
	_, err = t.WithExamples(generator.Example{Values: map[string]string{"object": "coal"}, Reply: "black"})
	fmt.Println(err)
	// Output:
	// system: You name colours.
	// user: What colour is the sky?
	// assistant: blue
	// user: What colour is grass?
	// assistant: green
	// user: What colour is snow?
	// generator: bad request: task template "colour": example 1 of 1: no value for {{thing}}
}
