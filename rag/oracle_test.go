package rag_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/rag"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// marginal is p(y|x) of RAG-Sequence by its definition.
func marginal(m *tiny, c corpus, prior []float64, y string, end bool) float64 {
	sum := 0.0
	for z, text := range c.texts() {
		sum += prior[z] * m.given(text, y, end)
	}
	return sum
}

// mixture is p(y|x) of RAG-Token by its definition.
func mixture(m *tiny, c corpus, prior []float64, y string, end bool) float64 {
	p, prefix := 1.0, ""
	step := func(i int) {
		sum := 0.0
		for z, text := range c.texts() {
			sum += prior[z] * m.dist(text, prefix)[i]
		}
		p *= sum
	}
	for _, w := range cutWords(y) {
		step(slices.Index(words, w))
		prefix += w
	}
	if end {
		step(len(words))
	}
	return p
}

func argmax(p func(y string) float64) (best string) {
	for _, y := range answers() {
		if p(y) > p(best) {
			best = y
		}
	}
	return best
}

func TestSequenceEqualsEnumeration(t *testing.T) {
	prior := three.prior(1)
	passes, lower := 0, 0
	for seed := range uint64(testsize.Of(10, 40)) {
		for _, beams := range []int{1, 2, 4, 1000} {
			m := &tiny{seed: seed}
			thorough := ask(t, rag.NewSequence, m, three, rag.WithBeams(beams)).Trace.RAG
			if n := m.calls.score.Load(); int(n) != thorough.Passes.Score {
				t.Fatalf("%d passes were counted, %d made", thorough.Passes.Score, n)
			}
			misses := 0
			for _, h := range thorough.Hypotheses {
				if want := marginal(m, three, prior, h.Text, true); !near(value(h.Marginal), want) {
					t.Fatalf("seed %d, beams %d: p(%q) = %v, want %v", seed, beams, h.Text, value(h.Marginal), want)
				}
				for z, text := range three.texts() {
					if want := m.given(text, h.Text, true); !near(value(h.Given[z]), want) {
						t.Fatalf("p(%q|%d) = %v, want %v", h.Text, z, value(h.Given[z]), want)
					}
					if want := prior[z] * m.given(text, h.Text, true) / marginal(m, three, prior, h.Text, true); !near(h.Posterior[z], want) {
						t.Fatalf("p(%d|%q) = %v, want %v", z, h.Text, h.Posterior[z], want)
					}
				}
				misses += len(three.scores) - len(h.Found)
			}
			if misses != thorough.Passes.Score {
				t.Fatalf("%d extra passes for %d misses", thorough.Passes.Score, misses)
			}
			passes += misses
			if beams == 1000 {
				if misses > 0 || len(thorough.Hypotheses) != len(answers()) {
					t.Fatalf("%d misses, %d hypotheses", misses, len(thorough.Hypotheses))
				}
				want := argmax(func(y string) float64 { return marginal(m, three, prior, y, true) })
				if got := thorough.Hypotheses[thorough.Chosen].Text; got != want {
					t.Fatalf("seed %d: %q, want %q", seed, got, want)
				}
			}

			m = &tiny{seed: seed}
			fast := ask(t, rag.NewSequence, m, three, rag.WithBeams(beams), rag.WithDecoding(rag.Fast)).Trace.RAG
			if fast.Passes.Score != 0 || m.calls.score.Load() != 0 || len(fast.Hypotheses) != len(thorough.Hypotheses) {
				t.Fatalf("fast decoding: %+v, %d hypotheses", fast.Passes, len(fast.Hypotheses))
			}
			best := 0
			for i, h := range fast.Hypotheses {
				all := thorough.Hypotheses[i]
				want := 0.0
				for _, z := range h.Found {
					want += prior[z] * m.given(three.texts()[z], h.Text, true)
				}
				got := value(h.Marginal)
				switch {
				case !near(got, want) || h.Text != all.Text:
					t.Fatalf("fast: p(%q) = %v, want %v", h.Text, got, want)
				case got > value(all.Marginal)+1e-15:
					t.Fatalf("fast: p(%q) = %v, above %v", h.Text, got, value(all.Marginal))
				case len(h.Found) == len(three.scores) && !near(got, value(all.Marginal)):
					t.Fatalf("all have found %q: %v, %v", h.Text, got, value(all.Marginal))
				case got < value(all.Marginal)-1e-9:
					lower++
				}
				if got > value(fast.Hypotheses[best].Marginal) {
					best = i
				}
			}
			if fast.Chosen != best {
				t.Fatalf("fast: %d was chosen, %d is the best", fast.Chosen, best)
			}
		}
	}
	if passes < 100 || lower < 100 {
		t.Errorf("%d misses, %d hypotheses that fast decoding thinks less of: the test shows little", passes, lower)
	}
}

