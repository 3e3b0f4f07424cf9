package selfrag_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// decision returns the step of a model that generates token with the given
// natural-log probabilities of no, yes and continue; NaN leaves one unknown.
func decision(token reflection.Token, logs ...float64) generator.Step {
	d := reflection.Distribution{Group: reflection.Retrieve}
	for i, l := range logs {
		if !math.IsNaN(l) {
			d.Probs[i] = reflection.ExactLog(l)
		}
	}
	return generator.Step{Token: token, LogProb: d.Prob(token), Watched: []reflection.Distribution{d}}
}

// open is a decision that leaves the ratio open: No Retrieval is only known to be
// at most as likely as Retrieval.
func open() generator.Step {
	d := reflection.Distribution{Group: reflection.Retrieve, Probs: [reflection.MaxGroupSize]reflection.Prob{
		reflection.AtMostLog(-3), reflection.ExactLog(-3), reflection.AtMostLog(-3),
	}}
	return generator.Step{Text: "The", LogProb: reflection.ExactLog(-0.1), Watched: []reflection.Distribution{d}}
}

// deciding returns a model whose first decision is s.
func deciding(s generator.Step) *generatortest.Script {
	return script(
		on([]generator.Step{s}, generatortest.Decides()),
		on(said("With."), generatortest.Shows("A")),
		on(generatortest.Words(1, "Without."), generatortest.Forces(reflection.NoRetrieval)),
	)
}

// The vectors of the specification, computed without this library.
func TestDecisionVectors(t *testing.T) {
	tests := []struct {
		name          string
		yes, no, cont float64
		ratio         float64
		text          string
	}{
		{"1", -0.2, -1.8, math.NaN(), 0.832018385, "With."},
		{"2", -2.5, -0.1, math.NaN(), 0.083172696, "Without."},
		{"3", -9, -7.5, math.NaN(), 0.182425524, "Without."},
		{"4 equal to the threshold", -math.Log(4), 0, math.NaN(), 0.2, "Without."},
		{"5 continue takes no part", -0.9, -1.4, -1.2, 0.622459331, "With."},
		{"5 continue likeliest at the start", -1.4, -0.9, -0.1, 0.377540669, "With."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := run(t, deciding(decision(reflection.Retrieval, tt.no, tt.yes, tt.cont)), finds(hits("A")...))
			if d := a.Decision; d.Ratio == nil || math.Abs(d.Ratio.Value-tt.ratio) > 1e-9 {
				t.Errorf("ratio %+v, want %v", d.Ratio, tt.ratio)
			}
			if a.Text != tt.text {
				t.Errorf("answer %q after %+v, want %q", a.Text, a.Decision, tt.text)
			}
		})
	}
}

func TestModes(t *testing.T) {
	tests := []struct {
		name  string
		mode  selfrag.Mode
		token reflection.Token
		yes   float64 // probability
		text  string
		calls int
	}{
		{"always", selfrag.Always, reflection.NoRetrieval, 0, "With.", 1},
		{"never", selfrag.Never, reflection.Retrieval, 1, "Without.", 1},
		{"adaptive", selfrag.Adaptive, reflection.NoRetrieval, 0.4, "With.", 2},
		{"hard yes", selfrag.Hard, reflection.Retrieval, 0, "With.", 2},
		{"hard no", selfrag.Hard, reflection.NoRetrieval, 0.4, "Without.", 2},
		{"hard continue at the start: policy", selfrag.Hard, reflection.ContinueEvidence, 0, "With.", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := decision(tt.token, math.Log(1-tt.yes), math.Log(tt.yes), math.Inf(-1))
			a := run(t, deciding(s), finds(hits("A")...), selfrag.WithMode(tt.mode))
			if a.Text != tt.text || a.Usage.Calls != tt.calls {
				t.Errorf("%q after %d calls, want %q after %d", a.Text, a.Usage.Calls, tt.text, tt.calls)
			}
		})
	}
}

// prober is a script that can give exact probabilities of a group.
type prober struct {
	*generatortest.Script
	exact reflection.Distribution
	err   error
	asked int
}

func (p *prober) GroupProbs(_ context.Context, _ generator.Request, after []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	p.asked++
	if g != reflection.Retrieve || len(after) != 0 {
		return reflection.Distribution{}, errors.New("asked for something else")
	}
	return p.exact, p.err
}

