package generatortest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	. "github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

var capital = generator.Request{
	Prompt:    generator.Prompt{Instruction: "What is the capital of France?"},
	MaxTokens: 20,
	Watch:     reflection.Groups(),
}

func showing(title, text string) generator.Request {
	req := capital
	req.Prompt.Evidence = []generator.Evidence{{Title: title, Text: text}}
	return req
}

func complete(t *testing.T, g generator.Generator, req generator.Request) generator.Completion {
	t.Helper()
	c, err := generator.Complete(t.Context(), g, req)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSegment(t *testing.T) {
	steps := Segment(0.75, " Paris is it.", [3]float64{0.2, 0.7, 0.1}, [5]float64{0, 0, 0.1, 0.3, 0.6})
	want := []generator.Step{
		{Token: reflection.Relevant, LogProb: reflection.ExactValue(0.75), Watched: []reflection.Distribution{reflection.NewDistribution(reflection.IsREL, 0.25, 0.75)}},
		{Text: " Paris", LogProb: reflection.ExactLog(0)},
		{Text: " is", LogProb: reflection.ExactLog(0)},
		{Text: " it.", LogProb: reflection.ExactLog(0)},
		{Token: reflection.PartiallySupported, LogProb: reflection.ExactValue(0.7), Watched: []reflection.Distribution{reflection.NewDistribution(reflection.IsSUP, 0.2, 0.7, 0.1)}},
		{Token: reflection.Utility5, LogProb: reflection.ExactValue(0.6), Watched: []reflection.Distribution{reflection.NewDistribution(reflection.IsUSE, 0, 0, 0.1, 0.3, 0.6)}},
	}
	if d := cmp.Diff(want, steps); d != "" {
		t.Error(d)
	}

	none := Segment(0.25, "No idea.", [3]float64{}, [5]float64{})
	if len(none) != 3 || none[0].Token != reflection.Irrelevant || none[0].LogProb != reflection.ExactValue(0.75) {
		t.Errorf("segment without support and utility: %+v", none)
	}
	if half := Segment(0.5, "x", [3]float64{}, [5]float64{}); half[0].Token != reflection.Relevant {
		t.Errorf("a tie gives %v, want Relevant", half[0].Token)
	}
}

func TestDecision(t *testing.T) {
	for p, want := range map[float64]reflection.Token{0: reflection.NoRetrieval, 0.3: reflection.NoRetrieval, 0.5: reflection.Retrieval, 1: reflection.Retrieval} {
		s := Decision(p)[0]
		d, ok := s.Group(reflection.Retrieve)
		got, exact := d.Prob(reflection.Retrieval).Value()
		if s.Token != want || !ok || !exact || math.Abs(got-p) > 1e-15 || s.LogProb != d.Prob(want) {
			t.Errorf("Decision(%v) = %+v", p, s)
		}
	}
}

func TestJudgeWithoutMass(t *testing.T) {
	if d := cmp.Diff(generator.Step{}, Judge(reflection.IsSUP, 0, 0, 0)); d != "" {
		t.Error(d)
	}
}

func TestWordsKeepTheText(t *testing.T) {
	for _, text := range []string{"", " ", "a", " a b", "a  b\n c ", "\n\nGrüße, Welt \t"} {
		var b strings.Builder
		for _, s := range Words(0.5, text) {
			b.WriteString(s.Text)
			if s.LogProb != reflection.ExactValue(0.5) {
				t.Errorf("%q: word %q has %v", text, s.Text, s.LogProb)
			}
			if strings.TrimSpace(text) != "" && len(strings.Fields(s.Text)) != 1 {
				t.Errorf("%q: step %q is not one word", text, s.Text)
			}
		}
		if b.String() != text {
			t.Errorf("words of %q join to %q", text, b.String())
		}
	}
}

func TestHardLabels(t *testing.T) {
	steps := Decision(0.9)
	hard := HardLabels(steps)
	if hard[0].Token != reflection.Retrieval || hard[0].LogProb.Known != reflection.Unknown || hard[0].Watched != nil {
		t.Errorf("hard label: %+v", hard[0])
	}
	if steps[0].Watched == nil {
		t.Error("HardLabels changed its argument")
	}
}

func TestScriptFirstRuleAnswers(t *testing.T) {
	task := generator.Task{
		Template: generator.MustTaskTemplate("rewrite", "", "Rewrite {{question}}"),
		Values:   map[string]string{"question": "q"},
	}
	say := func(text string) []generator.Step { return Words(1, text) }
	s := &Script{Rules: []Rule{
		{When: TaskNamed("rewrite"), Steps: say("task")},
		{When: All(Asks("capital"), Shows("Berlin")), Steps: say("title or text")},
		{When: Forces(reflection.NoRetrieval), Steps: say("forced")},
		{When: Depth(1), Steps: say("deep")},
		{When: All(Asks("capital"), Decides()), Steps: say("decision")},
	}}
	forced, deep, other, input := capital, capital, capital, capital
	forced.Prompt.Force = reflection.NoRetrieval
	deep.Prompt.Path = []generator.PathSegment{{Text: "One."}}
	other.Prompt.Instruction = "Who?"
	input.Prompt = generator.Prompt{Instruction: "Answer.", Input: "the capital?"}
	for _, tt := range []struct {
		name, want string
		req        generator.Request
	}{
		{"task", "task", generator.Request{Task: &task, MaxTokens: 5}},
		{"title", "title or text", showing("Berlin", "A city.")},
		{"text", "title or text", showing("Cities", "Berlin is one.")},
		{"force", "forced", forced},
		{"depth", "deep", deep},
		{"decision", "decision", capital},
		{"input", "decision", input},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if c := complete(t, s, tt.req); c.Text() != tt.want || c.Finish != generator.FinishEnd {
				t.Errorf("answer %q, finish %v; want %q", c.Text(), c.Finish, tt.want)
			}
		})
	}
	for name, req := range map[string]generator.Request{
		`instruction "Who?"`:       other,
		`evidence "Rome" "A city"`: {Prompt: generator.Prompt{Instruction: "x", Evidence: []generator.Evidence{{Title: "Rome", Text: "A city"}}}, MaxTokens: 1},
	} {
		_, err := generator.Complete(t.Context(), s, req)
		var un *UnscriptedError
		if !errors.As(err, &un) || !strings.Contains(err.Error(), name) || un.Request.Prompt.Instruction != req.Prompt.Instruction {
			t.Errorf("error %v: want it to name %s", err, name)
		}
	}
}

