package selfrag_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	chatjudge "github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// The model never sees more calls, nor gives more tokens, than a budget allows,
// and the answer counts what the model counted.
func TestBudgetHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := counting(&generatortest.Random{
			Seed: rapid.Uint64().Draw(rt, "seed"), MaxSegments: 4, Noise: 0.2,
			Level: rapid.SampledFrom([]reflection.Level{reflection.ExactIDs, reflection.TopN}).Draw(rt, "level"), N: 2,
		})
		b := budget.Limits{
			Calls:  rapid.IntRange(0, 15).Draw(rt, "calls"),
			Tokens: rapid.IntRange(0, 60).Draw(rt, "tokens"),
		}
		maxTokens := rapid.IntRange(1, 20).Draw(rt, "max tokens")
		depth := rapid.SampledFrom([]selfrag.TraceDepth{selfrag.TraceOn, selfrag.TraceFull}).Draw(rt, "trace")
		e := newEngine(t, m, finds(hits("A", "B", "C")...), selfrag.WithLongForm(2, 3), selfrag.WithBudget(b),
			selfrag.WithMaxTokens(maxTokens), selfrag.WithTrace(depth), selfrag.WithThreshold(0.5))
		a, err := e.Answer(t.Context(), "q")
		if err != nil && !errors.Is(err, budget.ErrExceeded) {
			rt.Fatal(err)
		}
		if b.Calls > 0 && m.calls > b.Calls || b.Tokens > 0 && m.tokens > b.Tokens {
			rt.Fatalf("%d calls and %d tokens of %+v", m.calls, m.tokens, b)
		}
		if a.Usage.Calls != m.calls || a.Usage.GeneratedTokens != m.tokens {
			rt.Fatalf("the answer counts %+v, the model %d calls and %d tokens", a.Usage, m.calls, m.tokens)
		}
		if (err != nil) != (a.Text == "" && a.Stop == selfrag.StopBudget) {
			rt.Fatalf("%q, stopped by %s, error %v", a.Text, a.Stop, err)
		}
		skipped := false
		for _, x := range a.Trace.Expansions {
			for _, c := range x.Candidates {
				skipped = skipped || c.Status == selfrag.Skipped && c.Branch == x.Decision.Choice
			}
		}
		if skipped && a.Stop != selfrag.StopBudget {
			rt.Fatalf("candidates were skipped, but the answer says %s", a.Stop)
		}
	})
}

// Candidates are paid for in their order, and a call sets its whole limit aside.
func TestBudgetOrder(t *testing.T) {
	m := script(on(generatortest.Decision(1), generatortest.Decides()), on(said("Yes."))) // 4 tokens with the end
	tests := []struct {
		name   string
		budget budget.Limits
		want   string // launched and skipped candidates
	}{
		{"none", budget.Limits{}, "+++++"},
		{"enough calls", budget.Limits{Calls: 6}, "+++++"},
		{"four calls", budget.Limits{Calls: 4}, "+++--"},
		{"two calls", budget.Limits{Calls: 2}, "+----"},
		{"enough tokens", budget.Limits{Tokens: 1 + 50}, "+++++"},
		{"tokens for three", budget.Limits{Tokens: 1 + 39}, "+++--"},
		{"tokens for one", budget.Limits{Tokens: 1 + 10}, "+----"},
		{"both", budget.Limits{Calls: 5, Tokens: 21}, "++---"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 5 {
				a := run(t, m, finds(hits("A", "B", "C", "D", "E")...), selfrag.WithBudget(tt.budget), selfrag.WithMaxTokens(10))
				got := ""
				for _, c := range a.Trace.Expansions[0].Candidates {
					if c.Status == selfrag.Skipped {
						got += "-"
					} else {
						got += "+"
					}
				}
				stop := selfrag.StopEnd
				if tt.want != "+++++" {
					stop = selfrag.StopBudget
				}
				if got != tt.want || a.Stop != stop {
					t.Errorf("candidates %s, want %s; stopped by %s", got, tt.want, a.Stop)
				}
			}
		})
	}
}

