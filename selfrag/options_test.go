package selfrag_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever/filter"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// nilRewriter is a rewriter whose nil pointer is not the nil interface.
type nilRewriter struct{ selfrag.Concatenate }

func TestOptionErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	config := func(change func(*scoring.Config)) scoring.Config {
		c := scoring.DefaultConfig()
		change(&c)
		return c
	}
	tests := []struct {
		option string
		values []selfrag.Option
	}{
		{"WithMode", []selfrag.Option{selfrag.WithMode("other")}},
		{"WithThreshold", []selfrag.Option{selfrag.WithThreshold(-0.1), selfrag.WithThreshold(1.1), selfrag.WithThreshold(nan), selfrag.WithThreshold(inf)}},
		{"WithUnknown", []selfrag.Option{selfrag.WithUnknown("other")}},
		{"WithK", []selfrag.Option{selfrag.WithK(0), selfrag.WithK(-5)}},
		{"WithFilter", []selfrag.Option{
			selfrag.WithFilter(filter.Not{}),
			selfrag.WithFilter(filter.Exists{}),
			selfrag.WithFilter(filter.Compare{Field: "a", Op: "~", Value: filter.Int(1)}),
		}},
		{"WithWeights", []selfrag.Option{
			selfrag.WithWeights(scoring.Weights{Relevance: -1}),
			selfrag.WithWeights(scoring.Weights{Support: nan}),
			selfrag.WithWeights(scoring.Weights{Utility: inf}),
			selfrag.WithWeights(scoring.Weights{Sequence: -1e-9}),
		}},
		{"WithScoring", []selfrag.Option{
			selfrag.WithScoring(config(func(c *scoring.Config) { c.Weights.Support = -1 })),
			selfrag.WithScoring(config(func(c *scoring.Config) { c.UtilityScale[2] = nan })),
			selfrag.WithScoring(config(func(c *scoring.Config) { c.MissingLogProb = 1 })),
			selfrag.WithScoring(config(func(c *scoring.Config) { c.Sequence = "77" })),
		}},
		{"WithSequence", []selfrag.Option{
			selfrag.WithSequence("other", generator.CountAuto),
			selfrag.WithSequence(scoring.SequenceAuto, "other"),
		}},
		{"WithPathScore", []selfrag.Option{selfrag.WithPathScore("other")}},
		{"WithConstraints", []selfrag.Option{
			selfrag.WithConstraints(scoring.Constraints{MaxNoSupport: 1.5}, selfrag.FallbackStop),
			selfrag.WithConstraints(scoring.Constraints{MaxNoSupport: nan}, selfrag.FallbackStop),
			selfrag.WithConstraints(scoring.Constraints{}, "other"),
		}},
		{"WithLabels", []selfrag.Option{
			selfrag.WithLabels("yes"),
			selfrag.WithLabels("yes", ""),
			selfrag.WithLabels("yes", " Yes. "),
			selfrag.WithLabels("yes", "no", "--"),
		}},
		{"WithLongForm", []selfrag.Option{selfrag.WithLongForm(0, 3), selfrag.WithLongForm(2, 0), selfrag.WithLongForm(-1, -1)}},
		{"WithInstruction", []selfrag.Option{
			selfrag.WithInstruction(generator.Instruction{Text: " "}),
			selfrag.WithInstruction(generator.Instruction{Text: "Do it.", Separator: 99}),
		}},
		{"WithMaxTokens", []selfrag.Option{selfrag.WithMaxTokens(0), selfrag.WithMaxTokens(-1)}},
		{"WithSampling", []selfrag.Option{selfrag.WithSampling(-1, 1), selfrag.WithSampling(nan, 1), selfrag.WithSampling(101, 1)}},
		{"WithAbstention", []selfrag.Option{selfrag.WithAbstention(-0.1, ""), selfrag.WithAbstention(1.1, ""), selfrag.WithAbstention(nan, "")}},
		{"WithMinCandidates", []selfrag.Option{selfrag.WithMinCandidates(-1)}},
		{"WithRewriter", []selfrag.Option{selfrag.WithRewriter(nil), selfrag.WithRewriter((*nilRewriter)(nil))}},
		{"WithBudget", []selfrag.Option{
			selfrag.WithBudget(budget.Limits{Calls: -1}),
			selfrag.WithBudget(budget.Limits{Tokens: -1}),
			selfrag.WithBudget(budget.Limits{Time: -time.Second}),
		}},
		{"WithCallTimeout", []selfrag.Option{selfrag.WithCallTimeout(-1)}},
		{"WithConcurrency", []selfrag.Option{selfrag.WithConcurrency(-1)}},
		{"WithTrace", []selfrag.Option{selfrag.WithTrace(selfrag.TraceFull + 1)}},
		{"WithCritic", []selfrag.Option{selfrag.WithCritic(nil), selfrag.WithCritic((*critique.Tokens)(nil))}},
		{"WithDecider", []selfrag.Option{selfrag.WithDecider(nil), selfrag.WithDecider((*critique.Tokens)(nil))}},
		{"Option", []selfrag.Option{nil}},
	}
	model, index := script(), finds()
	engine := newEngine(t, model, index)
	for _, tt := range tests {
		t.Run(tt.option, func(t *testing.T) {
			for i, o := range tt.values {
				check := func(where string, err error) {
					t.Helper()
					var oe *selfrag.OptionError
					if !errors.As(err, &oe) {
						t.Errorf("value %d, %s: error %v, want an *OptionError", i, where, err)
						return
					}
					if oe.Option != tt.option || oe.Reason == "" || !strings.Contains(oe.Error(), tt.option) {
						t.Errorf("value %d, %s: %q with reason %q, want option %s", i, where, oe.Option, oe.Reason, tt.option)
					}
				}
				_, err := selfrag.New(model, index, o)
				check("New", err)
				a, err := engine.Answer(t.Context(), "q", o)
				check("Answer", err)
				if a != nil {
					t.Errorf("value %d: an answer came with a wrong option", i)
				}
				n := 0
				for ev, err := range engine.Stream(t.Context(), "q", o) {
					n++
					check("Stream", err)
					if ev.Kind != selfrag.EventAnswer || ev.Answer != nil {
						t.Errorf("value %d: event %+v", i, ev)
					}
				}
				for a, err := range engine.AnswerAll(t.Context(), []string{"q", "r"}, 1, o) {
					n++
					check("AnswerAll", err)
					if a != nil {
						t.Errorf("value %d: an answer came with a wrong option", i)
					}
				}
				if n != 2 {
					t.Errorf("value %d: Stream and AnswerAll yielded %d times, want once each", i, n)
				}
			}
		})
	}
	if n := len(model.Requests()); n > 0 {
		t.Errorf("%d calls were made for questions with wrong options", n)
	}
}

