package sensitivity_test

import (
	"context"
	"errors"
	"testing"

	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/selfrag"
)

// library is a small corpus about lighthouses, with questions and their answers.
var library = []retriever.Passage{
	{ID: "brannock", Title: "Brannock", Text: "The lighthouse of Brannock stands on a reef. It was built in 1871 by Ada Kerr. Its light can be seen for twenty miles."},
	{ID: "selkirk", Title: "Selkirk Head", Text: "The lighthouse of Selkirk Head was built in 1902. Thomas Vane designed the tower. The keeper lived below the lamp."},
	{ID: "moray", Title: "Moray Point", Text: "Moray Point has a lighthouse of white stone. The tower is forty meters high. It has been automatic since 1988."},
	{ID: "keeper", Title: "Keepers", Text: "The last keeper of Brannock was Ewan Reid. He left the reef in 1979. Keepers trimmed the wick every four hours."},
	{ID: "lens", Title: "Lenses", Text: "Augustin Fresnel invented the lens of lighthouses. It is built of rings of glass. The lens of Moray Point weighs two tons."},
	{ID: "fog", Title: "Fog signals", Text: "A fog horn sounds where a light cannot be seen. The horn of Selkirk Head sounded every thirty seconds. It fell silent in 2005."},
}

var asked = []struct{ question, answer, gold string }{
	{"Who built the lighthouse of Brannock?", "Ada Kerr", "brannock"},
	{"When was the lighthouse of Brannock built?", "1871", "brannock"},
	{"How far can the light of Brannock be seen?", "twenty miles", "brannock"},
	{"When was the lighthouse of Selkirk Head built?", "1902", "selkirk"},
	{"Who designed the tower of Selkirk Head?", "Thomas Vane", "selkirk"},
	{"How high is the tower of Moray Point?", "forty meters", "moray"},
	{"Since when has Moray Point been automatic?", "1988", "moray"},
	{"Who was the last keeper of Brannock?", "Ewan Reid", "keeper"},
	{"When did Ewan Reid leave the reef?", "1979", "keeper"},
	{"How often did keepers trim the wick?", "four hours", "keeper"},
	{"Who invented the lens of lighthouses?", "Fresnel", "lens"},
	{"How much does the lens of Moray Point weigh?", "two tons", "lens"},
	{"How often did the horn of Selkirk Head sound?", "thirty seconds", "fog"},
	{"When did the horn of Selkirk Head fall silent?", "2005", "fog"},
}

// lighthouse asks the embedded model all questions.
func lighthouse(options ...selfrag.Option) ([]sensitivity.Question, func(*sensitivity.Question, string) bool, error) {
	ctx := context.Background()
	index, err := lexical.New(ctx, library, lexical.Options{})
	if err != nil {
		return nil, nil, err
	}
	// Without abstention: what is measured is what the critic's choice is worth.
	engine, err := selfrag.New(extractive.New(), index, append(options, selfrag.WithTrace(selfrag.TraceFull), selfrag.WithAbstention(0, ""))...)
	if err != nil {
		return nil, nil, err
	}
	answers := map[string]string{}
	var questions []sensitivity.Question
	for _, q := range asked {
		a, err := engine.Answer(ctx, q.question)
		if err != nil {
			return nil, nil, err
		}
		answers[q.question] = q.answer
		questions = append(questions, sensitivity.Question{ID: q.question, Trace: a.Trace, Group: q.gold, Gold: []string{q.gold}})
	}
	return questions, func(q *sensitivity.Question, text string) bool {
		return metric.MatchFold(text, []string{answers[q.ID]})
	}, nil
}

