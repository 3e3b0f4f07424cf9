package generator_test

import (
	"context"
	"errors"
	"iter"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
)

// item is one element of a hand-written stream.
type item struct {
	step generator.Step
	err  error
}

func stream(items ...item) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		for _, it := range items {
			if !yield(it.step, it.err) {
				return
			}
		}
	}
}

func text(s string, lp float64) item {
	return item{step: generator.Step{Text: s, LogProb: reflection.ExactLog(lp)}}
}

func token(t reflection.Token, lp float64) item {
	return item{step: generator.Step{Token: t, LogProb: reflection.ExactLog(lp)}}
}

func last(f generator.Finish) item {
	return item{step: generator.Step{Finish: f, LogProb: reflection.ExactLog(-0.5)}}
}

var request = generator.Request{Prompt: generator.Prompt{Instruction: "q"}, MaxTokens: 4}

func TestCollect(t *testing.T) {
	c, err := generator.Collect(request, stream(token(reflection.Relevant, -1), text("a", -2), token(reflection.FullySupported, -4), last(generator.FinishEnd)))
	if err != nil {
		t.Fatal(err)
	}
	if c.Text() != "a" || len(c.Steps) != 3 || c.Finish != generator.FinishEnd {
		t.Errorf("collected %+v", c)
	}
	if c.Usage.GeneratedTokens != 4 || c.Usage.Calls != 1 {
		t.Errorf("usage %+v: want the three tokens and the end token counted, and one call", c.Usage)
	}
	if tok, at := c.First(reflection.IsSUP); tok != reflection.FullySupported || at != 2 {
		t.Errorf("First(IsSUP) = %v, %d", tok, at)
	}
	if tok, at := c.First(reflection.IsUSE); tok != reflection.None || at != -1 {
		t.Errorf("First(IsUSE) = %v, %d", tok, at)
	}
	for count, want := range map[generator.Count]struct {
		sum float64
		n   int
	}{generator.CountAll: {-7.5, 4}, generator.CountAuto: {-7.5, 4}, generator.CountNoEnd: {-7, 3}, generator.CountText: {-2, 1}} {
		if sum, n := c.LogProb(count); sum != reflection.ExactLog(want.sum) || n != want.n {
			t.Errorf("LogProb(%v) = %+v, %d; want %v, %d", count, sum, n, want.sum, want.n)
		}
	}
}

func TestUsageIsAtLeastWhatWasSent(t *testing.T) {
	end := last(generator.FinishEnd)
	end.step.Usage = generator.Usage{GeneratedTokens: 1, PromptTokens: 7}
	c, err := generator.Collect(request, stream(text("a", -1), text("b", -1), end))
	if err != nil || c.Usage.GeneratedTokens != 3 || c.Usage.PromptTokens != 7 {
		t.Errorf("usage %+v, %v", c.Usage, err)
	}
	if _, err := generator.Collect(request, nil); err == nil {
		t.Error("a stream that is nil was accepted")
	}
}

func TestSumOfLogProbsIsNotAboveZero(t *testing.T) {
	c := generator.Completion{Steps: []generator.Step{{LogProb: reflection.ExactLog(5e-5)}, {LogProb: reflection.ExactLog(5e-5)}, {LogProb: reflection.ExactLog(-1)}}}
	if sum, _ := c.LogProb(generator.CountAll); sum != reflection.ExactLog(-1) {
		t.Errorf("sum %+v", sum)
	}
}

func TestSequenceProbabilityIsNotInvented(t *testing.T) {
	c := generator.Completion{Steps: []generator.Step{
		{Text: "a", LogProb: reflection.ExactLog(-1)},
		{Text: "b"},
		{Text: "c", LogProb: reflection.AtMostLog(-3)},
	}}
	if sum, n := c.LogProb(generator.CountAll); sum != reflection.AtMostLog(-4) || n != 3 {
		t.Errorf("LogProb = %+v, %d; want the upper bound -4 over 3 tokens", sum, n)
	}
}

