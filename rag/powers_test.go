package rag_test

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/rag"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Without whole distributions the hypotheses of RAG-Sequence are the greedy answer
// and samples. Their probabilities, and those of scoring, are still exact.
func TestSequenceFromSamples(t *testing.T) {
	prior := three.prior(1)
	sampled := 0
	for seed := range uint64(20) {
		m := &tiny{seed: seed}
		r := ask(t, rag.NewSequence, scores{generates{m}}, three, rag.WithBeams(6), rag.WithSeed(seed)).Trace.RAG
		if r.Search != "samples" || r.Passes.Generate != 18 || r.Passes.Next != 0 {
			t.Fatalf("%s, %+v", r.Search, r.Passes)
		}
		for _, h := range r.Hypotheses {
			if want := marginal(m, three, prior, h.Text, true); !near(value(h.Marginal), want) {
				t.Fatalf("p(%q) = %v, want %v", h.Text, value(h.Marginal), want)
			}
		}
		sampled += len(r.Hypotheses)
		other := ask(t, rag.NewSequence, scores{generates{m}}, three, rag.WithBeams(6), rag.WithSeed(seed)).Trace.RAG
		if len(other.Hypotheses) != len(r.Hypotheses) {
			t.Fatal("the same seed gives other samples")
		}
		fast := ask(t, rag.NewSequence, generates{m}, three, rag.WithBeams(6), rag.WithSeed(seed), rag.WithDecoding(rag.Fast)).Trace.RAG
		for i, h := range fast.Hypotheses {
			if value(h.Marginal) > value(r.Hypotheses[i].Marginal)+1e-15 {
				t.Fatalf("fast gives %q more than thorough", h.Text)
			}
		}
	}
	if sampled < 100 {
		t.Errorf("%d hypotheses: the test shows little", sampled)
	}
}

// A model that cannot score is rejected by thorough decoding, with the partial
// answer, and by closed sets.
func TestWithoutScorer(t *testing.T) {
	for _, g := range []generator.Generator{predicts{generates{&tiny{}}}, generates{&tiny{}}, generator.Wrap(generates{&tiny{}}, generates{&tiny{}}.Generate)} {
		a, err := decoder(t, rag.NewSequence, g, three).Answer(t.Context(), "question?")
		var power *rag.PowerError
		if !errors.As(err, &power) || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "WithDecoding(Fast)") {
			t.Errorf("%T: %v", g, err)
		}
		if a.Stop != selfrag.StopFailed || len(a.Trace.RAG.Hypotheses) == 0 {
			t.Errorf("%T: %+v", g, a)
		}
		if a, err := decoder(t, rag.NewSequence, g, three).Answer(t.Context(), "question?", rag.WithDecoding(rag.Fast)); err != nil || a.Trace.RAG.Chosen < 0 {
			t.Errorf("%T, fast: %v", g, err)
		}
		for name, f := range map[string]build{"sequence": rag.NewSequence, "token": rag.NewToken} {
			if _, err := decoder(t, f, g, three, rag.WithLabels(" a", " b")).Answer(t.Context(), "question?"); !errors.As(err, &power) {
				t.Errorf("%T, labels, %s: %v", g, name, err)
			}
		}
	}
	// If all have found it, nothing needs to be scored.
	if a := ask(t, rag.NewSequence, predicts{generates{&tiny{}}}, three, rag.WithBeams(1000)); a.Trace.RAG.Chosen < 0 {
		t.Error(a)
	}
	// Whole distributions are sufficient for RAG-Token.
	if a := ask(t, rag.NewToken, predicts{generates{&tiny{}}}, three); a.Text != ask(t, rag.NewToken, &tiny{}, three).Text {
		t.Error(a)
	}
}

