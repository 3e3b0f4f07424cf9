package sensitivity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

func run(t *testing.T, questions []sensitivity.Question, cases []sensitivity.Case, o sensitivity.Options) *sensitivity.Result {
	t.Helper()
	if o.Resamples == 0 {
		o.Resamples = 500
	}
	r, err := sensitivity.Run(context.Background(), questions, right, cases, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func canonical(t *testing.T, tr *selfrag.Trace) string {
	t.Helper()
	b, err := tr.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func identity(g reflection.Group) [][]float64 {
	m := make([][]float64, g.Size())
	for i := range m {
		m[i] = make([]float64, len(m))
		m[i][i] = 1
	}
	return m
}

// What changes nothing gives the baseline, byte for byte, and no perturbation changes its
// input.
func TestNothingChanges(t *testing.T) {
	w := &world{seed: 1, candidates: 4, accuracy: all(0.8), weights: scoring.DefaultWeights(), plainRight: 0.3, mode: selfrag.Adaptive}
	questions := w.questions(40)
	var stored []string
	for _, q := range questions {
		stored = append(stored, canonical(t, q.Trace))
	}
	none := []sensitivity.Case{}
	zero, one, same := sensitivity.Noise{}, sensitivity.Temper{}, sensitivity.Confusion{}
	for _, g := range reflection.Groups() {
		zero[g], one[g], same[g] = 0, 1, identity(g)
		none = append(none, sensitivity.Case{Perturbation: sensitivity.Noise{g: 0}}, sensitivity.Case{Perturbation: sensitivity.Confusion{g: identity(g)}})
	}
	none = append(none, sensitivity.Case{Perturbation: zero}, sensitivity.Case{Perturbation: one}, sensitivity.Case{Perturbation: same})
	for i, q := range questions {
		for _, c := range none {
			out, err := sensitivity.Apply(q.Trace, c.Perturbation, q.ID, 7)
			if err != nil || canonical(t, out) != stored[i] {
				t.Fatalf("%#v changes the trace, error %v", c.Perturbation, err)
			}
		}
	}
	cases := append(slices.Clone(none), sensitivity.NoiseCases(0.5, 1)...)
	cases = append(cases, sensitivity.DropCases()...)
	cases = append(cases, sensitivity.Case{Perturbation: sensitivity.Temper{reflection.IsUSE: 3, reflection.IsREL: 0.5}})
	r := run(t, questions, cases, sensitivity.Options{Redraws: 20})
	b := r.Baseline
	if b.Value == 0 || b.Value == 1 {
		t.Fatalf("baseline %v", b.Value)
	}
	for i := range none {
		p := r.Points[i]
		if p.Value != b.Value || p.Questions != b.Questions || p.Redraws != b.Redraws || p.RedrawError != 0 ||
			p.Change.Value != 0 || p.Change.Low != 0 || p.Change.High != 0 || p.Worst != b.Worst || p.Best != b.Best {
			t.Errorf("%#v: %+v, baseline %+v", none[i].Perturbation, p, b)
		}
	}
	for i, q := range questions {
		if canonical(t, q.Trace) != stored[i] {
			t.Errorf("the trace of %s has changed", q.ID)
		}
	}
}

// The more noise the less is right, for a group with weight. For one without, every point
// is the baseline.
func TestSlope(t *testing.T) {
	strengths := []float64{0, 0.2, 0.4, 0.6, 0.8, 1}
	const n = 150
	o := sensitivity.Options{Redraws: 50}
	w := &world{seed: 2, candidates: 3, accuracy: all(0.9), plainRight: 0.5, mode: selfrag.Adaptive,
		weights: scoring.Weights{Relevance: 1, Support: 1, Utility: 0.5}}
	with := run(t, w.questions(n), sensitivity.NoiseCases(strengths...), o)
	for _, g := range reflection.Groups() {
		t.Run(g.String(), func(t *testing.T) {
			mean, meanX, slope := 0.0, 0.5, 0.0
			points := of(with, g.String())
			if len(points) != len(strengths) {
				t.Fatalf("%d points", len(points))
			}
			for i, p := range points {
				if p.Strength != strengths[i] || p.Kind != sensitivity.KindNoise {
					t.Fatalf("point %+v", p)
				}
				mean += p.Value / float64(len(points))
			}
			for _, p := range points {
				slope += (p.Strength - meanX) * (p.Value - mean)
			}
			if slope /= 0.7; slope > -0.01 {
				t.Errorf("the slope is %.4f", slope)
			}
			if last := points[len(points)-1]; last.Change.High >= 0 {
				t.Errorf("at strength 1 the change is %+v", last.Change)
			}
			// Without weight, or a mode that asks for the decision, nothing changes.
			w := *w
			w.weights = scoring.Weights{Relevance: 1, Support: 1, Utility: 1}
			switch g {
			case reflection.Retrieve:
				w.mode = selfrag.Always
			case reflection.IsREL:
				w.weights.Relevance = 0
			case reflection.IsSUP:
				w.weights.Support = 0
			case reflection.IsUSE:
				w.weights.Utility = 0
			}
			var cases []sensitivity.Case
			for _, e := range strengths {
				cases = append(cases, sensitivity.Case{Perturbation: sensitivity.Noise{g: e}})
			}
			without := run(t, w.questions(n), cases, o)
			if len(without.Points) != len(cases) {
				t.Fatalf("%d points without weight", len(without.Points))
			}
			for _, p := range without.Points {
				if p.Value != without.Baseline.Value || p.Questions != without.Baseline.Questions || p.Redraws.Low != p.Redraws.High || p.Change.Low != 0 || p.Change.High != 0 {
					t.Errorf("without weight: %+v, baseline %+v", p, without.Baseline)
				}
			}
		})
	}
}

// of returns the points that perturb a group.
func of(r *sensitivity.Result, group string) []sensitivity.Point {
	var out []sensitivity.Point
	for _, p := range r.Points {
		if p.Group == group {
			out = append(out, p)
		}
	}
	return out
}

// At strength 1 the choice is as good as a random one: each question is drawn once, so
// that the number of right answers is binomial.
func TestFullNoiseKnowsNothing(t *testing.T) {
	n := testsize.Raced(200, 1500)
	for _, g := range []reflection.Group{reflection.IsREL, reflection.IsSUP, reflection.IsUSE} {
		for _, certain := range []bool{false, true} {
			w := &world{seed: 3, candidates: 4, accuracy: all(0.97), certain: certain}
			switch g {
			case reflection.IsREL:
				w.weights.Relevance = 1
			case reflection.IsSUP:
				w.weights.Support = 1
			default:
				w.weights.Utility = 1
			}
			r := run(t, w.questions(n), []sensitivity.Case{{Perturbation: sensitivity.Noise{g: 1}}}, sensitivity.Options{Redraws: 1, Resamples: 1})
			k := int(math.Round(r.Points[0].Value * float64(n)))
			if p := binomialTail(k, n, 0.25); p < 1e-4 {
				t.Errorf("%v, certain %v: %d of %d are right, of which chance gives a quarter: probability %.2g", g, certain, k, n, p)
			}
			if r.Baseline.Value < 0.5 {
				t.Errorf("%v: baseline %v", g, r.Baseline.Value)
			}
		}
	}
}

// What noise leaves is how sharp a distribution is. If right candidates are judged with
// certainty and wrong ones with none, the right one of three wins every second time.
func TestFullNoiseKeepsSharpness(t *testing.T) {
	n := testsize.Raced(200, 1500)
	w := &world{seed: 4, candidates: 3, accuracy: all(1), weights: scoring.Weights{Relevance: 1}}
	questions := w.questions(n)
	for _, q := range questions {
		for i := range q.Trace.Expansions[0].Candidates {
			c := &q.Trace.Expansions[0].Candidates[i]
			p := 0.5
			if c.Text == rightText {
				p = 1
			}
			c.Critique.IsREL = judged(reflection.NewDistribution(reflection.IsREL, 1-p, p))
		}
	}
	r := run(t, questions, []sensitivity.Case{{Perturbation: sensitivity.Noise{reflection.IsREL: 1}}}, sensitivity.Options{Redraws: 1, Resamples: 1})
	k := int(math.Round(r.Points[0].Value * float64(n)))
	if p := binomialTail(k, n, 0.5); p < 1e-4 {
		t.Errorf("%d of %d are right: want half", k, n)
	}
}

// In a small world all permutations can be listed. The redraws have their mean, and
// swapping the truth of the candidates swaps nothing else.
func TestFullNoiseEnumerated(t *testing.T) {
	w := &world{seed: 5, candidates: 2, accuracy: all(1), weights: scoring.Weights{Support: 1}}
	q := w.questions(1)[0]
	var orders [][3]int
	for a := range 3 {
		for b := range 3 {
			if a != b {
				orders = append(orders, [3]int{a, b, 3 - a - b})
			}
		}
	}
	wins := map[int]int{}
	for _, x := range orders {
		for _, y := range orders {
			tr := *q.Trace
			e := *tr.Expansions[0]
			e.Candidates = slices.Clone(e.Candidates)
			tr.Expansions = []*selfrag.Expansion{&e}
			for i, o := range [][3]int{x, y} {
				d := &e.Candidates[i].Critique.IsSUP.Dist
				old := d.Probs
				for k := range o {
					d.Probs[k] = old[o[k]]
				}
			}
			a, err := selfrag.Rescore(&tr)
			if err != nil {
				t.Fatal(err)
			}
			wins[a.Trace.Path[0]]++
		}
	}
	if wins[1]+wins[2] != 36 {
		t.Fatalf("wins %v", wins)
	}
	for _, node := range []int{1, 2} {
		first := func(_ *sensitivity.Question, a *selfrag.Answer) float64 {
			if a.Citations[0].Passage.ID == q.Trace.Expansions[0].Passages[node-1].Passage.ID {
				return 1
			}
			return 0
		}
		const n = 4000
		r, err := sensitivity.Run(context.Background(), []sensitivity.Question{q}, first, []sensitivity.Case{{Perturbation: sensitivity.Noise{reflection.IsSUP: 1}}}, sensitivity.Options{Redraws: n, Resamples: 1})
		if err != nil {
			t.Fatal(err)
		}
		k, p := int(math.Round(r.Points[0].Value*n)), float64(wins[node])/36
		if tail := binomialTail(k, n, p); tail < 1e-4 {
			t.Errorf("candidate %d wins %d of %d times, enumerated %.4f: probability %.2g", node, k, n, p, tail)
		}
	}
}

// A judgment that says nothing but has weight is worse than none.
func TestNoiseIsWorseThanDropping(t *testing.T) {
	a := all(0.95)
	a[reflection.IsREL] = 0.6
	w := &world{seed: 6, candidates: 4, accuracy: a, weights: scoring.Weights{Relevance: 3, Support: 1}}
	r := run(t, w.questions(300), []sensitivity.Case{
		{"noise", sensitivity.Noise{reflection.IsREL: 1}},
		{"drop", sensitivity.Drop{reflection.IsREL}},
	}, sensitivity.Options{})
	noise, drop := r.Points[0], r.Points[1]
	if noise.Joint.High >= drop.Joint.Low {
		t.Errorf("noise %+v, dropped %+v", noise, drop)
	}
	if drop.Group != "IsREL" || drop.Strength != 0 || drop.Kind != sensitivity.KindDrop || drop.Name != "drop" || drop.Redraws.Low != drop.Redraws.High {
		t.Errorf("dropped %+v", drop)
	}
}

// The share of labels that stay is 1-ε+ε/n, and that of a matrix its diagonal.
func TestAgreement(t *testing.T) {
	w := &world{seed: 7, candidates: 5, accuracy: all(0.7)}
	questions := w.questions(400)
	rows := [][]float64{{0.5, 0.25, 0.25}, {0, 1, 0}, {0.1, 0.2, 0.7}}
	for _, g := range reflection.Groups() {
		for _, accuracy := range []float64{1, 0.8, 1 / float64(g.Size())} {
			e, err := sensitivity.NoiseStrength(accuracy, g.Size())
			if err != nil {
				t.Fatal(err)
			}
			if got := 1 - e + e/float64(g.Size()); math.Abs(got-accuracy) > 1e-12 {
				t.Errorf("%v: strength %v leaves %v, want %v", g, e, got, accuracy)
			}
			same, n, _ := agreement(t, questions, g, sensitivity.Noise{g: e})
			if accuracy == 1 && same != n || accuracy < 1 && binomialTail(same, n, accuracy) < 1e-4 {
				t.Errorf("%v at accuracy %v: %d of %d labels stay", g, accuracy, same, n)
			}
		}
	}
	_, _, counts := agreement(t, questions, reflection.IsSUP, sensitivity.Confusion{reflection.IsSUP: rows})
	for i, row := range rows {
		n := counts[i][0] + counts[i][1] + counts[i][2]
		for j, p := range row {
			switch c := counts[i][j]; {
			case n == 0, p > 0 && p < 1 && binomialTail(c, n, p) > 1e-4, p == 0 && c == 0, p == 1 && c == n:
			default:
				t.Errorf("label %d became %d %d times of %d, want a share of %v", i, j, c, n, p)
			}
		}
	}
}

// agreement counts the labels that a perturbation leaves, and all by old and new label.
func agreement(t *testing.T, questions []sensitivity.Question, g reflection.Group, p sensitivity.Perturbation) (same, n int, counts [5][5]int) {
	t.Helper()
	get := func(e *selfrag.Expansion, i int) (reflection.Distribution, reflection.Token) {
		c := &e.Candidates[i].Critique
		j := map[reflection.Group]reflection.Judgment{reflection.IsREL: c.IsREL, reflection.IsSUP: c.IsSUP, reflection.IsUSE: c.IsUSE}[g]
		return j.Dist, j.Token
	}
	for _, q := range questions {
		out, err := sensitivity.Apply(q.Trace, p, q.ID, 3)
		if err != nil {
			t.Fatal(err)
		}
		before, after := q.Trace.Expansions[0], out.Expansions[0]
		m := len(before.Candidates)
		if g == reflection.Retrieve {
			m = 1
		}
		for i := range m {
			x, y := before.Decision.Dist, after.Decision.Dist
			tx, ty := before.Decision.Token, after.Decision.Token
			if g != reflection.Retrieve {
				x, tx = get(before, i)
				y, ty = get(after, i)
			}
			if x.Group != g {
				continue
			}
			a, b := slices.Index(g.Tokens(), tx), slices.Index(g.Tokens(), ty)
			counts[a][b]++
			n++
			if a == b {
				same++
			}
			// The label goes with its probability, and the distribution stays as sharp.
			if x.Probs[a] != y.Probs[b] {
				t.Fatalf("%v: the label %v has %v, before %v had %v", g, ty, y.Probs[b], tx, x.Probs[a])
			}
			if !reflect.DeepEqual(sorted(x), sorted(y)) {
				t.Fatalf("%v: %v became %v", g, x, y)
			}
		}
	}
	return same, n, counts
}

func sorted(d reflection.Distribution) []float64 {
	var out []float64
	for _, p := range d.Probs[:d.Group.Size()] {
		out = append(out, p.Log)
	}
	slices.Sort(out)
	return out
}

// What is drawn at one strength is drawn at every greater one, and depends on seed, id,
// node and group.
func TestDraws(t *testing.T) {
	w := &world{seed: 8, candidates: 5, accuracy: all(0.7)}
	q := w.questions(1)[0]
	apply := func(id string, seed uint64, e float64) *selfrag.Trace {
		n := sensitivity.Noise{}
		for _, g := range reflection.Groups() {
			n[g] = e
		}
		out, err := sensitivity.Apply(q.Trace, n, id, seed)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	full := apply("q", 1, 1)
	if canonical(t, full) != canonical(t, apply("q", 1, 1)) {
		t.Error("two equal calls differ")
	}
	for name, other := range map[string]*selfrag.Trace{"id": apply("r", 1, 1), "seed": apply("q", 2, 1)} {
		if canonical(t, full) == canonical(t, other) {
			t.Errorf("the draws do not depend on the %s", name)
		}
	}
	half := apply("q", 1, 0.5)
	stored, kept, replaced := q.Trace.Expansions[0].Candidates, 0, 0
	for i := range stored {
		x, h, f := stored[i].Critique.IsUSE.Dist, half.Expansions[0].Candidates[i].Critique.IsUSE.Dist, full.Expansions[0].Candidates[i].Critique.IsUSE.Dist
		switch h {
		case x:
			kept++
		case f:
			replaced++
		default:
			t.Errorf("candidate %d: %v, at strength 0 %v and at 1 %v", i, h, x, f)
		}
	}
	if kept == 0 || replaced == 0 {
		t.Errorf("%d kept, %d replaced", kept, replaced)
	}
}

func TestTemper(t *testing.T) {
	w := &world{seed: 9, candidates: 1, accuracy: all(1)}
	q := w.questions(1)[0]
	d := &q.Trace.Expansions[0].Candidates[0].Critique.IsSUP.Dist
	*d = reflection.NewDistribution(reflection.IsSUP, 0.64, 0.04, 0.16) // 0.16 elsewhere
	get := func(temperature float64) reflection.Distribution {
		out, err := sensitivity.Apply(q.Trace, sensitivity.Temper{reflection.IsSUP: temperature}, q.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		return out.Expansions[0].Candidates[0].Critique.IsSUP.Dist
	}
	for temperature, want := range map[float64][3]float64{
		2:   {0.8 / 1.4, 0.2 / 1.4, 0.4 / 1.4},
		0.5: {0.4096 / 0.4368, 0.0016 / 0.4368, 0.0256 / 0.4368},
	} {
		got := get(temperature)
		for i, p := range want {
			if v, exact := got.Probs[i].Value(); !exact || math.Abs(v-p) > 1e-12 {
				t.Errorf("T %v: %v, want %v", temperature, got.Probs, want)
			}
		}
	}
	// A bound and an unknown member bound the score as before, on the new scale.
	*d = reflection.Distribution{Group: reflection.IsSUP}
	d.Probs[0], d.Probs[1] = reflection.ExactValue(0.64), reflection.AtMostLog(math.Log(0.04))
	got := get(2)
	ratio := func(i int) float64 { return math.Exp(got.Probs[i].Log - got.Probs[0].Log) }
	if got.Probs[0].Known != reflection.Exact || got.Probs[1].Known != reflection.Bounded || got.Probs[2].Known != reflection.Bounded ||
		math.Abs(ratio(1)-0.25) > 1e-12 || math.Abs(ratio(2)-0.75) > 1e-12 {
		t.Errorf("%v", got.Probs)
	}
	*d = reflection.OneHot(reflection.PartiallySupported)
	if got := get(5); got != *d {
		t.Errorf("a hard label became %v", got.Probs)
	}
}

// Drop leaves out the weight and every rule about the group.
func TestDrop(t *testing.T) {
	w := &world{seed: 10, candidates: 2, accuracy: all(1), weights: scoring.DefaultWeights(), mode: selfrag.Adaptive}
	q := w.questions(1)[0]
	s := &q.Trace.Settings
	s.Constraints = scoring.Constraints{RejectIrrelevant: true, RejectNoSupport: true, MaxNoSupport: 0.5}
	s.Abstention = &selfrag.AbstentionTrace{Below: 0.5, Text: "No idea."}
	for _, c := range []struct {
		drop sensitivity.Drop
		want func(s *selfrag.SettingsTrace)
	}{
		{sensitivity.Drop{reflection.Retrieve}, func(s *selfrag.SettingsTrace) { s.Mode = selfrag.Always }},
		{sensitivity.Drop{reflection.IsREL}, func(s *selfrag.SettingsTrace) {
			s.Scoring.Weights.Relevance, s.Constraints.RejectIrrelevant, s.Abstention = 0, false, nil
		}},
		{sensitivity.Drop{reflection.IsUSE, reflection.IsSUP}, func(s *selfrag.SettingsTrace) {
			s.Scoring.Weights.Support, s.Scoring.Weights.Utility = 0, 0
			s.Constraints.RejectNoSupport, s.Constraints.MaxNoSupport = false, 0
		}},
	} {
		want := *s
		c.want(&want)
		out, err := sensitivity.Apply(q.Trace, c.drop, q.ID, 0)
		if err != nil || !reflect.DeepEqual(out.Settings, want) {
			t.Errorf("%v: %+v, error %v", c.drop, out.Settings, err)
		}
	}
	if s.Abstention == nil || !s.Constraints.RejectIrrelevant || s.Mode != selfrag.Adaptive {
		t.Error("the trace has changed")
	}
	if n := len(sensitivity.DropCases()); n != 10 {
		t.Errorf("%d cases: want 4 groups and 6 pairs", n)
	}
}

// A result does not depend on the concurrency.
func TestConcurrency(t *testing.T) {
	w := &world{seed: 11, candidates: 4, accuracy: all(0.8), weights: scoring.DefaultWeights(), plainRight: 0.3, mode: selfrag.Adaptive}
	questions := append(w.questions(61), longQuestions(t, 20)...)
	for i := range questions {
		questions[i].ID += string(rune('a' + i%2))
	}
	cases := append(sensitivity.NoiseCases(0.3), sensitivity.DropCases()...)
	text := func(n int) string {
		calls, last := 0, 0
		r := run(t, questions, cases, sensitivity.Options{Redraws: 30, Concurrency: n, Progress: func(done, total int) {
			if calls++; done <= last || total != len(questions)*len(cases) {
				t.Errorf("progress %d of %d after %d", done, total, last)
			}
			last = done
		}})
		if last != len(questions)*len(cases) {
			t.Errorf("progress ended at %d", last)
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	one := text(1)
	for _, n := range []int{2, 7} {
		if text(n) != one {
			t.Errorf("another result with concurrency %d", n)
		}
	}
	for _, key := range []string{`"kind":"noise"`, `"group":"Retrieve+IsREL"`, `"question_interval"`, `"redraw_interval"`, `"joint_interval"`, `"diverged"`, `"worst"`, `"best"`, `"strength":0.3`} {
		if !strings.Contains(one, key) {
			t.Errorf("the JSON has no %s", key)
		}
	}
}

// Questions of one group are drawn together: their interval is wider, and the joint band
// holds what either error does.
func TestBands(t *testing.T) {
	w := &world{seed: 12, candidates: 3, accuracy: all(0.8), weights: scoring.DefaultWeights()}
	alone, together := w.questions(200), w.questions(200)
	for i := range alone {
		alone[i].Group = ""
	}
	// Groups of ten in which all are right or wrong alike.
	slices.SortStableFunc(together, func(a, b sensitivity.Question) int { return int(value(t, a) - value(t, b)) })
	for i := range together {
		together[i].Group = string(rune('a' + i/10))
	}
	cases := []sensitivity.Case{{Perturbation: sensitivity.Noise{reflection.IsREL: 0.2}}}
	a, b := run(t, alone, cases, sensitivity.Options{}), run(t, together, cases, sensitivity.Options{})
	if a.Groups != 200 || b.Groups != 20 {
		t.Errorf("%d and %d groups", a.Groups, b.Groups)
	}
	p, q := a.Points[0], b.Points[0]
	width := func(low, high float64) float64 { return high - low }
	if math.Abs(p.Value-q.Value) > 1e-9 || width(q.Questions.Low, q.Questions.High) < 1.5*width(p.Questions.Low, p.Questions.High) {
		t.Errorf("alone %+v, together %+v", p.Questions, q.Questions)
	}
	if width(p.Redraws.Low, p.Redraws.High) == 0 || p.RedrawError == 0 || p.RedrawError > width(p.Redraws.Low, p.Redraws.High)/10 {
		t.Errorf("over redraws %+v, standard error %v", p.Redraws, p.RedrawError)
	}
	for _, x := range []sensitivity.Point{p, q} {
		if width(x.Joint.Low, x.Joint.High) < width(x.Questions.Low, x.Questions.High) || width(x.Joint.Low, x.Joint.High) < width(x.Redraws.Low, x.Redraws.High) {
			t.Errorf("joint %+v, over questions %+v, over redraws %+v", x.Joint, x.Questions, x.Redraws)
		}
	}
}

func value(t *testing.T, q sensitivity.Question) float64 {
	a, err := selfrag.Rescore(q.Trace)
	if err != nil {
		t.Fatal(err)
	}
	return right(&q, a)
}

func TestPublishedCases(t *testing.T) {
	list := critics.PaperCritics()
	cases, err := sensitivity.PublishedCases(list[1])
	if err != nil || len(cases) != 5 {
		t.Fatalf("%v, error %v", cases, err)
	}
	all := cases[4].Perturbation.(sensitivity.Noise)
	if len(all) != 4 || math.Abs(all[reflection.IsREL]-0.36) > 1e-12 || math.Abs(all[reflection.IsUSE]-0.279/0.8) > 1e-12 || cases[4].Name != "FLAN-3B" {
		t.Errorf("%v", cases[4])
	}
	var wrong *sensitivity.InputError
	for _, p := range []critics.Published{{Critic: "none"}, {Accuracy: map[reflection.Group]float64{reflection.IsREL: 0.4}}, {Accuracy: map[reflection.Group]float64{reflection.NoGroup: 0.4}}} {
		if _, err := sensitivity.PublishedCases(p); !errors.As(err, &wrong) {
			t.Errorf("%+v: error %v", p, err)
		}
	}
	for _, x := range []struct {
		a float64
		n int
	}{{0.4, 2}, {1.1, 3}, {math.NaN(), 3}, {1, 1}} {
		if _, err := sensitivity.NoiseStrength(x.a, x.n); !errors.As(err, &wrong) {
			t.Errorf("%+v: error %v", x, err)
		}
	}
}

func TestBadInput(t *testing.T) {
	w := &world{seed: 13, candidates: 2, accuracy: all(0.8), weights: scoring.DefaultWeights()}
	q := w.questions(2)
	fine := sensitivity.Noise{reflection.IsREL: 0.5}
	thin := *q[0].Trace
	thin.Settings.Full = false
	broken := *q[0].Trace
	broken.Settings.Mode = "odd"
	half := identity(reflection.IsREL)
	half[1][1] = 0.5
	negative := identity(reflection.IsREL)
	negative[0] = []float64{1.5, -0.5}
	for _, c := range []struct {
		want string
		q    []sensitivity.Question
		p    sensitivity.Perturbation
		o    sensitivity.Options
	}{
		{"Noise[IsREL]: is 1.5", q, sensitivity.Noise{reflection.IsREL: 1.5}, sensitivity.Options{}},
		{"Noise[IsREL]: is NaN", q, sensitivity.Noise{reflection.IsREL: math.NaN()}, sensitivity.Options{}},
		{"Noise: has no group", q, sensitivity.Noise{}, sensitivity.Options{}},
		{"Noise: group 0", q, sensitivity.Noise{reflection.NoGroup: 0.5}, sensitivity.Options{}},
		{"Temper[IsSUP]: is 0", q, sensitivity.Temper{reflection.IsSUP: 0}, sensitivity.Options{}},
		{"Temper[IsSUP]: is +Inf", q, sensitivity.Temper{reflection.IsSUP: math.Inf(1)}, sensitivity.Options{}},
		{"row 1 sums to 0.5", q, sensitivity.Confusion{reflection.IsREL: half}, sensitivity.Options{}},
		{"row 0, column 0 is 1.5", q, sensitivity.Confusion{reflection.IsREL: negative}, sensitivity.Options{}},
		{"has 2 rows: want 3", q, sensitivity.Confusion{reflection.IsSUP: half}, sensitivity.Options{}},
		{"row 0 has 1 columns", q, sensitivity.Confusion{reflection.IsREL: {{1}, {1}}}, sensitivity.Options{}},
		{"Confusion: has no group", q, sensitivity.Confusion{}, sensitivity.Options{}},
		{"Drop: has no group", q, sensitivity.Drop{}, sensitivity.Options{}},
		{"names IsREL twice", q, sensitivity.Drop{reflection.IsREL, reflection.IsREL}, sensitivity.Options{}},
		{"Perturbation: is nil", q, nil, sensitivity.Options{}},
		{"there are none", nil, fine, sensitivity.Options{}},
		{"comes twice", []sensitivity.Question{q[0], q[0]}, fine, sensitivity.Options{}},
		{"has no ID", []sensitivity.Question{{Trace: q[0].Trace}}, fine, sensitivity.Options{}},
		{"has no trace", []sensitivity.Question{{ID: "a"}}, fine, sensitivity.Options{}},
		{"not full", []sensitivity.Question{{ID: "a", Trace: &thin}}, fine, sensitivity.Options{}},
		{"Options.Redraws", q, fine, sensitivity.Options{Redraws: -1}},
		{"Options.Level", q, fine, sensitivity.Options{Level: 1}},
		{"Options.Resamples", q, fine, sensitivity.Options{Resamples: -1}},
		{"Options.Low and High", q, fine, sensitivity.Options{Low: 2, High: 1}},
		{"Options.Concurrency", q, fine, sensitivity.Options{Concurrency: -1}},
		{"metric: is 1 for", q, fine, sensitivity.Options{Low: -2, High: 0.5}},
	} {
		r, err := sensitivity.Run(context.Background(), c.q, func(*sensitivity.Question, *selfrag.Answer) float64 { return 1 }, []sensitivity.Case{{Perturbation: c.p}}, c.o)
		var wrong *sensitivity.InputError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) || r != nil {
			t.Errorf("want %q: error %v", c.want, err)
		}
	}
	if _, err := sensitivity.Run(context.Background(), q, nil, nil, sensitivity.Options{}); err == nil {
		t.Error("no metric, no error")
	}
	// Errors of Rescore come as they are, with the id.
	_, err := sensitivity.Run(context.Background(), []sensitivity.Question{{ID: "a", Trace: &broken}}, right, nil, sensitivity.Options{})
	if option := (*selfrag.OptionError)(nil); !errors.As(err, &option) || !strings.Contains(err.Error(), `question "a"`) {
		t.Errorf("error %v", err)
	}
	if _, err := sensitivity.Apply(nil, fine, "a", 0); err == nil {
		t.Error("no trace, no error")
	}
	if _, err := sensitivity.Apply(q[0].Trace, sensitivity.Noise{reflection.IsREL: -1}, "a", 0); err == nil {
		t.Error("a negative strength, no error")
	}
}

// A run ends when its context does.
func TestCancel(t *testing.T) {
	w := &world{seed: 14, candidates: 2, accuracy: all(0.8), weights: scoring.DefaultWeights()}
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	_, err := sensitivity.Run(ctx, w.questions(100), right, sensitivity.NoiseCases(0.5), sensitivity.Options{Concurrency: 1, Progress: func(int, int) { calls++; cancel() }})
	if !errors.Is(err, context.Canceled) || calls > 2 {
		t.Errorf("error %v after %d calls", err, calls)
	}
}

// Diverged draws are neither lost nor right: the value lies between both.
func TestDiverged(t *testing.T) {
	questions := longQuestions(t, 30)
	good := func(_ *sensitivity.Question, a *selfrag.Answer) float64 { return float64(len(a.Text) % 2) }
	r, err := sensitivity.Run(context.Background(), questions, good, sensitivity.NoiseCases(0, 0.1, 1), sensitivity.Options{Redraws: 40, Resamples: 300})
	if err != nil {
		t.Fatal(err)
	}
	if r.Baseline.Diverged != 0 {
		t.Errorf("baseline %+v", r.Baseline)
	}
	points := of(r, "Retrieve+IsREL+IsSUP+IsUSE")
	if points[0].Diverged != 0 || points[0].Value != r.Baseline.Value || points[1].Diverged <= 0 || points[2].Diverged <= points[1].Diverged {
		t.Errorf("%+v", points)
	}
	for _, p := range r.Points {
		if math.Abs(p.Best-p.Worst-p.Diverged) > 1e-9 || math.Abs(p.Value-(p.Best+p.Worst)/2) > 1e-9 {
			t.Errorf("worst %v, best %v, diverged %v", p.Worst, p.Best, p.Diverged)
		}
		if p.Questions.Low > p.Worst || p.Questions.High < p.Best || p.Joint.Low > p.Worst || p.Joint.High < p.Best {
			t.Errorf("%+v", p)
		}
	}
	// The range is that of the metric.
	twice := func(q *sensitivity.Question, a *selfrag.Answer) float64 { return 2*good(q, a) - 3 }
	r2, err := sensitivity.Run(context.Background(), questions, twice, sensitivity.NoiseCases(1), sensitivity.Options{Redraws: 40, Resamples: 1, Low: -3, High: -1})
	if err != nil {
		t.Fatal(err)
	}
	last := of(r2, "Retrieve+IsREL+IsSUP+IsUSE")[0]
	if math.Abs(last.Worst-(2*points[2].Worst-3)) > 1e-9 || math.Abs(last.Best-(2*points[2].Best-3)) > 1e-9 {
		t.Errorf("%+v, with 0 and 1 %+v", last, points[2])
	}
}

func TestMutualInformation(t *testing.T) {
	w := &world{seed: 15, candidates: 4, accuracy: all(1), weights: scoring.DefaultWeights()}
	known := w.questions(100)
	w.accuracy = all(0.5)
	unknown := w.questions(100)
	same, err := sensitivity.MutualInformation(known, 99, 1)
	if err != nil {
		t.Fatal(err)
	}
	chance, err := sensitivity.MutualInformation(unknown, 99, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := sensitivity.MutualInformation(unknown, 99, 1)
	if !reflect.DeepEqual(chance, again) || len(same) != 6 {
		t.Errorf("%+v, again %+v", chance, again)
	}
	for i, x := range same {
		if x.A == reflection.Retrieve {
			// It is the same for all questions.
			if x.Bits != 0 || x.P != 1 {
				t.Errorf("a decision that is always the same: %+v", x)
			}
			continue
		}
		// One of four candidates is right, of five with the plain one; two groups that both
		// say which tell the entropy of that.
		want := -0.25*math.Log2(0.25) - 0.75*math.Log2(0.75)
		if x.Candidates != 400 || math.Abs(x.Bits-want) > 1e-9 || x.P > 0.011 || x.Chance > 0.02 {
			t.Errorf("%+v, want %v bits", x, want)
		}
		if c := chance[i]; c.P < 0.011 || c.Bits > 0.05 {
			t.Errorf("independent groups: %+v", c)
		}
	}
	if _, err := sensitivity.MutualInformation(known, 0, 1); err == nil {
		t.Error("no shuffles, no error")
	}
	if _, err := sensitivity.MutualInformation(nil, 1, 1); err == nil {
		t.Error("no questions, no error")
	}
	// Without judgments there is nothing to measure.
	bare := w.questions(1)
	bare[0].Trace.Expansions[0].Candidates = nil
	if got, err := sensitivity.MutualInformation(bare, 5, 1); err != nil || got[0].Candidates != 0 || got[0].Bits != 0 || got[0].P != 1 {
		t.Errorf("%+v, error %v", got, err)
	}
}

// longQuestions are questions with long answers of a small random model.
func longQuestions(t *testing.T, n int) []sensitivity.Question {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]sensitivity.Question, n)
	for i := range out {
		out[i] = sensitivity.Question{ID: fmt.Sprint("long ", i), Trace: randomTrace(t, r.Uint64(), selfrag.WithLongForm(2, 3))}
	}
	return out
}
