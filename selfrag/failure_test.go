package selfrag_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

var always = selfrag.WithMode(selfrag.Always)

// One of two candidates fails in every way in which a model can.
func TestModelFaults(t *testing.T) {
	down := errors.New("the server is down")
	protocol := func(err error) bool { return errors.As(err, new(*generator.ProtocolError)) }
	tests := []struct {
		name  string
		fault generatortest.Fault
		is    func(error) bool
	}{
		{"fails at once", generatortest.FailAfter(0, down), func(err error) bool { return errors.Is(err, down) }},
		{"fails in the middle", generatortest.FailAfter(2, down), func(err error) bool { return errors.Is(err, down) }},
		{"fails at the end", generatortest.FailAfter(99, down), func(err error) bool { return errors.Is(err, down) }},
		{"is cut off", generatortest.TruncateAfter(2), func(err error) bool { return errors.Is(err, generator.ErrIncomplete) }},
		{"gives nothing", generatortest.TruncateAfter(0), func(err error) bool { return errors.Is(err, generator.ErrIncomplete) }},
		{"NaN log-probability", generatortest.BadProbAt(1), protocol},
		{"garbage text", generatortest.BadTextAt(1), protocol},
		{"steps after the last", generatortest.StepsAfterLast(), protocol},
		{"too many tokens", generatortest.TooManyTokens(), protocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := on(said("Never seen."), generatortest.Shows("A"))
			bad.Fault = tt.fault
			engine := newEngine(t, script(bad, on(said("Good."), generatortest.Shows("B"))), finds(hits("A", "B")...), always, selfrag.WithMaxTokens(9))

			a, err := engine.Answer(t.Context(), "q")
			if !tt.is(err) {
				t.Errorf("error %v", err)
			}
			if a == nil || a.Text != "" || a.Stop != selfrag.StopFailed || a.Usage.Calls != 2 {
				t.Errorf("answer with the error: %+v", a)
			}

			a, err = engine.Answer(t.Context(), "q", selfrag.WithMinCandidates(1))
			if err != nil || a.Text != "Good." || a.Usage.Calls != 2 {
				t.Fatalf("%q after %d calls, error %v; want the candidate that did not fail", a.Text, a.Usage.Calls, err)
			}
			c := a.Trace.Expansions[0].Candidates
			if c[0].Status != selfrag.Failed || c[0].Reason == "" || c[1].Status != selfrag.Kept {
				t.Errorf("statuses %s (%q) and %s, want failed and kept", c[0].Status, c[0].Reason, c[1].Status)
			}

			if _, err = engine.Answer(t.Context(), "q", selfrag.WithMinCandidates(2)); !tt.is(err) {
				t.Errorf("error %v though fewer candidates than wanted succeeded", err)
			}
			for ev, err := range engine.Stream(t.Context(), "q") {
				if ev.Kind == selfrag.EventText && strings.Contains(ev.Text, "\xff") {
					t.Errorf("event with garbage: %q", ev.Text)
				}
				if (ev.Kind == selfrag.EventAnswer) != (err != nil) {
					t.Errorf("event %s with error %v, want the error with the answer", ev.Kind, err)
				}
			}
		})
	}
}

func TestNoTokens(t *testing.T) {
	a := run(t, script(on(nil, generatortest.Shows("A")), on(said("Good."), generatortest.Shows("B"))), finds(hits("A", "B")...), always)
	c := a.Trace.Expansions[0].Candidates[0]
	if a.Text != "Good." || c.Status != selfrag.Rejected || c.Reason != "no text" {
		t.Errorf("%q; the candidate without tokens is %s (%s)", a.Text, c.Status, c.Reason)
	}
}

// stalling returns an engine in which passage A stalls.
func stalling(t *testing.T) *selfrag.Engine {
	stall := on(said("Never seen."), generatortest.Shows("A"))
	stall.Fault = generatortest.StallAfter(1)
	return newEngine(t, script(stall, on(said("Good."))), finds(hits("A", "B")...), always)
}

func TestStalledModel(t *testing.T) {
	const limit = 3 * time.Second
	t.Run("deadline of the caller", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			start := time.Now()
			a, err := stalling(t).Answer(ctx, "q")
			if !errors.Is(err, context.DeadlineExceeded) || a.Text != "" || time.Since(start) != limit {
				t.Errorf("%q, error %v after %v", a.Text, err, time.Since(start))
			}
		})
	})
	t.Run("call timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := stalling(t).Answer(t.Context(), "q", selfrag.WithCallTimeout(limit))
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "call timeout of 3s") || time.Since(start) != limit {
				t.Errorf("error %v after %v", err, time.Since(start))
			}
		})
	})
	t.Run("call timeout, one candidate is enough", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, err := stalling(t).Answer(t.Context(), "q", selfrag.WithCallTimeout(limit), selfrag.WithMinCandidates(1))
			if err != nil || a.Text != "Good." {
				t.Errorf("%q, error %v", a.Text, err)
			}
		})
	})
	t.Run("cause of the caller", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			enough := errors.New("the user went away")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(limit, func() { cancel(enough) })
			if _, err := stalling(t).Answer(ctx, "q"); !errors.Is(err, context.Canceled) || !errors.Is(err, enough) {
				t.Errorf("error %v, want Canceled and its cause", err)
			}
		})
	})
}

