package selfrag_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// graded is a model of three passages; B is by far the most relevant. Every
// candidate has six tokens and the end.
func graded() *generatortest.Script {
	return script(
		on(generatortest.Segment(0.1, "First of four words.", full, [5]float64{}), generatortest.Shows("A")),
		on(generatortest.Segment(0.9, "Second of four words.", full, [5]float64{}), generatortest.Shows("B")),
		on(generatortest.Segment(0.5, "Third of four words.", full, [5]float64{}), generatortest.Shows("C")),
	)
}

var gradedWeights = selfrag.WithWeights(scoring.Weights{Relevance: 3, Support: 1})

func statuses(e *selfrag.Expansion) (out []selfrag.CandidateStatus) {
	for _, c := range e.Candidates {
		out = append(out, c.Status)
	}
	return out
}

// By hand: B scores 3·0.9 + 1 = 3.7. C can reach 3·0.5 + 1 = 2.5 and A 1.3, so
// both stop after one token.
func TestLazyStops(t *testing.T) {
	a := run(t, graded(), finds(hits("A", "B", "C")...), always, noSequence(), gradedWeights, selfrag.WithLazy(1))
	e := a.Trace.Expansions[0]
	if got := fmt.Sprint(statuses(e)); a.Text != "Second of four words." || got != "[stopped kept stopped]" {
		t.Fatalf("%q, statuses %s", a.Text, got)
	}
	for i, want := range []scoring.Interval{{Lo: 0.3, Hi: 1.3}, {}, {Lo: 1.5, Hi: 2.5}} {
		if i == 1 {
			continue
		}
		c := e.Candidates[i]
		if got := c.Terms.Total; got.Lo < want.Lo-1e-9 || got.Lo > want.Lo+1e-9 || got.Hi < want.Hi-1e-9 || got.Hi > want.Hi+1e-9 || got.Kind != scoring.KindPending {
			t.Errorf("candidate %d has the bounds %+v, want %+v", i, got, want)
		}
		if c.Usage.GeneratedTokens != 1 || c.Usage.Calls != 1 || !c.Usage.Partial || c.Finish != generator.Running {
			t.Errorf("candidate %d: %+v, finish %v", i, c.Usage, c.Finish)
		}
	}
	whole := e.Candidates[1].Usage.GeneratedTokens
	if a.Usage.GeneratedTokens != whole+2 || whole < 6 {
		t.Errorf("%d tokens, of them %d for the winner", a.Usage.GeneratedTokens, whole)
	}
}

// Two at a time: C is completed beside B, and only A stops.
func TestLazyWaves(t *testing.T) {
	a := run(t, graded(), finds(hits("A", "B", "C")...), always, noSequence(), gradedWeights, selfrag.WithLazy(2))
	if got := fmt.Sprint(statuses(a.Trace.Expansions[0])); got != "[stopped kept pruned]" {
		t.Errorf("statuses %s", got)
	}
}

// A hard constraint ends a candidate at its token, unless the fallback could use
// it.
func TestLazyConstraints(t *testing.T) {
	steps := append(generatortest.Segment(1, "No.", [3]float64{0, 0.1, 0.9}, [5]float64{}), generatortest.Words(1, " And so on and on.")...)
	for fallback, want := range map[selfrag.Fallback]int{selfrag.FallbackStop: 3, selfrag.FallbackBest: len(steps) + 1} {
		m := script(on(steps))
		options := []selfrag.Option{always, noSequence(), selfrag.WithConstraints(scoring.Constraints{RejectNoSupport: true}, fallback)}
		lazy := run(t, m, finds(hits("A")...), append(options, selfrag.WithLazy(1))...)
		plain := run(t, m, finds(hits("A")...), options...)
		m = script(on(steps))
		m.Capabilities = server
		if a := run(t, m, finds(hits("A")...), append(options, selfrag.WithLazy(1))...); a.Usage.GeneratedTokens != want || a.Usage.Calls != 1 || a.Text != plain.Text {
			t.Errorf("fallback %v: a server generates %+v for %q, want %d tokens", fallback, a.Usage, a.Text, want)
		}
		if lazy.Usage.GeneratedTokens != want || lazy.Stop != plain.Stop || lazy.Text != plain.Text {
			t.Errorf("fallback %v: %d tokens, want %d; %q (%s), without lazy evaluation %q (%s)", fallback, lazy.Usage.GeneratedTokens, want, lazy.Text, lazy.Stop, plain.Text, plain.Stop)
		}
		got, stored := lazy.Trace.Expansions[0].Candidates[0], plain.Trace.Expansions[0].Candidates[0]
		if got.Status != stored.Status || got.Reason != stored.Reason {
			t.Errorf("fallback %v: %s (%s), without lazy evaluation %s (%s)", fallback, got.Status, got.Reason, stored.Status, stored.Reason)
		}
	}
}

