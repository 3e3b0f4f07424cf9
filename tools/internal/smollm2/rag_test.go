package smollm2

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/rag"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// shelf holds what the questions ask for, made up, so that no model knows it.
var shelf = []retriever.Passage{
	{ID: "harbor", Text: "The lighthouse was built by Anna Voss."},
	{ID: "bridge", Text: "The iron bridge is painted green."},
}

// questions have their answer in the passage of the same place.
var questions = []string{"Who built the lighthouse?", "What color is the iron bridge?"}

// tally counts the answers that cite the passage they should.
type tally int

func (n *tally) add(i int, a *selfrag.Answer) {
	if slices.ContainsFunc(a.Citations, func(c selfrag.Citation) bool { return c.Passage.ID == shelf[i].ID }) {
		*n++
	}
}

func (n tally) log(t *testing.T) {
	t.Helper()
	t.Logf("the passage with the answer is cited for %d of %d questions", n, len(questions))
}

// answer asks the question of a place and checks what is true of the answer of every
// decoder. The first question it asks a second time, then with several calls at a time:
// the answer is the same.
func answer(t *testing.T, d *rag.Decoder, i int) (*selfrag.Answer, error) {
	t.Helper()
	a, err := d.Answer(t.Context(), questions[i], rag.WithConcurrency(1))
	if a == nil {
		t.Fatalf("%q: no answer: %v", questions[i], err)
	}
	t.Logf("%q: %v; error %v; %d calls, %d tokens of prompts, %d generated", questions[i], a, err, a.Usage.Calls, a.Usage.PromptTokens, a.Usage.GeneratedTokens)
	for _, c := range a.Citations {
		if !slices.ContainsFunc(shelf, func(p retriever.Passage) bool { return p.ID == c.Passage.ID }) {
			t.Errorf("%v is cited: want a passage that was retrieved", c)
		}
		for _, s := range c.Spans {
			if s.Start < 0 || s.End > len(a.Text) || s.Start >= s.End {
				t.Errorf("span %v of %q", s, a.Text)
			}
		}
	}
	if i > 0 {
		return a, err
	}
	b, err2 := d.Answer(t.Context(), questions[i], rag.WithConcurrency(2))
	if (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
		t.Fatalf("error %v: want %v again", err2, err)
	}
	if a.Text != b.Text || !cmp.Equal(a.Citations, b.Citations) {
		t.Errorf("%v: want %v again", b, a)
	}
	return a, err
}

func TestStandardRAG(t *testing.T) {
	d, err := rag.NewStandard(chatting(t, 0), retriever.List(shelf...), rag.WithK(2), rag.WithMaxTokens(10),
		rag.WithPrompt(generator.MustTaskTemplate("short-numbered", "", "{{passages}}\n{{question}} Cite as [1].")))
	if err != nil {
		t.Fatal(err)
	}
	var right tally
	for i := range questions {
		a, err := answer(t, d, i)
		if err != nil {
			t.Fatal(err)
		}
		right.add(i, a)
	}
	right.log(t)
}

// The marginal of a hypothesis is the mixture of what the passages make of it, and no
// more than 1. The posterior of the passages sums to 1.
func TestRAGSequence(t *testing.T) {
	d, err := rag.NewSequence(continuing(t), retriever.List(shelf...), rag.WithK(2), rag.WithPrior(rag.Uniform()),
		rag.WithDecoding(rag.Fast), rag.WithEnd(false), rag.WithBeams(2), rag.WithMaxTokens(10), rag.WithSeed(1))
	if err != nil {
		t.Fatal(err)
	}
	var right tally
	for i := range questions {
		a, err := answer(t, d, i)
		if err != nil {
			t.Fatal(err)
		}
		right.add(i, a)
		r := a.Trace.RAG
		if r.Chosen < 0 || r.Chosen >= len(r.Hypotheses) || len(r.Sources) != 2 {
			t.Fatalf("%+v", r)
		}
		for _, h := range r.Hypotheses {
			p, known := h.Marginal.Value()
			if !known || p > 1+1e-6 {
				t.Errorf("%q: the marginal is %v: want at most 1", h.Text, h.Marginal)
			}
			posterior, mixed := 0.0, 0.0
			for _, x := range h.Posterior {
				posterior += x
			}
			for k, g := range h.Given {
				if g.Known == reflection.Exact {
					mixed += r.Prior[k] * math.Exp(g.Log)
				}
			}
			if math.Abs(posterior-1) > 1e-9 || math.Abs(mixed-p) > 1e-9 {
				t.Errorf("%q: the posterior sums to %g and the mixture is %g: want 1 and %g", h.Text, posterior, mixed, p)
			}
		}
		t.Logf("%d hypotheses, the chosen one has %v", len(r.Hypotheses), r.Hypotheses[r.Chosen].Marginal)
	}
	right.log(t)
}

// The answer is certified, or the error says which two tokens cannot be told apart.
func TestRAGToken(t *testing.T) {
	d, err := rag.NewToken(continuing(t), retriever.List(shelf...), rag.WithK(2), rag.WithPrior(rag.Uniform()),
		rag.WithEnd(false), rag.WithMaxTokens(6))
	if err != nil {
		t.Fatal(err)
	}
	var right tally
	whole, tokens := 0, 0
	for i := range questions {
		a, err := answer(t, d, i)
		var uncertain *rag.UncertainError
		switch {
		case errors.As(err, &uncertain):
			first, second := uncertain.First, uncertain.Second
			if first.Lower > second.Upper || first.Lower > first.Upper || second.Lower > second.Upper || max(first.Upper, second.Upper) > 1+1e-6 {
				t.Errorf("%v: want bounds that overlap", err)
			}
			tokens += uncertain.Step
		case err != nil:
			t.Fatal(err)
		default:
			r := a.Trace.RAG
			if r.Chosen < 0 || r.Chosen >= len(r.Hypotheses) {
				t.Fatalf("%+v", r)
			}
			h := r.Hypotheses[r.Chosen]
			if p, known := h.Marginal.Value(); !known || p > 1+1e-6 {
				t.Errorf("%q: the marginal is %v: want at most 1", h.Text, h.Marginal)
			}
			whole++
			tokens += h.Tokens
		}
		right.add(i, a)
	}
	right.log(t)
	t.Logf("%d tokens are certified, and %d of %d answers to their end", tokens, whole, len(questions))
}
