package extractive_test

import (
	"math"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
)

// RAG-Sequence over this model: a quotation of one passage has a small but positive
// probability under the others. So thorough decoding, which asks for it, gives more
// than fast decoding, which takes it as zero.
func TestThoroughDiffersFromFast(t *testing.T) {
	model := extractive.New()
	ask := func(text string) generator.Request {
		return generator.Request{
			Prompt:    generator.Prompt{Instruction: "Who built the lighthouse?", Evidence: []generator.Evidence{{Text: text}}},
			MaxTokens: 200,
		}
	}
	passages := []string{
		"The lighthouse was built by Ada Kerr in 1871. Gulls nest below it.",
		"Crab soup is served at the harbour inn. The lighthouse lamp turns slowly.",
	}
	for i, text := range passages {
		y, err := generator.Complete(t.Context(), model, ask(text))
		if err != nil {
			t.Fatal(err)
		}
		fast, missed := 0.0, 0.0
		for j, other := range passages {
			c, err := generator.Score(t.Context(), model, ask(other), y.Steps, y.Finish == generator.FinishEnd)
			if err != nil {
				t.Fatal(err)
			}
			sum, _ := c.LogProb(generator.CountAll)
			p := math.Exp(sum.Log) / float64(len(passages))
			if sum.Log < -1e4 || math.IsInf(sum.Log, 0) {
				t.Errorf("the quote of passage %d has the log-probability %v under passage %d", i, sum.Log, j)
			}
			if i == j {
				fast += p
			} else {
				missed += p
			}
			if i != j && !(sum.Log < -20) {
				t.Errorf("passage %d says what only passage %d holds with the log-probability %v", j, i, sum.Log)
			}
		}
		if own, _ := y.LogProb(generator.CountAll); math.Abs(fast-math.Exp(own.Log)/2) > 1e-12 {
			t.Errorf("fast marginal %v, want half of %v", fast, math.Exp(own.Log))
		}
		if !(missed > 0) {
			t.Errorf("thorough decoding adds %v to %v", missed, fast)
		}
	}
}