func TestWithoutLogProbs(t *testing.T) {
	g := &generatortest.Script{Rules: []generatortest.Rule{{Steps: generatortest.HardLabels(generatortest.Words(1, "An answer."))}}, Capabilities: generator.Capabilities{Model: "silent"}}
	for name, f := range map[string]build{"sequence": rag.NewSequence, "token": rag.NewToken} {
		var power *rag.PowerError
		if _, err := decoder(t, f, g, three).Answer(t.Context(), "question?"); !errors.As(err, &power) || !strings.Contains(err.Error(), "NewStandard") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The same is detected for a model that does not describe itself.
	for name, f := range map[string]build{"sequence": rag.NewSequence, "token": rag.NewToken} {
		var power *rag.PowerError
		if _, err := decoder(t, f, generatortest.Bare(g), three, decodingOf(name)...).Answer(t.Context(), "question?"); !errors.As(err, &power) {
			t.Errorf("%s: %v", name, err)
		}
	}
	g.Capabilities.LogProbs = true
	_, err := decoder(t, rag.NewSequence, g, three).Answer(t.Context(), "question?")
	if !errors.Is(err, rag.ErrOption) || !strings.Contains(err.Error(), "WithEnd(false)") {
		t.Error(err)
	}
}

func decodingOf(name string) []rag.Option {
	if name == "sequence" {
		return []rag.Option{rag.WithDecoding(rag.Fast)}
	}
	return nil
}

// topped gives only the n likeliest tokens, as Ollama does. It does not report the
// end: it is not among them, and has no log-probability.
type topped struct {
	generates
	n      int
	hidden bool // the end
	edit   func(prefix string, top []generator.Alternative) []generator.Alternative
}

func (g topped) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	req.Alternatives = min(req.Alternatives, g.n)
	return func(yield func(generator.Step, error) bool) {
		for s, err := range g.m.Generate(ctx, req) {
			if g.hidden {
				s.Top = slices.DeleteFunc(slices.Clone(s.Top), func(a generator.Alternative) bool { return a.End })
				if s.Finish != generator.Running {
					s.LogProb = reflection.Prob{}
				}
			}
			if g.edit != nil && len(s.Top) > 0 {
				s.Top = g.edit(joined(req.After), slices.Clone(s.Top))
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

func (g topped) Describe(ctx context.Context) (generator.Capabilities, error) {
	c, err := g.m.Describe(ctx)
	c.EndLogProb = !g.hidden
	return c, err
}

// A certified result is that of whole distributions; without a certificate the
// search stops.
func TestTopN(t *testing.T) {
	certified, stopped, wide := 0, 0, 0
	for seed := range uint64(60) {
		m := &tiny{seed: seed}
		want := ask(t, rag.NewToken, m, three, rag.WithEnd(false))
		for n := 1; n <= 5; n++ {
			for _, hidden := range []bool{false, true} {
				a, err := decoder(t, rag.NewToken, topped{generates{m}, n, hidden, nil}, three, rag.WithEnd(false)).Answer(t.Context(), "question?")
				var uncertain *rag.UncertainError
				switch {
				case err == nil && a.Text == want.Text && a.Trace.RAG.Search == "top-n" && a.Trace.RAG.Passes.Next == 0:
					certified++
					for i, s := range a.Trace.RAG.Hypotheses[0].Steps {
						exact := want.Trace.RAG.Hypotheses[0].Steps[i].Prob.Log
						if s.Prob.Known == reflection.Exact && math.Abs(s.Prob.Log-exact) > 1e-12 ||
							s.Prob.Known == reflection.Bounded && (s.Prob.Log < exact-1e-12 || s.AtLeast > math.Exp(exact)+1e-12) {
							t.Fatalf("%+v, want %v", s, exact)
						}
					}
				case errors.As(err, &uncertain) && strings.HasPrefix(want.Trace.RAG.Hypotheses[0].Text, uncertain.Text) &&
					uncertain.Second.Upper > uncertain.First.Lower && len(a.Trace.RAG.Hypotheses) == min(uncertain.Step, 1):
					stopped++
				default:
					t.Fatalf("seed %d, top %d: %q, %v; want %q", seed, n, a.Text, err, want.Text)
				}
			}
		}
		for beams := 2; beams <= 3; beams++ {
			whole := ask(t, rag.NewToken, m, three, rag.WithEnd(false), rag.WithBeams(beams))
			for n := 3; n <= 5; n++ {
				a, err := decoder(t, rag.NewToken, topped{generates{m}, n, false, nil}, three, rag.WithEnd(false), rag.WithBeams(beams)).Answer(t.Context(), "question?")
				var uncertain *rag.UncertainError
				if err == nil && a.Text != whole.Text || err != nil && !errors.As(err, &uncertain) {
					t.Fatalf("seed %d, top %d, %d beams: %q, %v; want %q", seed, n, beams, a.Text, err, whole.Text)
				}
				if err == nil {
					wide++
				}
			}
		}
		// A model that also scores settles what it lists only in part.
		if a := ask(t, rag.NewToken, scores{generates{m}}, three); a.Text != want.Text {
			t.Fatalf("%q, want %q", a.Text, want.Text)
		}
	}
	t.Logf("%d certified, %d stopped; %d certified with several beams", certified, stopped, wide)
	if wide == 0 || certified < 50 || stopped < 50 {
		t.Errorf("%d certified, %d stopped: the test shows little", certified, stopped)
	}
}

// Tokens of different bytes differ although a server shows both as the same
// replacement character.
func TestPieces(t *testing.T) {
	even := func(passages, prefix string) []float64 {
		switch {
		case prefix != "":
			return []float64{0, 0, 0, 0, 1}
		case passages == "passage 0":
			return []float64{0.4, 0.3, 0.3, 0, 0}
		}
		return []float64{0.4, 0.3, 0.3, 0, 0}
	}
	// In each passage, b and c are parts of characters, the same ones crosswise:
	// treated as one token they would win.
	cross := func(_ string, top []generator.Alternative) []generator.Alternative {
		for i := range top {
			switch top[i].Text {
			case " b":
				top[i] = generator.Alternative{Bytes: []byte{0xe2, 0x82}, Prob: top[i].Prob}
			case " c":
				top[i] = generator.Alternative{Bytes: []byte{0xe2, 0x98}, Prob: top[i].Prob}
			}
		}
		return top
	}
	g := topped{generates{&tiny{table: even}}, 5, false, cross}
	if a := ask(t, rag.NewToken, g, three); a.Text != "a" {
		t.Errorf("%q", a.Text)
	}
	// If such a token wins, no prompt can continue.
	m := &tiny{table: func(_, prefix string) []float64 {
		if prefix == "" {
			return []float64{1, 0, 0, 0, 0}
		}
		return []float64{0.1, 0.6, 0.3, 0, 0}
	}}
	g = topped{generates{m}, 5, false, cross}
	g.edit = func(prefix string, top []generator.Alternative) []generator.Alternative {
		if prefix == "" {
			return top
		}
		return cross(prefix, top)
	}
	a, err := decoder(t, rag.NewToken, pieces{g}, three).Answer(t.Context(), "question?")
	var piece *rag.PieceError
	if !errors.As(err, &piece) || piece.Step != 1 || piece.Text != " a" || string(piece.Bytes) != "\xe2\x82" {
		t.Fatalf("%+v, %v", a, err)
	}
	if a.Text != "a" || a.Stop != selfrag.StopFailed {
		t.Errorf("%q, %v", a.Text, a.Stop)
	}
}

// pieces holds back the text of b, a part of a character.
type pieces struct{ topped }

func (p pieces) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		for s, err := range p.topped.Generate(ctx, req) {
			if s.Text == " b" {
				s.Text = ""
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// A backend that gives no alternatives, or cannot continue given text, is rejected
// by name.
func TestTokenWithoutTop(t *testing.T) {
	none := topped{generates{&tiny{}}, 0, false, nil}
	var power *rag.PowerError
	if _, err := decoder(t, rag.NewToken, none, three).Answer(t.Context(), "question?"); !errors.As(err, &power) {
		t.Error(err)
	}
	m := &tiny{table: func(_, prefix string) []float64 {
		if prefix == "" {
			return []float64{1, 0, 0, 0, 0}
		}
		return nil
	}}
	fixed := generator.Wrap(topped{generates{m}, 5, false, nil}, func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		if len(req.After) > 0 {
			return func(yield func(generator.Step, error) bool) { yield(generator.Step{}, errors.ErrUnsupported) }
		}
		return topped{generates{m}, 5, false, nil}.Generate(ctx, req)
	})
	if _, err := decoder(t, rag.NewToken, fixed, three).Answer(t.Context(), "question?"); !errors.As(err, &power) || !strings.Contains(err.Error(), "NewSequence") {
		t.Error(err)
	}
}

func TestPriors(t *testing.T) {
	m := &tiny{seed: 1}
	list := func(kind retriever.ScoreKind, scores ...float64) corpus { return corpus{kind, scores} }
	fused := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		r, err := list(retriever.RRF, 0.03, 0.02, 0.01).Retrieve(ctx, q)
		for i := range r.Hits {
			part := retriever.Contribution{Part: "vectors", Scores: retriever.InnerProduct, Score: three.scores[i]}
			r.Hits[i].Parts = []retriever.Contribution{{Part: "words", Scores: retriever.BM25, Score: 9}, {Part: "inner", Scores: retriever.RRF, Parts: []retriever.Contribution{part}}}
		}
		return r, err
	})
	half := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		r, err := fused(ctx, q)
		r.Hits[1].Parts = r.Hits[1].Parts[:1]
		return r, err
	})
	e := math.Exp
	for _, c := range []struct {
		name    string
		from    retriever.Retriever
		options []rag.Option
		want    []float64
		err     string
	}{
		{"inner products", three, nil, three.prior(1), ""},
		{"inner products, warm", three, []rag.Option{rag.WithPriorTemperature(2)}, three.prior(2), ""},
		{"great numbers", list(retriever.InnerProduct, 1e6, 1e6, 0), nil, []float64{0.5, 0.5, 0}, ""},
		{"cosines", list(retriever.Cosine, 0.5, 0.4), []rag.Option{rag.WithPriorTemperature(0.1)}, []float64{e(5) / (e(5) + e(4)), e(4) / (e(5) + e(4))}, ""},
		{"cosines, no temperature", list(retriever.Cosine, 0.5, 0.4), nil, nil, "WithPriorTemperature"},
		{"probabilities", list(retriever.Probability, 0.5, 0.3), nil, []float64{0.625, 0.375}, ""},
		{"probabilities, one 0", list(retriever.Probability, 0.5, 0), nil, []float64{1}, ""},
		{"probabilities of 0", list(retriever.Probability, 0, 0), nil, nil, "all weights are 0"},
		{"probabilities below 0", list(retriever.Probability, 0.5, -1), nil, nil, "at least 0"},
		{"probabilities, warm", list(retriever.Probability, 0.5), []rag.Option{rag.WithPriorTemperature(2)}, nil, "WithPriorTemperature"},
		{"bm25", list(retriever.BM25, 9, 3), nil, nil, "WithPrior"},
		{"rrf", list(retriever.RRF, 0.03), nil, nil, "WithPrior"},
		{"ranks", list(retriever.RankOnly, 2, 1), nil, nil, "WithPrior"},
		{"relevance", list(retriever.Relevance, 2, 1), nil, nil, "WithPrior"},
		{"normalized", list(retriever.Normalized, 1, 0), nil, nil, "WithPrior"},
		{"no kind", list("", 1, 0), nil, nil, "WithPrior"},
		{"uniform", list(retriever.BM25, 9, 3), []rag.Option{rag.WithPrior(rag.Uniform())}, []float64{0.5, 0.5}, ""},
		{"uniform, warm", three, []rag.Option{rag.WithPrior(rag.Uniform()), rag.WithPriorTemperature(2)}, nil, "WithPriorTemperature"},
		{"a part", fused, []rag.Option{rag.WithPrior(rag.Part("vectors"))}, three.prior(1), ""},
		{"a part that found less", half, []rag.Option{rag.WithPrior(rag.Part("vectors"))}, []float64{e(1.3) / (e(1.3) + e(0.1)), e(0.1) / (e(1.3) + e(0.1))}, ""},
		{"a part of words", fused, []rag.Option{rag.WithPrior(rag.Part("words"))}, nil, "WithPrior"},
		{"no such part", fused, []rag.Option{rag.WithPrior(rag.Part("vector"))}, nil, `a part "vector"`},
		{"weights", three, []rag.Option{rag.WithPrior(rag.Weights("ranks", func(h []retriever.Hit) []float64 { return []float64{2, 1, 1} }))}, []float64{0.5, 0.25, 0.25}, ""},
		{"tiny weights", three, []rag.Option{rag.WithPrior(rag.Weights("ranks", func(h []retriever.Hit) []float64 { return []float64{2e-310, 2e-310, 0} }))}, []float64{0.5, 0.5}, ""},
		{"too few weights", three, []rag.Option{rag.WithPrior(rag.Weights("ranks", func(h []retriever.Hit) []float64 { return []float64{2} }))}, nil, "3 passages"},
		{"no function", three, []rag.Option{rag.WithPrior(rag.Weights("ranks", nil))}, nil, "3 passages"},
		{"not a number", three, []rag.Option{rag.WithPrior(rag.Weights("ranks", func(h []retriever.Hit) []float64 { return []float64{1, math.NaN(), 1} }))}, nil, "finite"},
	} {
		for name, f := range map[string]build{"sequence": rag.NewSequence, "token": rag.NewToken} {
			a, err := decoder(t, f, m, c.from, c.options...).Answer(t.Context(), "question?")
			if c.err != "" {
				var prior *rag.PriorError
				if err == nil || !strings.Contains(err.Error(), c.err) || !errors.As(err, &prior) && !errors.Is(err, rag.ErrOption) {
					t.Errorf("%s, %s: %v, want %q", c.name, name, err, c.err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s, %s: %v", c.name, name, err)
			}
			got := a.Trace.RAG.Prior
			if c.name == "great numbers" { // the third underflows
				got = append(slices.Clip(got), 0)[:3]
			}
			for i := range c.want {
				if len(got) != len(c.want) || math.Abs(got[i]-c.want[i]) > 1e-12 {
					t.Errorf("%s, %s: %v, want %v", c.name, name, got, c.want)
					break
				}
			}
		}
	}
	// Such scores do not matter to standard RAG, which has no prior.
	ask(t, rag.NewStandard, m, list(retriever.BM25, 9, 3))
}

func TestOptions(t *testing.T) {
	all := slices.Collect(func(yield func(string) bool) {
		for name := range constructors {
			yield(name)
		}
	})
	for _, c := range []struct {
		option rag.Option
		want   string
		for_   []string
	}{
		{rag.WithK(0), "WithK: 0: want at least 1", all},
		{rag.WithMaxTokens(0), "WithMaxTokens: 0: want at least 1", all},
		{rag.WithLabels("one"), "WithLabels", all},
		{rag.WithLabels("a", "\xff"), "WithLabels", all},
		{rag.WithConcurrency(-1), "WithConcurrency: -1: want 0 or more", all},
		{rag.WithInstruction(generator.Instruction{Text: "do", Separator: 9}), "WithInstruction", all},
		{rag.WithPriorTemperature(0), "WithPriorTemperature: 0: want a finite number above 0", all},
		{rag.WithPriorTemperature(math.Inf(1)), "want a finite number above 0", all},
		{rag.WithPriorTemperature(math.NaN()), "want a finite number above 0", all},
		{rag.WithBeams(0), "WithBeams: 0: want at least 1", all},
		{rag.WithDecoding("slow"), "want Thorough or Fast", all},
		{rag.WithPrompt(generator.MustTaskTemplate("t", "", "{{question}}")), "want exactly [passages question]", all},
		{rag.WithPrompt(generator.TaskTemplate{}), "want exactly [passages question]", all},
		{nil, "number 0 is nil", all},
		{rag.WithBeams(2), "NewSequence or NewToken", []string{"standard"}},
		{rag.WithEnd(false), "NewSequence or NewToken", []string{"standard"}},
		{rag.WithPrior(rag.Uniform()), "NewSequence or NewToken", []string{"standard"}},
		{rag.WithPriorTemperature(1), "NewSequence or NewToken", []string{"standard"}},
		{rag.WithDecoding(rag.Fast), "NewSequence only", []string{"standard", "token"}},
		{rag.WithSeed(1), "NewSequence only", []string{"standard", "token"}},
		{rag.WithPrompt(rag.AnswerTemplate), "NewStandard only", []string{"sequence", "token"}},
	} {
		for _, name := range c.for_ {
			_, err := constructors[name](&tiny{}, three, c.option)
			if !errors.Is(err, rag.ErrOption) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			a, err := decoder(t, constructors[name], &tiny{}, three).Answer(t.Context(), "question?", c.option)
			if a != nil || !errors.Is(err, rag.ErrOption) {
				t.Errorf("%s, with the question: %+v, %v", name, a, err)
			}
			for e, err := range decoder(t, constructors[name], &tiny{}, three).Stream(t.Context(), "question?", c.option) {
				if e.Kind != selfrag.EventAnswer || e.Answer != nil || !errors.Is(err, rag.ErrOption) {
					t.Errorf("%s, stream: %+v, %v", name, e, err)
				}
			}
		}
	}
	for name, f := range constructors {
		var script *generatortest.Script
		if _, err := f(script, three); !errors.Is(err, rag.ErrOption) || !strings.Contains(err.Error(), "generator is nil") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := f(&tiny{}, nil); !errors.Is(err, rag.ErrOption) || !strings.Contains(err.Error(), "retriever is nil") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server that hides the end lists tokens that are less likely: an unlisted end is
// bounded by what the list leaves, not by its last token.
func TestHiddenEnd(t *testing.T) {
	m := &tiny{table: func(passages, _ string) []float64 {
		if passages == "passage 0" {
			return []float64{0.51, 0.02, 0.01, 0.01, 0.45}
		}
		return []float64{0.02, 0.51, 0.01, 0.01, 0.45}
	}}
	two := corpus{retriever.InnerProduct, []float64{1, 1}}
	_, err := decoder(t, rag.NewToken, topped{generates{m}, 5, true, nil}, two, rag.WithEnd(false)).Answer(t.Context(), "question?")
	var uncertain *rag.UncertainError
	if !errors.As(err, &uncertain) || uncertain.Second.Token.Text != "" || math.Abs(uncertain.Second.Upper-0.45) > 1e-9 || uncertain.First.Token.Text != " a" {
		t.Error(err)
	}
	if a := ask(t, rag.NewToken, m, two); a.Text != "" {
		t.Errorf("%q: want the end", a.Text)
	}
}

// An answer that was cut differs from one that has ended, even with the same text;
// the one that has ended is used.
func TestCutAndEnded(t *testing.T) {
	m := generatortest.Bare(&generatortest.Script{Rules: []generatortest.Rule{
		{When: generatortest.Shows("passage 0"), Steps: generatortest.Words(0.9, " a b")},
		{When: generatortest.Shows("passage 1"), Steps: []generator.Step{{Text: " a b", LogProb: reflection.ExactValue(0.1)}}},
	}})
	two := corpus{retriever.InnerProduct, []float64{1, 1}}
	a := ask(t, rag.NewSequence, m, two, rag.WithDecoding(rag.Fast), rag.WithMaxTokens(2), rag.WithBeams(1))
	r := a.Trace.RAG
	if len(r.Hypotheses) != 2 || r.Hypotheses[0].Finish != generator.FinishLength || r.Chosen != 1 || a.Stop != selfrag.StopEnd {
		t.Errorf("%+v", r)
	}
	if a.Citations[0].Passage.ID != "1" {
		t.Errorf("%+v", a.Citations)
	}
	// If all were cut, one of these is the answer, and the stop reason says so.
	a = ask(t, rag.NewSequence, m, corpus{retriever.InnerProduct, []float64{1}}, rag.WithDecoding(rag.Fast), rag.WithMaxTokens(2), rag.WithBeams(1))
	if a.Text != "a b" || a.Stop != selfrag.StopLength {
		t.Errorf("%+v", a)
	}
}
