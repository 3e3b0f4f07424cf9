package selfrag_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
	"github.com/goselfrag/goselfrag/selfrag"
)

// stacked is RAG-Fusion beside plain search, in one fusion, and reranked: all techniques
// that ask models at once, over m.
func stacked(t testing.TB, m generator.Generator, inner retriever.Retriever, allowMissing bool) retriever.Retriever {
	t.Helper()
	must := func(r retriever.Retriever, err error) retriever.Retriever {
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	o := retriever.FuseOptions{AllowMissing: allowMissing}
	lines, err := rewrite.NewLines(m, rewrite.VariantsTemplate, rewrite.ModelOptions{MaxTokens: 8})
	if err != nil {
		t.Fatal(err)
	}
	variants := must(rewrite.Fusion(inner, lines, rewrite.FusionOptions{Fuse: o}))
	parts := must(rewrite.Decompose(inner, lines, rewrite.DecomposeOptions{Depth: 2, Fuse: o}))
	both := must(retriever.Fuse([]retriever.Part{{Name: "plain", Retriever: inner}, {Name: "variants", Retriever: variants}, {Name: "parts", Retriever: parts}}, o))
	return must(rerank.New(both, rerank.ModelScorer{Generator: m, Concurrency: 3}, rerank.Options{Depth: 3, AllowMissing: allowMissing}))
}

// One budget holds for the engine's own calls and those of all techniques inside the
// retriever; the answer counts what the model counted; and the same question costs and
// says the same, whatever runs at the same time.
func TestBudgetHoldsInRetriever(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var b budget.Limits
		switch rapid.IntRange(0, 3).Draw(rt, "bound") {
		case 0:
			b.Calls = rapid.IntRange(1, 120).Draw(rt, "calls")
		case 1:
			b.Tokens = rapid.IntRange(1, 400).Draw(rt, "tokens")
		case 2:
			b.Calls, b.Tokens = rapid.IntRange(1, 120).Draw(rt, "calls"), rapid.IntRange(1, 400).Draw(rt, "tokens")
		}
		options := []selfrag.Option{selfrag.WithLongForm(2, 2), selfrag.WithBudget(b), selfrag.WithMaxTokens(12), selfrag.WithThreshold(0.3)}
		if rapid.Bool().Draw(rt, "full") {
			options = append(options, selfrag.WithTrace(selfrag.TraceFull))
		}
		if rapid.Bool().Draw(rt, "eager") {
			options = append(options, selfrag.WithEagerRetrieval(true), selfrag.WithMode(selfrag.Adaptive), selfrag.WithThreshold(0))
		}
		talks := rapid.Bool().Draw(rt, "talks")
		seed, anyway := rapid.Uint64().Draw(rt, "seed"), rapid.Bool().Draw(rt, "allow missing")
		first := ""
		for range 2 {
			m := counting(&generatortest.Random{Seed: seed, MaxSegments: 3})
			e := newEngine(t, hesitant(m), stacked(t, hesitant(m), finds(hits("A", "B", "C", "D")...), anyway), options...)
			var own []selfrag.Option
			if talks {
				own = append(own, selfrag.WithHistory(talk...), selfrag.WithRewriter(rewriter(t, hesitant(m))))
			}
			a, err := e.Answer(t.Context(), "q", own...)
			if err != nil && !errors.Is(err, budget.ErrExceeded) {
				rt.Fatal(err)
			}
			if err != nil && a.Stop != selfrag.StopBudget {
				rt.Fatalf("stopped by %s: %v", a.Stop, err)
			}
			if b.Calls > 0 && m.calls > b.Calls || b.Tokens > 0 && m.tokens > b.Tokens {
				rt.Fatalf("%d calls and %d tokens of %+v", m.calls, m.tokens, b)
			}
			if a.Usage.Calls != m.calls || a.Usage.GeneratedTokens != m.tokens {
				rt.Fatalf("the answer counts %+v, the model %d calls and %d tokens", a.Usage, m.calls, m.tokens)
			}
			got := canonical(t, a)
			if first == "" {
				first = got
			}
			if got != first {
				rt.Fatalf("once\n%s\nthen\n%s", first, got)
			}
		}
	})
}

