package selfrag_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// drawOptions draws settings that can change between a run and a re-scoring.
func drawOptions(t *rapid.T, long bool) []selfrag.Option {
	weight := rapid.SampledFrom([]float64{0, 0.25, 1, 3})
	unit := rapid.Float64Range(0, 1)
	all := []func() selfrag.Option{
		func() selfrag.Option {
			return selfrag.WithWeights(scoring.Weights{
				Relevance: weight.Draw(t, "w_rel"), Support: weight.Draw(t, "w_sup"),
				Utility: weight.Draw(t, "w_use"), Sequence: weight.Draw(t, "w_seq"),
			})
		},
		func() selfrag.Option { return selfrag.WithThreshold(unit.Draw(t, "threshold")) },
		func() selfrag.Option {
			return selfrag.WithMode(rapid.SampledFrom([]selfrag.Mode{selfrag.Adaptive, selfrag.Always, selfrag.Never, selfrag.Hard}).Draw(t, "mode"))
		},
		func() selfrag.Option {
			c := scoring.Constraints{RejectIrrelevant: rapid.Bool().Draw(t, "reject irrelevant"), RejectNoSupport: rapid.Bool().Draw(t, "reject no support"), MaxNoSupport: unit.Draw(t, "max no support")}
			return selfrag.WithConstraints(c, rapid.SampledFrom([]selfrag.Fallback{selfrag.FallbackStop, selfrag.FallbackBest}).Draw(t, "fallback"))
		},
		func() selfrag.Option {
			q := rapid.SampledFrom([]scoring.Sequence{scoring.SequenceAuto, scoring.SequenceNone, scoring.SequenceGeometric, scoring.SequenceProbability})
			return selfrag.WithSequence(q.Draw(t, "sequence"), generator.CountAuto)
		},
		func() selfrag.Option {
			c := scoring.DefaultConfig()
			c.Absent = scoring.Absent{Relevance: unit.Draw(t, "absent rel"), Support: unit.Draw(t, "absent sup"), Utility: unit.Draw(t, "absent use")}
			return selfrag.WithScoring(c)
		},
		func() selfrag.Option { return selfrag.WithAbstention(unit.Draw(t, "tau"), "No idea.") },
		func() selfrag.Option { return selfrag.WithUnknown(selfrag.UnknownSkips) },
		func() selfrag.Option {
			return selfrag.WithPathScore(rapid.SampledFrom([]scoring.PathScore{scoring.PathMean, scoring.PathSum, scoring.PathProduct}).Draw(t, "path"))
		},
		func() selfrag.Option {
			if long {
				return selfrag.WithLongForm(rapid.IntRange(1, 3).Draw(t, "width"), rapid.IntRange(1, 4).Draw(t, "depth"))
			}
			return selfrag.WithLabels("red", "green", "blue", "one")
		},
	}
	var out []selfrag.Option
	for _, i := range rapid.SliceOfDistinct(rapid.IntRange(0, len(all)-1), rapid.ID[int]).Draw(t, "options") {
		out = append(out, all[i]())
	}
	return out
}

// told returns the content of an answer without its cost and its trace.
func told(t *rapid.T, a *selfrag.Answer) string {
	c := *a
	c.Trace, c.Usage = nil, generator.Usage{}
	b, err := c.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func canonicalTrace(t *rapid.T, tr *selfrag.Trace) string {
	b, err := tr.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A full trace of one segment is sufficient: re-scoring gives the answer and the
// trace of a new run, byte for byte, without any call.
func TestRescoreShort(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := counting(&generatortest.Random{Seed: rapid.Uint64().Draw(rt, "seed"), MaxWords: 2, MaxSegments: 2})
		e := newEngine(t, m, finds(hits("A", "B", "C")...), selfrag.WithTrace(selfrag.TraceFull))
		before := drawOptions(rt, false)
		stored := ask(t, e, "q", before...).Trace
		text := canonicalTrace(rt, stored)
		if rapid.Bool().Draw(rt, "from a file") {
			var err error
			if stored, err = selfrag.ParseTrace([]byte(text)); err != nil {
				rt.Fatal(err)
			}
		}
		after := drawOptions(rt, false)
		want := ask(t, e, "q", append(before, after...)...)
		calls := m.calls
		got, err := selfrag.Rescore(stored, after...)
		if err != nil {
			rt.Fatal(err)
		}
		if m.calls != calls {
			rt.Fatalf("%d model calls", m.calls-calls)
		}
		if told(rt, got) != told(rt, want) {
			rt.Fatalf("re-scored\n%s\na new run gives\n%s", told(rt, got), told(rt, want))
		}
		if g, w := canonicalTrace(rt, got.Trace), canonicalTrace(rt, want.Trace); g != w {
			rt.Fatalf("the trace is\n%s\na new run gives\n%s", g, w)
		}
		if canonicalTrace(rt, stored) != text {
			rt.Fatal("re-scoring changed the trace")
		}
		if got.Usage != (generator.Usage{}) {
			rt.Fatalf("re-scoring cost %+v", got.Usage)
		}
	})
}

