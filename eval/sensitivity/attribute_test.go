package sensitivity_test

import (
	"errors"
	"testing"

	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

func isRight(_ *sensitivity.Question, text string) bool { return text == rightText }

// fixed is a question with two passages, first the gold one, and a candidate
// without a passage. Relevance alone counts: rel are the probabilities of Relevant.
func fixed(id string, retrieve float64, rel [2]float64, texts [3]string) sensitivity.Question {
	w := &world{seed: 1, candidates: 2, accuracy: all(1), weights: scoring.Weights{Relevance: 1, Utility: 0.25}, mode: selfrag.Adaptive}
	q := w.questions(1)[0]
	q.ID = id
	e := q.Trace.Expansions[0]
	q.Gold = []string{e.Passages[0].Passage.ID}
	e.Decision.Dist = reflection.NewDistribution(reflection.Retrieve, 1-retrieve, retrieve, 0)
	for i := range e.Candidates {
		c := &e.Candidates[i]
		c.Text = texts[i]
		// Without relevance, the first candidate is the more useful one.
		c.Critique.IsUSE = judged(reflection.NewDistribution(reflection.IsUSE, 0, 0, 0, 0.6-0.3*float64(i), 0.4+0.3*float64(i)))
		if i == 0 {
			c.Critique.IsUSE = judged(reflection.NewDistribution(reflection.IsUSE, 0, 0, 0, 0, 1))
		}
		if i < 2 {
			c.Critique.IsREL = judged(reflection.NewDistribution(reflection.IsREL, 1-rel[i], rel[i]))
		}
	}
	return q
}

func TestAttribute(t *testing.T) {
	relevant, irrelevant := [2]float64{0.9, 0.2}, [2]float64{0.2, 0.9}
	close := [2]float64{0.6, 0.9} // relevant, and not chosen
	notFound := fixed("", 1, relevant, [3]string{wrongText, rightText, rightText})
	notFound.Gold = []string{"elsewhere"}
	rightAnyway := fixed("", 1, relevant, [3]string{rightText, wrongText, wrongText})
	rightAnyway.Gold = []string{"elsewhere"}
	abstained := fixed("", 1, [2]float64{0.3, 0.2}, [3]string{rightText, wrongText, wrongText})
	abstained.Trace.Settings.Abstention = &selfrag.AbstentionTrace{Below: 0.5, Text: "No idea."}
	rejected := fixed("", 1, relevant, [3]string{rightText, wrongText, wrongText})
	// The label that was generated counts, not the likeliest.
	rejected.Trace.Expansions[0].Candidates[0].Critique.IsREL.Token = reflection.Irrelevant
	rejected.Trace.Settings.Constraints.RejectIrrelevant = true
	for _, c := range []struct {
		name          string
		q             sensitivity.Question
		with, without sensitivity.Cause
		goldRight     bool
	}{
		{"right", fixed("", 1, relevant, [3]string{rightText, wrongText, wrongText}), sensitivity.CauseRight, sensitivity.CauseRight, true},
		{"right without gold", rightAnyway, sensitivity.CauseRight, sensitivity.CauseRight, false},
		{"right by luck", fixed("", 1, irrelevant, [3]string{wrongText, rightText, wrongText}), sensitivity.CauseRight, sensitivity.CauseAnsweredWrong, false},
		{"not retrieved", notFound, sensitivity.CauseNotRetrieved, sensitivity.CauseNotRetrieved, false},
		{"answered wrong", fixed("", 1, relevant, [3]string{wrongText, rightText, wrongText}), sensitivity.CauseAnsweredWrong, sensitivity.CauseAnsweredWrong, false},
		{"not used", fixed("", 0, relevant, [3]string{rightText, wrongText, wrongText}), sensitivity.CauseNotUsed, sensitivity.CauseNotUsed, true},
		{"irrelevant", fixed("", 1, irrelevant, [3]string{rightText, wrongText, wrongText}), sensitivity.CauseIrrelevant, sensitivity.CauseRight, true},
		{"abstained", abstained, sensitivity.CauseIrrelevant, sensitivity.CauseRight, true},
		{"rejected by the generated label", rejected, sensitivity.CauseIrrelevant, sensitivity.CauseRight, true},
		{"right one rejected", fixed("", 1, close, [3]string{rightText, wrongText, wrongText}), sensitivity.CauseRejected, sensitivity.CauseRight, true},
		{"right one of the other branch", fixed("", 1, close, [3]string{wrongText, wrongText, rightText}), sensitivity.CauseRejected, sensitivity.CauseAnsweredWrong, false},
		{"none right", fixed("", 1, close, [3]string{wrongText, wrongText, wrongText}), sensitivity.CauseNoneRight, sensitivity.CauseAnsweredWrong, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.ID = c.name
			a, err := sensitivity.Attribute([]sensitivity.Question{c.q}, isRight)
			if err != nil {
				t.Fatal(err)
			}
			got := a.Questions[0]
			found := c.q.Gold[0] != "elsewhere"
			if got.ID != c.name || got.With != c.with || got.Without != c.without || got.Retrieved != found || got.GoldAnswered != c.goldRight {
				t.Errorf("%+v", got)
			}
			if a.With[c.with] != 1 || a.Without[c.without] != 1 || len(a.With) != 1 {
				t.Errorf("%+v", a)
			}
			if n := map[bool]int{true: 1}; a.Retrieved != n[found] || a.GoldAnswered != n[c.goldRight] ||
				a.RightWith != n[found && c.with == sensitivity.CauseRight] || a.RightWithout != n[found && c.without == sensitivity.CauseRight] {
				t.Errorf("%+v", a)
			}
		})
	}
}

