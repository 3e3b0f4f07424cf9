package critique_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var evidence = []generator.Evidence{{Title: "T", Text: "x"}}

// token is a step with a hard label, and word a step with text.
func token(t reflection.Token) generator.Step { return generator.Step{Token: t} }
func word(s string) generator.Step            { return generator.Step{Text: s} }

// watching adds a distribution to a step.
func watching(s generator.Step, g reflection.Group, p ...float64) generator.Step {
	s.Watched = append(s.Watched, reflection.NewDistribution(g, p...))
	return s
}

func hard(t reflection.Token) reflection.Judgment {
	return reflection.Judged(reflection.OneHot(t), t, reflection.HardLabels)
}

func exact(t reflection.Token, g reflection.Group, p ...float64) reflection.Judgment {
	return reflection.Judged(reflection.NewDistribution(g, p...), t, reflection.ExactIDs)
}

var (
	absent  = reflection.Judgment{Status: reflection.StatusAbsent}
	pending = reflection.Judgment{Status: reflection.StatusPending}
	unknown = reflection.Judgment{Status: reflection.StatusUnknown}
)

func TestTokens(t *testing.T) {
	bounded := reflection.Distribution{Group: reflection.IsSUP, Probs: [reflection.MaxGroupSize]reflection.Prob{
		reflection.AtMostLog(-5), reflection.AtMostLog(-5), reflection.AtMostLog(-5),
	}}
	mixed := bounded
	mixed.Probs[0] = reflection.ExactLog(-1)
	tests := []struct {
		name     string
		prompt   generator.Prompt
		finish   generator.Finish
		steps    []generator.Step
		rel, sup reflection.Judgment
		use      reflection.Judgment
	}{
		{
			"hard labels", generator.Prompt{Evidence: evidence}, generator.FinishEnd,
			[]generator.Step{token(reflection.Relevant), word("a"), token(reflection.FullySupported), token(reflection.Utility5)},
			hard(reflection.Relevant), hard(reflection.FullySupported), hard(reflection.Utility5),
		},
		{
			"distributions", generator.Prompt{Evidence: evidence}, generator.FinishEnd,
			[]generator.Step{
				watching(token(reflection.Relevant), reflection.IsREL, 0.2, 0.8), word("a"),
				watching(token(reflection.NoSupport), reflection.IsSUP, 0.3, 0.3, 0.4),
				watching(token(reflection.Utility1), reflection.IsUSE, 0.6, 0.1, 0.1, 0.1, 0.1),
			},
			exact(reflection.Relevant, reflection.IsREL, 0.2, 0.8),
			exact(reflection.NoSupport, reflection.IsSUP, 0.3, 0.3, 0.4),
			exact(reflection.Utility1, reflection.IsUSE, 0.6, 0.1, 0.1, 0.1, 0.1),
		},
		{
			"vector 15: only the first token of a group counts", generator.Prompt{Evidence: evidence}, generator.FinishEnd,
			[]generator.Step{
				token(reflection.Relevant), word("a"), token(reflection.FullySupported), token(reflection.NoSupport),
				token(reflection.Utility5), token(reflection.Utility1), word("b"), token(reflection.Irrelevant),
			},
			hard(reflection.Relevant), hard(reflection.FullySupported), hard(reflection.Utility5),
		},
		{
			"position 0 is read whatever it holds", generator.Prompt{Evidence: evidence}, generator.FinishEnd,
			[]generator.Step{watching(word("The"), reflection.IsREL, 0.03, 0.01), token(reflection.Relevant)},
			exact(reflection.None, reflection.IsREL, 0.03, 0.01), absent, absent,
		},
		{
			"position 0 without a distribution or a token", generator.Prompt{Evidence: evidence}, generator.FinishEnd,
			[]generator.Step{word("The"), token(reflection.Relevant)},
			unknown, absent, absent,
		},
		{
			"a token of another group at position 0", generator.Prompt{Evidence: evidence}, generator.FinishEnd,
			[]generator.Step{watching(token(reflection.Utility5), reflection.IsREL, 0.5, 0.25)},
			exact(reflection.None, reflection.IsREL, 0.5, 0.25), absent, hard(reflection.Utility5),
		},
		{
			"without evidence position 0 means nothing", generator.Prompt{Force: reflection.NoRetrieval}, generator.FinishEnd,
			[]generator.Step{watching(word("The"), reflection.IsREL, 0.5, 0.5), token(reflection.Relevant)},
			hard(reflection.Relevant), absent, absent,
		},
		{
			"nothing generated", generator.Prompt{Evidence: evidence}, generator.FinishEnd, nil,
			absent, absent, absent,
		},
		{
			"nothing generated yet", generator.Prompt{Evidence: evidence}, generator.Running, nil,
			pending, pending, pending,
		},
		{
			"under way", generator.Prompt{Evidence: evidence}, generator.Running,
			[]generator.Step{token(reflection.Irrelevant), word("a"), token(reflection.NoSupport)},
			hard(reflection.Irrelevant), hard(reflection.NoSupport), pending,
		},
		{
			"some members known", generator.Prompt{}, generator.FinishLength,
			[]generator.Step{word("a"), {Token: reflection.FullySupported, Watched: []reflection.Distribution{mixed}}},
			absent, reflection.Judged(mixed, reflection.FullySupported, reflection.TopN), absent,
		},
		{
			"only bounds tell less than the token", generator.Prompt{}, generator.FinishStop,
			[]generator.Step{word("a"), {Token: reflection.PartiallySupported, Watched: []reflection.Distribution{bounded}}},
			absent, hard(reflection.PartiallySupported), absent,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := critique.NewTokens(nil).Critique(t.Context(), critique.Continuation{
				Prompt: tt.prompt, Completion: generator.Completion{Steps: tt.steps, Finish: tt.finish},
			})
			if err != nil {
				t.Fatal(err)
			}
			want := critique.Verdict{Critique: reflection.Critique{IsREL: tt.rel, IsSUP: tt.sup, IsUSE: tt.use}}
			if d := cmp.Diff(want, v); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDecide(t *testing.T) {
	model := func(s ...generator.Step) *generatortest.Script {
		return &generatortest.Script{Rules: []generatortest.Rule{{Steps: s}}}
	}
	retrieve := func(p ...float64) reflection.Distribution {
		return reflection.NewDistribution(reflection.Retrieve, p...)
	}
	nothing := reflection.Distribution{Group: reflection.Retrieve}
	boundary := watching(token(reflection.ContinueEvidence), reflection.Retrieve, 0.1, 0.2, 0.7)
	label := token(reflection.NoRetrieval)
	tests := []struct {
		name     string
		model    *generatortest.Script
		boundary *generator.Step
		dist     reflection.Distribution
		token    reflection.Token
		level    reflection.Level
		calls    int
	}{
		{"token", model(watching(token(reflection.Retrieval), reflection.Retrieve, 0.25, 0.5, 0.25)), nil, retrieve(0.25, 0.5, 0.25), reflection.Retrieval, reflection.ExactIDs, 1},
		{"word", model(watching(word("The"), reflection.Retrieve, 0.01, 0.02, 0.005)), nil, retrieve(0.01, 0.02, 0.005), reflection.None, reflection.ExactIDs, 1},
		{"word alone", model(word("The")), nil, nothing, reflection.None, reflection.LevelUnstated, 1},
		{"label alone", model(label), nil, reflection.OneHot(reflection.NoRetrieval), reflection.NoRetrieval, reflection.HardLabels, 1},
		{"the end at once", model(), nil, nothing, reflection.None, reflection.LevelUnstated, 1},
		{"boundary", model(), &boundary, retrieve(0.1, 0.2, 0.7), reflection.ContinueEvidence, reflection.ExactIDs, 0},
		{"boundary without a distribution", model(), &label, reflection.OneHot(reflection.NoRetrieval), reflection.NoRetrieval, reflection.HardLabels, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := critique.NewTokens(tt.model).Decide(t.Context(), critique.Situation{
				Question: "q", Prompt: generator.Prompt{Instruction: "q"}, Boundary: tt.boundary,
			})
			if err != nil {
				t.Fatal(err)
			}
			if d.Dist != tt.dist || d.Token != tt.token || d.Level != tt.level || d.Usage.Calls != tt.calls {
				t.Errorf("%+v", d)
			}
			for _, req := range tt.model.Requests() {
				if req.MaxTokens != 1 || len(req.Watch) != 1 || req.Watch[0] != reflection.Retrieve {
					t.Errorf("request %+v, want one token and the group Retrieve", req)
				}
			}
			if n := len(tt.model.Requests()); n != tt.calls {
				t.Errorf("%d calls, want %d", n, tt.calls)
			}
		})
	}
}

func TestDecideErrors(t *testing.T) {
	down := errors.New("the server is down")
	situation := critique.Situation{Prompt: generator.Prompt{Instruction: "q"}}
	d, err := critique.NewTokens(&generatortest.Script{Rules: []generatortest.Rule{{Err: down}}}).Decide(t.Context(), situation)
	if !errors.Is(err, down) || d.Usage.Calls != 1 || !d.Usage.Partial {
		t.Errorf("%+v, error %v: want the error, and the call counted", d, err)
	}
	bad := &generatortest.Script{Rules: []generatortest.Rule{{Steps: generatortest.Decision(1), Fault: generatortest.BadProbAt(0)}}}
	if _, err = critique.NewTokens(bad).Decide(t.Context(), situation); !errors.As(err, new(*generator.ProtocolError)) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = critique.NewTokens(&generatortest.Random{}).Decide(ctx, situation); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestCandidateEvidence(t *testing.T) {
	old := []generator.Evidence{{Title: "old", Text: "y"}}
	path := []generator.PathSegment{{Text: "a", Evidence: old}, {Text: "b"}}
	tests := []struct {
		name   string
		prompt generator.Prompt
		want   []generator.Evidence
	}{
		{"its own", generator.Prompt{Path: path, Evidence: evidence}, evidence},
		{"that of the path", generator.Prompt{Path: path, Force: reflection.ContinueEvidence}, old},
		{"none, though the path has some", generator.Prompt{Path: path, Force: reflection.NoRetrieval}, nil},
		{"none", generator.Prompt{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, critique.Continuation{Prompt: tt.prompt}.Evidence()); d != "" {
				t.Error(d)
			}
		})
	}
}

// A judgment does not change once it is made, however much more is generated.
func TestJudgmentsStay(t *testing.T) {
	m := &generatortest.Random{Seed: 5, MaxSegments: 4}
	c, err := generator.Complete(t.Context(), m, generator.Request{
		Prompt: generator.Prompt{Instruction: "q", Evidence: evidence}, MaxTokens: 50, Watch: reflection.Groups(),
	})
	if err != nil || len(c.Steps) < 5 {
		t.Fatalf("%+v, error %v", c, err)
	}
	judge := func(n int, finish generator.Finish) reflection.Critique {
		part := generator.Completion{Steps: c.Steps[:n], Finish: finish}
		v, err := critique.NewTokens(m).Critique(t.Context(), critique.Continuation{Prompt: generator.Prompt{Evidence: evidence}, Completion: part})
		if err != nil {
			t.Fatal(err)
		}
		return v.Critique
	}
	last := judge(len(c.Steps), c.Finish)
	for n := range c.Steps {
		now := judge(n, generator.Running)
		for g, pair := range map[string][2]reflection.Judgment{"IsREL": {now.IsREL, last.IsREL}, "IsSUP": {now.IsSUP, last.IsSUP}, "IsUSE": {now.IsUSE, last.IsUSE}} {
			if pair[0].Status != reflection.StatusPending && pair[0] != pair[1] {
				t.Errorf("%s after %d tokens is %+v, in the end %+v", g, n, pair[0], pair[1])
			}
		}
	}
	if last.IsREL.Status != reflection.StatusJudged || math.IsNaN(last.IsREL.Dist.Probs[0].Log) {
		t.Errorf("IsREL %+v", last.IsREL)
	}
}

// A critic declares whether it judges incomplete candidates.
func TestJudgesIncomplete(t *testing.T) {
	type wrapped struct{ critique.Critic }
	tokens := critique.NewTokens(nil)
	if !critique.JudgesIncomplete(tokens) {
		t.Error("the token critic does not")
	}
	if critique.JudgesIncomplete(wrapped{tokens}) {
		t.Error("a critic that does not say so does")
	}
}
