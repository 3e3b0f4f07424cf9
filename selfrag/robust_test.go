package selfrag_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/selfrag"
)

// model is a generator made of a function, without optional methods.
type model func(context.Context, generator.Request) iter.Seq2[generator.Step, error]

func (m model) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return m(ctx, req)
}

func TestPanicReachesTheCaller(t *testing.T) {
	e := newEngine(t, model(func(context.Context, generator.Request) iter.Seq2[generator.Step, error] {
		panic("backend gone wrong")
	}), finds(hits("A", "B")...), always)
	for name, call := range map[string]func(){
		"Answer": func() { _, _ = e.Answer(t.Context(), "q") },
		"Stream": func() {
			for range e.Stream(t.Context(), "q") {
			}
		},
		"AnswerAll": func() {
			for range e.AnswerAll(t.Context(), []string{"q", "r"}, 2) {
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if p, _ := recover().(string); !strings.Contains(p, "backend gone wrong") || !strings.Contains(p, "robust_test.go") {
					t.Errorf("recovered %q: want the panic with where it came from", p)
				}
			}()
			call()
		})
	}
}

func TestFailureIsNotHiddenBehindTheBudget(t *testing.T) {
	boom := errors.New("boom")
	m := script(generatortest.Rule{Err: boom})
	a, err := newEngine(t, m, finds(hits("A", "B", "C")...), always, selfrag.WithBudget(budget.Limits{Calls: 2})).Answer(t.Context(), "q")
	if !errors.Is(err, boom) || a.Stop != selfrag.StopFailed {
		t.Errorf("stopped by %s, error %v", a.Stop, err)
	}
}

func TestTimeBudgetForgivesOnlyWhatItCaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		denied := errors.New("401")
		slow := retriever.Func(func(ctx context.Context, _ retriever.Query) (retriever.Result, error) {
			<-ctx.Done()
			return retriever.Result{}, denied
		})
		a, err := newEngine(t, script(on(said("Yes."))), slow, always, selfrag.WithBudget(budget.Limits{Time: time.Second})).Answer(t.Context(), "q")
		if !errors.Is(err, denied) || a.Stop != selfrag.StopFailed {
			t.Errorf("stopped by %s, error %v", a.Stop, err)
		}
	})
}

func TestSegmentCutBeforeAnyText(t *testing.T) {
	long := script(
		on(more(said("First."), 0, 1, 0), generatortest.Depth(0)),
		on([]generator.Step{{Token: reflection.Relevant, LogProb: reflection.ExactLog(0)}, {Text: "x", LogProb: reflection.ExactLog(0)}}, generatortest.Depth(1)),
	)
	first := said("First.")
	a := run(t, long, finds(hits("A")...), always, selfrag.WithLongForm(1, 3), selfrag.WithMaxTokens(len(first)+1))
	if a.Text == "" {
		t.Fatal("no answer")
	}
	cut := script(
		on(more(said("First."), 0, 1, 0), generatortest.Depth(0)),
		generatortest.Rule{When: generatortest.Depth(1), Steps: []generator.Step{
			{Token: reflection.Relevant, LogProb: reflection.ExactLog(0)},
			{Finish: generator.FinishLength},
		}},
	)
	a = run(t, cut, finds(hits("A")...), always, selfrag.WithLongForm(1, 3))
	if a.Text != "First." || a.Stop != selfrag.StopLength {
		t.Errorf("%q, stopped by %s, want length", a.Text, a.Stop)
	}
}

func TestModelWithoutReflectionTokensNeedsACritic(t *testing.T) {
	m := script(on(generatortest.Words(1, "Yes.")))
	m.Capabilities = generator.Capabilities{Model: "chat"}
	e := newEngine(t, m, finds(hits("A")...), always)
	var oe *selfrag.OptionError
	if _, err := e.Answer(t.Context(), "q"); !errors.As(err, &oe) || oe.Option != "WithCritic" || !strings.Contains(err.Error(), "chat") {
		t.Errorf("error %v, want an *OptionError of WithCritic", err)
	}
	c := judge(func(_ context.Context, c critique.Continuation) (critique.Verdict, error) {
		return critique.Verdict{}, nil
	})
	if a := ask(t, e, "q", selfrag.WithCritic(c)); a.Text != "Yes." {
		t.Errorf("with a critic: %q", a.Text)
	}
}