// For a long answer re-scoring gives the answer of a new run or a Diverged error.
func TestRescoreLong(t *testing.T) {
	same, diverged := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		m := &generatortest.Random{Seed: rapid.Uint64().Draw(rt, "seed"), MaxWords: 2, MaxSegments: 4}
		depth := rapid.SampledFrom([]selfrag.TraceDepth{selfrag.TraceOn, selfrag.TraceFull}).Draw(rt, "trace")
		e := newEngine(t, m, finds(hits("A", "B", "C")...), selfrag.WithLongForm(2, 3), selfrag.WithTrace(depth))
		before := drawOptions(rt, true)
		stored := ask(t, e, "q", before...).Trace
		text := canonicalTrace(rt, stored)
		after := drawOptions(rt, true)
		want := ask(t, e, "q", append(before, after...)...)
		got, err := selfrag.Rescore(stored, after...)
		if canonicalTrace(rt, stored) != text {
			rt.Fatal("re-scoring changed the trace")
		}
		var d *selfrag.Diverged
		if errors.As(err, &d) {
			diverged++
			if d.Segment < 1 || d.Reason == "" || d.Error() == "" {
				rt.Fatalf("%+v", d)
			}
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		same++
		if told(rt, got) != told(rt, want) {
			rt.Fatalf("re-scored\n%s\na new run gives\n%s", told(rt, got), told(rt, want))
		}
	})
	if !testing.Short() && (same == 0 || diverged == 0) {
		t.Errorf("%d re-scored and %d diverged: the test shows little", same, diverged)
	}
}

// If probabilities are not exact, a run may ask for exact ones. Re-scoring reports
// that they are unknown and does not guess.
func TestRescoreUnsettled(t *testing.T) {
	exact := reflection.NewDistribution(reflection.Retrieve, 0.9, 0.1, 0)
	m := &prober{Script: deciding(open()), exact: exact}
	settled := run(t, m, finds(hits("A")...), selfrag.WithThreshold(0.4), selfrag.WithTrace(selfrag.TraceFull)).Trace
	var d *selfrag.Diverged
	if a, err := selfrag.Rescore(settled, selfrag.WithThreshold(0.6)); !errors.As(err, &d) {
		t.Errorf("%v, error %v: want divergence, for a run would ask for exact probabilities", a, err)
	}
	asked := run(t, m, finds(hits("A")...), selfrag.WithThreshold(0.6), selfrag.WithTrace(selfrag.TraceFull)).Trace
	if a, err := selfrag.Rescore(asked, selfrag.WithThreshold(0.05)); err != nil || a.Text != "With." || m.asked != 1 {
		t.Errorf("%v, error %v: want the exact probabilities of the trace to decide", a, err)
	}
}

// With any knowledge of the probabilities, re-scoring does not contradict a run.
func TestRescoreInexact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &generatortest.Random{
			Seed: rapid.Uint64().Draw(rt, "seed"), Noise: 0.3, Level: reflection.TopN,
			N: rapid.IntRange(1, 4).Draw(rt, "n"), MaxSegments: 2,
		}
		e := newEngine(t, m, finds(hits("A", "B")...), selfrag.WithTrace(selfrag.TraceFull))
		before, after := drawOptions(rt, false), drawOptions(rt, false)
		stored := ask(t, e, "q", before...).Trace
		want := ask(t, e, "q", append(before, after...)...)
		got, err := selfrag.Rescore(stored, after...)
		if d := new(selfrag.Diverged); errors.As(err, &d) {
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		if got.Text != want.Text || got.Score != want.Score || got.Stop != want.Stop || got.Decision.Choice != want.Decision.Choice {
			rt.Fatalf("re-scored %q with %v after %v, a new run gives %q with %v after %v",
				got.Text, got.Score, got.Decision, want.Text, want.Score, want.Decision)
		}
	})
}

