package system

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/scoring"
)

var town = []retriever.Passage{
	{ID: "tower", Title: "Lighthouse", Text: "The lighthouse was built in 1871 by Ada Kerr. It is 41 meters high."},
	{ID: "inn", Title: "Inn", Text: "The harbor inn serves crab soup on Fridays."},
	{ID: "song", Title: "Song", Text: "One song asks who built the lighthouse but gives no name."},
}

func bench(t *testing.T, change func(*Config)) *Bench {
	t.Helper()
	index, err := lexical.New(t.Context(), town, lexical.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Model: extractive.New(), Retriever: index, Passages: town, K: 3, Seed: 1}
	if change != nil {
		change(&c)
	}
	b, err := NewBench(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOverlapTakesTheFirstOfEquals(t *testing.T) {
	passages := []retriever.Passage{{ID: "a", Text: "Red wool. Red silk."}, {ID: "b", Text: "Red wool!"}}
	for question, want := range map[string]string{"Is it red?": "Red wool.", "Is silk blue?": "Red silk.", "Where?": "Red wool."} {
		a := newOverlap(passages).best(dataset.Question{Question: question}, passages)
		if a.Text != want || len(a.Citations) != 1 || a.Citations[0].Passage.ID != "a" {
			t.Errorf("%s: %q citing %v, want %q", question, a.Text, a.Citations, want)
		}
	}
}

// Every system answers with the engine's own form, which its text and citations agree
// with, or says that the model cannot do it.
func TestEverySystem(t *testing.T) {
	b := bench(t, nil)
	q := dataset.Question{ID: "q", Question: "Who built the lighthouse?", Answers: []string{"Ada Kerr"}, Positive: []string{"tower"}}
	for _, s := range All() {
		t.Run(s.Name, func(t *testing.T) {
			open, err := b.Open(t.Context(), s.Name)
			if instructed := s.Name == "few-shot" || s.Name == "step-by-step"; instructed != errors.Is(err, errors.ErrUnsupported) {
				t.Fatalf("error %v", err)
			}
			if errors.Is(err, errors.ErrUnsupported) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			a, err := open(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if a.Question != q.Question || a.Text == "" || a.Abstained != (s.Name == "never") { // a model that quotes has nothing to say without passages
				t.Errorf("%+v", a)
			}
			for _, seg := range a.Segments {
				if a.Text[seg.Start:seg.End] != seg.Text {
					t.Errorf("the span of segment %q holds %q", seg.Text, a.Text[seg.Start:seg.End])
				}
			}
			again, err := open(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			x, _ := a.Canonical()
			if y, _ := again.Canonical(); string(x) != string(y) {
				t.Errorf("two answers to one question:\n%s\n%s", x, y)
			}
		})
	}
	if len(Names()) != len(slices.Compact(slices.Sorted(slices.Values(Names())))) {
		t.Errorf("two systems share a name: %v", Names())
	}
	if _, err := b.Open(t.Context(), "best"); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "selfrag, ") {
		t.Errorf("error %v", err)
	}
}

func TestNewBench(t *testing.T) {
	index := retriever.List(town...)
	for want, c := range map[string]Config{
		"Model is missing":     {Retriever: index},
		"Retriever is missing": {Model: extractive.New()},
		"K is -1":              {Model: extractive.New(), Retriever: index, K: -1},
	} {
		if _, err := NewBench(c); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if b, err := NewBench(Config{Model: extractive.New(), Retriever: index}); err != nil || b.K != 5 {
		t.Errorf("%+v, %v", b, err)
	}
}

// The prompts without retrieval show the model the question alone, and read the last line.
func TestPrompts(t *testing.T) {
	for _, c := range []struct{ system, reply, want string }{
		{"few-shot", " Ada Kerr\n", "Ada Kerr"},
		{"step-by-step", "It is old.\nAnswer: nobody\nNo.\n**Answer:** Ada Kerr\n", "Ada Kerr"},
		{"step-by-step", "I do not know.", "I do not know."},
	} {
		asked := 0
		script := &generatortest.Script{Rules: []generatortest.Rule{{
			When: func(r generator.Request) bool {
				asked++
				return r.Task != nil && r.Task.Values["question"] == "Who?"
			},
			Steps: generatortest.Words(0.5, c.reply),
		}}}
		b := bench(t, func(c *Config) { c.Model, c.Instructed = script, true })
		open, err := b.Open(t.Context(), c.system)
		if err != nil {
			t.Fatal(err)
		}
		a, err := open(t.Context(), dataset.Question{Question: "Who?"})
		if err != nil || a.Text != c.want || len(a.Citations) != 0 || a.Usage.Calls != 1 || asked != 1 {
			t.Errorf("%s: %+v, %v, asked %d times", c.system, a, err, asked)
		}
	}
}

// A system stops when its context does.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := bench(t, nil)
	for _, s := range All() {
		open, err := b.Open(t.Context(), s.Name)
		if err != nil {
			continue
		}
		if _, err := open(ctx, dataset.Question{ID: "q", Question: "Who built it?"}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v", s.Name, err)
		}
	}
}

// The positive passages come first for any retriever, and the filter holds.
func TestGold(t *testing.T) {
	b := bench(t, nil)
	questions := []dataset.Question{{Question: "crab soup?", Positive: []string{"song", "nowhere", "song"}}}
	g := Gold(town, questions, b.Retriever)
	for _, c := range []struct {
		text string
		k    int
		want string
	}{{"crab soup?", 3, "song inn"}, {"crab soup?", 1, "song"}, {"crab?", 3, "inn"}} {
		found, err := g.Retrieve(t.Context(), retriever.Query{Text: c.text, K: c.k})
		var ids []string
		for _, h := range found.Hits {
			ids = append(ids, h.Passage.ID)
		}
		if err != nil || strings.Join(ids, " ") != c.want || found.Scores != retriever.RankOnly {
			t.Errorf("%s: %v of %s, %v, want %s", c.text, ids, found.Scores, err, c.want)
		}
	}
}

// A weight of 0 takes a term out, and the presets are what their names say.
func TestWeights(t *testing.T) {
	b := bench(t, nil)
	for name, want := range map[string]scoring.Weights{
		"no-rel":        {Support: 1, Utility: 0.5, Sequence: 1},
		"support-first": {Relevance: 1, Support: 2, Utility: 0.5, Sequence: 1},
		"equal-weights": {Relevance: 1, Support: 1, Utility: 1, Sequence: 1},
	} {
		open, err := b.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		a, err := open(t.Context(), dataset.Question{Question: "Who built the lighthouse?"})
		if err != nil || a.Trace.Settings.Scoring.Weights != want {
			t.Errorf("%s: %+v, %v", name, a.Trace.Settings.Scoring.Weights, err)
		}
	}
}
