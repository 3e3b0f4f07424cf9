package sensitivity_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// world is a source of traces with known truth: every question has some candidates, one
// of them right, and each group names the right one and the wrong ones
// with a known accuracy. Its distributions are as sharp for right candidates as for wrong
// ones.
type world struct {
	seed       uint64
	candidates int
	// accuracy is the probability that a judgment says the truth, by group.
	accuracy map[reflection.Group]float64
	weights  scoring.Weights
	// plainRight is the probability that the candidate without a passage is right. The
	// decision is for the branch that is right, with the accuracy of Retrieve.
	plainRight float64
	mode       selfrag.Mode
	// certain makes judgments that are certain, as hard labels are.
	certain bool
}

const rightText, wrongText = "right", "wrong"

// right is the metric of a world.
func right(_ *sensitivity.Question, a *selfrag.Answer) float64 {
	if a.Text == rightText {
		return 1
	}
	return 0
}

// dist is a distribution of g whose label is good or bad.
func (w *world) dist(g reflection.Group, good bool, r *rand.Rand) reflection.Distribution {
	members := map[reflection.Group][2]int{reflection.Retrieve: {1, 0}, reflection.IsREL: {1, 0}, reflection.IsSUP: {0, 2}, reflection.IsUSE: {4, 0}}[g]
	at := members[1]
	if good == (r.Float64() < w.accuracy[g]) {
		at = members[0]
	}
	top := 0.6 + 0.35*r.Float64()
	if w.certain {
		top = 1
	}
	p := make([]float64, g.Size())
	for i := range p {
		p[i] = (1 - top) / float64(len(p)-1)
	}
	if g == reflection.Retrieve {
		p = []float64{1 - top, 1 - top, 0}
	}
	p[at] = top
	return reflection.NewDistribution(g, p...)
}

func judged(d reflection.Distribution) reflection.Judgment {
	tokens, best := d.Group.Tokens(), 0
	for i := range tokens {
		if d.Probs[i].Log > d.Probs[best].Log {
			best = i
		}
	}
	return reflection.Judged(d, tokens[best], reflection.ExactIDs)
}

func (w *world) questions(n int) []sensitivity.Question {
	r := rand.New(rand.NewPCG(w.seed, 1))
	out := make([]sensitivity.Question, n)
	for i := range out {
		out[i] = w.question(i, r)
	}
	return out
}

func (w *world) question(i int, r *rand.Rand) sensitivity.Question {
	at := r.IntN(w.candidates)
	plain := r.Float64() < w.plainRight
	retrieve := w.dist(reflection.Retrieve, !plain, r)
	e := &selfrag.Expansion{
		Segment: 1, Query: "q", Scores: retriever.RankOnly,
		Decision: selfrag.Decision{Choice: scoring.ChooseRetrieval, Dist: retrieve, Token: judged(retrieve).Token, Level: reflection.ExactIDs},
	}
	for k := range w.candidates {
		e.Passages = append(e.Passages, retriever.Hit{Passage: retriever.Passage{ID: fmt.Sprint("p", i, "-", k), Text: "x"}})
		// Where the plain answer is right, no passage is.
		e.Candidates = append(e.Candidates, w.candidate(k+1, k, scoring.ChooseRetrieval, k == at && !plain, r))
	}
	e.Candidates = append(e.Candidates, w.candidate(w.candidates+1, -1, scoring.ChooseNoRetrieval, plain, r))
	config := scoring.DefaultConfig()
	config.Weights, config.Sequence = w.weights, scoring.SequenceNone
	mode := w.mode
	if mode == "" {
		mode = selfrag.Always
	}
	return sensitivity.Question{
		ID: fmt.Sprint("q", i), Group: fmt.Sprint("group ", i/2), Gold: []string{e.Passages[at].Passage.ID},
		Trace: &selfrag.Trace{
			Version: selfrag.TraceVersion, Question: "q", Expansions: []*selfrag.Expansion{e}, Path: []int{1},
			Settings: selfrag.SettingsTrace{
				Mode: mode, Threshold: 0.5, Unknown: selfrag.UnknownRetrieves, K: w.candidates, Scoring: config, Count: generator.CountAll,
				PathScore: scoring.PathMean, Fallback: selfrag.FallbackStop, Width: 2, Depth: 7, MaxTokens: 100, Full: true,
			},
		},
	}
}

func (w *world) candidate(node, passage int, branch scoring.Choice, good bool, r *rand.Rand) selfrag.Candidate {
	c := selfrag.Candidate{Node: node, Branch: branch, Passage: passage, Text: wrongText, LogProb: reflection.ExactLog(-1), Counted: 1, Finish: generator.FinishEnd}
	if good {
		c.Text = rightText
	}
	c.Critique.IsUSE = judged(w.dist(reflection.IsUSE, good, r))
	if passage >= 0 {
		c.Critique.IsREL = judged(w.dist(reflection.IsREL, good, r))
		c.Critique.IsSUP = judged(w.dist(reflection.IsSUP, good, r))
	} else {
		c.Critique.IsREL.Status, c.Critique.IsSUP.Status = reflection.StatusAbsent, reflection.StatusAbsent
	}
	return c
}

// all gives every group the same accuracy.
func all(a float64) map[reflection.Group]float64 {
	m := map[reflection.Group]float64{}
	for _, g := range reflection.Groups() {
		m[g] = a
	}
	return m
}

// binomialTail returns the probability of a count at least as far from its mean, on
// either side of it, as k is among n draws of probability p.
func binomialTail(k, n int, p float64) float64 {
	term := func(i int) float64 {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		return math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	far, sum := math.Abs(float64(k)-float64(n)*p), 0.0
	for i := range n + 1 {
		if math.Abs(float64(i)-float64(n)*p) >= far-1e-9 {
			sum += term(i)
		}
	}
	return sum
}