func TestUnknownDecisions(t *testing.T) {
	failure := errors.New("the server is down")
	certain := func(yes float64) reflection.Distribution {
		return reflection.NewDistribution(reflection.Retrieve, 1-yes, yes, 0)
	}
	plain := generator.Step{Text: "The", LogProb: reflection.ExactLog(-1)}
	tests := []struct {
		name    string
		step    generator.Step
		exact   reflection.Distribution
		err     error
		options []selfrag.Option
		asked   int
		text    string
		want    error
		policy  bool
		level   reflection.Level
	}{
		{"settled: nothing more is asked", decision(reflection.Retrieval, -2, -1, -4), certain(0), nil, nil, 0, "With.", nil, false, reflection.ExactIDs},
		{"exact yes", open(), certain(0.9), nil, []selfrag.Option{selfrag.WithThreshold(0.6)}, 1, "With.", nil, false, reflection.ExactIDs},
		{"exact no", open(), certain(0.1), nil, []selfrag.Option{selfrag.WithThreshold(0.6)}, 1, "Without.", nil, false, reflection.ExactIDs},
		{"bounded on one side of the threshold", open(), certain(0), nil, []selfrag.Option{selfrag.WithThreshold(0.4)}, 0, "With.", nil, false, reflection.TopN},
		{"exact but all zero", open(), reflection.Distribution{Group: reflection.Retrieve}, nil, []selfrag.Option{selfrag.WithThreshold(0.6)}, 1, "With.", nil, true, reflection.ExactIDs},
		{"failure", open(), certain(1), failure, []selfrag.Option{selfrag.WithThreshold(0.6)}, 1, "", failure, false, 0},
		{"bad probabilities", open(), reflection.NewDistribution(reflection.Retrieve, math.NaN()), nil, []selfrag.Option{selfrag.WithThreshold(0.6)}, 1, "", errAny, false, 0},
		{"cannot: retrieve", open(), certain(0), errors.ErrUnsupported, []selfrag.Option{selfrag.WithThreshold(0.6)}, 1, "With.", nil, true, reflection.TopN},
		{"cannot: skip", open(), certain(0), errors.ErrUnsupported, []selfrag.Option{selfrag.WithThreshold(0.6), selfrag.WithUnknown(selfrag.UnknownSkips)}, 1, "Without.", nil, true, reflection.TopN},
		{"cannot: fail", open(), certain(0), errors.ErrUnsupported, []selfrag.Option{selfrag.WithThreshold(0.6), selfrag.WithUnknown(selfrag.UnknownFails)}, 1, "", selfrag.ErrUndecided, false, 0},
		{"no distribution at all", plain, certain(0), errors.ErrUnsupported, []selfrag.Option{selfrag.WithUnknown(selfrag.UnknownSkips)}, 1, "Without.", nil, true, 0},
		{"hard: never asked", plain, certain(1), nil, []selfrag.Option{selfrag.WithMode(selfrag.Hard), selfrag.WithUnknown(selfrag.UnknownFails)}, 0, "", selfrag.ErrUndecided, false, 0},
		{"hard: policy", plain, certain(1), nil, []selfrag.Option{selfrag.WithMode(selfrag.Hard), selfrag.WithUnknown(selfrag.UnknownSkips)}, 0, "Without.", nil, true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &prober{Script: deciding(tt.step), exact: tt.exact, err: tt.err}
			a, err := newEngine(t, m, finds(hits("A")...)).Answer(t.Context(), "q", tt.options...)
			if m.asked != tt.asked {
				t.Errorf("exact probabilities asked for %d times, want %d", m.asked, tt.asked)
			}
			if tt.want != nil {
				if err == nil || tt.want != errAny && !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if a.Text != tt.text || a.Decision.Policy != tt.policy || a.Decision.Level != tt.level {
				t.Errorf("%q, decision %+v; want %q, policy %v, level %v", a.Text, a.Decision, tt.text, tt.policy, tt.level)
			}
		})
	}
}

// errAny means any error: only its existence is checked.
var errAny = errors.New("some error")

// decider is a critique.Decider made of a function.
type decider func(critique.Situation) (critique.RetrievalVerdict, error)

func (d decider) Decide(_ context.Context, s critique.Situation) (critique.RetrievalVerdict, error) {
	return d(s)
}

// Exact probabilities of the generator do not replace those that another decider
// could not give.
func TestOtherDecidersDecideAlone(t *testing.T) {
	nothing := decider(func(critique.Situation) (critique.RetrievalVerdict, error) { return critique.RetrievalVerdict{}, nil })
	for name, d := range map[string]critique.Decider{
		"custom":              nothing,
		"tokens of another's": critique.NewTokens(deciding(open())),
	} {
		t.Run(name, func(t *testing.T) {
			m := &prober{Script: deciding(open()), exact: reflection.NewDistribution(reflection.Retrieve, 0, 1, 0)}
			a := run(t, m, finds(hits("A")...), selfrag.WithDecider(d), selfrag.WithThreshold(0.6), selfrag.WithUnknown(selfrag.UnknownSkips))
			if m.asked != 0 || a.Text != "Without." || !a.Decision.Policy {
				t.Errorf("asked %d times, %q, decision %+v", m.asked, a.Text, a.Decision)
			}
		})
	}
}