func TestTokenEqualsEnumeration(t *testing.T) {
	prior := three.prior(1)
	differ, scored, stopped := 0, 0, 0
	for seed := range uint64(testsize.Of(10, 40)) {
		for _, hidden := range []float64{0, 0.05} {
			m := &tiny{seed: seed, hidden: hidden}
			// A width at which nothing is dropped: all answers are left in the end.
			if hidden == 0 {
				r := ask(t, rag.NewToken, m, three, rag.WithBeams(1000)).Trace.RAG
				sum := 0.0
				for _, h := range r.Hypotheses {
					if want := mixture(m, three, prior, h.Text, true); !near(value(h.Marginal), want) {
						t.Fatalf("seed %d: p(%q) = %v, want %v", seed, h.Text, value(h.Marginal), want)
					}
					sum += value(h.Marginal)
				}
				if len(r.Hypotheses) != len(answers()) || !near(sum, 1) {
					t.Fatalf("%d answers sum to %v", len(r.Hypotheses), sum)
				}
				want := argmax(func(y string) float64 { return mixture(m, three, prior, y, true) })
				if got := r.Hypotheses[r.Chosen].Text; got != want {
					t.Fatalf("seed %d: %q, want %q", seed, got, want)
				}
				if sequence := argmax(func(y string) float64 { return marginal(m, three, prior, y, true) }); sequence != want {
					differ++
				}
			}
			for _, beams := range []int{1, 2, 3} {
				a, err := decoder(t, rag.NewToken, m, three, rag.WithBeams(beams)).Answer(t.Context(), "question?")
				var uncertain *rag.UncertainError
				if hidden > 0 && errors.As(err, &uncertain) && uncertain.Second.Token.Text == "" && !uncertain.Second.Token.End {
					stopped++ // a token that no passage lists cannot be scored
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				r := a.Trace.RAG
				want := beamOracle(m, three, prior, beams)
				for i, h := range r.Hypotheses {
					if i >= len(want) || h.Text != want[i] || !near(value(h.Marginal), mixture(m, three, prior, h.Text, true)) {
						t.Fatalf("seed %d, hidden %v, beams %d: hypothesis %d is %q with %v, want %q", seed, hidden, beams, i, h.Text, value(h.Marginal), want)
					}
					prefix := ""
					for _, s := range h.Steps {
						at := len(words)
						if !s.End {
							at = slices.Index(words, s.Text)
						}
						sum, mixed := 0.0, 0.0
						for z, text := range three.texts() {
							mixed += prior[z] * m.dist(text, prefix)[at]
							if !near(value(s.Given[z]), m.dist(text, prefix)[at]) {
								t.Fatalf("given %v", s.Given)
							}
						}
						for z, text := range three.texts() {
							if !near(s.Shares[z], prior[z]*m.dist(text, prefix)[at]/mixed) {
								t.Fatalf("shares %v", s.Shares)
							}
							sum += s.Shares[z]
						}
						if !near(sum, 1) || !near(value(s.Prob), mixed) {
							t.Fatalf("step %+v: shares sum to %v, mixture %v", s, sum, mixed)
						}
						prefix += s.Text
					}
				}
				if hidden > 0 {
					scored += r.Passes.Score
				}
			}
		}
	}
	t.Logf("%d tokens were scored, %d of 120 searches met a token that no passage lists", scored, stopped)
	if scored == 0 || stopped > 60 {
		t.Errorf("%d scored, %d stopped: the test shows little", scored, stopped)
	}
	if differ == 0 {
		t.Error("RAG-Sequence and RAG-Token agree on all: the test shows little")
	}
}

// beamOracle is a beam search over the mixture in which ended answers keep their places.
func beamOracle(m *tiny, c corpus, prior []float64, beams int) []string {
	type entry struct {
		text  string
		ended bool
		p     float64
	}
	beam := []entry{{p: 1}}
	for slices.ContainsFunc(beam, func(e entry) bool { return !e.ended }) {
		var all []entry
		for _, e := range beam {
			if e.ended {
				all = append(all, e)
				continue
			}
			for i := range len(words) + 1 {
				sum := 0.0
				for z, text := range c.texts() {
					sum += prior[z] * m.dist(text, e.text)[i]
				}
				n := entry{e.text, i == len(words), e.p * sum}
				if i < len(words) {
					n.text += words[i]
				}
				if n.p > 0 {
					all = append(all, n)
				}
			}
		}
		slices.SortStableFunc(all, func(a, b entry) int {
			switch {
			case a.p > b.p:
				return -1
			case a.p < b.p:
				return 1
			}
			return 0
		})
		beam = all[:min(beams, len(all))]
	}
	var list []string
	for _, e := range beam {
		list = append(list, e.text)
	}
	return list
}

// The mixture of a step sums to one: an answer of one token is a word, cut there,
// or the end.
func TestStepSumsToOne(t *testing.T) {
	for seed := range uint64(20) {
		r := ask(t, rag.NewToken, &tiny{seed: seed}, three, rag.WithMaxTokens(1), rag.WithBeams(10)).Trace.RAG
		sum := 0.0
		for _, h := range r.Hypotheses {
			sum += value(h.Marginal)
		}
		if len(r.Hypotheses) != len(words)+1 || !near(sum, 1) {
			t.Fatalf("%d tokens sum to %v", len(r.Hypotheses), sum)
		}
	}
}

// For targets of length one, without the end, both decoders are equal; for longer
// ones they differ.
func TestLengthOne(t *testing.T) {
	differ := 0
	for seed := range uint64(20) {
		m := &tiny{seed: seed}
		for _, end := range []bool{false, true} {
			s := ask(t, rag.NewSequence, m, three, rag.WithLabels(words...), rag.WithEnd(end))
			k := ask(t, rag.NewToken, m, three, rag.WithLabels(words...), rag.WithEnd(end))
			for i, w := range words {
				a, b := s.Options.Sums[i], k.Options.Sums[i]
				if !near(a, marginal(m, three, three.prior(1), w, end)) || !near(b, mixture(m, three, three.prior(1), w, end)) {
					t.Fatalf("%q: %v and %v", w, a, b)
				}
				if !end && !near(a, b) {
					t.Fatalf("%q: sequence %v, token %v", w, a, b)
				}
				if end && !near(a, b) {
					differ++
				}
			}
			if best := s.Options.Best; !end && (s.Label != k.Label || s.Label != words[best] || s.Text != words[best][1:] || s.Score != s.Options.Sums[best]) {
				t.Fatalf("%q, %q", s.Label, k.Label)
			}
			if s.Trace.RAG.Passes != (selfrag.RAGPasses{Score: len(words) * 3}) || k.Trace.RAG.Passes != s.Trace.RAG.Passes {
				t.Fatalf("%+v, %+v", s.Trace.RAG.Passes, k.Trace.RAG.Passes)
			}
		}
		s := ask(t, rag.NewSequence, m, three, rag.WithMaxTokens(1), rag.WithEnd(false), rag.WithBeams(10)).Trace.RAG
		k := ask(t, rag.NewToken, m, three, rag.WithMaxTokens(1), rag.WithEnd(false), rag.WithBeams(10)).Trace.RAG
		for _, x := range s.Hypotheses {
			for _, y := range k.Hypotheses {
				if x.Text == y.Text && !near(value(x.Marginal), value(y.Marginal)) {
					t.Fatalf("%q: %v, %v", x.Text, value(x.Marginal), value(y.Marginal))
				}
			}
		}
	}
	if differ == 0 {
		t.Error("with the end they are equal, too: the test shows little")
	}
}

// With one passage both decoders are the plain model.
func TestOnePassage(t *testing.T) {
	one := corpus{retriever.InnerProduct, []float64{0.7}}
	for seed := range uint64(20) {
		m := &tiny{seed: seed}
		best := argmax(func(y string) float64 { return m.given("passage 0", y, true) })
		for name, f := range map[string]build{"sequence": rag.NewSequence, "token": rag.NewToken} {
			a := ask(t, f, m, one, rag.WithBeams(1000))
			h := a.Trace.RAG.Hypotheses[a.Trace.RAG.Chosen]
			if h.Text != best || !near(a.Score, m.given("passage 0", best, true)) {
				t.Fatalf("%s: %q with %v, want %q", name, h.Text, a.Score, best)
			}
		}
	}
}

// An infinite temperature makes the prior uniform.
func TestTemperature(t *testing.T) {
	m := &tiny{seed: 3}
	for name, f := range map[string]build{"sequence": rag.NewSequence, "token": rag.NewToken} {
		hot := ask(t, f, m, three, rag.WithPriorTemperature(1e15)).Trace.RAG
		even := ask(t, f, m, three, rag.WithPrior(rag.Uniform())).Trace.RAG
		cold := ask(t, f, m, three).Trace.RAG
		for i := range hot.Hypotheses {
			if a, b := hot.Hypotheses[i], even.Hypotheses[i]; a.Text != b.Text || !near(value(a.Marginal), value(b.Marginal)) {
				t.Errorf("%s: %q %v, %q %v", name, a.Text, value(a.Marginal), b.Text, value(b.Marginal))
			}
		}
		if slices.Equal(hot.Prior, cold.Prior) || math.Abs(cold.Prior[0]-three.prior(1)[0]) > 1e-15 {
			t.Errorf("%s: %v, %v", name, hot.Prior, cold.Prior)
		}
	}
}

// In log space, answers whose probability fits no float64 are still ordered.
func TestUnderflow(t *testing.T) {
	m := &tiny{table: func(passages, prefix string) []float64 {
		if len(prefix) >= 400 {
			return []float64{0, 0, 0, 0, 1}
		}
		if passages == "passage 0" {
			return []float64{1e-3, 2e-3, 0, 0, 0}
		}
		return []float64{1e-3, 1e-3, 0, 0, 0}
	}}
	for name, f := range map[string]build{"sequence": rag.NewSequence, "token": rag.NewToken} {
		r := ask(t, f, m, three, rag.WithMaxTokens(300), rag.WithBeams(1)).Trace.RAG
		h := r.Hypotheses[r.Chosen]
		if h.Tokens != 200 || !(h.Marginal.Log < -1000 && h.Marginal.Log > -1500) {
			t.Errorf("%s: %d tokens, %v", name, h.Tokens, h.Marginal)
		}
		fmt.Fprintln(t.Output(), name, h.Marginal.Log, h.Posterior)
	}
}