// So does [Irrelevant], with the first text, however a candidate waits.
func TestLazyRejectsIrrelevant(t *testing.T) {
	for name, caps := range map[string]generator.Capabilities{"paced": {}, "server": server} {
		for _, ids := range [][]string{{"A"}, {"A", "B"}} {
			m := script(on(generatortest.Segment(0.1, "No, not at all.", full, [5]float64{})))
			m.Capabilities = caps
			a := run(t, m, finds(hits(ids...)...), always, noSequence(), selfrag.WithLazy(1),
				selfrag.WithConstraints(scoring.Constraints{RejectIrrelevant: true}, selfrag.FallbackStop))
			if a.Usage.GeneratedTokens != 2*len(ids) || a.Stop != selfrag.StopRejected {
				t.Errorf("%s: %+v for %d candidates, stopped by %s; want two tokens each", name, a.Usage, len(ids), a.Stop)
			}
		}
	}
}

// The label is settled: with 3.7 for red and at most 2.5 + 1.3 for another it is
// not, and with 3.7 against 2.5 it is.
func TestLazyLabels(t *testing.T) {
	rule := func(id string, rel float64, text string) generatortest.Rule {
		return on(generatortest.Segment(rel, text, full, [5]float64{}), generatortest.Shows(id))
	}
	m := script(rule("A", 0.1, "blue"), rule("B", 0.9, "red"), rule("C", 0.5, "red"))
	a := run(t, m, finds(hits("A", "B", "C")...), always, noSequence(), gradedWeights, selfrag.WithLazy(1), selfrag.WithLabels("red", "blue"))
	if got := fmt.Sprint(statuses(a.Trace.Expansions[0])); a.Label != "red" || got != "[stopped kept pruned]" || len(a.Notes) != 1 {
		t.Errorf("%q, statuses %s, notes %q", a.Label, got, a.Notes)
	}
	if _, err := selfrag.Rescore(a.Trace); err != nil {
		t.Errorf("re-scoring with the same settings: %v", err)
	}
}

func TestLazyOff(t *testing.T) {
	type plainCritic struct{ critique.Critic }
	tests := map[string]selfrag.Option{
		"full trace":   selfrag.WithTrace(selfrag.TraceFull),
		"calls":        selfrag.WithBudget(budget.Limits{Calls: 100}),
		"tokens":       selfrag.WithBudget(budget.Limits{Tokens: 10_000}),
		"time":         selfrag.WithBudget(budget.Limits{Time: time.Hour}),
		"call timeout": selfrag.WithCallTimeout(time.Hour),
		"critic":       selfrag.WithCritic(plainCritic{critique.NewTokens(graded())}),
	}
	for name, option := range tests {
		t.Run(name, func(t *testing.T) {
			m := graded()
			m.Rules = append(m.Rules, on(generatortest.Decision(1), generatortest.Decides()), on(generatortest.Words(1, "None.")))
			a := run(t, m, finds(hits("A", "B", "C")...), always, noSequence(), gradedWeights, selfrag.WithLazy(1), option)
			if s := a.Trace.Settings; s.Lazy != 1 || s.LazyOff == "" || slices.Contains(statuses(a.Trace.Expansions[0]), selfrag.Stopped) {
				t.Errorf("lazy %d, off because %q, statuses %v", s.Lazy, s.LazyOff, statuses(a.Trace.Expansions[0]))
			}
		})
	}
	if a := run(t, graded(), finds(hits("A")...), always); a.Trace.Settings.LazyOff != "" {
		t.Errorf("not asked for, and off because %q", a.Trace.Settings.LazyOff)
	}
	if _, err := selfrag.New(graded(), finds(), selfrag.WithLazy(-1)); err == nil {
		t.Error("a negative width gives no error")
	}
}