func TestRescoreRefuses(t *testing.T) {
	short, long := taleTrace(t, selfrag.WithFilter(filter.Not{Filter: filter.Exists{Field: "x"}})), taleTrace(t, selfrag.WithLongForm(2, 2))
	tests := []struct {
		option string
		trace  *selfrag.Trace
		value  selfrag.Option
	}{
		{"WithK", short, selfrag.WithK(6)},
		{"WithFilter", short, selfrag.WithFilter(filter.Exists{Field: "x"})},
		{"WithFilter", short, selfrag.WithFilter(nil)},
		{"WithFixedPassages", short, selfrag.WithFixedPassages(true)},
		{"WithInstruction", short, selfrag.WithInstruction(generator.PubHealth)},
		{"WithMaxTokens", short, selfrag.WithMaxTokens(201)},
		{"WithSampling", short, selfrag.WithSampling(1, 0)},
		{"WithMinCandidates", short, selfrag.WithMinCandidates(1)},
		{"WithHistory", short, selfrag.WithHistory(talk...)},
		{"WithRewriter", short, selfrag.WithRewriter(selfrag.Concatenate{})},
		{"WithBudget", short, selfrag.WithBudget(budget.Limits{Calls: 9})},
		{"WithCallTimeout", short, selfrag.WithCallTimeout(time.Second)},
		{"WithConcurrency", short, selfrag.WithConcurrency(2)},
		{"WithTrace", short, selfrag.WithTrace(selfrag.TraceFull)},
		{"WithCritic", short, selfrag.WithCritic(critique.NewTokens(nil))},
		{"WithDecider", short, selfrag.WithDecider(critique.NewTokens(nil))},
		{"WithWholeOutput", short, selfrag.WithWholeOutput(true)},
		{"WithLazy", short, selfrag.WithLazy(1)},
		{"WithSequence", short, selfrag.WithSequence(scoring.SequenceAuto, generator.CountText)},
		{"WithLongForm", short, selfrag.WithLongForm(2, 2)},
		{"WithShortForm", long, selfrag.WithShortForm()},
		{"WithLabels", long, selfrag.WithLabels("a", "b")},
		{"WithThreshold", short, selfrag.WithThreshold(3)},
		{"Option", short, nil},
	}
	for _, tt := range tests {
		t.Run(tt.option, func(t *testing.T) {
			a, err := selfrag.Rescore(tt.trace, tt.value)
			var oe *selfrag.OptionError
			if !errors.As(err, &oe) || oe.Option != tt.option || a != nil {
				t.Errorf("%v, error %v, want an *OptionError of %s", a, err, tt.option)
			}
		})
	}
	// An option equal to the trace's setting is no change.
	same := []selfrag.Option{selfrag.WithK(5), selfrag.WithMaxTokens(200), selfrag.WithSequence(scoring.SequenceAuto, generator.CountAll),
		selfrag.WithFilter(filter.Not{Filter: filter.Exists{Field: "x"}})}
	if _, err := selfrag.Rescore(short, same...); err != nil {
		t.Error(err)
	}
}

// The new answer does not contain what a new run would not have asked for.
func TestRescoreForgetsTheDecision(t *testing.T) {
	got, err := selfrag.Rescore(taleTrace(t), always)
	if err != nil {
		t.Fatal(err)
	}
	if want := taleTrace(t, always).Expansions[0].Decision; got.Decision != want {
		t.Errorf("decision %+v, want %+v", got.Decision, want)
	}
}

