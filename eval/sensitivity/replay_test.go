package sensitivity_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

func shelf(names ...string) retriever.Retriever {
	return retriever.Func(func(_ context.Context, q retriever.Query) (retriever.Result, error) {
		r := retriever.Result{Scores: retriever.RankOnly}
		for _, n := range names {
			r.Hits = append(r.Hits, retriever.Hit{Passage: retriever.Passage{ID: n, Title: n, Text: "Text of " + n + "."}})
		}
		return r, q.Check()
	})
}

func randomTrace(t testing.TB, seed uint64, options ...selfrag.Option) *selfrag.Trace {
	t.Helper()
	m := &generatortest.Random{Seed: seed, MaxWords: 2, MaxSegments: 4}
	e, err := selfrag.New(m, shelf("A", "B", "C"), append(options, selfrag.WithTrace(selfrag.TraceFull))...)
	if err != nil {
		t.Fatal(err)
	}
	a, err := e.Answer(context.Background(), "q")
	if err != nil {
		t.Fatal(err)
	}
	return a.Trace
}

// The formulas of the reference, written down again. Probabilities of tokens, and 0 for a
// group that was not generated.

func p(d reflection.Distribution, i int) float64 { v, _ := d.Probs[i].Value(); return v }

func sRel(j reflection.Judgment) float64 {
	if j.Status != reflection.StatusJudged {
		return 0
	}
	return p(j.Dist, 1) / (p(j.Dist, 1) + p(j.Dist, 0))
}

func sSup(j reflection.Judgment) float64 {
	if j.Status != reflection.StatusJudged {
		return 0
	}
	s := p(j.Dist, 0) + p(j.Dist, 1) + p(j.Dist, 2)
	return p(j.Dist, 0)/s + 0.5*p(j.Dist, 1)/s
}

func sUse(j reflection.Judgment) float64 {
	if j.Status != reflection.StatusJudged {
		return 0
	}
	s, sum := 0.0, 0.0
	for i, w := range []float64{-1, -0.5, 0, 0.5, 1} {
		s += p(j.Dist, i)
		sum += w * p(j.Dist, i)
	}
	return sum / s
}

func step(c *selfrag.Candidate, w scoring.Weights) float64 {
	q := math.Exp(c.LogProb.Log / math.Max(float64(c.Counted), 1))
	return w.Sequence*q + w.Relevance*sRel(c.Critique.IsREL) + w.Support*sSup(c.Critique.IsSUP) + w.Utility*sUse(c.Critique.IsUSE)
}

// replayShort decides and chooses as the short form of the reference does.
func replayShort(tr *selfrag.Trace) (node int, score float64) {
	e := tr.Expansions[0]
	d := e.Decision.Dist
	branch := scoring.ChooseNoRetrieval
	if p(d, 1)/(p(d, 1)+p(d, 0)) > tr.Settings.Threshold {
		branch = scoring.ChooseRetrieval
	}
	score = math.Inf(-1)
	for i := range e.Candidates {
		c := &e.Candidates[i]
		if c.Branch != branch || c.Text == "" {
			continue
		}
		if s := step(c, tr.Settings.Scoring.Weights); s > score {
			node, score = c.Node, s
		}
	}
	return node, score
}

func perturbations(r *rand.Rand) []sensitivity.Perturbation {
	noise, temper := sensitivity.Noise{}, sensitivity.Temper{}
	for _, g := range reflection.Groups() {
		noise[g], temper[g] = r.Float64(), 0.3+2*r.Float64()
	}
	return []sensitivity.Perturbation{
		sensitivity.Noise{reflection.IsREL: 0}, noise, temper,
		sensitivity.Confusion{reflection.IsSUP: {{0.2, 0.3, 0.5}, {0, 0.5, 0.5}, {1, 0, 0}}},
		sensitivity.Drop{reflection.IsREL, reflection.IsUSE},
	}
}

// Re-scoring a perturbed trace gives the numbers of the reference.
func TestReplayShort(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	nodes := map[int]bool{}
	for seed := range uint64(60) {
		tr := randomTrace(t, seed, selfrag.WithSequence(scoring.SequenceGeometric, generator.CountAll))
		for _, x := range perturbations(r) {
			changed, err := sensitivity.Apply(tr, x, fmt.Sprint(seed), 1)
			if err != nil {
				t.Fatal(err)
			}
			a, err := selfrag.Rescore(changed)
			if err != nil {
				t.Fatal(err)
			}
			node, score := replayShort(changed)
			if len(a.Trace.Path) == 0 { // no candidate has text
				if node != 0 {
					t.Errorf("%#v: no answer, by the reference node %d", x, node)
				}
				continue
			}
			if a.Trace.Path[0] != node || math.Abs(a.Score-score) > 1e-9 {
				t.Errorf("%#v: node %d scores %v, by the reference node %d and %v", x, a.Trace.Path[0], a.Score, node, score)
			}
			nodes[node] = true
		}
	}
	if len(nodes) < 3 {
		t.Errorf("only nodes %v won", nodes)
	}
}