// A lazy answer and its trace are the same for every concurrency and order of
// returning calls, and with a reader of events.
func TestLazyIsDeterministic(t *testing.T) {
	for waits, say := range map[string]func(*generator.Capabilities){"unread": paced, "cut": resumes, "unbegun": forgets} {
		t.Run(waits, func(t *testing.T) {
			m := served{longModel, say}
			options := []selfrag.Option{selfrag.WithWeights(scoring.Weights{Relevance: 3, Support: 0.5, Utility: 0.1})}
			if waits == "unbegun" {
				options = append(options, selfrag.WithCritic(appraiser{critique.NewTokens(m), true}))
			}
			lazyIsDeterministic(t, newEngine(t, hesitant(m), finds(byQuery("q")...),
				append(options, selfrag.WithLongForm(2, 3), selfrag.WithK(4), selfrag.WithLazy(2), always)...))
		})
	}
}

func lazyIsDeterministic(t *testing.T, e *selfrag.Engine) {
	first, stopped := "", false
	for i := range 60 {
		var a *selfrag.Answer
		option := selfrag.WithConcurrency([]int{0, 1, 16}[i%3])
		if i%2 == 0 {
			a = ask(t, e, "q", option)
		}
		for ev, err := range e.Stream(t.Context(), "q", option) {
			if err != nil {
				t.Fatal(err)
			}
			if i%2 == 1 && ev.Kind == selfrag.EventAnswer {
				a = ev.Answer
			}
		}
		got := canonical(t, a)
		if first == "" {
			first = got
		}
		if got != first {
			t.Fatalf("run %d gives\n%s\nand the first gave\n%s", i, got, first)
		}
		for _, x := range a.Trace.Expansions {
			stopped = stopped || slices.Contains(statuses(x), selfrag.Stopped)
		}
	}
	if !stopped {
		t.Error("nothing was stopped: the test shows little")
	}
}

// tracked counts the streams that are open.
func tracked(inner generator.Generator, open *int) generator.Generator {
	return generator.Wrap(inner, func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		return func(yield func(generator.Step, error) bool) {
			*open++ // one at a time: WithConcurrency(1)
			defer func() { *open-- }()
			inner.Generate(ctx, req)(yield)
		}
	})
}

// However a question ends, no stream stays open.
func TestLazyClosesStreams(t *testing.T) {
	t.Run("unread", func(t *testing.T) { lazyClosesStreams(t, graded) })
	t.Run("cut", func(t *testing.T) {
		lazyClosesStreams(t, func() *generatortest.Script { return gradedServer(func(*generator.Capabilities) {}) })
	})
}

func lazyClosesStreams(t *testing.T, graded func() *generatortest.Script) {
	open := 0
	index := finds(hits("A", "B", "C")...)
	options := []selfrag.Option{always, noSequence(), selfrag.WithLazy(1), selfrag.WithConcurrency(1)}
	failing := graded()
	failing.Rules[1].Err = errAny
	e := newEngine(t, tracked(failing, &open), index, options...)
	if a, err := e.Answer(t.Context(), "q"); !errors.Is(err, errAny) || open != 0 {
		t.Errorf("error %v, %d streams open", err, open)
	} else if n := a.Usage.GeneratedTokens; n != 1+1 {
		t.Errorf("%d tokens: want no wave after a failure", n)
	}
	if a, err := e.Answer(t.Context(), "q", selfrag.WithMinCandidates(2)); err != nil || a.Text != "Third of four words." || open != 0 {
		t.Errorf("%+v, error %v, %d streams open", a, err, open)
	}
	e = newEngine(t, tracked(graded(), &open), index, options...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for ev := range e.Stream(ctx, "q") {
		if ev.Kind == selfrag.EventText {
			cancel()
		}
	}
	if open != 0 {
		t.Errorf("%d streams open after canceling", open)
	}
	for ev := range e.Stream(t.Context(), "q") {
		if ev.Kind == selfrag.EventText {
			break
		}
	}
	if open != 0 {
		t.Errorf("%d streams open after breaking off", open)
	}
	wild := generator.Wrap(graded(), func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		return func(yield func(generator.Step, error) bool) {
			for s, err := range graded().Generate(ctx, req) {
				if s.Text != "" && req.Prompt.Evidence[0].Title == "B" {
					panic("wild")
				}
				if !yield(s, err) {
					return
				}
			}
		}
	})
	func() {
		defer func() {
			if recover() == nil || open != 0 {
				t.Errorf("no panic, or %d streams open", open)
			}
		}()
		_, _ = newEngine(t, tracked(wild, &open), index, options...).Answer(t.Context(), "q")
	}()
}

