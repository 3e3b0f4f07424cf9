package critiquetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/critique/critiquetest"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
)

// A scripted critic returns the verdicts that the test sets.
func ExampleCritic() {
	k := &critiquetest.Critic{Rules: []critiquetest.CriticRule{
		{When: critiquetest.Uses("Paris"), Answer: critiquetest.Verdict(0.9, [3]float64{0.8, 0.1, 0.1}, [5]float64{0, 0, 0, 0, 1})},
		{When: critiquetest.Says("perhaps"), Answer: critiquetest.Verdict(0.1, [3]float64{}, [5]float64{1, 0, 0, 0, 0})},
	}}
	for _, c := range []critique.Continuation{
		{
			Prompt:     generator.Prompt{Evidence: []generator.Evidence{{Title: "Paris", Text: "The capital of France."}}},
			Completion: generator.Completion{Steps: generatortest.Words(1, "It is Paris.")},
		},
		{Completion: generator.Completion{Steps: generatortest.Words(1, "perhaps Lyon")}},
	} {
		v, err := k.Critique(context.Background(), c)
		fmt.Println(v.IsREL.Token, v.IsSUP.Status, v.IsUSE.Token, err)
	}
	fmt.Println(len(k.Candidates()), "candidates")
	// Output:
	// [Relevant] judged [Utility:5] <nil>
	// [Irrelevant] absent [Utility:1] <nil>
	// 2 candidates
}

// A scripted decider wants passages for one question only.
func ExampleDecider() {
	d := &critiquetest.Decider{Rules: []critiquetest.DeciderRule{
		{When: func(s critique.Situation) bool { return strings.HasPrefix(s.Question, "Who") }, Answer: critiquetest.Decision(0.9)},
		{Answer: critiquetest.Decision(0.1)},
	}}
	for _, q := range []string{"Who wrote it?", "Hello!"} {
		got, err := d.Decide(context.Background(), critique.Situation{Question: q})
		fmt.Println(got.Token, err)
	}
	// Output:
	// [Retrieval] <nil>
	// [No Retrieval] <nil>
}

// The contract suite belongs into a test of the implementation.
func ExampleTestCritic() {
	_ = func(t *testing.T) {
		k := &critiquetest.Critic{Rules: []critiquetest.CriticRule{
			{Answer: critiquetest.Verdict(1, [3]float64{1, 0, 0}, [5]float64{0, 0, 0, 0, 1})},
		}}
		critiquetest.TestCritic(t, k, critiquetest.Tolerance(1e-9))
	}
}
