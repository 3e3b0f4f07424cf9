package generatortest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

// A script acts as a model that retrieves and then writes from evidence.
func ExampleScript() {
	model := &generatortest.Script{Rules: []generatortest.Rule{
		{When: generatortest.Decides(), Steps: generatortest.Decision(0.8)},
		{When: generatortest.Shows("Mercury"), Steps: generatortest.Segment(0.9, "Mercury is.", [3]float64{0.7, 0.2, 0.1}, [5]float64{0, 0, 0, 0, 1})},
	}}
	req := generator.Request{
		Prompt:    generator.Prompt{Instruction: "Which planet is nearest to the sun?"},
		MaxTokens: 10,
	}
	c, err := generator.Complete(context.Background(), model, req)
	fmt.Println(c.Steps[0].Token, err)

	req.Prompt.Evidence = []generator.Evidence{{Title: "Mercury", Text: "It is the nearest planet."}}
	c, err = generator.Complete(context.Background(), model, req)
	fmt.Println(c.Text(), err)
	fmt.Println(len(model.Requests()), "requests")

	req.Prompt.Evidence[0] = generator.Evidence{Title: "Venus", Text: "It is hotter."}
	_, err = generator.Complete(context.Background(), model, req)
	fmt.Println(err)
	// Output:
	// [Retrieval] <nil>
	// Mercury is. <nil>
	// 2 requests
	// generatortest: the script has no rule for this request: instruction "Which planet is nearest to the sun?", 0 segments before it, evidence "Venus" "It is hotter."; add a Rule whose When is true for it
}

// A fault shows how code behaves when a server fails in the middle.
func ExampleFailAfter() {
	model := &generatortest.Script{Rules: []generatortest.Rule{{
		Steps: generatortest.Words(1, "The answer is lost."),
		Fault: generatortest.FailAfter(2, nil),
	}}}
	c, err := generator.Complete(context.Background(), model, generator.Request{
		Prompt:    generator.Prompt{Instruction: "What is the answer?"},
		MaxTokens: 10,
	})
	fmt.Printf("%q, %v\n", c.Text(), err)
	// Output:
	// "The answer", generatortest: the script fails after 2 tokens
}

// The probabilities of a random model are all known, here those of the first
// token after a passage.
func ExampleRandom() {
	model := &generatortest.Random{
		Seed:      1,
		Relevance: func(generator.Evidence) (a, b float64) { return 2000, 1000 }, // a mean of 2/3 and little spread
	}
	next, err := generator.Next(context.Background(), model, generator.Request{
		Prompt:    generator.Prompt{Instruction: "Why?", Evidence: []generator.Evidence{{Text: "Because."}}},
		MaxTokens: 1,
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range next.Tokens[:2] {
		p, exact := a.Prob.Value()
		fmt.Printf("%v %.1f %t\n", a.Token, p, exact)
	}
	// Output:
	// [Relevant] 0.7 true
	// [Irrelevant] 0.3 true
}

// The steps of an answer can be combined by hand.
func ExampleJudge() {
	steps := append(generatortest.Words(0.5, "Yes."), generatortest.Judge(reflection.IsUSE, 0, 0, 0.1, 0.2, 0.7))
	for _, s := range steps {
		p, _ := s.LogProb.Value()
		fmt.Printf("%q %v %.1f\n", s.Text, s.Token, p)
	}
	// Output:
	// "Yes."  0.5
	// "" [Utility:5] 0.7
}

// The contract suite belongs into a test of the implementation.
func ExampleTestGenerator() {
	_ = func(t *testing.T) {
		generatortest.TestGenerator(t, &generatortest.Random{Seed: 1}, generatortest.Seeded(), generatortest.MaxTokens(8))
	}
}
