package selfrag_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// counted counts the calls of a retriever.
func counted(inner retriever.Retriever, calls *atomic.Int64) retriever.Retriever {
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		calls.Add(1)
		return inner.Retrieve(ctx, q)
	})
}

// broken is a retriever that fails.
var broken = retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
	return retriever.Result{}, errAny
})

func TestEagerRetrieval(t *testing.T) {
	yes, no := decision(reflection.Retrieval, -2, -0.2), decision(reflection.NoRetrieval, -0.1, -4)
	tests := map[string]struct {
		decision generator.Step
		index    retriever.Retriever
		options  []selfrag.Option
		eager    selfrag.EagerOutcome
		passages int
		calls    int64
		text     string // empty if it fails
	}{
		"needed":            {yes, finds(hits("A", "B")...), nil, selfrag.EagerUsed, 2, 1, "With."},
		"not needed":        {no, finds(hits("A", "B")...), nil, selfrag.EagerUnused, 0, 1, "Without."},
		"fails":             {yes, broken, nil, selfrag.EagerUsed, 0, 1, ""},
		"fails, not needed": {no, broken, nil, selfrag.EagerUnused, 0, 1, "Without."},
		"hard":              {yes, finds(hits("A")...), []selfrag.Option{selfrag.WithMode(selfrag.Hard)}, selfrag.EagerUsed, 1, 1, "With."},
		"policy":            {open(), finds(hits("A")...), []selfrag.Option{selfrag.WithThreshold(0.7)}, selfrag.EagerUsed, 1, 1, "With."},
		"policy, not needed": {open(), finds(hits("A")...), []selfrag.Option{selfrag.WithThreshold(0.7), selfrag.WithUnknown(selfrag.UnknownSkips)},
			selfrag.EagerUnused, 0, 1, "Without."},
		"fixed":             {yes, finds(hits("A")...), []selfrag.Option{selfrag.WithFixedPassages(true)}, selfrag.EagerUsed, 1, 1, "With."},
		"fixed, not needed": {no, finds(hits("A")...), []selfrag.Option{selfrag.WithFixedPassages(true)}, selfrag.EagerUnused, 0, 1, "Without."},
		"one at a time":     {yes, finds(hits("A")...), []selfrag.Option{selfrag.WithConcurrency(1)}, selfrag.EagerUsed, 1, 1, "With."},
		"full trace":        {no, finds(hits("A")...), []selfrag.Option{selfrag.WithTrace(selfrag.TraceFull)}, selfrag.EagerUnused, 1, 1, "Without."},
		"nothing to decide": {yes, finds(hits("A")...), []selfrag.Option{always}, "", 1, 1, "With."},
		"never":             {yes, finds(hits("A")...), []selfrag.Option{selfrag.WithMode(selfrag.Never)}, "", 0, 0, "Without."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			m := deciding(tt.decision)
			m.Rules = append(m.Rules, on(said("With."), generatortest.Shows("B")))
			e := newEngine(t, m, counted(tt.index, &calls), append(tt.options, selfrag.WithEagerRetrieval(true))...)
			var kinds []selfrag.EventKind
			var a *selfrag.Answer
			var failed error
			for ev, err := range e.Stream(t.Context(), "q") {
				kinds, failed = append(kinds, ev.Kind), err
				if ev.Kind == selfrag.EventAnswer {
					a = ev.Answer
				}
			}
			x := a.Trace.Expansions[0]
			if x.Eager == selfrag.EagerUnused && !a.Trace.Settings.Full {
				calls.Store(tt.calls) // it may have been canceled before it began
			}
			if x.Eager != tt.eager || len(x.Passages) != tt.passages || calls.Load() != tt.calls || (x.Query == "") != (tt.calls == 0) {
				t.Errorf("eager %q with query %q, %d passages, %d retrievals; want %q, %d, %d", x.Eager, x.Query, len(x.Passages), calls.Load(), tt.eager, tt.passages, tt.calls)
			}
			if a.Text != tt.text || (tt.text == "") != errors.Is(failed, errAny) {
				t.Errorf("%q, error %v; want %q", a.Text, failed, tt.text)
			}
			if i, j := slices.Index(kinds, selfrag.EventDecision), slices.Index(kinds, selfrag.EventPassages); j >= 0 && j < i || j >= 0 != (tt.passages > 0) {
				t.Errorf("events %v", kinds)
			}
			if tt.text == "" || a.Trace.Settings.Full {
				return
			}
			// Re-scored, a dropped retrieval cannot be used.
			_, err := selfrag.Rescore(a.Trace, always)
			if diverged := errors.As(err, new(*selfrag.Diverged)); diverged != (tt.passages == 0) {
				t.Errorf("re-scored with retrieval: error %v", err)
			}
		})
	}
}