// An error in a later segment is returned with the segments before it.
func TestPartialAnswer(t *testing.T) {
	down := errors.New("the server is down")
	m := script(on(more(said("First."), 0, 1, 0), generatortest.Depth(0)), generatortest.Rule{Err: down})
	a, err := newEngine(t, m, finds(hits("A")...)).Answer(t.Context(), "q", always, selfrag.WithLongForm(2, 4))
	if !errors.Is(err, down) || !strings.Contains(err.Error(), "segment 2") {
		t.Errorf("error %v", err)
	}
	if a.Text != "First." || a.Stop != selfrag.StopFailed || len(a.Citations) != 1 || a.Usage.Calls != 2 || len(a.Trace.Expansions) != 2 {
		t.Errorf("answer %+v, want the first segment with its citation", a)
	}
	if _, err := a.Canonical(); err != nil {
		t.Error(err)
	}
}

func TestRetrieverFaults(t *testing.T) {
	down := errors.New("the index is gone")
	with := func(change func(*retriever.Hit)) []retriever.Hit {
		list := hits("A", "B")
		change(&list[1])
		return list
	}
	tests := []struct {
		name string
		hits []retriever.Hit
		err  error
		want error
	}{
		{"error", nil, down, down},
		{"empty id", with(func(h *retriever.Hit) { h.Passage.ID = "" }), nil, selfrag.ErrRetriever},
		{"NaN", with(func(h *retriever.Hit) { h.Score = math.NaN() }), nil, selfrag.ErrRetriever},
		{"infinite", with(func(h *retriever.Hit) { h.Score = math.Inf(-1) }), nil, selfrag.ErrRetriever},
		{"NaN from a part", with(func(h *retriever.Hit) {
			h.Parts = []retriever.Contribution{{Part: "x", Parts: []retriever.Contribution{{Score: math.NaN()}}}}
		}), nil, selfrag.ErrRetriever},
		{"garbage id", with(func(h *retriever.Hit) { h.Passage.ID = "\xff" }), nil, selfrag.ErrRetriever},
		{"garbage title", with(func(h *retriever.Hit) { h.Passage.Title = "\xff" }), nil, selfrag.ErrRetriever},
		{"garbage text", with(func(h *retriever.Hit) { h.Passage.Text = "\xff" }), nil, selfrag.ErrRetriever},
		{"garbage address", with(func(h *retriever.Hit) { h.Passage.Source.URI = "\xff" }), nil, selfrag.ErrRetriever},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			index := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
				return retriever.Result{Hits: tt.hits}, tt.err
			})
			m := script()
			a, err := newEngine(t, m, index).Answer(t.Context(), "q", always)
			if !errors.Is(err, tt.want) || a == nil || a.Stop != selfrag.StopFailed {
				t.Errorf("%+v with error %v, want %v", a, err, tt.want)
			}
			if n := len(m.Requests()); n > 0 {
				t.Errorf("%d calls after the retriever failed", n)
			}
		})
	}
	t.Run("stall", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			index := retriever.Func(func(ctx context.Context, _ retriever.Query) (retriever.Result, error) {
				<-ctx.Done()
				return retriever.Result{}, ctx.Err()
			})
			_, err := newEngine(t, script(), index).Answer(t.Context(), "q", always, selfrag.WithCallTimeout(time.Minute))
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "call timeout") {
				t.Errorf("error %v", err)
			}
		})
	})
}

func TestExcessPassages(t *testing.T) {
	list := hits("A", "B", "A", "C", "D", "B")
	list[2].Passage.Text = "Another text under the same id."
	a := run(t, script(on(said("Yes."))), exactly(list...), always, selfrag.WithK(3))
	e := a.Trace.Expansions[0]
	var ids []string
	for _, h := range e.Passages {
		ids = append(ids, h.Passage.ID)
	}
	if !slices.Equal(ids, []string{"A", "B", "C"}) || e.Dropped != (selfrag.Dropped{Duplicate: 2, Excess: 1}) {
		t.Errorf("took %v, dropped %+v", ids, e.Dropped)
	}
	if e.Passages[0].Passage.Text == list[2].Passage.Text {
		t.Error("a later passage replaced an earlier one with its id")
	}
}