// The step scores of the long form are multiplied along a path: IsREL plus IsSUP, without
// sequence and utility.
func TestReplayLong(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	deep := 0
	for seed := range uint64(40) {
		tr := randomTrace(t, seed, selfrag.WithLongForm(2, 3), selfrag.WithPathScore(scoring.PathProduct),
			selfrag.WithWeights(scoring.Weights{Relevance: 1, Support: 1}), selfrag.WithSequence(scoring.SequenceNone, generator.CountAll))
		for _, x := range perturbations(r) {
			changed, err := sensitivity.Apply(tr, x, fmt.Sprint(seed), 1)
			if err != nil {
				t.Fatal(err)
			}
			a, err := selfrag.Rescore(changed)
			if a == nil {
				t.Fatal(err)
			}
			// Where it diverges, up to there.
			end := math.MaxInt
			if d := (*selfrag.Diverged)(nil); errors.As(err, &d) {
				end = d.Segment
			}
			scores := map[int]float64{0: 1}
			for _, e := range a.Trace.Expansions {
				if e.Segment >= end {
					break
				}
				for i := range e.Candidates {
					c := &e.Candidates[i]
					want := scores[e.Parent] * step(c, a.Trace.Settings.Scoring.Weights)
					scores[c.Node] = want
					if math.Abs(c.PathScore-want) > 1e-9 {
						t.Errorf("%#v: node %d has %v, by the reference %v", x, c.Node, c.PathScore, want)
					}
				}
				if e.Segment > 1 {
					deep++
				}
			}
			if err == nil && len(a.Trace.Path) > 0 && math.Abs(a.Score-scores[a.Trace.Path[len(a.Trace.Path)-1]]) > 1e-9 {
				t.Errorf("the answer has %v", a.Score)
			}
		}
	}
	if deep == 0 {
		t.Error("no second segment")
	}
}

// The vector of the reference: one candidate with these log-probabilities scores
// 2.940167609, and the beam search over three passages finds the path 1, 4 with 2.89.
func TestReplayVectors(t *testing.T) {
	dist := func(g reflection.Group, logs ...float64) reflection.Judgment {
		d := reflection.Distribution{Group: g}
		for i, l := range logs {
			d.Probs[i] = reflection.ExactLog(l)
		}
		return reflection.Judged(d, reflection.None, reflection.ExactIDs)
	}
	w := &world{seed: 1, candidates: 2, accuracy: all(1), weights: scoring.DefaultWeights()}
	tr := w.questions(1)[0].Trace
	tr.Settings.Scoring.Sequence = scoring.SequenceGeometric
	c := &tr.Expansions[0].Candidates[1]
	c.LogProb, c.Counted = reflection.ExactLog(-3.2), 8
	c.Critique = reflection.Critique{
		IsREL: dist(reflection.IsREL, -3.2, -0.05),
		IsSUP: dist(reflection.IsSUP, -0.3, -1.5, -4),
		IsUSE: dist(reflection.IsUSE, -6, -5, -3.5, -2, -0.2),
	}
	other := &tr.Expansions[0].Candidates[0]
	other.Critique = reflection.Critique{IsREL: dist(reflection.IsREL, 0, -9), IsSUP: dist(reflection.IsSUP, -9, -9, 0), IsUSE: dist(reflection.IsUSE, 0, -9, -9, -9, -9)}
	for _, x := range []struct {
		p    sensitivity.Perturbation
		want float64
	}{
		{sensitivity.Noise{reflection.IsREL: 0}, 2.940167609},
		{sensitivity.Drop{reflection.IsUSE}, 2.497002893},
		{sensitivity.Drop{reflection.IsSUP}, 2.072393484},
	} {
		changed, err := sensitivity.Apply(tr, x.p, "q", 0)
		if err != nil {
			t.Fatal(err)
		}
		a, err := selfrag.Rescore(changed)
		if err != nil || a.Trace.Path[0] != 2 || math.Abs(a.Score-x.want) > 1e-9 {
			t.Errorf("%#v: %v, error %v, want %v", x.p, a.Score, err, x.want)
		}
	}

	long := &selfrag.Trace{Version: 1, Question: "q", Settings: tr.Settings, Path: []int{}}
	long.Settings.Long, long.Settings.Width, long.Settings.Depth = true, 2, 2
	long.Settings.PathScore, long.Settings.Scoring.Sequence = scoring.PathProduct, scoring.SequenceNone
	long.Settings.Scoring.Weights = scoring.Weights{Relevance: 1, Support: 1}
	for i, parent := range []int{0, 1, 2} {
		e := *tr.Expansions[0]
		e.Segment, e.Parent, e.Candidates, e.Passages = min(i+1, 2), parent, nil, nil
		for k, rel := range []float64{0.9, 0.8, 0.3} {
			id := string(rune('A' + k))
			e.Passages = append(e.Passages, retriever.Hit{Passage: retriever.Passage{ID: id, Text: id}})
			c := selfrag.Candidate{Node: 3*i + k + 1, Branch: scoring.ChooseRetrieval, Passage: k, Text: id, Finish: generator.FinishStop}
			c.Critique.IsREL = judged(reflection.NewDistribution(reflection.IsREL, 1-rel, rel))
			c.Critique.IsSUP = judged(reflection.NewDistribution(reflection.IsSUP, 0.7, 0.2, 0.1))
			e.Candidates = append(e.Candidates, c)
		}
		long.Expansions = append(long.Expansions, &e)
	}
	a, err := selfrag.Rescore(long)
	if err != nil || math.Abs(a.Score-2.89) > 1e-9 || fmt.Sprint(a.Trace.Path) != "[1 4]" {
		t.Errorf("path %v, score %v, error %v", a.Trace.Path, a.Score, err)
	}
}
