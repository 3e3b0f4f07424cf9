package selfrag_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// scored returns a segment whose score is rel + use under weights 1 for IsREL and
// IsUSE; rel in [0, 1], use in [-1, 1].
func scored(text string, rel, use float64) []generator.Step {
	return generatortest.Segment(rel, text, [3]float64{}, [5]float64{(1 - use) / 2, 0, 0, 0, (1 + use) / 2})
}

// Vector 14 of the specification, its scores scaled to what two terms can reach:
// the label with the largest sum wins, not the one with the best candidate.
func TestClosedSet(t *testing.T) {
	texts := []string{"A", " b.", "(A) because", "C", "a"}
	want := []float64{2.10, 2.60, 1.05, 0.40, -0.30}
	m := script()
	ids := []string{"p0", "p1", "p2", "p3", "p4"}
	for i, x := range want {
		rel := math.Max(0, math.Min(1, x/3))
		m.Rules = append(m.Rules, on(scored(texts[i], rel, (x-2*rel)), generatortest.Shows(ids[i])))
	}
	a := run(t, m, finds(hits(ids...)...), always, noSequence(), selfrag.WithLabels("A", "B", "C", "D"),
		selfrag.WithWeights(scoring.Weights{Relevance: 2, Utility: 1}))
	if a.Label != "A" || a.Text != "A" || math.Abs(a.Score-2.85) > 1e-9 || a.Stop != selfrag.StopEnd {
		t.Errorf("label %q, text %q, score %v, stopped by %s", a.Label, a.Text, a.Score, a.Stop)
	}
	for i, sum := range []float64{2.85, 2.60, 0.40, 0} {
		if math.Abs(a.Options.Sums[i]-sum) > 1e-9 {
			t.Errorf("sum %d is %v, want %v", i, a.Options.Sums[i], sum)
		}
	}
	if fmt.Sprint(a.Options.Labels) != "[0 1 0 2 0]" || a.Options.Best != 0 {
		t.Errorf("options %+v", a.Options)
	}
	// The answer rests on the three passages that gave A, best first.
	if len(a.Segments) != 1 || a.Cited() != "A [1][2][3]" {
		t.Errorf("cited %q", a.Cited())
	}
	for i, id := range []string{"p0", "p2", "p4"} {
		if a.Citations[i].Passage.ID != id {
			t.Errorf("citation %d is %s, want %s", i+1, a.Citations[i].Passage.ID, id)
		}
	}
	if fmt.Sprint(a.Trace.Path) != "[1 3 5]" {
		t.Errorf("path %v", a.Trace.Path)
	}
}

func TestClosedSetWithoutMatch(t *testing.T) {
	a := run(t, script(on(said("Perhaps."))), finds(hits("A")...), always, selfrag.WithLabels("true", "false"))
	if a.Label != "" || a.Text != "" || a.Stop != selfrag.StopRejected || len(a.Notes) != 1 || a.Options.Best != -1 || len(a.Segments)+len(a.Citations) > 0 {
		t.Errorf("%+v, want no answer and a note", a)
	}
}

// Rejected candidates do not count for a label.
func TestClosedSetConstraints(t *testing.T) {
	m := script(
		on(generatortest.Segment(1, "true", [3]float64{0.1, 0.1, 0.8}, [5]float64{}), generatortest.Shows("A")),
		on(generatortest.Segment(0.6, "false", [3]float64{0.8, 0.1, 0.1}, [5]float64{}), generatortest.Shows("B")),
		on(generatortest.Segment(1, "true", [3]float64{0.1, 0.1, 0.8}, [5]float64{}), generatortest.Shows("C")),
	)
	labels := selfrag.WithLabels("true", "false")
	index := finds(hits("A", "B", "C")...)
	if a := run(t, m, index, always, labels); a.Label != "true" {
		t.Errorf("without constraints %q", a.Label)
	}
	a := run(t, m, index, always, labels, selfrag.WithConstraints(scoring.Constraints{RejectNoSupport: true}, selfrag.FallbackStop))
	if a.Label != "false" || a.Cited() != "false [1]" || a.Citations[0].Passage.ID != "B" {
		t.Errorf("with constraints %q", a.Cited())
	}
}