// A stopped candidate that could win under new settings cannot be re-scored.
func TestRescoreLazyDiverges(t *testing.T) {
	a := run(t, graded(), finds(hits("A", "B", "C")...), always, noSequence(), gradedWeights, selfrag.WithLazy(1))
	var d *selfrag.Diverged
	// C can reach 0.5 + 1 now, and B has 0.9 + 1.
	if b, err := selfrag.Rescore(a.Trace, selfrag.WithWeights(scoring.Weights{Relevance: 3, Support: 1.1})); err != nil || b.Text != a.Text {
		t.Errorf("%v, error %v: want the same answer", b, err)
	}
	if b, err := selfrag.Rescore(a.Trace, selfrag.WithWeights(scoring.Weights{Relevance: 1, Support: 1, Utility: 1})); !errors.As(err, &d) || d.Segment != 1 {
		t.Errorf("%v, error %v: want divergence at segment 1", b, err)
	}
	// With all others rejected, the stopped ones could be what is left.
	if b, err := selfrag.Rescore(a.Trace, selfrag.WithAbstention(0.95, "")); !errors.As(err, &d) {
		t.Errorf("%v, error %v: want divergence", b, err)
	}
}

// Re-scoring a lazy trace gives the answer of a full run or a Diverged error.
func TestRescoreLazy(t *testing.T) {
	same, diverged, stopped := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		long := rapid.Bool().Draw(rt, "long")
		m := &generatortest.Random{Seed: rapid.Uint64().Draw(rt, "seed"), MaxWords: 2, MaxSegments: 3}
		form := selfrag.WithShortForm()
		if long {
			form = selfrag.WithLongForm(2, 3)
		}
		e := newEngine(t, m, finds(hits("A", "B", "C", "D")...), form)
		before := append([]selfrag.Option{selfrag.WithWeights(scoring.Weights{Relevance: 2, Support: 0.5, Utility: 0.1})}, drawOptions(rt, long)...)
		stored := ask(t, e, "q", append(before, selfrag.WithLazy(rapid.IntRange(1, 3).Draw(rt, "lazy")))...).Trace
		for _, x := range stored.Expansions {
			if slices.Contains(statuses(x), selfrag.Stopped) {
				stopped++
			}
		}
		after := drawOptions(rt, long)
		got, err := selfrag.Rescore(stored, after...)
		if errors.As(err, new(*selfrag.Diverged)) {
			diverged++
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		same++
		want := ask(t, e, "q", append(before, after...)...)
		if len(got.Trace.Settings.Labels) > 0 {
			if got.Label != want.Label {
				rt.Fatalf("re-scored %q, a full run gives %q", got.Label, want.Label)
			}
		} else if told(rt, got) != told(rt, want) {
			rt.Fatalf("re-scored\n%s\na full run gives\n%s", told(rt, got), told(rt, want))
		}
	})
	if !testing.Short() && min(same, diverged, stopped) == 0 {
		t.Errorf("%d re-scored, %d diverged, %d with stopped candidates: the test shows little", same, diverged, stopped)
	}
}

// If a backend reports the prompt's cost with its first step, that cost counts when
// its stream is stopped.
func TestStoppedPromptTokens(t *testing.T) {
	m := graded()
	for i := range m.Rules {
		m.Rules[i].Steps[0].Usage.PromptTokens = 7
	}
	a := run(t, m, finds(hits("A", "B", "C")...), always, noSequence(), gradedWeights, selfrag.WithLazy(1))
	if c := a.Trace.Expansions[0].Candidates[0]; c.Status != selfrag.Stopped || c.Usage.PromptTokens != 7 {
		t.Errorf("%s, %+v", c.Status, c.Usage)
	}
}

// Stored and read again, a lazy trace says the same.
func TestLazyTraceFromFile(t *testing.T) {
	a := run(t, graded(), finds(hits("A", "B", "C")...), always, noSequence(), gradedWeights, selfrag.WithLazy(1))
	b, err := a.Trace.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	stored, err := selfrag.ParseTrace(b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := selfrag.Rescore(stored)
	if err != nil || got.Text != a.Text || got.Score != a.Score || !reflect.DeepEqual(statuses(got.Trace.Expansions[0]), statuses(a.Trace.Expansions[0])) {
		t.Errorf("%v, error %v", got, err)
	}
}