func TestBudgetForNothing(t *testing.T) {
	decides := on(generatortest.Decision(1), generatortest.Decides())
	tests := []struct {
		name    string
		budget  budget.Limits
		options []selfrag.Option
		calls   int
	}{
		{"only the decision", budget.Limits{Calls: 1}, nil, 1},
		{"no candidate", budget.Limits{Tokens: 199}, nil, 1},
		{"a limit beyond all numbers", budget.Limits{Tokens: 10}, []selfrag.Option{selfrag.WithMaxTokens(math.MaxInt)}, 1},
		{"not even the decision: the conversation cost it all", budget.Limits{Calls: 1},
			[]selfrag.Option{selfrag.WithHistory(selfrag.Turn{}), selfrag.WithRewriter(costly(1))}, 0},
		{"the conversation cost more", budget.Limits{Tokens: 10, Calls: 9},
			[]selfrag.Option{selfrag.WithHistory(selfrag.Turn{}), selfrag.WithRewriter(costly(1)), selfrag.WithMaxTokens(math.MaxInt)}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := script(decides, on(said("Yes.")))
			a, err := newEngine(t, m, finds(hits("A")...)).Answer(t.Context(), "q", append(tt.options, selfrag.WithBudget(tt.budget))...)
			if !errors.Is(err, budget.ErrExceeded) || a.Stop != selfrag.StopBudget || a.Text != "" {
				t.Errorf("%q, stopped by %s, error %v", a.Text, a.Stop, err)
			}
			if n := len(m.Requests()); n != tt.calls {
				t.Errorf("%d calls, want %d", n, tt.calls)
			}
		})
	}
}

// costly is a rewriter that costs calls of a hundred tokens each.
type costly int

func (c costly) Rewrite(_ context.Context, talk generator.Conversation) (generator.Rewriting, error) {
	return generator.Rewriting{Question: talk.Question, Usage: generator.Usage{Calls: int(c), GeneratedTokens: 100 * int(c)}}, nil
}

// A budget that ends between segments leaves the answer so far.
func TestBudgetBetweenSegments(t *testing.T) {
	m := script(on(more(said("First."), 0, 1, 0), generatortest.Depth(0)), on(said("Second.")))
	a := run(t, m, finds(hits("A", "B")...), always, selfrag.WithLongForm(1, 3), selfrag.WithBudget(budget.Limits{Calls: 2}))
	if a.Text != "First." || a.Stop != selfrag.StopBudget {
		t.Errorf("%q, stopped by %s", a.Text, a.Stop)
	}
}

// Exact probabilities cost a call like any other.
func TestBudgetForExactProbabilities(t *testing.T) {
	m := &prober{Script: deciding(open()), exact: reflection.NewDistribution(reflection.Retrieve, 1, 0, 0)}
	e := newEngine(t, m, finds(hits("A")...), selfrag.WithThreshold(0.6))
	if _, err := e.Answer(t.Context(), "q", selfrag.WithBudget(budget.Limits{Calls: 1})); !errors.Is(err, budget.ErrExceeded) || m.asked != 0 {
		t.Errorf("error %v, asked %d times for a budget of one call", err, m.asked)
	}
	if a := ask(t, e, "q", selfrag.WithBudget(budget.Limits{Calls: 3})); a.Text != "Without." || a.Usage.Calls != 3 {
		t.Errorf("%q after %d calls", a.Text, a.Usage.Calls)
	}
	// A power that the model lacks costs nothing.
	m.err = errors.ErrUnsupported
	if a := ask(t, e, "q", selfrag.WithBudget(budget.Limits{Calls: 2})); a.Text != "With." || a.Stop != selfrag.StopEnd || a.Usage.Calls != 2 {
		t.Errorf("%q, stopped by %s after %d calls", a.Text, a.Stop, a.Usage.Calls)
	}
}