func TestLabelsNeedShortForm(t *testing.T) {
	long, labels := selfrag.WithLongForm(2, 2), selfrag.WithLabels("a", "b")
	for _, options := range [][]selfrag.Option{{long, labels}, {labels, long}} {
		var oe *selfrag.OptionError
		if _, err := selfrag.New(script(), finds(), options...); !errors.As(err, &oe) || oe.Option != "WithLabels" {
			t.Errorf("error %v, want an *OptionError of WithLabels", err)
		}
	}
	if _, err := selfrag.New(script(), finds(), long, labels, selfrag.WithShortForm()); err != nil {
		t.Error(err)
	}
	if _, err := selfrag.New(script(), finds(), long, labels, selfrag.WithLabels()); err != nil {
		t.Error(err)
	}
}

func TestNewRefusesNil(t *testing.T) {
	var (
		noScript *generatortest.Script
		noFunc   retriever.Func
		noIndex  *brokenIndex
	)
	tests := []struct {
		name  string
		model generator.Generator
		index retriever.Retriever
	}{
		{"no generator", nil, finds()},
		{"nil pointer generator", noScript, finds()},
		{"no retriever", script(), nil},
		{"nil func retriever", script(), noFunc},
		{"nil pointer retriever", script(), noIndex},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := selfrag.New(tt.model, tt.index)
			var oe *selfrag.OptionError
			if !errors.As(err, &oe) || oe.Option != "New" {
				t.Errorf("error %v, want an *OptionError of New", err)
			}
		})
	}
}

type brokenIndex struct{ retriever.Retriever }

// sliceIndex shows that a nil slice may be a usable retriever.
type sliceIndex []retriever.Hit

func (s sliceIndex) Retrieve(_ context.Context, q retriever.Query) (retriever.Result, error) {
	return retriever.Result{Hits: s}, nil
}

func TestNewTakesNilSlice(t *testing.T) {
	if _, err := selfrag.New(script(), sliceIndex(nil)); err != nil {
		t.Error(err)
	}
}