// Traces of the embedded model: the baseline is the stored run, noise costs, the figures
// of short answers are exact.
func TestEmbeddedModel(t *testing.T) {
	questions, correct, err := lighthouse()
	if err != nil {
		t.Fatal(err)
	}
	match := func(q *sensitivity.Question, a *selfrag.Answer) float64 {
		if correct(q, a.Text) {
			return 1
		}
		return 0
	}
	cases := append(sensitivity.NoiseCases(0, 0.5, 1), sensitivity.DropCases()...)
	for _, p := range critics.PaperCritics() {
		more, err := sensitivity.PublishedCases(p)
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, more...)
	}
	r, err := sensitivity.Run(context.Background(), questions, match, cases, sensitivity.Options{Resamples: 1000})
	if err != nil {
		t.Fatal(err)
	}
	stored := 0.0
	for i := range questions {
		for _, n := range questions[i].Trace.Path {
			for _, c := range questions[i].Trace.Expansions[0].Candidates {
				if c.Node == n && correct(&questions[i], c.Text) {
					stored++
				}
			}
		}
	}
	if r.Baseline.Value != stored/float64(len(questions)) || stored < 8 || r.Groups != 6 {
		t.Errorf("baseline %v, stored %v of %d", r.Baseline.Value, stored, len(questions))
	}
	for _, p := range r.Points {
		if p.Diverged != 0 || p.Worst != p.Best || p.Worst != p.Value {
			t.Errorf("a short answer diverged: %+v", p)
		}
		t.Logf("%-10s %-32s %-6s %.3f: %.3f  change %+.3f [%+.3f, %+.3f]  redraws [%.3f, %.3f]  joint [%.3f, %.3f]", p.Name, p.Group, p.Kind, p.Strength,
			p.Value, p.Change.Value, p.Change.Low, p.Change.High, p.Redraws.Low, p.Redraws.High, p.Joint.Low, p.Joint.High)
	}
	full := of(r, "Retrieve+IsREL+IsSUP+IsUSE")
	if full[0].Value != r.Baseline.Value || full[1].Value >= full[0].Value || full[2].Value >= full[1].Value || full[2].Change.High >= 0 {
		t.Errorf("all groups: %+v", full)
	}
	a, err := sensitivity.Attribute(questions, correct)
	if err != nil {
		t.Fatal(err)
	}
	if a.With[sensitivity.CauseRight] != int(stored) || a.Retrieved == 0 {
		t.Errorf("%+v", a)
	}
	info, err := sensitivity.MutualInformation(questions, 200, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range info {
		t.Logf("%+v", i)
		if (i.A == reflection.IsREL || i.A == reflection.IsSUP) && i.Candidates == 0 {
			t.Errorf("%+v", i)
		}
	}
}

// In long form the trace of the embedded model is incomplete, and the figures say so.
func TestEmbeddedModelLong(t *testing.T) {
	questions, correct, err := lighthouse(selfrag.WithLongForm(2, 3))
	if err != nil {
		t.Fatal(err)
	}
	r, err := sensitivity.Run(context.Background(), questions, func(q *sensitivity.Question, a *selfrag.Answer) float64 {
		if correct(q, a.Text) {
			return 1
		}
		return 0
	}, sensitivity.NoiseCases(1), sensitivity.Options{Redraws: 20, Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	last := r.Points[len(r.Points)-1]
	if r.Baseline.Diverged != 0 || last.Diverged == 0 || last.Best <= last.Worst {
		t.Errorf("baseline %+v, noise %+v", r.Baseline, last)
	}
}

// A judgment that a later segment inherits is changed like its original.
func TestInherited(t *testing.T) {
	found := 0
	for seed := range uint64(60) {
		tr := randomTrace(t, seed, selfrag.WithLongForm(2, 4))
		for redraw := range uint64(4) {
			out, err := sensitivity.Apply(tr, sensitivity.Noise{reflection.IsREL: 0.5}, "q", redraw)
			if err != nil {
				t.Fatal(err)
			}
			parent, by := map[int]int{}, map[int]selfrag.Candidate{}
			for _, e := range out.Expansions {
				for _, c := range e.Candidates {
					parent[c.Node], by[c.Node] = e.Parent, c
					if !c.Critique.IsREL.Inherited {
						continue
					}
					from := e.Parent
					for by[from].Passage < 0 {
						from = parent[from]
					}
					found++
					if c.Critique.IsREL.Dist != by[from].Critique.IsREL.Dist {
						t.Fatalf("node %d has %v, and node %d, from which it is inherited, %v", c.Node, c.Critique.IsREL.Dist, from, by[from].Critique.IsREL.Dist)
					}
				}
			}
		}
	}
	if found == 0 {
		t.Error("nothing was inherited")
	}
	// The errors of a trace that cannot be re-scored are those of Rescore.
	tr := randomTrace(t, 1)
	tr.Expansions[0].Candidates[0].Node = 0
	_, err := sensitivity.Attribute([]sensitivity.Question{{ID: "q", Trace: tr, Gold: []string{"A"}}}, isRight)
	var input *sensitivity.InputError
	if err == nil || errors.As(err, &input) {
		t.Errorf("error %v", err)
	}
}
