package selfrag_test

import (
	"math"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// unsure is a model whose only candidate is relevant with probability 0.4.
func unsure(below float64) *generatortest.Script {
	m := script(on(generatortest.Segment(0.4, "Blue.", full, [5]float64{})))
	m.Capabilities = generator.Capabilities{Model: "unsure", Level: server.Level, LogProbs: true, AbstainBelow: below}
	return m
}

// The model's recommendation is the default, for its own judgments only. An option
// overrides it.
func TestAbstentionOfTheModel(t *testing.T) {
	for name, c := range map[string]struct {
		below   float64
		options []selfrag.Option
		want    string
	}{
		"recommended":        {0.5, nil, selfrag.DefaultAbstention},
		"reached":            {0.4, nil, "Blue."},
		"nothing":            {0, nil, "Blue."},
		"never":              {0.5, []selfrag.Option{selfrag.WithAbstention(0, "")}, "Blue."},
		"higher":             {0.3, []selfrag.Option{selfrag.WithAbstention(0.6, "No.")}, "No."},
		"lower":              {0.5, []selfrag.Option{selfrag.WithAbstention(0.3, "No.")}, "Blue."},
		"a critic of others": {0.5, []selfrag.Option{selfrag.WithCritic(critique.NewTokens(unsure(0.5)))}, "Blue."},
	} {
		a := run(t, unsure(c.below), finds(hits("A")...), append(c.options, always)...)
		if a.Text != c.want || a.Abstained != (c.want != "Blue.") {
			t.Errorf("%s: %q, abstained %v, want %q", name, a.Text, a.Abstained, c.want)
		}
		if a.Abstained != (a.Trace.Settings.Abstention != nil && a.Trace.Settings.Abstention.Below > 0.4) {
			t.Errorf("%s: the trace says %+v", name, a.Trace.Settings.Abstention)
		}
		// Re-scoring keeps the setting of the run, even if the run did not abstain.
		again, err := selfrag.Rescore(a.Trace)
		if err != nil || again.Text != a.Text {
			t.Errorf("%s: re-scored %q, %v", name, again.Text, err)
		}
	}
	for _, below := range []float64{-0.1, 1.1, math.NaN()} {
		_, err := newEngine(t, unsure(below), finds(hits("A")...)).Answer(t.Context(), "q")
		if err == nil || !strings.Contains(err.Error(), "unsure recommends to abstain below") {
			t.Errorf("%v: %v", below, err)
		}
	}
}

// The program of the README does not answer a question that its documents leave
// open.
func TestEmbeddedModelAbstains(t *testing.T) {
	book := retriever.List(retriever.Passage{ID: "asm", Text: "Each instruction begins with an initial capital A. The assembler reads it."})
	e := newEngine(t, extractive.New(), book)
	if a := ask(t, e, "What is the capital of France?"); !a.Abstained || a.Text != selfrag.DefaultAbstention {
		t.Errorf("%q", a)
	}
	if a := ask(t, e, "What does each instruction begin with?"); a.Abstained {
		t.Errorf("%q", a)
	}
}