func TestNothingFound(t *testing.T) {
	m := script(on(generatortest.Words(1, "Without."), generatortest.Forces(reflection.NoRetrieval)))
	a := run(t, m, finds(), always)
	if a.Text != "Without." || !a.Decision.Empty || len(a.Citations) > 0 || a.Abstained {
		t.Errorf("%+v, want an answer without a passage that says so", a)
	}
	m = script()
	a = run(t, m, finds(), always, selfrag.WithAbstention(0.1, ""))
	if a.Text != selfrag.DefaultAbstention || !a.Abstained || a.Stop != selfrag.StopAbstained || len(m.Requests()) > 0 {
		t.Errorf("%+v after %d calls, want abstention without a call", a, len(m.Requests()))
	}
}

// judge is a critic made of a function.
type judge func(context.Context, critique.Continuation) (critique.Verdict, error)

func (j judge) Critique(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	return j(ctx, c)
}

func TestCriticAndDeciderFaults(t *testing.T) {
	down := errors.New("the judge is ill")
	impossible := reflection.NewDistribution(reflection.IsSUP, math.NaN())
	tests := []struct {
		name   string
		option selfrag.Option
		want   string
		is     error
	}{
		{"critic fails", selfrag.WithCritic(judge(func(context.Context, critique.Continuation) (critique.Verdict, error) {
			return critique.Verdict{Usage: generator.Usage{Calls: 1}}, down
		})), "critic", down},
		{"critic gives NaN", selfrag.WithCritic(judge(func(context.Context, critique.Continuation) (critique.Verdict, error) {
			return critique.Verdict{Critique: reflection.Critique{IsSUP: reflection.Judged(impossible, 0, reflection.Heuristic)}}, nil
		})), "critic", nil},
		{"critic gives calls back", selfrag.WithCritic(judge(func(context.Context, critique.Continuation) (critique.Verdict, error) {
			return critique.Verdict{Usage: generator.Usage{Calls: -1}}, nil
		})), "critic: usage", nil},
		{"decider gives tokens back", selfrag.WithDecider(decider(func(critique.Situation) (critique.RetrievalVerdict, error) {
			return critique.RetrievalVerdict{Usage: generator.Usage{GeneratedTokens: -1}}, nil
		})), "deciding whether to retrieve: usage", nil},
		{"decider fails", selfrag.WithDecider(decider(func(critique.Situation) (critique.RetrievalVerdict, error) {
			return critique.RetrievalVerdict{Usage: generator.Usage{Calls: 1}}, down
		})), "deciding", down},
		{"decider gives NaN", selfrag.WithDecider(decider(func(critique.Situation) (critique.RetrievalVerdict, error) {
			return critique.RetrievalVerdict{Dist: reflection.NewDistribution(reflection.Retrieve, math.NaN())}, nil
		})), "deciding", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := script(on(generatortest.Decision(1), generatortest.Decides()), on(said("Yes.")))
			a, err := newEngine(t, m, finds(hits("A")...)).Answer(t.Context(), "q", tt.option)
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %v", err)
			}
			if a == nil || a.Text != "" || a.Usage.Calls == 0 && tt.is != nil {
				t.Errorf("answer %+v, want none, and the cost", a)
			}
		})
	}
}

// A judgment of utility by a critic other than the model does not end an answer.
func TestJudgeDoesNotEndAnswers(t *testing.T) {
	useful := judge(func(context.Context, critique.Continuation) (critique.Verdict, error) {
		u := reflection.Judged(reflection.OneHot(reflection.Utility5), reflection.Utility5, reflection.PromptedLabels)
		return critique.Verdict{Critique: reflection.Critique{IsUSE: u}}, nil
	})
	m := script(on(more(said("One."), 0, 1, 0), generatortest.Depth(0)), on(said("Two.")))
	a := run(t, m, finds(hits("A")...), always, selfrag.WithLongForm(1, 3), selfrag.WithCritic(useful))
	if a.Text != "One. Two." || a.Level != reflection.PromptedLabels {
		t.Errorf("%q at level %v, want both segments at prompted-labels", a.Text, a.Level)
	}
}

// A candidate that only a full trace asks for counts neither as one that succeeded
// nor, where failures are allowed, as one that failed.
func TestCounterfactualsDoNotCount(t *testing.T) {
	down := errors.New("the server is down")
	m := script(
		on(generatortest.Decision(0), generatortest.Decides()),
		on(generatortest.Words(1, "Without."), generatortest.Forces(reflection.NoRetrieval)),
		generatortest.Rule{When: generatortest.Shows("A"), Err: down},
		on(said("With.")),
	)
	engine := newEngine(t, m, finds(hits("A", "B")...), selfrag.WithTrace(selfrag.TraceFull))
	a, err := engine.Answer(t.Context(), "q", selfrag.WithMinCandidates(2))
	if err != nil || a.Text != "Without." {
		t.Errorf("%q, error %v", a.Text, err)
	}
	if _, err := engine.Answer(t.Context(), "q", always, selfrag.WithMinCandidates(2)); !errors.Is(err, down) {
		t.Errorf("error %v though only one candidate of the branch succeeded", err)
	}
}