// The trace has every step of the retriever, with the prompts of its models.
func TestRetrievalSteps(t *testing.T) {
	search := func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: hits("A"), Scores: retriever.RankOnly}, nil
	}
	small := script(on(generatortest.Words(1, "ships and boats")))
	lines, err := rewrite.NewLines(small, rewrite.VariantsTemplate, rewrite.ModelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := rewrite.Fusion(retriever.Func(search), lines, rewrite.FusionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m := script(on(said("Yes.")))
	a := run(t, m, r, always, selfrag.WithFixedPassages(true))
	x := a.Trace.Expansions[0]
	if p := m.Requests()[0].Prompt; !slices.Equal(p.Queries, x.Queries) || len(p.Evidence) != 1 {
		t.Errorf("the prompt of the answer is %+v", p)
	}
	if !slices.Equal(x.Queries, []string{"ships and boats"}) || len(x.Retrieval) != 3 {
		t.Fatalf("queries %q, steps %+v", x.Queries, x.Retrieval)
	}
	rewriting := x.Retrieval[0]
	if rewriting.Name != "rewrite" || !slices.Equal(rewriting.Texts, x.Queries) || len(rewriting.Steps) != 1 {
		t.Fatalf("%+v", rewriting)
	}
	if c := rewriting.Steps[0]; c.Template != "rewrite-variants" || c.TemplateHash != rewrite.VariantsTemplate.Hash() || c.Usage == nil || c.Usage.Calls != 1 {
		t.Errorf("the call is %+v", c)
	}
	for i, want := range []string{"original [What is it?]", "variant 1 [ships and boats]"} {
		if s := x.Retrieval[i+1]; s.Name+" ["+strings.Join(s.Texts, " ")+"]" != want {
			t.Errorf("step %+v, want %s", s, want)
		}
	}
	if a.Usage.Calls != 2 || a.Usage.GeneratedTokens != rewriting.Steps[0].Usage.GeneratedTokens+x.Candidates[0].Usage.GeneratedTokens {
		t.Errorf("usage %+v", a.Usage)
	}
	if b, err := a.Trace.Canonical(); err != nil || !strings.Contains(string(b), `"retrieval":[{"name":"rewrite","texts":["ships and boats"],"steps":[{"name":"rewrite-variants",`) {
		t.Errorf("%s, %v", b, err)
	}
}

// The spending of a retriever leaves room for one candidate. If the retriever has
// too little left it fails, and its policy or the engine says so.
func TestBudgetForRetriever(t *testing.T) {
	decides := on(generatortest.Decision(1), generatortest.Decides())
	for _, tt := range []struct {
		name    string
		budget  budget.Limits
		anyway  bool
		text    string
		missing int
	}{
		{"enough", budget.Limits{Calls: 3}, false, "Yes.", 0},
		{"without variants", budget.Limits{Calls: 2}, true, "Yes.", 1},
		{"not at all", budget.Limits{Calls: 2}, false, "", 0},
		{"tokens", budget.Limits{Tokens: 1 + 512 + 10}, false, "Yes.", 0},
		{"too few tokens", budget.Limits{Tokens: 512 + 10}, true, "Yes.", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines, err := rewrite.NewLines(script(on(generatortest.Words(1, "ships"))), rewrite.VariantsTemplate, rewrite.ModelOptions{})
			if err != nil {
				t.Fatal(err)
			}
			r, err := rewrite.Fusion(finds(hits("A")...), lines, rewrite.FusionOptions{Fuse: retriever.FuseOptions{AllowMissing: tt.anyway}})
			if err != nil {
				t.Fatal(err)
			}
			a, err := newEngine(t, script(decides, on(said("Yes."))), r).Answer(t.Context(), "q", selfrag.WithBudget(tt.budget), selfrag.WithMaxTokens(10))
			if a.Text != tt.text || len(a.Missing) != tt.missing || errors.Is(err, budget.ErrExceeded) != (tt.text == "") || (a.Stop == selfrag.StopBudget) != (tt.text == "") {
				t.Errorf("%q, missing %v, stopped by %s, %v", a.Text, a.Missing, a.Stop, err)
			}
		})
	}
}

// An engine within a budget, such as one that answers sub-questions inside a
// retriever, keeps to the rest of that budget and is charged as a whole.
func TestAnswerWithinBudget(t *testing.T) {
	m := counting(script(on(generatortest.Decision(1), generatortest.Decides()), on(said("Yes."))))
	e := newEngine(t, m, finds(hits("A", "B", "C")...))
	ctx, spent := budget.Open(t.Context(), "agent", budget.Limits{Calls: 6})
	var a observe.Recorder
	ctx = observe.With(ctx, &a)
	for i, want := range []string{"Yes.", "Yes.", ""} {
		answer, err := e.Answer(ctx, "q")
		if answer.Text != want || errors.Is(err, budget.ErrExceeded) != (want == "") {
			t.Errorf("question %d: %q, %v", i+1, answer.Text, err)
		}
	}
	if u := spent.Usage(); u.Calls != 6 || m.calls != 6 || u.GeneratedTokens != m.tokens {
		t.Errorf("charged %+v, called %d times for %d tokens", u, m.calls, m.tokens)
	}
	steps := a.Steps()
	if len(steps) != 3 || steps[0].Name != "question" || steps[0].Usage.Calls != 4 || steps[1].Usage.Calls != 2 || steps[2].Usage != nil || steps[2].Error == "" {
		t.Errorf("%+v", steps)
	}
	if _, err := e.Answer(ctx, "q", selfrag.WithBudget(budget.Limits{Calls: 2})); !errors.Is(err, budget.ErrExceeded) {
		t.Error(err)
	}
}