// The retrieval runs while the decision is generated: each waits for the other.
func TestEagerRetrievalRunsBesideTheDecision(t *testing.T) {
	deciding, retrieving := make(chan struct{}), make(chan struct{})
	m := script(on(generatortest.Decision(1), generatortest.Decides()), on(said("Yes.")))
	slow := generator.Wrap(m, func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		return func(yield func(generator.Step, error) bool) {
			if len(req.Prompt.Evidence) == 0 {
				close(deciding)
				<-retrieving
			}
			m.Generate(ctx, req)(yield)
		}
	})
	index := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		close(retrieving)
		<-deciding
		return finds(hits("A")...).Retrieve(ctx, q)
	})
	if a := run(t, slow, index, selfrag.WithEagerRetrieval(true)); a.Text != "Yes." {
		t.Errorf("%+v", a)
	}
}

// A decision against retrieval cancels it: this retrieval would never end.
func TestEagerRetrievalIsCanceled(t *testing.T) {
	endless := retriever.Func(func(ctx context.Context, _ retriever.Query) (retriever.Result, error) {
		<-ctx.Done()
		return retriever.Result{}, ctx.Err()
	})
	m := deciding(decision(reflection.NoRetrieval, -0.1, -4))
	if a := run(t, m, endless, selfrag.WithEagerRetrieval(true)); a.Text != "Without." || a.Trace.Expansions[0].Eager != selfrag.EagerUnused {
		t.Errorf("%+v", a)
	}
	m.Rules[0] = generatortest.Rule{When: generatortest.Decides(), Err: errAny}
	e := newEngine(t, m, endless, selfrag.WithEagerRetrieval(true))
	if _, err := e.Answer(t.Context(), "q"); !errors.Is(err, errAny) {
		t.Errorf("error %v, want that of the decision", err)
	}
}

// Apart from the fields about eager retrieval the trace is the same with and
// without it, byte for byte, whichever call is faster. No retrieval begins if the
// model has already decided.
func TestEagerRetrievalChangesNothing(t *testing.T) {
	used, unused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		m := hesitant(&generatortest.Random{Seed: rapid.Uint64().Draw(rt, "seed"), MaxWords: 2, MaxSegments: 3, Noise: rapid.SampledFrom([]float64{0, 0.2}).Draw(rt, "noise")})
		index := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
			for range rand.IntN(20) {
				runtime.Gosched()
			}
			return finds(byQuery(q.Text)...).Retrieve(ctx, q)
		})
		options := []selfrag.Option{selfrag.WithThreshold(0.5)}
		if rapid.Bool().Draw(rt, "long") {
			options = append(options, selfrag.WithLongForm(2, 3))
		}
		if rapid.Bool().Draw(rt, "hard") {
			options = append(options, selfrag.WithMode(selfrag.Hard))
		}
		if rapid.Bool().Draw(rt, "fixed") {
			options = append(options, selfrag.WithFixedPassages(true))
		}
		e := newEngine(t, m, index, options...)
		want, got := ask(t, e, "q"), ask(t, e, "q", selfrag.WithEagerRetrieval(true))
		got.Trace.Settings.Eager = false
		for _, x := range got.Trace.Expansions {
			switch x.Eager {
			case selfrag.EagerUsed:
				used++
			case selfrag.EagerUnused:
				x.Query = ""
				unused++
			}
			if x.Eager != "" && x.Segment > 1 && x.Decision.Usage.Calls == 0 {
				rt.Error("a retrieval began beside a decision that was there")
			}
			x.Eager = ""
		}
		if a, b := canonical(t, want), canonical(t, got); a != b {
			rt.Fatalf("without\n%s\nwith\n%s", a, b)
		}
	})
	if used == 0 || unused == 0 {
		t.Errorf("%d used and %d unused: the test shows little", used, unused)
	}
}

