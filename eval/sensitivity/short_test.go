package sensitivity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	os.Exit(code)
}

// finds is a retriever with passages of these names.
func finds(names ...string) retriever.Retriever {
	return retriever.Func(func(_ context.Context, q retriever.Query) (retriever.Result, error) {
		r := retriever.Result{Scores: retriever.RankOnly}
		for _, n := range names {
			r.Hits = append(r.Hits, retriever.Hit{Passage: retriever.Passage{ID: n, Title: n, Text: "Text of " + n + "."}})
		}
		return r, q.Check()
	})
}

// drawOptions draws settings of a one-segment answer.
func drawOptions(t *rapid.T, level reflection.Level) []selfrag.Option {
	sequences := []scoring.Sequence{scoring.SequenceNone, scoring.SequenceGeometric, scoring.SequenceProbability}
	if level == reflection.HardLabels { // which come without log-probabilities
		sequences = sequences[:1]
	}
	weight := rapid.SampledFrom([]float64{0, 0.25, 1, 3})
	unit := rapid.Float64Range(0, 1)
	all := []func() selfrag.Option{
		func() selfrag.Option {
			c := scoring.DefaultConfig()
			c.Weights = scoring.Weights{Relevance: weight.Draw(t, "w_rel"), Support: weight.Draw(t, "w_sup"), Utility: weight.Draw(t, "w_use"), Sequence: weight.Draw(t, "w_seq")}
			c.Absent = scoring.Absent{Relevance: unit.Draw(t, "absent rel"), Support: unit.Draw(t, "absent sup"), Utility: unit.Draw(t, "absent use")}
			c.Sequence = rapid.SampledFrom(sequences).Draw(t, "sequence")
			c.MissingLogProb = rapid.SampledFrom([]float64{0, -100}).Draw(t, "missing")
			return selfrag.WithScoring(c)
		},
		func() selfrag.Option { return selfrag.WithThreshold(unit.Draw(t, "threshold")) },
		func() selfrag.Option {
			return selfrag.WithMode(rapid.SampledFrom([]selfrag.Mode{selfrag.Adaptive, selfrag.Always, selfrag.Never, selfrag.Hard}).Draw(t, "mode"))
		},
		func() selfrag.Option {
			c := scoring.Constraints{RejectIrrelevant: rapid.Bool().Draw(t, "reject irrelevant"), RejectNoSupport: rapid.Bool().Draw(t, "reject no support"), MaxNoSupport: unit.Draw(t, "max no support")}
			return selfrag.WithConstraints(c, rapid.SampledFrom([]selfrag.Fallback{selfrag.FallbackStop, selfrag.FallbackBest}).Draw(t, "fallback"))
		},
		func() selfrag.Option { return selfrag.WithAbstention(unit.Draw(t, "tau"), "No idea.") },
		func() selfrag.Option { return selfrag.WithUnknown(selfrag.UnknownSkips) },
		func() selfrag.Option {
			return selfrag.WithPathScore(rapid.SampledFrom([]scoring.PathScore{scoring.PathMean, scoring.PathSum, scoring.PathProduct}).Draw(t, "path"))
		},
		func() selfrag.Option { return selfrag.WithLabels("red", "green", "blue", "one") },
	}
	var out []selfrag.Option
	for _, i := range rapid.SliceOfDistinct(rapid.IntRange(0, len(all)-1), rapid.ID[int]).Draw(t, "options") {
		out = append(out, all[i]())
	}
	return out
}

// drawRandom draws noise or a matrix.
func drawRandom(t *rapid.T) Perturbation {
	groups := rapid.SliceOfNDistinct(rapid.SampledFrom(reflection.Groups()), 1, 4, rapid.ID[reflection.Group]).Draw(t, "groups")
	if rapid.Bool().Draw(t, "noise") {
		n := Noise{}
		for _, g := range groups {
			n[g] = rapid.Float64Range(0, 1).Draw(t, "strength")
		}
		return n
	}
	c := Confusion{}
	for _, g := range groups {
		for range g.Size() {
			row := make([]float64, g.Size())
			left := 1.0
			for j := range row[1:] {
				row[j] = left * rapid.Float64Range(0, 1).Draw(t, "share")
				left -= row[j]
			}
			row[len(row)-1] = left
			c[g] = append(c[g], row)
		}
	}
	return c
}

func text(t *rapid.T, a *selfrag.Answer) string {
	b, err := json.Marshal(said(a))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The fast path settles the answer as Rescore does: draws with the same key have the same
// answer, and the key names it. Draws without a key are re-scored.
func TestShortIsRescore(t *testing.T) {
	keys, answers := 0, map[byte]int{}
	rapid.Check(t, func(rt *rapid.T) {
		m := &generatortest.Random{
			Seed: rapid.Uint64().Draw(rt, "seed"), MaxWords: 3, MaxSegments: 2,
			Level: rapid.SampledFrom([]reflection.Level{reflection.ExactIDs, reflection.TopN, reflection.HardLabels}).Draw(rt, "level"), N: 4,
			Noise: rapid.SampledFrom([]float64{0, 0.3}).Draw(rt, "noise of the model"),
		}
		e, err := selfrag.New(m, finds("A", "B", "C", "D"), selfrag.WithTrace(selfrag.TraceFull))
		if err != nil {
			rt.Fatal(err)
		}
		stored, err := e.Answer(context.Background(), "q", drawOptions(rt, m.Level)...)
		if err != nil {
			rt.Fatal(err)
		}
		again, err := selfrag.Rescore(stored.Trace)
		if diverged := new(*selfrag.Diverged); errors.As(err, diverged) {
			return // the trace does not hold its own answer: there is nothing to compare
		}
		if err != nil {
			rt.Fatal(err)
		}
		q := &Question{ID: "q", Trace: stored.Trace}
		s := newShort(stored.Trace, &again.Trace.Settings)
		if s == nil {
			rt.Fatal("no fast path for a full trace of one segment")
		}
		c := compile(drawRandom(rt))
		seen := map[string]string{}
		for redraw := range 150 {
			key := redrawKey(questionKey(1, "q"), redraw)
			outcome := slices.Clone(s.outcomeKey(c, key))
			if outcome == nil {
				continue
			}
			keys++
			trace, _ := apply(stored.Trace, c, key)
			a, err := q.rescored(trace)
			if err != nil || a == nil {
				rt.Fatalf("a key, and from Rescore the answer %v, error %v", a, err)
			}
			answers[outcome[1]]++
			got := text(rt, a)
			if want, ok := seen[string(outcome)]; ok && got != want {
				rt.Fatalf("redraw %d: one key, two answers:\n%s\n%s", redraw, got, want)
			}
			seen[string(outcome)] = got
			if w := outcome[2:]; len(w) == 3 && len(a.Trace.Settings.Labels) == 0 {
				if c := &stored.Trace.Expansions[0].Candidates[w[0]]; a.Text != c.Text || a.Trace.Path[0] != c.Node {
					rt.Fatalf("the winner is node %d, and from Rescore node %d", c.Node, a.Trace.Path[0])
				}
			}
		}
	})
	t.Logf("%d draws, by outcome %v", keys, answers)
	if answers[outcomeAnswer] == 0 {
		t.Error("no draw with an answer")
	}
}
