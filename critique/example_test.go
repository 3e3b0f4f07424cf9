package critique_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

// The critic of a Self-RAG model reads the reflection tokens that the model wrote
// with the text.
func ExampleTokens() {
	ctx := context.Background()
	model := &generatortest.Script{Rules: []generatortest.Rule{
		{When: generatortest.Decides(), Steps: generatortest.Decision(0.8)},
		{Steps: generatortest.Segment(0.9, "Kafka wrote it.", [3]float64{0.7, 0.2, 0.1}, [5]float64{})},
	}}
	tokens := critique.NewTokens(model)

	d, err := tokens.Decide(ctx, critique.Situation{
		Question: "Who wrote The Trial?",
		Prompt:   generator.Prompt{Instruction: "Who wrote The Trial?"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, _ := d.Dist.Prob(reflection.Retrieval).Value()
	fmt.Printf("p(Retrieval) %.1f, %v\n", p, d.Level)

	req := generator.Request{
		Prompt: generator.Prompt{
			Instruction: "Who wrote The Trial?",
			Evidence:    []generator.Evidence{{Text: "The Trial is a novel by Franz Kafka."}},
		},
		MaxTokens: 20,
		Watch:     []reflection.Group{reflection.IsREL, reflection.IsSUP, reflection.IsUSE},
	}
	c, err := generator.Complete(ctx, model, req)
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := tokens.Critique(ctx, critique.Continuation{Question: "Who wrote The Trial?", Prompt: req.Prompt, Completion: c})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.IsREL.Status, v.IsREL.Token)
	fmt.Println(v.IsSUP.Status, v.IsSUP.Token)
	fmt.Println(v.IsUSE.Status) // the model wrote no utility token
	// Output:
	// p(Retrieval) 0.8, exact-ids
	// judged [Relevant]
	// judged [Fully supported]
	// absent
}

// quotes is a critic with one rule: a text is supported if the passage contains it.
// The other groups stay unknown.
type quotes struct{}

func (quotes) Critique(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	var v critique.Verdict
	text := strings.TrimSpace(c.Completion.Text())
	for _, e := range c.Evidence() {
		label := reflection.NoSupport
		if strings.Contains(e.Text, text) {
			label = reflection.FullySupported
		}
		v.IsSUP = reflection.Judged(reflection.OneHot(label), label, reflection.Heuristic)
	}
	return v, ctx.Err()
}

// A custom critic, for a model without reflection tokens.
func ExampleCritic() {
	var critic critique.Critic = quotes{}
	v, err := critic.Critique(context.Background(), critique.Continuation{
		Prompt: generator.Prompt{
			Instruction: "Who wrote The Trial?",
			Evidence:    []generator.Evidence{{Text: "The Trial is a novel by Franz Kafka."}},
		},
		Completion: generator.Completion{
			Steps:  []generator.Step{{Text: "a novel by Franz Kafka"}},
			Finish: generator.FinishEnd,
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.IsSUP.Token, v.Level())
	fmt.Println(v.IsREL.Status)
	// Output:
	// [Fully supported] heuristic
	// unknown
}