func TestCriticIsCheckedAndSeesTheSegment(t *testing.T) {
	past := script(on([]generator.Step{
		{Token: reflection.Relevant, LogProb: reflection.ExactLog(0)}, {Text: " One.", LogProb: reflection.ExactLog(0)},
		{Token: reflection.Retrieval, LogProb: reflection.ExactLog(0)}, {Text: "Made up.", LogProb: reflection.ExactLog(0)},
	}))
	var seen []string
	run(t, past, finds(hits("A")...), always, selfrag.WithCritic(judge(func(_ context.Context, c critique.Continuation) (critique.Verdict, error) {
		seen = append(seen, c.Text)
		return critique.Verdict{}, nil
	})))
	if len(seen) != 1 || seen[0] != "One." {
		t.Errorf("the critic saw %q, want the segment", seen)
	}
	for name, c := range map[string]reflection.Critique{
		"a token of another group":        {IsREL: reflection.Judgment{Token: reflection.Utility1}},
		"a distribution of another group": {IsSUP: reflection.Judged(reflection.OneHot(reflection.Relevant), reflection.None, reflection.ExactIDs)},
		"a token that does not exist":     {IsUSE: reflection.Judgment{Token: 200}},
		"a level that does not exist":     {IsUSE: reflection.Judgment{Level: 99}},
		"a status that does not exist":    {IsUSE: reflection.Judgment{Status: 99}},
		"NaN":                             {IsREL: reflection.Judged(reflection.NewDistribution(reflection.IsREL, math.NaN()), reflection.None, reflection.ExactIDs)},
	} {
		e := newEngine(t, script(on(said("Yes."))), finds(hits("A")...), always, selfrag.WithCritic(judge(func(context.Context, critique.Continuation) (critique.Verdict, error) {
			return critique.Verdict{Critique: c}, nil
		})))
		if a, err := e.Answer(t.Context(), "q"); err == nil || a.Stop != selfrag.StopFailed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMetadataThatCannotBeWrittenIsRefused(t *testing.T) {
	list := hits("A")
	list[0].Passage.Metadata = filter.Metadata{"x": filter.Float(math.NaN())}
	_, err := newEngine(t, script(on(said("Yes."))), exactly(list...), always).Answer(t.Context(), "q")
	if !errors.Is(err, selfrag.ErrRetriever) {
		t.Errorf("error %v", err)
	}
}

// A failure of what only a full trace asks for decides nothing.
func TestFullTraceChangesNoOutcome(t *testing.T) {
	down := errors.New("down")
	broken := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{}, down
	})
	m := func() *generatortest.Script {
		return script(
			generatortest.Rule{When: generatortest.Decides(), Err: down},
			on(generatortest.Words(1, "Without."), generatortest.Forces(reflection.NoRetrieval)),
		)
	}
	a := run(t, m(), broken, selfrag.WithMode(selfrag.Never), selfrag.WithTrace(selfrag.TraceFull))
	if a.Text != "Without." || len(a.Missing) > 0 {
		t.Errorf("%+v", a)
	}
	b, err := a.Trace.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	back, err := selfrag.ParseTrace(b)
	if err != nil {
		t.Fatal(err)
	}
	var d *selfrag.Diverged
	if _, err := selfrag.Rescore(back, selfrag.WithMode(selfrag.Always)); !errors.As(err, &d) {
		t.Errorf("a retrieval that failed was re-scored: %v", err)
	}
	a = run(t, m(), finds(hits("A")...), selfrag.WithMode(selfrag.Never), selfrag.WithTrace(selfrag.TraceFull), selfrag.WithBudget(budget.Limits{Calls: 1}), selfrag.WithMinCandidates(1))
	if a.Text != "Without." || a.Stop != selfrag.StopEnd {
		t.Errorf("with a budget for one call: %q, stopped by %s", a.Text, a.Stop)
	}
}

func TestUnknownRelevanceDoesNotAbstain(t *testing.T) {
	m := script(on([]generator.Step{{Text: "Yes.", LogProb: reflection.ExactLog(0)}}))
	if a := run(t, m, finds(hits("A")...), always, selfrag.WithAbstention(0.9, "")); a.Abstained || a.Text != "Yes." {
		t.Errorf("%+v: nothing says that the passage is irrelevant", a)
	}
}

func TestFailedCandidatesAreNoted(t *testing.T) {
	m := script(generatortest.Rule{When: generatortest.Shows("passage A"), Err: errors.New("boom")}, on(said("Yes.")))
	a := run(t, m, finds(hits("A", "B")...), always, selfrag.WithMinCandidates(1), selfrag.WithTrace(selfrag.TraceOff))
	if a.Text != "Yes." || len(a.Notes) != 1 || !strings.Contains(a.Notes[0], "1 candidates failed") {
		t.Errorf("%q, notes %q", a.Text, a.Notes)
	}
}

func TestTraceDoesNotShareTheOptions(t *testing.T) {
	e := newEngine(t, script(on(said("Yes."))), finds(hits("A")...), always, selfrag.WithLabels("yes", "no"))
	ask(t, e, "q").Trace.Settings.Labels[0] = ""
	if a := ask(t, e, "q"); a.Label != "yes" {
		t.Errorf("label %q after a trace was changed", a.Label)
	}
}