// In a full trace the branch that was decided on is paid for first. Skipped
// candidates of the other branches do not cut the answer short.
func TestBudgetOfFullTrace(t *testing.T) {
	m := script(on(generatortest.Decision(0), generatortest.Decides()), on(generatortest.Words(1, "Without."), generatortest.Forces(reflection.NoRetrieval)), on(said("With.")))
	a := run(t, m, finds(hits("A", "B")...), selfrag.WithTrace(selfrag.TraceFull), selfrag.WithBudget(budget.Limits{Calls: 3}))
	var statuses []selfrag.CandidateStatus
	for _, c := range a.Trace.Expansions[0].Candidates {
		statuses = append(statuses, c.Status)
	}
	if want := "[counterfactual skipped kept]"; a.Text != "Without." || a.Stop != selfrag.StopEnd || fmt.Sprint(statuses) != want {
		t.Errorf("%q, stopped by %s, candidates %v, want %s", a.Text, a.Stop, statuses, want)
	}
}

// A full trace changes no answer, whatever the budget: neither that of another path
// in the beam nor that of a later segment.
func TestBudgetOfFullTraceChangesNoAnswer(t *testing.T) {
	cut := 0
	for seed := range uint64(80) {
		e := newEngine(t, &generatortest.Random{Seed: seed, MaxWords: 2, MaxSegments: 4}, finds(hits("A", "B")...),
			selfrag.WithLongForm(2, 3), selfrag.WithMaxTokens(8), selfrag.WithThreshold(0.5))
		for n := range 20 {
			for _, b := range []budget.Limits{{Calls: n}, {Tokens: 8 * n}} {
				want, err := e.Answer(t.Context(), "q", selfrag.WithBudget(b))
				got, err2 := e.Answer(t.Context(), "q", selfrag.WithBudget(b), selfrag.WithTrace(selfrag.TraceFull))
				if fmt.Sprint(err) != fmt.Sprint(err2) || want.Text != got.Text || want.Score != got.Score || want.Stop != got.Stop {
					t.Fatalf("seed %d, %+v: %q (%s, %v), with a full trace %q (%s, %v)", seed, b, want.Text, want.Stop, err, got.Text, got.Stop, err2)
				}
				if want.Text != "" && want.Stop == selfrag.StopBudget {
					cut++
				}
			}
		}
	}
	if cut == 0 {
		t.Error("no budget cut an answer: the test shows little")
	}
}

func TestTimeBudget(t *testing.T) {
	second := selfrag.WithBudget(budget.Limits{Time: time.Second})
	stall := func(m ...generatortest.Match) generatortest.Rule {
		r := on(said("Never seen."), m...)
		r.Fault = generatortest.StallAfter(1)
		return r
	}
	decides := on(generatortest.Decision(1), generatortest.Decides())
	stalledIndex := retriever.Func(func(ctx context.Context, _ retriever.Query) (retriever.Result, error) {
		<-ctx.Done()
		return retriever.Result{}, ctx.Err()
	})
	tests := []struct {
		name    string
		model   generator.Generator
		index   retriever.Retriever
		options []selfrag.Option
		text    string
	}{
		{"decision", script(stall(generatortest.Decides())), finds(hits("A")...), nil, ""},
		{"retrieval", script(decides), stalledIndex, nil, ""},
		{"all candidates", script(decides, stall()), finds(hits("A", "B")...), nil, ""},
		{"one candidate", script(decides, stall(generatortest.Shows("A")), on(said("Yes."))), finds(hits("A", "B")...), nil, "Yes."},
		{"second segment", script(decides, on(more(said("One."), 0, 1, 0), generatortest.Depth(0)), stall()), finds(hits("A")...), []selfrag.Option{selfrag.WithLongForm(2, 3)}, "One."},
		{"description", &phases{stop: "describe", reached: make(chan struct{}, 1)}, finds(), nil, ""},
		{"rewriting", script(decides), finds(), []selfrag.Option{selfrag.WithHistory(selfrag.Turn{}), selfrag.WithRewriter(&phases{stop: "rewrite", reached: make(chan struct{}, 1)})}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(t, tt.model, tt.index, second)
				start := time.Now()
				a, err := e.Answer(t.Context(), "q", tt.options...)
				if a.Text != tt.text || a.Stop != selfrag.StopTime || errors.Is(err, budget.ErrExceeded) != (tt.text == "") {
					t.Errorf("%q, stopped by %s, error %v", a.Text, a.Stop, err)
				}
				if d := time.Since(start); d != time.Second {
					t.Errorf("after %v", d)
				}
			})
		})
	}
}

