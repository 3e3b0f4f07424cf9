package selfrag_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	chatjudge "github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// A budget bounds the library's own judge, and a tight one is spent on candidates
// that can be judged.
func TestBudgetBoundsJudge(t *testing.T) {
	for calls, want := range map[int]struct {
		text string
		stop selfrag.StopReason
		used int
	}{
		1:  {"", selfrag.StopBudget, 1}, // the decision
		2:  {"", selfrag.StopBudget, 2}, // a candidate that cannot be judged
		5:  {"Yes.", selfrag.StopBudget, 5},
		6:  {"Yes.", selfrag.StopBudget, 6}, // and a second one
		21: {"Yes.", selfrag.StopEnd, 21},
		60: {"Yes.", selfrag.StopEnd, 21},
	} {
		m := counting(chat())
		j, err := chatjudge.New(m, chatjudge.Templates{})
		if err != nil {
			t.Fatal(err)
		}
		e := newEngine(t, m, finds(hits("A", "B", "C", "D", "E")...), selfrag.WithCritic(j), selfrag.WithDecider(j), selfrag.WithBudget(budget.Limits{Calls: calls}))
		a, err := e.Answer(t.Context(), "q")
		if (want.text == "") != errors.Is(err, budget.ErrExceeded) || a.Text != want.text || a.Stop != want.stop || m.calls != want.used || a.Usage.Calls != want.used {
			t.Errorf("%d calls: %q, stopped by %s, the model counted %d calls, the answer %d, %v", calls, a.Text, a.Stop, m.calls, a.Usage.Calls, err)
		}
	}
}

// chat is a chat model with log-probabilities: it retrieves, answers, and finds everything
// good.
func chat() generator.Generator {
	return &generatortest.Script{
		Rules: []generatortest.Rule{
			on([]generator.Step{letter("A")}, generatortest.TaskNamed("judge-retrieve")),
			on([]generator.Step{letter("A")}, generatortest.TaskNamed("judge-relevance")),
			on([]generator.Step{letter("A")}, generatortest.TaskNamed("judge-support")),
			on([]generator.Step{letter("5")}, generatortest.TaskNamed("judge-utility")),
			on(generatortest.Words(1, "Yes.")),
		},
		Capabilities: generator.Capabilities{Model: "chat", LogProbs: true},
	}
}

// letter is a reply of one token that the model is sure of.
func letter(text string) generator.Step {
	return generator.Step{Text: text, LogProb: reflection.ExactLog(0), Top: []generator.Alternative{{Text: text, Prob: reflection.ExactLog(0)}}}
}

// Questions that share a budget do not exceed it together, however many run at
// once.
func TestBudgetOfConcurrentAnswers(t *testing.T) {
	m := counting(hesitant(script(on(generatortest.Decision(1), generatortest.Decides()), on(said("Yes.")))))
	e := newEngine(t, m, finds(hits("A", "B", "C", "D", "E")...))
	ctx, b := budget.Open(t.Context(), "all", budget.Limits{Calls: 6})
	defer b.Close()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			a, err := e.Answer(ctx, "q")
			if err != nil && !errors.Is(err, budget.ErrExceeded) || err == nil && a.Stop == selfrag.StopEnd && a.Usage.Calls < 6 {
				t.Errorf("%v, %+v", err, a)
			}
		})
	}
	all.Wait()
	if m.calls > 6 || b.Usage().Calls != m.calls {
		t.Errorf("the model counted %d calls, the budget %d", m.calls, b.Usage().Calls)
	}
}

