package extractive

import (
	"math"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// TestRelevanceOfSeveralPassages: the odds that one of two passages answers are the
// sum of the odds of both, whatever the number of their sentences.
func TestRelevanceOfSeveralPassages(t *testing.T) {
	const question = "when was the bridge opened"
	odds := func(texts ...string) float64 {
		req := about(question, texts[0])
		req.Prompt.Evidence = nil
		for _, text := range texts {
			req.Prompt.Evidence = append(req.Prompt.Evidence, generator.Evidence{Text: text})
		}
		w, _, err := New().openWorld(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return w.start[reflection.Relevant] / w.start[reflection.Irrelevant]
	}
	a, b := "The bridge was opened in 1932. It is grey.", "Ferries crossed the river. Some sank. The bridge came later."
	if got, want := odds(a, b), odds(a)+odds(b); math.Abs(got-want) > 1e-9*want {
		t.Errorf("odds of both %v, want %v", got, want)
	}
	if odds(a) <= odds(b) {
		t.Errorf("odds %v of the passage that answers, %v of the other", odds(a), odds(b))
	}
}