// A backend may return the cause that ended its context. The call still counts, and
// the stop reason is the time.
func TestTimeBudgetAsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalled := generator.Wrap(script(), func(ctx context.Context, _ generator.Request) iter.Seq2[generator.Step, error] {
			return func(yield func(generator.Step, error) bool) {
				<-ctx.Done()
				yield(generator.Step{}, context.Cause(ctx))
			}
		})
		j, err := chatjudge.New(stalled, chatjudge.Templates{})
		if err != nil {
			t.Fatal(err)
		}
		for name, options := range map[string][]selfrag.Option{
			"decision":  nil,
			"judge":     {selfrag.WithDecider(j)},
			"rewriting": {selfrag.WithHistory(talk...), selfrag.WithRewriter(rewriter(t, stalled))},
		} {
			a, err := newEngine(t, stalled, finds(hits("A")...), options...).Answer(t.Context(), "q", selfrag.WithBudget(budget.Limits{Time: time.Second}))
			if a.Stop != selfrag.StopTime || !errors.Is(err, budget.ErrExceeded) || a.Usage.Calls != 1 {
				t.Errorf("%s: stopped by %s, %+v, %v", name, a.Stop, a.Usage, err)
			}
			if x := a.Trace.Expansions; len(x) > 0 && x[0].Decision.Usage.Calls != 1 {
				t.Errorf("%s: %+v", name, x[0].Decision)
			}
		}
		ctx, _ := budget.Open(t.Context(), "test", budget.Limits{Time: time.Second})
		if d, err := j.Decide(ctx, critique.Situation{Question: "q", Prompt: generator.Prompt{Instruction: "q"}}); d.Usage.Calls != 1 || err == nil {
			t.Errorf("the judge counts %+v, %v", d.Usage, err)
		}
		ctx, _ = budget.Open(t.Context(), "test", budget.Limits{Time: time.Second})
		if r, err := rewriter(t, stalled).Rewrite(ctx, generator.Conversation{History: talk, Question: "q"}); r.Usage.Calls != 1 || err == nil {
			t.Errorf("the rewriter counts %+v, %v", r.Usage, err)
		}
	})
}

// An answer that was complete in time does not get the stop reason StopTime.
func TestTimeBudgetInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The fake clock does not advance while goroutines run: sleep past the end
		// in the last call and return nevertheless.
		late := judge(func(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
			time.Sleep(2 * time.Second)
			return critique.Verdict{}, nil
		})
		a := run(t, script(on(said("Yes."))), finds(hits("A")...), always, selfrag.WithCritic(late), selfrag.WithBudget(budget.Limits{Time: time.Second}))
		if a.Text != "Yes." || a.Stop != selfrag.StopEnd {
			t.Errorf("%q, stopped by %s", a.Text, a.Stop)
		}
	})
}

func ExampleWithBudget() {
	engine, err := selfrag.New(reader(), retriever.Func(shelf))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := engine.Answer(context.Background(), "Who wrote The Trial?", selfrag.WithBudget(budget.Limits{Calls: 2}))
	fmt.Println(answer.Cited(), answer.Stop, err)
	// Output: A surveyor [1]. budget <nil>
}