// Events are snapshots: a reader can keep one while the search goes on, and it does
// not change.
func TestEventsAreSnapshots(t *testing.T) {
	for _, options := range [][]selfrag.Option{nil, {selfrag.WithLazy(1)}, {selfrag.WithTrace(selfrag.TraceFull)}, {selfrag.WithEagerRetrieval(true)}} {
		e := newEngine(t, &generatortest.Random{Seed: 4, MaxSegments: 3}, finds(hits("A", "B", "C")...), append(options, selfrag.WithLongForm(2, 3))...)
		events := make(chan selfrag.Event, 1000)
		var then, later []string
		for ev, err := range e.Stream(t.Context(), "q") {
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind != selfrag.EventAnswer {
				then = append(then, spelled(ev))
				events <- ev
			}
		}
		close(events)
		for ev := range events {
			later = append(later, spelled(ev))
		}
		if !slices.Equal(then, later) || len(then) < 5 {
			t.Errorf("%d events changed:\n%q\n%q", len(then), then, later)
		}
		// Another goroutine reads while the search writes, for the race detector.
		forwarded := make(chan selfrag.Event)
		done := make(chan int)
		go func() {
			n := 0
			for ev := range forwarded {
				n += len(spelled(ev))
			}
			done <- n
		}()
		for ev, err := range e.Stream(t.Context(), "q") {
			if err != nil {
				t.Fatal(err)
			}
			forwarded <- ev
		}
		close(forwarded)
		<-done
	}
}

func spelled(e selfrag.Event) string {
	text := fmt.Sprintf("%+v", e)
	if e.Decision != nil {
		text += fmt.Sprintf("%+v", *e.Decision)
	}
	if e.Candidate != nil {
		text += fmt.Sprintf("%+v", *e.Candidate)
	}
	for _, c := range e.Candidates {
		text += fmt.Sprintf("%+v", c)
	}
	return text
}