func TestUnscriptedErrorNamesEverything(t *testing.T) {
	req := generator.Request{MaxTokens: 1, Prompt: generator.Prompt{Instruction: "Do.", Input: "It", Force: reflection.NoRetrieval, Path: []generator.PathSegment{{Text: "a"}}}}
	_, err := generator.Complete(t.Context(), &Script{}, req)
	task := generator.Task{Template: generator.MustTaskTemplate("judge", "", "{{v}}"), Values: map[string]string{"v": "secret"}}
	_, taskErr := generator.Complete(t.Context(), &Script{}, generator.Request{MaxTokens: 1, Task: &task})
	text := fmt.Sprint(err, taskErr)
	for _, part := range []string{`"Do."`, `"It"`, "1 segments", "force [No Retrieval]", `task "judge"`, "secret"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not name %s", text, part)
		}
	}
}

func TestScriptKeepsTheLimits(t *testing.T) {
	steps := Segment(0.9, "one two three", [3]float64{1, 0, 0}, [5]float64{0, 0, 0, 0, 1})
	s := &Script{Rules: []Rule{{Steps: steps}}}
	for _, tt := range []struct {
		name   string
		max    int
		stop   []reflection.Token
		tokens int
		finish generator.Finish
		usage  int
	}{
		{"end", 7, nil, 6, generator.FinishEnd, 7},
		{"no room for the end token", 6, nil, 6, generator.FinishLength, 6},
		{"length", 2, nil, 2, generator.FinishLength, 2},
		{"stop", 7, []reflection.Token{reflection.FullySupported}, 5, generator.FinishStop, 5},
		{"stop at 0", 7, []reflection.Token{reflection.Relevant}, 1, generator.FinishStop, 1},
		{"stop at the length", 5, []reflection.Token{reflection.FullySupported}, 5, generator.FinishStop, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := capital
			req.MaxTokens, req.Stop = tt.max, tt.stop
			c := complete(t, s, req)
			if len(c.Steps) != tt.tokens || c.Finish != tt.finish || c.Usage.GeneratedTokens != tt.usage || c.Usage.PromptTokens != 6 {
				t.Errorf("%d tokens, %v, %+v; want %d, %v, %d generated of 6", len(c.Steps), c.Finish, c.Usage, tt.tokens, tt.finish, tt.usage)
			}
		})
	}
	req := capital
	req.Watch = []reflection.Group{reflection.IsSUP}
	c := complete(t, s, req)
	if len(c.Steps[0].Watched) != 0 || len(c.Steps[4].Watched) != 1 || len(c.Steps[5].Watched) != 0 {
		t.Errorf("watched without being asked: %+v", c.Steps)
	}
}