func TestCheckedFindsBrokenStreams(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		in   []item
		want string
	}{
		"no last step":           {[]item{text("a", -1)}, "without a finish"},
		"nothing at all":         {nil, "without a finish"},
		"step after the last":    {[]item{last(generator.FinishEnd), text("a", -1)}, "after the last"},
		"two last steps":         {[]item{last(generator.FinishEnd), last(generator.FinishEnd)}, "after the last"},
		"too many tokens":        {[]item{text("a", -1), text("b", -1), text("c", -1), text("d", -1), text("e", -1), last(generator.FinishLength)}, "more than the 4"},
		"no room for the end":    {[]item{text("a", -1), text("b", -1), text("c", -1), text("d", -1), last(generator.FinishEnd)}, "with the end token"},
		"NaN":                    {[]item{text("a", math.NaN())}, "NaN"},
		"probability above one":  {[]item{text("a", 1)}, "log-probability 1"},
		"not UTF-8":              {[]item{text("\xff", -1)}, "UTF-8"},
		"text and token":         {[]item{{step: generator.Step{Text: "a", Token: reflection.Relevant}}}, "in one step"},
		"unknown token":          {[]item{{step: generator.Step{Token: 77}}}, "77"},
		"unknown finish":         {[]item{{step: generator.Step{Finish: 77}}}, "77"},
		"last step with text":    {[]item{{step: generator.Step{Text: "a", Finish: generator.FinishEnd}}}, "holds a token"},
		"NaN in a group":         {[]item{{step: generator.Step{Token: reflection.Relevant, Watched: []reflection.Distribution{reflection.NewDistribution(reflection.IsREL, math.NaN())}}}}, "IsREL"},
		"NaN in an alternative":  {[]item{{step: generator.Step{Text: "a", Top: []generator.Alternative{{Text: "b", Prob: reflection.ExactLog(math.NaN())}}}}}, "alternative"},
		"negative usage":         {[]item{{step: generator.Step{Finish: generator.FinishEnd, Usage: generator.Usage{GeneratedTokens: -1}}}}, "negative"},
		"an error":               {[]item{text("a", -1), {err: boom}, text("b", -1)}, "boom"},
		"an error after the end": {[]item{last(generator.FinishEnd), {err: boom}}, "boom"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := generator.Collect(request, stream(c.in...))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %q", err, c.want)
			}
			seen := 0
			for _, err := range generator.Checked(request, stream(c.in...)) {
				if err != nil {
					seen++
				} else if seen > 0 {
					t.Error("a step came after the error")
				}
			}
			if seen != 1 {
				t.Errorf("%d errors, want one", seen)
			}
		})
	}
}

func TestCheckedPassesBreakOn(t *testing.T) {
	freed := false
	endless := func(yield func(generator.Step, error) bool) {
		defer func() { freed = true }()
		for yield(generator.Step{Text: "a"}, nil) {
		}
	}
	for range generator.Checked(request, endless) {
		break
	}
	if !freed {
		t.Error("the stream was not ended when the loop was left")
	}
}

func TestCollectKeepsWhatCameBeforeAnError(t *testing.T) {
	c, err := generator.Collect(request, stream(text("a", -1), item{err: context.Canceled}))
	if !errors.Is(err, context.Canceled) || c.Text() != "a" || c.Finish != generator.Running {
		t.Errorf("collected %+v, %v", c, err)
	}
}