func TestConstraints(t *testing.T) {
	bad := [3]float64{0.2, 0.2, 0.6}
	worse := func(text string, rel float64) []generator.Step {
		return generatortest.Segment(rel, text, bad, [5]float64{})
	}
	one := []generatortest.Rule{
		on(worse("Best.", 0.9), generatortest.Shows("A")),
		on(generatortest.Segment(0.3, "Second.", [3]float64{0.4, 0.3, 0.3}, [5]float64{}), generatortest.Shows("B")),
	}
	all := []generatortest.Rule{
		on(worse("Best.", 0.9), generatortest.Shows("A")),
		on(worse("Second.", 0.3), generatortest.Shows("B")),
	}
	tests := []struct {
		name     string
		rules    []generatortest.Rule
		c        scoring.Constraints
		fallback selfrag.Fallback
		text     string
		stop     selfrag.StopReason
		marked   bool
	}{
		{"none", one, scoring.Constraints{}, selfrag.FallbackStop, "Best.", selfrag.StopEnd, false},
		{"no support generated", one, scoring.Constraints{RejectNoSupport: true}, selfrag.FallbackStop, "Second.", selfrag.StopEnd, false},
		{"irrelevant generated", one, scoring.Constraints{RejectIrrelevant: true}, selfrag.FallbackStop, "Best.", selfrag.StopEnd, false},
		{"probability above", one, scoring.Constraints{MaxNoSupport: 0.5}, selfrag.FallbackStop, "Second.", selfrag.StopEnd, false},
		{"probability equal", one, scoring.Constraints{MaxNoSupport: 0.6}, selfrag.FallbackStop, "Best.", selfrag.StopEnd, false},
		{"all rejected, stop", all, scoring.Constraints{RejectNoSupport: true}, selfrag.FallbackStop, "", selfrag.StopRejected, false},
		{"all rejected, best", all, scoring.Constraints{RejectNoSupport: true}, selfrag.FallbackBest, "Best.", selfrag.StopEnd, true},
		{"one rejected, best", one, scoring.Constraints{RejectNoSupport: true}, selfrag.FallbackBest, "Second.", selfrag.StopEnd, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := run(t, script(tt.rules...), finds(hits("A", "B")...), always, selfrag.WithConstraints(tt.c, tt.fallback))
			if a.Text != tt.text || a.Stop != tt.stop {
				t.Errorf("%q, stopped by %s; want %q, stopped by %s", a.Text, a.Stop, tt.text, tt.stop)
			}
			for _, s := range a.Segments {
				if s.Fallback != tt.marked {
					t.Errorf("segment marked as fallback: %v, want %v", s.Fallback, tt.marked)
				}
			}
			if (a.Score == 0) != (a.Text == "") {
				t.Errorf("score %v of %q", a.Score, a.Text)
			}
		})
	}
}

// If every candidate for the next segment is rejected, the answer ends before it.
func TestConstraintsInLaterSegment(t *testing.T) {
	m := script(
		on(more(said("First."), 0, 1, 0), generatortest.Depth(0)),
		on(generatortest.Segment(1, "Contradiction.", [3]float64{0, 0, 1}, [5]float64{})),
	)
	reject := scoring.Constraints{RejectNoSupport: true}
	a := run(t, m, finds(hits("A", "B")...), always, selfrag.WithLongForm(2, 3), selfrag.WithConstraints(reject, selfrag.FallbackStop))
	if a.Text != "First." || a.Stop != selfrag.StopRejected {
		t.Errorf("%q, stopped by %s", a.Text, a.Stop)
	}
	a = run(t, m, finds(hits("A", "B")...), always, selfrag.WithLongForm(2, 3), selfrag.WithConstraints(reject, selfrag.FallbackBest))
	// With the mean of the scores 3 and 2 the longer path would lose to one that
	// ended before; but no path did.
	if a.Text != "First. Contradiction." || a.Segments[0].Fallback || !a.Segments[1].Fallback || a.Segments[1].Support != reflection.NoSupport {
		t.Errorf("%q with fallback: %+v", a.Text, a.Segments)
	}
}