func TestCanonicalLeavesTheCacheOut(t *testing.T) {
	with := func(cached int) string {
		m := model(func(_ context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
			return func(yield func(generator.Step, error) bool) {
				if yield(generator.Step{Text: "Yes.", LogProb: reflection.ExactLog(0)}, nil) {
					yield(generator.Step{Finish: generator.FinishEnd, Usage: generator.Usage{PromptTokens: 9, CachedTokens: cached}}, nil)
				}
			}
		})
		a := run(t, m, finds(hits("A")...), always, selfrag.WithHistory(selfrag.Turn{Question: "p"}))
		if a.Usage.CachedTokens != cached {
			t.Errorf("usage %+v", a.Usage)
		}
		return canonical(t, a)
	}
	if with(0) != with(7) {
		t.Error("what the server had in its cache changes the canonical form")
	}
}

func TestAffinityTellsQuestionsAndPassagesApart(t *testing.T) {
	var mu sync.Mutex
	seen := map[int]string{}
	m := model(func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		mu.Lock()
		defer mu.Unlock()
		if e := req.Prompt.Evidence; len(e) > 0 {
			line := req.Prompt.Instruction + e[0].Text
			if other, ok := seen[req.Affinity]; ok && other != line || req.Affinity < 1 {
				t.Errorf("affinity %d is that of %q and of %q", req.Affinity, other, line)
			}
			seen[req.Affinity] = line
		}
		return script(on(said("Yes."))).Generate(ctx, req)
	})
	e := newEngine(t, m, finds(hits("A", "B", "C")...), always)
	ask(t, e, "one question")
	ask(t, e, "another question")
	if len(seen) != 6 {
		t.Errorf("%d lines of work, want 6", len(seen))
	}
}

// Two paths of a beam are different work, so that a server with enough slots does
// not read one in the slot of the other.
func TestAffinityTellsPathsApart(t *testing.T) {
	m := counting(script(
		on(more(said("One."), 0, 1, 0), generatortest.Depth(0), generatortest.Shows("A")),
		on(more(said("Another."), 0, 1, 0), generatortest.Depth(0)),
		on(said(" Two."), generatortest.Depth(1)),
	))
	ask(t, newEngine(t, m, finds(hits("A", "B", "C")...), always, selfrag.WithLongForm(2, 3), selfrag.WithK(3)), "q")
	paths := map[int]map[string]bool{}
	seen := map[[2]int]bool{}
	for _, r := range m.requests {
		if at := [2]int{len(r.Prompt.Path), r.Affinity}; len(r.Prompt.Evidence) > 0 {
			if seen[at] {
				t.Errorf("segment %d: affinity %d twice", at[0]+1, at[1])
			}
			seen[at] = true
			if paths[at[0]] == nil {
				paths[at[0]] = map[string]bool{}
			}
			paths[at[0]][fmt.Sprint(r.Prompt.Path)] = true
		}
	}
	if len(paths[1]) != 2 {
		t.Errorf("%d paths in segment 2: the test shows little", len(paths[1]))
	}
}

func TestAnswerAllTakesAnyConcurrency(t *testing.T) {
	e := newEngine(t, script(on(said("Yes."))), finds(hits("A")...), always)
	n := 0
	for a, err := range e.AnswerAll(t.Context(), []string{"q", "r"}, math.MaxInt) {
		if err != nil || a.Text != "Yes." {
			t.Errorf("%+v, %v", a, err)
		}
		n++
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var forms []string
	for a, err := range e.AnswerAll(ctx, []string{"q", "q", "q", "q"}, 2) {
		b, jsonErr := json.Marshal(a)
		if !errors.Is(err, context.Canceled) || jsonErr != nil {
			t.Errorf("%v, %v", err, jsonErr)
		}
		if strings.Contains(string(b), `"segments":null`) || a.Stop != selfrag.StopFailed {
			t.Errorf("%s", b)
		}
		forms = append(forms, string(b))
	}
	if n != 2 || len(forms) != 4 {
		t.Errorf("%d and %d answers", n, len(forms))
	}
}

func TestRescoreWithALongFilter(t *testing.T) {
	in := filter.In{Field: "tenant"}
	for range 5000 {
		in.Values = append(in.Values, filter.String(strings.Repeat("x", 20)))
	}
	a := run(t, script(on(said("Yes."))), finds(hits("A")...), always, selfrag.WithFilter(filter.Or{in, filter.Not{Filter: filter.Exists{Field: "tenant"}}}))
	if r, err := selfrag.Rescore(a.Trace); err != nil || r.Text != a.Text {
		t.Errorf("%v, %v", r, err)
	}
}