// Each completion owns its steps: their memory is not reused while a caller can
// read them.
func TestCollectedStepsAreKept(t *testing.T) {
	long := generator.Request{Prompt: request.Prompt, MaxTokens: 100}
	collect := func(word string) generator.Completion {
		items := make([]item, 0, 61)
		for range 60 {
			items = append(items, text(word, -1))
		}
		c, err := generator.Collect(long, stream(append(items, last(generator.FinishStop))...))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := collect("a")
	for range 10 {
		collect("b")
	}
	if first.Text() != strings.Repeat("a", 60) {
		t.Errorf("the completion became %q", first.Text())
	}
}

// A backend that yields after the loop has ended stops the program, as everywhere
// in Go. Its step does not get into a completion that is read later.
func TestCollectRefusesStepsAfterTheLoop(t *testing.T) {
	var late func(generator.Step, error) bool
	leaks := func(yield func(generator.Step, error) bool) {
		late = yield
		stream(text("a", -1), last(generator.FinishStop))(yield)
	}
	if _, err := generator.Collect(request, leaks); err != nil {
		t.Fatal(err)
	}
	goesOn := func(yield func(generator.Step, error) bool) {
		defer func() {
			if recover() == nil {
				t.Error("a step was taken after the loop had ended")
			}
			stream(text("b", -1), last(generator.FinishStop))(yield)
		}()
		late(text("late", -1).step, nil)
	}
	c, err := generator.Collect(request, goesOn)
	if err != nil || c.Text() != "b" {
		t.Errorf("collected %q, %v", c.Text(), err)
	}
}

// plain has no power.
type plain struct{}

func (plain) Generate(context.Context, generator.Request) iter.Seq2[generator.Step, error] {
	return stream(last(generator.FinishEnd))
}

// able has every power and counts their uses.
type able struct {
	plain
	used map[string]int
}

func (a able) Score(context.Context, generator.Request, []generator.Step, bool) (generator.Completion, error) {
	a.used["Score"]++
	return generator.Completion{}, nil
}

func (a able) Next(context.Context, generator.Request, []generator.Step) (generator.NextDistribution, error) {
	a.used["Next"]++
	return generator.NextDistribution{}, nil
}

func (a able) GroupProbs(context.Context, generator.Request, []generator.Step, reflection.Group) (reflection.Distribution, error) {
	a.used["GroupProbs"]++
	return reflection.Distribution{}, nil
}

func (a able) ResolveTokens(context.Context, []string) ([]int32, error) {
	a.used["ResolveTokens"]++
	return nil, nil
}

func (a able) Describe(context.Context) (generator.Capabilities, error) {
	a.used["Describe"]++
	return generator.Capabilities{}, nil
}

func (a able) Check(context.Context) error { a.used["Check"]++; return nil }

// A power called through wrappers is one step and one call.
func TestWrappersAddNoSteps(t *testing.T) {
	g := generator.Generator(able{used: map[string]int{}})
	for range 2 {
		g = generator.Wrap(g, g.Generate)
	}
	var steps observe.Recorder
	ctx, b := budget.Open(observe.With(t.Context(), &steps), "test", budget.Limits{})
	_, err := generator.Score(ctx, g, request, nil, true)
	_, err2 := generator.Next(ctx, g, request, nil)
	_, err3 := generator.GroupProbs(ctx, g, request, nil, reflection.IsREL)
	want := []observe.Record{
		{Name: "score", Usage: &budget.Usage{Calls: 1, Partial: true}},
		{Name: "next token", Usage: &budget.Usage{Calls: 1, GeneratedTokens: 1, Partial: true}},
		{Name: "IsREL", Usage: &budget.Usage{Calls: 1, GeneratedTokens: 1, Partial: true}},
	}
	if diff := cmp.Diff(want, steps.Steps()); diff != "" || errors.Join(err, err2, err3) != nil || b.Usage().Calls != 3 {
		t.Errorf("%v, %+v, steps (-want +got):\n%s", errors.Join(err, err2, err3), b.Usage(), diff)
	}
}

func TestPowersThroughWrappers(t *testing.T) {
	ctx := t.Context()
	powers := map[string]func(g generator.Generator) error{
		"Score": func(g generator.Generator) error { _, err := generator.Score(ctx, g, request, nil, true); return err },
		"Next":  func(g generator.Generator) error { _, err := generator.Next(ctx, g, request, nil); return err },
		"GroupProbs": func(g generator.Generator) error {
			_, err := generator.GroupProbs(ctx, g, request, nil, reflection.IsREL)
			return err
		},
		"ResolveTokens": func(g generator.Generator) error { _, err := generator.ResolveTokens(ctx, g, nil); return err },
		"Describe":      func(g generator.Generator) error { _, err := generator.Describe(ctx, g); return err },
		"Check":         func(g generator.Generator) error { return generator.Check(ctx, g) },
	}
	for name, use := range powers {
		full := able{used: map[string]int{}}
		calls := 0
		twice := func(g generator.Generator) generator.Generator {
			return generator.Wrap(generator.Wrap(g, g.Generate), func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
				calls++
				return g.Generate(ctx, req)
			})
		}
		if err := use(twice(full)); err != nil || full.used[name] != 1 || len(full.used) != 1 {
			t.Errorf("%s through two wrappers: %v, used %v", name, err, full.used)
		}
		for _, g := range []generator.Generator{plain{}, twice(plain{})} {
			if err := use(g); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%s of a plain generator: %v, want ErrUnsupported", name, err)
			}
		}
		if _, err := generator.Complete(ctx, twice(plain{}), request); err != nil || calls != 1 {
			t.Errorf("Complete through a wrapper: %v, %d calls", err, calls)
		}
	}
	if _, err := generator.Complete(ctx, plain{}, generator.Request{}); !errors.Is(err, generator.ErrRequest) {
		t.Errorf("Complete with a bad request: %v", err)
	}
}

// The powers take what follows a prompt as an argument, and reject Request.After.
func TestPowersRefuseAfter(t *testing.T) {
	req := generator.Request{Prompt: generator.Prompt{Instruction: "q"}, MaxTokens: 1, After: []generator.Step{{Text: " b"}}}
	g := &generatortest.Random{}
	_, err1 := generator.Score(t.Context(), g, req, nil, true)
	_, err2 := generator.Next(t.Context(), g, req, nil)
	_, err3 := generator.GroupProbs(t.Context(), g, req, nil, reflection.IsREL)
	for _, err := range []error{err1, err2, err3} {
		if !errors.Is(err, generator.ErrRequest) || !strings.Contains(err.Error(), "After") {
			t.Error(err)
		}
	}
}
