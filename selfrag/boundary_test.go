package selfrag_test

import (
	"math"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// In short form a model may write past the end of the first segment. That text
// belongs to another segment; only the utility applies to the whole output.
func TestShortFormEndsAtTheModelsBoundary(t *testing.T) {
	step := func(text string, tok reflection.Token) generator.Step {
		s := generator.Step{Text: text, Token: tok, LogProb: reflection.ExactLog(-0.5)}
		if g := tok.Group(); g != reflection.NoGroup {
			s.Watched = []reflection.Distribution{reflection.OneHot(tok)}
		}
		return s
	}
	model := &generatortest.Script{Rules: []generatortest.Rule{{Steps: []generator.Step{
		step("", reflection.Relevant), step("One.", reflection.None), step("", reflection.Retrieval),
		step("Two.", reflection.None), step("", reflection.FullySupported), step("", reflection.Utility5),
	}}}}
	engine, err := selfrag.New(model, retriever.List(retriever.Passage{ID: "p", Text: "x"}), selfrag.WithMode(selfrag.Always))
	if err != nil {
		t.Fatal(err)
	}
	// The limit cuts what comes after the segment, not the segment.
	cut, err := engine.Answer(t.Context(), "q?", selfrag.WithMaxTokens(4))
	if err != nil || cut.Text != "One." || cut.Stop != selfrag.StopEnd {
		t.Errorf("%q, stopped by %s, error %v", cut.Text, cut.Stop, err)
	}
	a, err := engine.Answer(t.Context(), "q?")
	if err != nil {
		t.Fatal(err)
	}
	if a.Text != "One." {
		t.Errorf("text %q", a.Text)
	}
	seg := a.Segments[0]
	if seg.Support != reflection.None || seg.Critique.IsSUP.Status != reflection.StatusAbsent {
		t.Errorf("the support of another segment counts: %v, %+v", seg.Support, seg.Critique.IsSUP)
	}
	if seg.Terms.Utility.Value != 1 {
		t.Errorf("utility %+v", seg.Terms.Utility)
	}
	c := a.Trace.Expansions[0].Candidates[0]
	if c.Counted != 3 || math.Abs(c.LogProb.Log+1.5) > 1e-12 || c.Boundary != reflection.Retrieval {
		t.Errorf("%d tokens with %+v, boundary %v: want the three up to [Retrieval]", c.Counted, c.LogProb, c.Boundary)
	}
}