// The limits of one budget hold for many questions together at every concurrency,
// and their steps are in the order of the questions.
func TestBudgetOfManyQuestions(t *testing.T) {
	list := questions(12)
	for _, limits := range []budget.Limits{{}, {Calls: 9}, {Tokens: 100}} {
		m := counting(&generatortest.Random{Seed: 2, MaxWords: 2})
		e := newEngine(t, hesitant(m), finds(hits("A", "B")...), selfrag.WithMaxTokens(12))
		ctx, spent := budget.Open(t.Context(), "all", limits)
		var a observe.Recorder
		ctx = observe.With(ctx, &a)
		for _, err := range e.AnswerAll(ctx, list, 6) {
			if err != nil && !errors.Is(err, budget.ErrExceeded) {
				t.Fatal(err)
			}
		}
		if limits.Calls > 0 && m.calls > limits.Calls || limits.Tokens > 0 && m.tokens > limits.Tokens {
			t.Errorf("%+v: %d calls and %d tokens", limits, m.calls, m.tokens)
		}
		if u := spent.Usage(); u.Calls != m.calls || u.GeneratedTokens != m.tokens {
			t.Errorf("%+v: the budget has %+v, the model counted %d calls and %d tokens", limits, u, m.calls, m.tokens)
		}
		var asked []string
		for _, s := range a.Steps() {
			asked = append(asked, s.Texts...)
		}
		if !slices.Equal(asked, list) {
			t.Errorf("%+v: steps of %q", limits, asked)
		}
	}
}

// The budget of each of many questions does not depend on how many run at once,
// whatever the limits bound and whether the parts declare their cost.
func TestBudgetOfManyQuestionsIsFair(t *testing.T) {
	list := questions(6)
	for _, limits := range []budget.Limits{{Calls: 1000}, {Calls: 14}, {Tokens: 60}, {Retrievals: 3}, {Calls: 1000, Retrievals: 100}} {
		for name, found := range map[string]retriever.Retriever{"declared": listed("A", "B"), "undeclared": finds(hits("A", "B")...)} {
			first := ""
			for _, concurrency := range []int{1, 2, 6, 6, 6} {
				m := hesitant(script(on(generatortest.Decision(1), generatortest.Decides()), on(said("Yes."))))
				e := newEngine(t, m, found, selfrag.WithMaxTokens(12))
				ctx, b := budget.Open(t.Context(), "all", limits)
				got := ""
				for a, err := range e.AnswerAll(ctx, list, concurrency) {
					got += fmt.Sprintf("%q, %s, %v\n", a.Text, a.Stop, err)
				}
				got += fmt.Sprint(b.Usage())
				if first == "" {
					first = got
				}
				if got != first {
					t.Errorf("%s, %+v: at concurrency %d\n%s\nand one by one\n%s", name, limits, concurrency, got, first)
				}
			}
			if !strings.Contains(first, "Yes.") || (limits.Calls == 1000) == strings.Contains(first, string(selfrag.StopBudget)) {
				t.Errorf("%s, %+v:\n%s", name, limits, first)
			}
		}
	}
}

// The calls of a rewriter through package generator count even if it does not
// report them.
func TestBudgetOfSilentRewriter(t *testing.T) {
	m := counting(script(on(said("Yes."))))
	silent := rewrites(func(ctx context.Context, c generator.Conversation) (generator.Rewriting, error) {
		for range 2 {
			if _, err := generator.Complete(ctx, m, generator.Request{Prompt: generator.Prompt{Instruction: c.Question}, MaxTokens: 10}); err != nil {
				return generator.Rewriting{}, err
			}
		}
		return generator.Rewriting{Question: c.Question}, nil
	})
	e := newEngine(t, m, finds(hits("A", "B", "C")...), always, selfrag.WithRewriter(silent))
	a, err := e.Answer(t.Context(), "q", selfrag.WithHistory(talk...), selfrag.WithBudget(budget.Limits{Calls: 3}))
	if err != nil || a.Text != "Yes." || m.calls != 3 || a.Usage.Calls != 3 || a.Usage.GeneratedTokens != m.tokens || a.Trace.Rewriting.Usage.Calls != 2 {
		t.Errorf("%q, error %v; the model counted %d calls and %d tokens, the answer %+v, the trace %+v", a.Text, err, m.calls, m.tokens, a.Usage, a.Trace.Rewriting)
	}
}

type rewrites func(context.Context, generator.Conversation) (generator.Rewriting, error)

func (f rewrites) Rewrite(ctx context.Context, c generator.Conversation) (generator.Rewriting, error) {
	return f(ctx, c)
}