func TestBadQuestions(t *testing.T) {
	model := script()
	engine := newEngine(t, model, finds(hits("A")...))
	for _, q := range []string{"", "   \t\n", "\u00a0", "caf\xe9?", "\xff"} {
		a, err := engine.Answer(t.Context(), q)
		if !errors.Is(err, selfrag.ErrQuestion) {
			t.Errorf("%q: error %v, want ErrQuestion", q, err)
		}
		if a == nil || a.Question != q || a.Text != "" || a.Stop != selfrag.StopFailed {
			t.Errorf("%q: answer %+v", q, a)
		}
	}
	if n := len(model.Requests()); n > 0 {
		t.Errorf("%d calls were made", n)
	}
}

// The zero value is the default and is written by its name. A text that is no name
// is rejected.
func TestNames(t *testing.T) {
	settings := selfrag.SettingsTrace{}
	text, err := json.Marshal(settings)
	for _, want := range []string{`"mode":"adaptive"`, `"unknown":"retrieve"`, `"path_score":"mean"`, `"fallback":"stop"`, `"sequence":"auto"`} {
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s, %v, want %s", text, err, want)
		}
	}
	var back selfrag.SettingsTrace
	if err := json.Unmarshal(text, &back); err != nil || back.Mode != selfrag.Adaptive || back.Unknown != selfrag.UnknownRetrieves || back.Fallback != selfrag.FallbackStop {
		t.Errorf("%+v, %v", back, err)
	}
	for _, bad := range []string{`{"mode":"sometimes"}`, `{"mode":""}`, `{"unknown":"Skip"}`, `{"fallback":"worst"}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil || !strings.Contains(err.Error(), "want one of") {
			t.Errorf("%s: error %v, want one that lists the names", bad, err)
		}
	}
}

// An option with the zero value of a name acts as the default.
func TestZeroNames(t *testing.T) {
	got := taleTrace(t, selfrag.WithMode(""), selfrag.WithUnknown(""), selfrag.WithSequence("", ""),
		selfrag.WithPathScore(""), selfrag.WithConstraints(scoring.Constraints{}, "")).Settings
	if want := taleTrace(t).Settings; !reflect.DeepEqual(got, want) {
		t.Errorf("settings %+v, want %+v", got, want)
	}
}

// A sequence term is impossible with a model that gives no probabilities.
func TestSequenceNeedsLogProbs(t *testing.T) {
	tests := []struct {
		name     string
		caps     generator.Capabilities
		sequence scoring.Sequence
		count    generator.Count
	}{
		{"no log-probabilities", generator.Capabilities{Model: "m", Level: reflection.ExactIDs}, scoring.SequenceGeometric, generator.CountAuto},
		{"no end", generator.Capabilities{Model: "m", Level: reflection.ExactIDs, LogProbs: true}, scoring.SequenceAuto, generator.CountAll},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := script()
			m.Capabilities = tt.caps
			_, err := newEngine(t, m, finds()).Answer(t.Context(), "q", selfrag.WithSequence(tt.sequence, tt.count))
			var oe *selfrag.OptionError
			if !errors.As(err, &oe) || oe.Option != "WithSequence" {
				t.Errorf("error %v, want an *OptionError of WithSequence", err)
			}
		})
	}
}

// SequenceAuto and CountAuto depend on the model alone.
func TestSequenceResolution(t *testing.T) {
	tests := []struct {
		name     string
		caps     generator.Capabilities
		bare     bool
		sequence scoring.Sequence
		count    generator.Count
	}{
		{"everything", generator.Capabilities{Model: "m", Level: reflection.ExactIDs, LogProbs: true, EndLogProb: true}, false, scoring.SequenceGeometric, "all"},
		{"no end", generator.Capabilities{Model: "m", Level: reflection.ExactIDs, LogProbs: true}, false, scoring.SequenceGeometric, "no-end"},
		{"quotes", generator.Capabilities{Model: "m", Level: reflection.ExactIDs, LogProbs: true, EndLogProb: true, Quotes: true}, false, scoring.SequenceProbability, "all"},
		{"nothing", generator.Capabilities{Model: "m", Level: reflection.ExactIDs}, false, scoring.SequenceNone, "no-end"},
		{"cannot say", generator.Capabilities{}, true, scoring.SequenceNone, "no-end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := script(on(said("Yes.")))
			m.Capabilities = tt.caps
			var g generator.Generator = m
			if tt.bare {
				g = generatortest.Bare(m)
			}
			s := run(t, g, finds(hits("A")...), selfrag.WithMode(selfrag.Always)).Trace.Settings
			if s.Scoring.Sequence != tt.sequence || s.Count != tt.count {
				t.Errorf("%v over %s, want %v over %s", s.Scoring.Sequence, s.Count, tt.sequence, tt.count)
			}
		})
	}
}