// Every question has one cause, and each cause is as documented.
func TestAttributeCounts(t *testing.T) {
	w := &world{seed: 3, candidates: 4, accuracy: all(0.7), weights: scoring.DefaultWeights(), plainRight: 0.3, mode: selfrag.Adaptive}
	questions := w.questions(200)
	for i := range questions {
		if i%5 == 0 {
			questions[i].Gold = []string{"elsewhere"}
		}
	}
	long := longQuestions(t, 90)
	for i := range long {
		long[i].Gold = []string{"A"}
	}
	questions = append(questions, long...)
	a, err := sensitivity.Attribute(questions, isRight)
	if err != nil {
		t.Fatal(err)
	}
	known := map[sensitivity.Cause]bool{}
	for _, c := range sensitivity.Causes() {
		known[c] = true
	}
	with, without := 0, 0
	for c, n := range a.With {
		with += n
		if !known[c] {
			t.Errorf("unknown cause %q", c)
		}
	}
	for _, n := range a.Without {
		without += n
	}
	if with != len(questions) || without != len(questions) || len(a.Questions) != len(questions) {
		t.Errorf("%d and %d causes of %d questions", with, without, len(questions))
	}
	// The stored run is known, one without IsREL is not always.
	if a.With[sensitivity.CauseDiverged] != 0 || a.Without[sensitivity.CauseDiverged] == 0 {
		t.Errorf("with %v, without %v", a.With, a.Without)
	}
	if a.RightWith > a.Retrieved || a.GoldAnswered > a.Retrieved || a.Retrieved != 160+90 {
		t.Errorf("%+v", a)
	}
}

func TestAttributeBadInput(t *testing.T) {
	q := fixed("a", 1, [2]float64{1, 0}, [3]string{rightText, wrongText, wrongText})
	bare, thin := q, q
	bare.Gold = nil
	tr := *q.Trace
	tr.Settings.Full = false
	thin.Trace = &tr
	for name, list := range map[string][]sensitivity.Question{"no gold": {bare}, "not full": {thin}, "twice": {q, q}, "none": nil} {
		var wrong *sensitivity.InputError
		if _, err := sensitivity.Attribute(list, isRight); !errors.As(err, &wrong) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := sensitivity.Attribute([]sensitivity.Question{q}, nil); err == nil {
		t.Error("no function, no error")
	}
}
