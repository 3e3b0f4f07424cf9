package completiontest

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/rag"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Family declares what the servers of a family give, for [Decoders].
type Family struct {
	Whole  bool // the whole distribution of a token
	Scores bool // the probability of a given continuation
	End    bool // the probability of the end token
}

// Decoders runs the decoders of package rag over a family: the results follow from
// the model's own probabilities, or the error says what is missing.
func Decoders[M generator.Generator](t *testing.T, stub http.Handler, open func(completions.Config) (M, error), f Family) {
	s := faulthttp.New(stub)
	t.Cleanup(s.Close)
	m, err := open(completions.Config{Server: modelserver.Config{URLs: []string{faulthttp.URL}, Client: s.Client(), Model: "tiny"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("sequence", func(t *testing.T) { f.sequence(t, m) })
	t.Run("token", func(t *testing.T) { f.token(t, m) })
	t.Run("labels", func(t *testing.T) { f.labels(t, m) })
}

const asked = "Which planet?"

// passagesOf returns a retriever of three passages of equal scores, and the texts
// that the model continues from.
func passagesOf(t *testing.T, round string) (retriever.Retriever, []string) {
	t.Helper()
	var prompts []string
	r := retriever.Result{Scores: retriever.InnerProduct}
	for _, id := range []string{"a", "b", "c"} {
		p := retriever.Passage{ID: id, Text: "Passage " + id + round}
		r.Hits = append(r.Hits, retriever.Hit{Passage: p})
		text, err := generator.SelfRAGTemplate{}.Render(generator.Prompt{Instruction: asked, Evidence: []generator.Evidence{{Text: p.Text}}, Relevance: reflection.Relevant})
		if err != nil {
			t.Fatal(err)
		}
		prompts = append(prompts, text)
	}
	return retriever.Func(func(ctx context.Context, _ retriever.Query) (retriever.Result, error) { return r, ctx.Err() }), prompts
}

func answer(t *testing.T, d *rag.Decoder, err error) (*selfrag.Answer, error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return d.Answer(t.Context(), asked)
}

func nearly(a, b float64) bool { return math.Abs(a-b) < 1e-4 }

// sequence: the greedy answer of each passage is among the hypotheses, with its own
// probability. Without the power to score, thorough decoding is rejected.
func (f Family) sequence(t *testing.T, m generator.Generator) {
	from, prompts := passagesOf(t, "")
	d, err := rag.NewSequence(m, from, rag.WithMaxTokens(12), rag.WithEnd(f.End), rag.WithBeams(3))
	a, err := answer(t, d, err)
	var power *rag.PowerError
	if f.Scores != (err == nil) || err != nil && !errors.As(err, &power) {
		t.Fatalf("thorough: %v", err)
	}
	if f.Scores {
		for _, h := range a.Trace.RAG.Hypotheses {
			if slices.ContainsFunc(h.Given, func(p reflection.Prob) bool { return p.Known == reflection.Unknown }) {
				t.Errorf("thorough: %+v", h)
			}
		}
	}
	d, err = rag.NewSequence(m, from, rag.WithMaxTokens(12), rag.WithEnd(f.End), rag.WithBeams(3), rag.WithDecoding(rag.Fast))
	if a, err = answer(t, d, err); err != nil {
		t.Fatal(err)
	}
	r := a.Trace.RAG
	if want := map[bool]string{true: "beam", false: "samples"}[f.Whole]; r.Search != want || r.Chosen < 0 {
		t.Errorf("search %q, want %q; %d chosen", r.Search, want, r.Chosen)
	}
	for z, prompt := range prompts {
		if f.Whole {
			continue // a beam can find others
		}
		text, log := "", 0.0
		list := Generate(prompt, 12, 0, 0)
		for _, p := range list {
			if p.kind != end || f.End {
				log += p.LogProb
			}
			if p.kind != control && p.kind != end {
				text += p.Text
			}
		}
		if !slices.ContainsFunc(r.Hypotheses, func(h selfrag.RAGHypothesis) bool {
			return h.Text == text && slices.Contains(h.Found, z) && nearly(h.Given[z].Log, log)
		}) {
			t.Errorf("source %d: no hypothesis is %q with %v: %+v", z, text, log, r.Hypotheses)
		}
	}
	d, err = rag.NewSequence(m, from, rag.WithMaxTokens(12))
	if _, err := answer(t, d, err); !f.End && !errors.Is(err, rag.ErrOption) {
		t.Errorf("the end is not told: %v", err)
	}
}

// token: the answer is that of the mixture, or an error says that it cannot be
// known.
func (f Family) token(t *testing.T, m generator.Generator) {
	known := 0
	const rounds = 20
	for round := range rounds {
		from, prompts := passagesOf(t, strings.Repeat("!", round))
		d, err := rag.NewToken(m, from, rag.WithMaxTokens(12), rag.WithEnd(f.End))
		a, err := answer(t, d, err)
		want := ""
		for _, p := range mixed(prompts, 12) {
			if p.kind != control && p.kind != end {
				want += p.Text
			}
		}
		var uncertain *rag.UncertainError
		switch {
		case err == nil:
			if known++; a.Text != strings.TrimSpace(want) {
				t.Errorf("%q, want %q", a.Text, want)
			}
		case errors.As(err, &uncertain) && !f.Whole && !f.Scores && strings.HasPrefix(want, uncertain.Text):
		default:
			t.Errorf("round %d: %v; want %q", round, err, want)
		}
	}
	t.Logf("%d of %d answers are known", known, rounds)
	if known == 0 {
		t.Error("no answer is known")
	}
}

// mixed returns the greedy answer of the mixture of prompts.
func mixed(prompts []string, n int) []Piece {
	var list []Piece
	so := ""
	for len(list) < n {
		best, most := Piece{}, 0.0
		for i, p := range Vocabulary {
			sum := 0.0
			for _, prompt := range prompts {
				sum += math.Exp(LogProbs(prompt + so)[i])
			}
			if sum > most {
				best, most = p, sum
			}
		}
		list = append(list, best)
		if best.kind == end {
			break
		}
		so += best.Text
	}
	return list
}

// labels: they have the model's probabilities.
func (f Family) labels(t *testing.T, m generator.Generator) {
	labels := []string{" The sun", " a planet"}
	from, prompts := passagesOf(t, "")
	for name, build := range map[string]func(generator.Generator, retriever.Retriever, ...rag.Option) (*rag.Decoder, error){"sequence": rag.NewSequence, "token": rag.NewToken} {
		d, err := build(m, from, rag.WithLabels(labels...), rag.WithEnd(false))
		a, err := answer(t, d, err)
		var power *rag.PowerError
		if !f.Scores {
			if !errors.As(err, &power) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for y, label := range labels {
			sequence, token := 0.0, 1.0
			given := []float64{1, 1, 1}
			so := ""
			for _, id := range Tokenize(label) {
				at := slices.IndexFunc(Vocabulary, func(p Piece) bool { return p.ID == id })
				sum := 0.0
				for z, prompt := range prompts {
					p := math.Exp(LogProbs(prompt + so)[at])
					given[z] *= p
					sum += p / 3
				}
				token *= sum
				so += Text(id)
			}
			for _, p := range given {
				sequence += p / 3
			}
			if want := map[string]float64{"sequence": sequence, "token": token}[name]; math.Abs(a.Options.Sums[y]-want) > 1e-4*want {
				t.Errorf("%s: p(%q) = %v, want %v", name, label, a.Options.Sums[y], want)
			}
		}
	}
}
