package critiquetest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/critique"
	. "github.com/goselfrag/goselfrag/critique/critiquetest"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

func candidate(text string, evidence ...generator.Evidence) critique.Continuation {
	return critique.Continuation{
		Question:   "Why?",
		Prompt:     generator.Prompt{Instruction: "Why?", Evidence: evidence},
		Completion: generator.Completion{Steps: generatortest.Words(1, text), Finish: generator.FinishEnd},
	}
}

func TestVerdict(t *testing.T) {
	got := Verdict(0.25, [3]float64{0.25, 0.5, 0.25}, [5]float64{})
	want := critique.Verdict{Critique: reflection.Critique{
		IsREL: reflection.Judged(reflection.NewDistribution(reflection.IsREL, 0.75, 0.25), reflection.Irrelevant, reflection.Heuristic),
		IsSUP: reflection.Judged(reflection.NewDistribution(reflection.IsSUP, 0.25, 0.5, 0.25), reflection.PartiallySupported, reflection.Heuristic),
		IsUSE: reflection.Judgment{Status: reflection.StatusAbsent},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDecision(t *testing.T) {
	for p, want := range map[float64]reflection.Token{0: reflection.NoRetrieval, 0.25: reflection.NoRetrieval, 0.5: reflection.Retrieval, 1: reflection.Retrieval} {
		d := Decision(p)
		got, exact := d.Dist.Prob(reflection.Retrieval).Value()
		rest, _ := d.Dist.Prob(reflection.NoRetrieval).Value()
		if d.Token != want || got != p || rest != 1-p || !exact || !d.Dist.Exact() || d.Level != reflection.Heuristic {
			t.Errorf("Decision(%v) = %+v", p, d)
		}
	}
}

func TestCriticFirstRuleAnswers(t *testing.T) {
	boom := errors.New("boom")
	good, bad := Verdict(1, [3]float64{}, [5]float64{}), Verdict(0, [3]float64{}, [5]float64{})
	k := &Critic{Rules: []CriticRule{
		{When: Says("fail"), Times: 1, Err: boom},
		{When: Says("fail"), Answer: good},
		{When: Uses("Paris"), Answer: good},
		{When: func(c critique.Continuation) bool { return len(c.Evidence()) == 0 }, Answer: bad},
	}}
	for _, tt := range []struct {
		c    critique.Continuation
		want critique.Verdict
		err  error
	}{
		{candidate("I fail"), critique.Verdict{}, boom},
		{candidate("I fail"), good, nil},
		{candidate("x", generator.Evidence{Title: "Paris"}), good, nil},
		{candidate("x", generator.Evidence{Text: "In Paris."}), good, nil},
		{candidate("x"), bad, nil},
	} {
		// One after the other: a rule counts.
		got, err := k.Critique(t.Context(), tt.c)
		if d := cmp.Diff(tt.want, got); d != "" || !errors.Is(err, tt.err) {
			t.Errorf("%q: %v\n%s", tt.c.Completion.Text(), err, d)
		}
	}
	_, err := k.Critique(t.Context(), candidate("an answer", generator.Evidence{Title: "Rome", Text: "A city."}))
	var un *UnscriptedError
	if !errors.As(err, &un) || un.Candidate == nil || !strings.Contains(err.Error(), `"an answer" for the question "Why?" with the passage "Rome" "A city."`) {
		t.Errorf("unscripted: %v", err)
	}
	if got := k.Candidates(); len(got) != 6 || got[0].Completion.Text() != "I fail" {
		t.Errorf("candidates %v", got)
	}
}

func TestDeciderFirstRuleAnswers(t *testing.T) {
	d := &Decider{Rules: []DeciderRule{
		{When: func(s critique.Situation) bool { return s.Question == "Why?" }, Answer: Decision(0.75)},
	}}
	got, err := d.Decide(t.Context(), critique.Situation{Question: "Why?"})
	if diff := cmp.Diff(Decision(0.75), got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	_, err = d.Decide(t.Context(), critique.Situation{Question: "Who?", Prompt: generator.Prompt{Path: make([]generator.PathSegment, 2)}})
	if err == nil || !strings.Contains(err.Error(), `question "Who?" after 2 segments`) {
		t.Errorf("unscripted: %v", err)
	}
	if got := d.Situations(); len(got) != 2 || got[1].Question != "Who?" {
		t.Errorf("situations %v", got)
	}
	if text := (&UnscriptedError{}).Error(); !strings.Contains(text, "nothing") {
		t.Errorf("zero error: %q", text)
	}
}

func TestCriticRecordsCopies(t *testing.T) {
	k := &Critic{Rules: []CriticRule{{}}}
	c := candidate("text", generator.Evidence{Text: "e"})
	if _, err := k.Critique(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c.Completion.Steps[0].Text, c.Prompt.Evidence[0].Text = "changed", "changed"
	if d := cmp.Diff([]critique.Continuation{candidate("text", generator.Evidence{Text: "e"})}, k.Candidates()); d != "" {
		t.Error(d)
	}
}

func TestCriticConcurrent(t *testing.T) {
	k := &Critic{Rules: []CriticRule{{When: Says("a"), Answer: Verdict(1, [3]float64{}, [5]float64{})}, {}}}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			text := [...]string{"a", "b"}[i%2]
			v, err := k.Critique(t.Context(), candidate(text))
			if err != nil || (v.IsREL.Status == reflection.StatusJudged) != (text == "a") {
				t.Errorf("%q: %v, %v", text, v, err)
			}
		})
	}
	wg.Wait()
	if n := len(k.Candidates()); n != 16 {
		t.Errorf("%d candidates recorded", n)
	}
}

// TestScriptsWait runs on the clock of a bubble, so that a delay takes no time.
func TestScriptsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &Critic{Rules: []CriticRule{{When: Says("slow"), Delay: time.Hour, Answer: Verdict(1, [3]float64{}, [5]float64{})}, {Stall: true}}}
		ask := func(timeout time.Duration, text string) error {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			_, err := k.Critique(ctx, candidate(text))
			return err
		}
		if err := ask(2*time.Hour, "slow"); err != nil {
			t.Errorf("slow: %v", err)
		}
		for _, text := range []string{"slow", "stuck"} {
			if err := ask(time.Minute, text); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
}