// A question can reset every option of its engine: the answer is that of an engine
// without it.
func TestOptionsCanBeSetBack(t *testing.T) {
	model := func() generator.Generator { return &generatortest.Random{Seed: 5, MaxSegments: 3} }
	never := judge(func(context.Context, critique.Continuation) (critique.Verdict, error) {
		return critique.Verdict{}, errors.New("must not be asked")
	})
	undecided := decider(func(critique.Situation) (critique.RetrievalVerdict, error) {
		return critique.RetrievalVerdict{}, errors.New("must not be asked")
	})
	long := selfrag.WithLongForm(2, 3)
	index := finds(hits("A", "B", "C")...)
	for name, o := range map[string][2]selfrag.Option{
		"fixed passages":  {selfrag.WithFixedPassages(true), selfrag.WithFixedPassages(false)},
		"eager retrieval": {selfrag.WithEagerRetrieval(true), selfrag.WithEagerRetrieval(false)},
		"sampling":        {selfrag.WithSampling(1, 7), selfrag.WithSampling(0, 0)},
		"critic":          {selfrag.WithCritic(never), selfrag.WithTokenCritic()},
		"decider":         {selfrag.WithDecider(undecided), selfrag.WithTokenDecider()},
		"lazy":            {selfrag.WithLazy(1), selfrag.WithLazy(0)},
		"budget":          {selfrag.WithBudget(budget.Limits{Calls: 1}), selfrag.WithBudget(budget.Limits{})},
		"concurrency":     {selfrag.WithConcurrency(1), selfrag.WithConcurrency(0)},
		"filter":          {selfrag.WithFilter(filter.Exists{Field: "year"}), selfrag.WithFilter(nil)},
		"history":         {selfrag.WithHistory(talk...), selfrag.WithHistory()},
		"candidates":      {selfrag.WithMinCandidates(2), selfrag.WithMinCandidates(0)},
		"abstention":      {selfrag.WithAbstention(0.99, "no"), selfrag.WithAbstention(0, "")},
		"trace":           {selfrag.WithTrace(selfrag.TraceFull), selfrag.WithTrace(selfrag.TraceOn)},
		"mode":            {selfrag.WithMode(selfrag.Never), selfrag.WithMode(selfrag.Adaptive)},
		"threshold":       {selfrag.WithThreshold(0.9), selfrag.WithThreshold(0.2)},
		"unknown":         {selfrag.WithUnknown(selfrag.UnknownSkips), selfrag.WithUnknown(selfrag.UnknownRetrieves)},
		"k":               {selfrag.WithK(1), selfrag.WithK(5)},
		"weights":         {selfrag.WithWeights(scoring.Weights{}), selfrag.WithWeights(scoring.DefaultConfig().Weights)},
		"scoring":         {selfrag.WithScoring(scoring.Config{Weights: scoring.DefaultWeights(), UtilityScale: [5]float64{1, 2, 3, 4, 5}}), selfrag.WithScoring(scoring.DefaultConfig())},
		"sequence":        {selfrag.WithSequence(scoring.SequenceNone, generator.CountText), selfrag.WithSequence(scoring.SequenceAuto, generator.CountAuto)},
		"path score":      {selfrag.WithPathScore(scoring.PathProduct), selfrag.WithPathScore(scoring.PathMean)},
		"constraints":     {selfrag.WithConstraints(scoring.Constraints{RejectIrrelevant: true}, selfrag.FallbackBest), selfrag.WithConstraints(scoring.Constraints{}, selfrag.FallbackStop)},
		"instruction":     {selfrag.WithInstruction(generator.Instruction{Text: "Say no."}), selfrag.WithInstruction(generator.Instruction{})},
		"max tokens":      {selfrag.WithMaxTokens(1), selfrag.WithMaxTokens(200)},
		"rewriter":        {selfrag.WithRewriter(costly(1)), selfrag.WithRewriter(selfrag.Concatenate{})},
		"call timeout":    {selfrag.WithCallTimeout(1), selfrag.WithCallTimeout(0)},
	} {
		want := canonical(t, ask(t, newEngine(t, model(), index, long), "q"))
		if got := canonical(t, ask(t, newEngine(t, model(), index, long, o[0]), "q", o[1])); got != want {
			t.Errorf("%s: set back\n%s\nwithout\n%s", name, got, want)
		}
	}
	short := canonical(t, ask(t, newEngine(t, model(), index), "q"))
	if got := canonical(t, ask(t, newEngine(t, model(), index, selfrag.WithLongForm(2, 7)), "q", selfrag.WithShortForm())); got != short {
		t.Errorf("long form: set back\n%s\nwithout\n%s", got, short)
	}
	labels := selfrag.WithLabels("yes", "no")
	if got, want := canonical(t, ask(t, newEngine(t, model(), index, labels), "q", selfrag.WithLabels())), canonical(t, ask(t, newEngine(t, model(), index), "q")); got != want {
		t.Errorf("labels: set back\n%s\nwithout\n%s", got, want)
	}
}

// A call that a budget refused was not made, and is counted nowhere.
func TestRefusedCallsAreNotCounted(t *testing.T) {
	m := counting(chat())
	j, err := chatjudge.New(m, chatjudge.Templates{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, b := budget.Open(t.Context(), "nothing", budget.Limits{Calls: -1})
	defer b.Close()
	v, err := j.Critique(ctx, critique.Continuation{Question: "q", Prompt: generator.Prompt{Instruction: "q", Evidence: []generator.Evidence{{Text: "A"}}}, Text: "Yes.", Completion: generator.Completion{Finish: generator.FinishEnd}})
	d, err2 := j.Decide(ctx, critique.Situation{Question: "q", Prompt: generator.Prompt{Instruction: "q"}})
	d2, err3 := critique.NewTokens(m).Decide(ctx, critique.Situation{Question: "q", Prompt: generator.Prompt{Instruction: "q"}})
	for i, got := range []struct {
		u   generator.Usage
		err error
	}{{v.Usage, err}, {d.Usage, err2}, {d2.Usage, err3}} {
		if got.u != (generator.Usage{}) || !errors.Is(got.err, budget.ErrExceeded) {
			t.Errorf("%d: %+v, %v", i, got.u, got.err)
		}
	}
	if m.calls > 0 || b.Usage() != (budget.Usage{}) {
		t.Errorf("%d calls, %+v", m.calls, b.Usage())
	}
}