// A script continues after the token that is in the prompt.
func TestScriptResumes(t *testing.T) {
	s := &Script{Rules: []Rule{{Steps: Segment(0.9, "Some words.", [3]float64{1, 0, 0}, [5]float64{})}}}
	req := showing("Berlin", "A city.")
	req.MaxTokens = 10
	for token, want := range map[reflection.Token]int{reflection.None: 4, reflection.Relevant: 3, reflection.Irrelevant: 4} {
		req.Prompt.Relevance = token
		c, err := generator.Complete(t.Context(), s, req)
		if err != nil || len(c.Steps) != want || c.Usage.GeneratedTokens != want+1 {
			t.Errorf("after %v: %d steps, %+v, error %v; want %d", token, len(c.Steps), c.Usage, err, want)
		}
	}
}

func TestScriptStatedLastStep(t *testing.T) {
	last := generator.Step{Finish: generator.FinishEnd, LogProb: reflection.ExactValue(0.25), Usage: generator.Usage{Calls: 1, PromptTokens: 3, GeneratedTokens: 2}}
	s := &Script{Rules: []Rule{{Steps: append(Words(0.5, "a"), last)}}}
	c := complete(t, s, capital)
	if c.End != last.LogProb || c.Usage != last.Usage || len(c.Steps) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestScriptCountsPromptWords(t *testing.T) {
	s := &Script{Rules: []Rule{{}}}
	req := showing("Two words", "and three more")
	req.Prompt.Input = "more input"
	req.Prompt.Path = []generator.PathSegment{{Text: "one", Evidence: []generator.Evidence{{Title: "t", Text: "u v"}}}}
	if got := complete(t, s, req).Usage.PromptTokens; got != 6+5+2+1+3 {
		t.Errorf("prompt of %d words", got)
	}
	task := generator.Task{Template: generator.MustTaskTemplate("t", "be brief", "say {{v}}"), Values: map[string]string{"v": "one two"}}
	if got := complete(t, s, generator.Request{MaxTokens: 1, Task: &task}).Usage.PromptTokens; got != 2+2+2 {
		t.Errorf("task of %d words", got)
	}
}

func TestScriptTimes(t *testing.T) {
	boom := errors.New("boom")
	s := &Script{Rules: []Rule{{Times: 2, Err: boom}, {Steps: Words(1, "fine")}}}
	for i := range 4 {
		_, err := generator.Complete(t.Context(), s, capital)
		if want := i < 2; errors.Is(err, boom) != want {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestScriptRecordsCopies(t *testing.T) {
	task := generator.Task{Template: generator.MustTaskTemplate("t", "", "{{v}}"), Values: map[string]string{"v": "a"}}
	s := &Script{Rules: []Rule{{Steps: Words(1, "fine")}}}
	req := showing("T", "x")
	req.Prompt.Path = []generator.PathSegment{{Text: "p", Evidence: []generator.Evidence{{Text: "e"}}}}
	want := showing("T", "x")
	want.Prompt.Path = []generator.PathSegment{{Text: "p", Evidence: []generator.Evidence{{Text: "e"}}}}

	complete(t, s, req)
	req.Prompt.Evidence[0].Text = "changed"
	req.Prompt.Path[0].Evidence[0].Text = "changed"
	complete(t, s, generator.Request{Task: &task, MaxTokens: 1})
	task.Values["v"] = "changed"
	s.Requests()[0].Prompt.Path[0].Text = "changed"
	for _, err := range s.Generate(t.Context(), generator.Request{}) {
		if !errors.Is(err, generator.ErrRequest) {
			t.Errorf("zero request: %v", err)
		}
	}

	got := s.Requests()
	if len(got) != 3 {
		t.Fatalf("%d requests recorded, want 3 with the refused one", len(got))
	}
	if d := cmp.Diff(want, got[0]); d != "" {
		t.Error(d)
	}
	if got[1].Task.Values["v"] != "a" {
		t.Errorf("recorded task has value %q", got[1].Task.Values["v"])
	}
}

func TestScriptConcurrent(t *testing.T) {
	s := &Script{Rules: []Rule{{When: Shows("a"), Steps: Words(1, "A")}, {Steps: Words(1, "B")}}}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			want := [...]string{"A", "B"}[i%2]
			c, err := generator.Complete(t.Context(), s, showing("", [...]string{"a", "b"}[i%2]))
			if err != nil || c.Text() != want {
				t.Errorf("%q, %v; want %q", c.Text(), err, want)
			}
		})
	}
	wg.Wait()
	if n := len(s.Requests()); n != 16 {
		t.Errorf("%d requests recorded", n)
	}
}

func TestScriptFaults(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		name   string
		fault  Fault
		tokens int
		want   string
	}{
		{"none", Fault{}, 3, ""},
		{"fail at once", FailAfter(0, boom), 0, "boom"},
		{"fail after two", FailAfter(2, boom), 2, "boom"},
		{"fail late", FailAfter(9, nil), 3, "the script fails after 9 tokens"},
		{"truncate", TruncateAfter(1), 1, "without a finish"},
		{"bad probability", BadProbAt(1), 1, "NaN"},
		{"bad probability of the end", BadProbAt(9), 3, "NaN"},
		{"bad text", BadTextAt(2), 2, "UTF-8"},
		{"extra", StepsAfterLast(), 3, "after the last"},
		{"too many", TooManyTokens(), 5, "more than the 5 tokens"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Script{Rules: []Rule{{Steps: Words(1, "a b c"), Fault: tt.fault}}}
			req := capital
			req.MaxTokens = 5
			c, err := generator.Complete(t.Context(), s, req)
			if len(c.Steps) != tt.tokens || fmt.Sprint(err) == "<nil>" != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%d tokens and %v; want %d and %q", len(c.Steps), err, tt.tokens, tt.want)
			}
		})
	}
}

