package adapt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/retriever"
)

// knowing is a reader that answers well from one passage: the one that the answer names.
type knowing struct{}

func (knowing) LogProb(ctx context.Context, _, answer string, p *retriever.Passage) (LogProb, error) {
	if strings.Contains(answer, p.ID+".") {
		return LogProb{-0.1, 3}, ctx.Err()
	}
	return LogProb{-8, 3}, ctx.Err()
}

// The marginal likelihood alone, without labels, teaches a retriever what the reader can
// answer from. The questions are moved, but only so far that retrieval finds some of it.
func TestMarginal(t *testing.T) {
	vectors, passages, examples := small(t, 400)
	rng := rand.New(rand.NewPCG(15, 16))
	turn, common := rotation(rng, 16), random(rng, 16)
	unlabeled := make([]Example, len(examples))
	for i := range examples {
		v := vectors[passages[i].Text]
		wide := make([]float64, len(v))
		for j, x := range v {
			wide[j] = float64(x)
		}
		vectors[examples[i].Question.Question] = narrow(plus(plus(wide, 1.1, turned(turn, wide)), 1.2, common))
		unlabeled[i] = examples[i]
		unlabeled[i].Positive = nil
	}
	r, err := Marginal(t.Context(), vectors, passages, unlabeled[:320], knowing{}, Options{Epochs: 15, K: 5})
	if err != nil {
		t.Fatal(err)
	}
	var wanted []dataset.Question
	for _, e := range examples[320:] {
		wanted = append(wanted, e.Question)
	}
	before, after := recallOf(t, vectors, passages, wanted, 5), recallOf(t, r.Adapter.Over(vectors), passages, wanted, 5)
	t.Logf("recall@5 %.3f, %.3f; log-likelihood %.3f, %.3f; T %.4f", before, after, r.Report.Before.LogLikelihood, r.Report.After.LogLikelihood, r.Adapter.Card().Temperature)
	if before > 0.8 || after < before+0.15 {
		t.Errorf("recall %.3f before, %.3f after", before, after)
	}
	if r.Report.Gain.Low <= 0 || r.Report.Figure != "log-likelihood" || r.Adapter.Card().Signal != "marginal" || r.Adapter.Card().Temperature == 0.05 {
		t.Errorf("%+v", r.Report)
	}
	if _, err := Marginal(t.Context(), vectors, passages, []Example{{}}, knowing{}, Options{}); !errors.Is(err, ErrData) {
		t.Error(err)
	}
	if _, err := Marginal(t.Context(), vectors, passages, examples, nil, Options{}); !errors.Is(err, ErrOption) {
		t.Error(err)
	}
}

// An answer is any of the right ones: their probabilities add up.
func TestLikelihoods(t *testing.T) {
	e := Example{}
	e.Answers = []string{"1871", "in 1871"}
	s := scores{"1871 quay": {math.Log(0.5), 2}, "in 1871 quay": {math.Log(0.25), 3}}
	got, err := likelihoods(t.Context(), s, []ask{{&e, &quay}})
	if err != nil || math.Abs(got[0]-math.Log(0.75)) > 1e-12 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := likelihoods(t.Context(), s, []ask{{&e, &quay}, {&e, &soup}}); err == nil {
		t.Error("no error of the scorer")
	}
}

func TestGoldenSection(t *testing.T) {
	if x := goldenSection(func(x float64) float64 { return -(x - 1.25) * (x - 1.25) }, -9, 4); math.Abs(x-1.25) > 1e-4 {
		t.Error(x)
	}
}

// The posteriors are those of Bayes' rule, computed here.
func TestWritePosteriors(t *testing.T) {
	e := Example{}
	e.ID, e.Question.Question, e.Answers = "1", "?", []string{"x", "y"}
	s := scores{
		"x quay": {math.Log(0.8), 1}, "x market": {math.Log(0.1), 1}, "x soup": {math.Inf(-1), 1},
		"y quay": {math.Inf(-1), 1}, "y market": {math.Inf(-1), 1}, "y soup": {math.Inf(-1), 1},
	}
	var b bytes.Buffer
	n, err := WritePosteriors(t.Context(), &b, list{market, quay, soup}, []Example{e}, s, 3, 0.5)
	if err != nil || n != 2 {
		t.Fatalf("%d lines, %v", n, err)
	}
	z := math.Exp(2) + math.Exp(1.8) + math.Exp(1.6)
	prior := map[string]float64{"market": math.Exp(2) / z, "quay": math.Exp(1.8) / z}
	sum := prior["market"]*0.1 + prior["quay"]*0.8
	want := map[string]float64{"market": prior["market"] * 0.1 / sum, "quay": prior["quay"] * 0.8 / sum}
	for d := json.NewDecoder(&b); d.More(); {
		var p Posterior
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if math.Abs(p.Prior-prior[p.PassageID]) > 1e-12 || math.Abs(p.Posterior-want[p.PassageID]) > 1e-12 || p.Answer != "x" || p.Question != "?" {
			t.Errorf("%+v, want prior %v, posterior %v", p, prior[p.PassageID], want[p.PassageID])
		}
		if p.PassageID == "market" && p.Passage != "Market\nFish is sold on Monday." {
			t.Errorf("text %q", p.Passage)
		}
	}
	for _, bad := range []struct {
		k int
		t float64
	}{{0, 1}, {1, 0}, {1, math.Inf(1)}} {
		if _, err := WritePosteriors(t.Context(), &b, list{}, nil, s, bad.k, bad.t); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestWriteTriples(t *testing.T) {
	passages := []retriever.Passage{quay, market, soup, {ID: "copy", Text: "Rebuilt IN 1871, they say."}}
	e := Example{Question: when, Preferred: []Preference{{"soup", 1}}}
	var b bytes.Buffer
	n, err := WriteTriples(t.Context(), &b, list{passages[3], quay, soup, market}, passages, []Example{e, {}}, TripleOptions{Negatives: 3})
	if err != nil || n != 2 {
		t.Fatalf("%d triples, %v", n, err)
	}
	want := `{"anchor":"When was the quay rebuilt?","positive":"The harbourmaster rebuilt the quay in 1871.","negative":"Market\nFish is sold on Monday."}
{"anchor":"When was the quay rebuilt?","positive":"Crab soup is served at noon.","negative":"Market\nFish is sold on Monday."}
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", &b, want)
	}
	for _, o := range []TripleOptions{{Negatives: -1}, {Depth: -1}} {
		if _, err := WriteTriples(t.Context(), &b, list{}, passages, nil, o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	e.Positive = []string{"none"}
	if _, err := WriteTriples(t.Context(), &b, list{}, passages, []Example{e}, TripleOptions{}); !errors.Is(err, ErrData) {
		t.Error(err)
	}
}