// The model calls of an unneeded retrieval cannot cut an answer short, whether it
// is canceled before or after them.
func TestEagerRetrievalLeavesTheBudget(t *testing.T) {
	for name, first := range map[string]string{"the decision is faster": "decision", "the retrieval is faster": "retrieval"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				small := script(on(generatortest.Words(1, "ships")))
				index := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
					if first == "decision" {
						<-ctx.Done()
						return retriever.Result{}, ctx.Err()
					}
					for range 2 {
						// The rest of the budget is not compared: it is spent or
						// refused.
						_, _ = generator.Complete(ctx, small, generator.Request{Prompt: generator.Prompt{Instruction: q.Text}, MaxTokens: 3})
					}
					<-ctx.Done()
					return retriever.Result{}, ctx.Err()
				})
				m := deciding(decision(reflection.NoRetrieval, -0.1, -4))
				m.Rules[0].Delay = time.Second
				a, err := newEngine(t, m, index, selfrag.WithEagerRetrieval(true)).Answer(t.Context(), "q", selfrag.WithBudget(budget.Limits{Calls: 3}))
				if a.Text != "Without." || err != nil || a.Usage.Calls != 2 {
					t.Errorf("%q after %d calls, error %v", a.Text, a.Usage.Calls, err)
				}
			})
		})
	}
}

// Every retrieval counts, also an unneeded one.
func TestRetrievalBudget(t *testing.T) {
	no := deciding(decision(reflection.NoRetrieval, -0.1, -4))
	tale := func() *generatortest.Script { // three segments, each with a retrieval
		return script(
			on(generatortest.Decision(1), generatortest.Decides(), generatortest.Depth(0)),
			on(more(said("One."), 0, 1, 0), generatortest.Depth(0)),
			on(more(said(" Two."), 0, 1, 0), generatortest.Depth(1)),
			on(said(" Three."), generatortest.Depth(2)),
		)
	}
	long := selfrag.WithLongForm(1, 3)
	tests := map[string]struct {
		model   generator.Generator
		limit   int
		options []selfrag.Option
		calls   int64
		text    string
		stop    selfrag.StopReason
	}{
		"enough":                {tale(), 3, []selfrag.Option{long}, 3, "One. Two. Three.", selfrag.StopEnd},
		"two of three":          {tale(), 2, []selfrag.Option{long}, 2, "One. Two.", selfrag.StopBudget},
		"fixed":                 {tale(), 1, []selfrag.Option{long, selfrag.WithFixedPassages(true)}, 1, "One. Two. Three.", selfrag.StopEnd},
		"in vain":               {no, 1, []selfrag.Option{selfrag.WithEagerRetrieval(true)}, 1, "Without.", selfrag.StopEnd},
		"full trace":            {no, 1, []selfrag.Option{selfrag.WithTrace(selfrag.TraceFull)}, 0, "Without.", selfrag.StopEnd},
		"lazy evaluation is on": {tale(), 3, []selfrag.Option{long, selfrag.WithLazy(1)}, 3, "One. Two. Three.", selfrag.StopEnd},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			options := append([]selfrag.Option{selfrag.WithBudget(budget.Limits{Retrievals: tt.limit})}, tt.options...)
			a := run(t, tt.model, counted(finds(hits("A")...), &calls), options...)
			if a.Trace.Expansions[0].Eager == selfrag.EagerUnused {
				calls.Store(tt.calls) // it may have been canceled before it began
			}
			if a.Text != tt.text || a.Stop != tt.stop || calls.Load() != tt.calls || a.Trace.Settings.LazyOff != "" {
				t.Errorf("%q (%s) after %d retrievals, want %q (%s) after %d", a.Text, a.Stop, calls.Load(), tt.text, tt.stop, tt.calls)
			}
		})
	}
	// An unneeded one leaves none for the segment that needs it.
	vain := script(
		on(generatortest.Decision(0), generatortest.Decides(), generatortest.Depth(0)),
		on(more(generatortest.Words(1, "One."), 0, 1, 0), generatortest.Depth(0)),
		on(said(" Two."), generatortest.Depth(1)),
	)
	for limit, want := range map[int]string{1: "One.", 2: "One. Two."} {
		a := run(t, vain, finds(hits("A")...), long, selfrag.WithEagerRetrieval(true), selfrag.WithBudget(budget.Limits{Retrievals: limit}))
		if a.Text != want {
			t.Errorf("limit %d: %q, want %q", limit, a.Text, want)
		}
	}
	if _, err := newEngine(t, vain, broken).Answer(t.Context(), "q", selfrag.WithBudget(budget.Limits{Retrievals: -1})); err == nil {
		t.Error("a negative bound gives no error")
	}
}