func TestTooManyTokensKeepsTheScript(t *testing.T) {
	s := &Script{Rules: []Rule{{Steps: append(Words(1, "a b c"), generator.Step{Finish: generator.FinishStop}), Fault: TooManyTokens()}}}
	req := capital
	req.MaxTokens = 1
	var text string
	for step, err := range s.Generate(t.Context(), req) {
		if err != nil {
			t.Fatal(err)
		}
		text += step.Text
	}
	if text != "a b c" {
		t.Errorf("text %q", text)
	}
}

// TestScriptWaits runs on the clock of a synctest bubble, so that a delay takes no
// time.
func TestScriptWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Script{Rules: []Rule{
			{When: Asks("slow"), Delay: time.Hour, Steps: Words(1, "done")},
			{When: Asks("stuck"), Steps: Words(1, "a b"), Fault: StallAfter(1)},
		}}
		ask := func(timeout time.Duration, q string) (generator.Completion, error) {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			return generator.Complete(ctx, s, generator.Request{Prompt: generator.Prompt{Instruction: q}, MaxTokens: 9})
		}
		if c, err := ask(2*time.Hour, "slow"); err != nil || c.Text() != "done" {
			t.Errorf("slow: %q, %v", c.Text(), err)
		}
		if c, err := ask(time.Minute, "slow"); !errors.Is(err, context.DeadlineExceeded) || len(c.Steps) != 0 {
			t.Errorf("too slow: %q, %v", c.Text(), err)
		}
		if c, err := ask(time.Minute, "stuck"); !errors.Is(err, context.DeadlineExceeded) || c.Text() != "a" {
			t.Errorf("stuck: %q, %v", c.Text(), err)
		}
	})
}

func TestScriptDescribes(t *testing.T) {
	got, err := generator.Describe(t.Context(), &Script{})
	if err != nil || got.Level != reflection.ExactIDs || !got.LogProbs || !got.EndLogProb {
		t.Errorf("%+v, %v", got, err)
	}
	want := generator.Capabilities{Model: "m", Level: reflection.HardLabels}
	if got, _ := generator.Describe(t.Context(), &Script{Capabilities: want}); got != want {
		t.Errorf("%+v", got)
	}
	if _, err := generator.Describe(t.Context(), Bare(&Script{})); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("bare: %v", err)
	}
	if c := complete(t, Bare(&Script{Rules: []Rule{{Steps: Words(1, "x")}}}), capital); c.Text() != "x" {
		t.Errorf("bare: %+v", c)
	}
}