func TestAbstention(t *testing.T) {
	rules := []generatortest.Rule{
		on(generatortest.Segment(0.4, "One.", full, [5]float64{}), generatortest.Shows("A"), generatortest.Depth(0)),
		on(generatortest.Segment(0.6, "Two.", full, [5]float64{}), generatortest.Shows("B"), generatortest.Depth(0)),
	}
	tests := []struct {
		name    string
		options []selfrag.Option
		text    string
		abstain bool
	}{
		{"off", nil, "Two.", false},
		{"best above", []selfrag.Option{selfrag.WithAbstention(0.5, "No idea.")}, "Two.", false},
		{"best equal", []selfrag.Option{selfrag.WithAbstention(0.6, "No idea.")}, "Two.", false},
		{"all below", []selfrag.Option{selfrag.WithAbstention(0.61, "No idea.")}, "No idea.", true},
		{"default words", []selfrag.Option{selfrag.WithAbstention(1, "")}, selfrag.DefaultAbstention, true},
		{"rejected ones do not count", []selfrag.Option{selfrag.WithAbstention(0.5, "No idea."),
			selfrag.WithCritic(noSupportFor("Two."))}, "No idea.", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			options := append([]selfrag.Option{always, selfrag.WithConstraints(scoring.Constraints{RejectNoSupport: true}, selfrag.FallbackStop)}, tt.options...)
			a := run(t, script(rules...), finds(hits("A", "B")...), options...)
			if a.Text != tt.text || a.Abstained != tt.abstain || (a.Stop == selfrag.StopAbstained) != tt.abstain {
				t.Errorf("%q, abstained %v, stopped by %s", a.Text, a.Abstained, a.Stop)
			}
			if tt.abstain && (len(a.Citations)+len(a.Segments) > 0 || a.Cited() != tt.text || a.String() != tt.text) {
				t.Errorf("an abstention with citations: %s", a)
			}
		})
	}
}

// Without retrieval there is nothing to abstain from.
func TestNoAbstentionWithoutRetrieval(t *testing.T) {
	m := script(on(generatortest.Words(1, "Known.")))
	if a := run(t, m, finds(hits("A")...), selfrag.WithMode(selfrag.Never), selfrag.WithAbstention(1, "")); a.Text != "Known." || a.Abstained {
		t.Errorf("%q, abstained %v", a.Text, a.Abstained)
	}
}

// declines is a generator that declines to answer without a passage.
type declines struct{ generator.Generator }

func (d declines) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		for s, err := range d.Generator.Generate(ctx, req) {
			s.Declined = s.Finish == generator.FinishEnd && len(req.Prompt.Evidence) == 0
			if !yield(s, err) {
				return
			}
		}
	}
}

// If the model declines, the engine abstains, with its own text if it has one. The
// trace says so, too.
func TestDeclinedIsAbstention(t *testing.T) {
	never := selfrag.WithMode(selfrag.Never)
	for _, tt := range []struct {
		name    string
		options []selfrag.Option
		text    string
	}{
		{"the model's words", []selfrag.Option{never}, "I cannot say."},
		{"fixed words", []selfrag.Option{never, selfrag.WithAbstention(0.5, "No idea.")}, "No idea."},
		{"nothing found", []selfrag.Option{always}, "I cannot say."},
		{"long", []selfrag.Option{never, selfrag.WithLongForm(2, 3)}, "I cannot say."},
		{"with a fallback", []selfrag.Option{never, selfrag.WithConstraints(scoring.Constraints{RejectNoSupport: true}, selfrag.FallbackBest)}, "I cannot say."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := declines{script(on(generatortest.Words(1, "I cannot say.")))}
			a := run(t, m, finds(), tt.options...)
			if a.Text != tt.text || !a.Abstained || a.Stop != selfrag.StopAbstained || len(a.Segments)+len(a.Citations) > 0 {
				t.Errorf("%q, abstained %v, stopped by %s, segments %v", a.Text, a.Abstained, a.Stop, a.Segments)
			}
			again, err := selfrag.Rescore(a.Trace)
			if err != nil || again.Text != tt.text || !again.Abstained {
				t.Errorf("scored again: %v, %v", again, err)
			}
		})
	}
	m := declines{script(on(generatortest.Segment(0.9, "One.", full, [5]float64{})))}
	if a := run(t, m, finds(hits("A")...), always); a.Abstained || a.Text != "One." {
		t.Errorf("with a passage: %q, abstained %v", a.Text, a.Abstained)
	}
}

// A later segment without a relevant passage ends the answer before it.
func TestAbstentionInLaterSegment(t *testing.T) {
	m := script(
		on(more(generatortest.Segment(0.9, "First.", full, [5]float64{}), 0, 1, 0), generatortest.Depth(0)),
		on(generatortest.Segment(0.1, "Off topic.", full, [5]float64{})),
	)
	a := run(t, m, finds(hits("A")...), always, selfrag.WithLongForm(2, 3), selfrag.WithAbstention(0.5, "No idea."))
	if a.Text != "First." || a.Abstained || a.Stop != selfrag.StopAbstained || len(a.Citations) != 1 {
		t.Errorf("%q, abstained %v, stopped by %s", a.Text, a.Abstained, a.Stop)
	}
}