// Continue counts from the second segment on, and only with a passage.
func TestContinue(t *testing.T) {
	const likeliest = 0.8
	first := on([]generator.Step{decision(reflection.Retrieval, math.Log(0.1), math.Log(0.1), math.Log(likeliest))}, generatortest.Decides(), generatortest.Depth(0))
	tests := []struct {
		name     string
		model    *generatortest.Script
		mode     selfrag.Mode
		want     []string
		evidence string // of the last request
	}{
		{
			"with a passage", script(first,
				on(more(said("One."), 0.1, 0.1, likeliest), generatortest.Shows("A")),
				on(said("Two."), generatortest.Forces(reflection.ContinueEvidence)),
			), selfrag.Adaptive, []string{"One.", "Two."}, "",
		},
		{
			"with a passage, not likeliest", script(first,
				on(more(said("One."), 0.1, 0.6, 0.3), generatortest.Shows("A"), generatortest.Depth(0)),
				on(said("Two."), generatortest.Shows("A")),
			), selfrag.Adaptive, []string{"One.", "Two."}, "A",
		},
		{
			"without a passage", script(
				on(generatortest.Decision(0), generatortest.Decides()),
				on(more(generatortest.Words(1, "One."), 0.1, 0.1, likeliest), generatortest.Forces(reflection.NoRetrieval)),
				on(said("Two."), generatortest.Shows("A")),
			), selfrag.Adaptive, []string{"One.", "Two."}, "A",
		},
		{
			"hard", script(
				on(generatortest.Decision(1), generatortest.Decides()),
				on(more(said("One."), 0.1, 0.1, likeliest), generatortest.Shows("A")),
				on(said("Two."), generatortest.Forces(reflection.ContinueEvidence)),
			), selfrag.Hard, []string{"One.", "Two."}, "",
		},
		{
			"the passage survives a segment without one", script(
				on(generatortest.Decision(1), generatortest.Decides()),
				on(more(said("One."), 0.9, 0.1, 0), generatortest.Shows("A")),
				on(more(generatortest.Words(1, "Two."), 0.1, 0.1, likeliest), generatortest.Forces(reflection.NoRetrieval)),
				on(said("Three."), generatortest.Forces(reflection.ContinueEvidence)),
			), selfrag.Adaptive, []string{"One.", "Two.", "Three."}, "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := run(t, tt.model, finds(hits("A")...), selfrag.WithMode(tt.mode), selfrag.WithLongForm(1, 5))
			if got := texts(a); !slices.Equal(got, tt.want) {
				t.Fatalf("segments %q, want %q", got, tt.want)
			}
			requests := tt.model.Requests()
			evidence := ""
			for _, e := range requests[len(requests)-1].Prompt.Evidence {
				evidence += e.Title
			}
			if evidence != tt.evidence {
				t.Errorf("the last segment saw %q, want %q", evidence, tt.evidence)
			}
			last := a.Segments[len(a.Segments)-1]
			if len(last.Citations) != 1 || a.Citations[0].Passage.ID != "A" {
				t.Errorf("the last segment cites %v of %+v, want passage A", last.Citations, a.Citations)
			}
		})
	}
}

// The judgment of a passage holds for all segments that continue to use it.
func TestContinueInheritsRelevance(t *testing.T) {
	m := script(
		on(generatortest.Decision(1), generatortest.Decides()),
		on(more(generatortest.Segment(0.7, "One.", full, [5]float64{}), 0, 0, 1), generatortest.Shows("A")),
		on(more(generatortest.Words(1, "Two."), 0, 0, 1), generatortest.Forces(reflection.ContinueEvidence), generatortest.Depth(1)),
		on(generatortest.Words(1, "Three."), generatortest.Forces(reflection.ContinueEvidence)),
	)
	a := run(t, m, finds(hits("A")...), selfrag.WithLongForm(1, 3))
	if len(a.Segments) != 3 {
		t.Fatalf("segments %q", texts(a))
	}
	for i, s := range a.Segments {
		if s.Critique.IsREL.Inherited != (i > 0) || math.Abs(s.Terms.Relevance.Value-0.7) > 1e-12 {
			t.Errorf("segment %d: IsREL %+v scored %v, want 0.7", i, s.Critique.IsREL, s.Terms.Relevance.Value)
		}
	}
}

// Raising the threshold never adds a retrieval.
func TestThresholdIsMonotone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &generatortest.Random{
			Seed:  rapid.Uint64Range(0, 50).Draw(rt, "seed"),
			Noise: rapid.SampledFrom([]float64{0, 0.3}).Draw(rt, "noise"),
			Level: rapid.SampledFrom([]reflection.Level{reflection.ExactIDs, reflection.TopN, reflection.HardLabels}).Draw(rt, "level"),
			N:     2,
		}
		low := rapid.Float64Range(0, 1).Draw(rt, "low")
		high := rapid.Float64Range(low, 1).Draw(rt, "high")
		e := newEngine(t, m, finds(hits("A", "B")...))
		question := rapid.SampledFrom([]string{"a?", "b?", "c?"}).Draw(rt, "question")
		choice := func(threshold float64) scoring.Choice {
			return ask(t, e, question, selfrag.WithThreshold(threshold)).Decision.Choice
		}
		if a, b := choice(low), choice(high); b == scoring.ChooseRetrieval && a != scoring.ChooseRetrieval {
			rt.Fatalf("%v at %v, %v at %v", a, low, b, high)
		}
	})
}