func TestRescoreDiverges(t *testing.T) {
	plain := func(options ...selfrag.Option) *selfrag.Trace { return taleTrace(t, options...) }
	two := selfrag.WithLongForm(2, 2)
	interrupted := func(change func(*generatortest.Script)) *selfrag.Trace {
		m := tale()
		change(m)
		a, _ := newEngine(t, m, finds(hits("A", "B")...)).Answer(t.Context(), "q", selfrag.WithMinCandidates(1))
		return a.Trace
	}
	tests := []struct {
		name    string
		trace   *selfrag.Trace
		option  selfrag.Option
		segment int
	}{
		{"a branch that was not run", plain(), selfrag.WithMode(selfrag.Never), 1},
		{"nothing retrieved", plain(selfrag.WithMode(selfrag.Never)), always, 1},
		{"not asked", plain(always), selfrag.WithMode(selfrag.Adaptive), 1},
		{"wider", plain(selfrag.WithLongForm(1, 2)), selfrag.WithLongForm(2, 2), 2},
		{"another branch later", plain(two), always, 2},
		{"skipped candidates", plain(selfrag.WithBudget(budget.Limits{Calls: 2})), selfrag.WithThreshold(0.1), 1},
		{"failed candidates", interrupted(func(m *generatortest.Script) { m.Rules[2].Err = errAny }), selfrag.WithThreshold(0.1), 1},
		{"no decision", interrupted(func(m *generatortest.Script) { m.Rules[0].Err = errAny }), selfrag.WithThreshold(0.1), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := selfrag.Rescore(tt.trace, tt.option)
			var d *selfrag.Diverged
			if !errors.As(err, &d) || d.Segment != tt.segment {
				t.Errorf("error %v, want divergence at segment %d", err, tt.segment)
			}
		})
	}
}

// A failed retrieval differs from one that found nothing.
func TestRescoreAfterFailedRetrieval(t *testing.T) {
	index := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{}, errAny
	})
	a, err := newEngine(t, tale(), index).Answer(t.Context(), "q", selfrag.WithAbstention(0.5, ""))
	if !errors.Is(err, errAny) || a.Abstained {
		t.Errorf("error %v, abstained %v", err, a.Abstained)
	}
	var d *selfrag.Diverged
	if a, err := selfrag.Rescore(a.Trace); !errors.As(err, &d) {
		t.Errorf("%v, error %v", a, err)
	}
	// Found nothing: known.
	stored := run(t, tale(), finds(), selfrag.WithAbstention(0.5, "")).Trace
	if a, err := selfrag.Rescore(stored, selfrag.WithThreshold(0.5)); err != nil || !a.Abstained {
		t.Errorf("%v, error %v", a, err)
	}
	if _, err := selfrag.Rescore(stored, selfrag.WithMode(selfrag.Never)); !errors.As(err, &d) {
		t.Errorf("error %v", err)
	}
}

// A policy that fails also fails in re-scoring.
func TestRescoreUndecided(t *testing.T) {
	plain := generator.Step{Text: "The", LogProb: reflection.ExactLog(-1)}
	stored := run(t, deciding(plain), finds(hits("A")...)).Trace
	if !stored.Expansions[0].Decision.Policy {
		t.Fatalf("decision %+v", stored.Expansions[0].Decision)
	}
	if a, err := selfrag.Rescore(stored); err != nil || a.Text != "With." || !a.Decision.Policy {
		t.Errorf("%v, error %v", a, err)
	}
	if _, err := selfrag.Rescore(stored, selfrag.WithUnknown(selfrag.UnknownFails)); !errors.Is(err, selfrag.ErrUndecided) {
		t.Errorf("error %v", err)
	}
}

// A trace from a file can continue one node again and again, or give many candidates one
// number: each segment would have as many paths as the one before times its candidates.
func TestRescoreOfImpossibleTraces(t *testing.T) {
	m := &generatortest.Random{Seed: 4, MaxSegments: 4}
	for name, edit := range map[string]func(*selfrag.Trace){
		"one node number": func(t *selfrag.Trace) { t.Expansions[0].Candidates[1].Node = t.Expansions[0].Candidates[0].Node },
		"number 0":        func(t *selfrag.Trace) { t.Expansions[0].Candidates[0].Node = 0 },
		"continued twice": func(t *selfrag.Trace) { t.Expansions = append(t.Expansions, t.Expansions[1]) },
	} {
		t.Run(name, func(t *testing.T) {
			trace := run(t, m, finds(hits("A", "B")...), always, selfrag.WithLongForm(2, 3)).Trace
			if len(trace.Expansions) < 2 {
				t.Fatalf("%d expansions", len(trace.Expansions))
			}
			if _, err := selfrag.Rescore(trace); err != nil {
				t.Fatal(err)
			}
			edit(trace)
			if a, err := selfrag.Rescore(trace); err == nil || a != nil {
				t.Errorf("%v, error %v", a, err)
			}
		})
	}
}
