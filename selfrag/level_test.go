package selfrag_test

import (
	"context"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/generator"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// An answer has the lowest level of its parts.
func TestLevels(t *testing.T) {
	tests := []struct {
		name string
		m    *generatortest.Random
		want []reflection.Level // at least the first must occur
	}{
		{"exact", &generatortest.Random{}, []reflection.Level{reflection.ExactIDs}},
		{"top 3", &generatortest.Random{Level: reflection.TopN, N: 3, Noise: 0.2}, []reflection.Level{reflection.TopN, reflection.ExactIDs, reflection.HardLabels}},
		{"labels", &generatortest.Random{Level: reflection.HardLabels}, []reflection.Level{reflection.HardLabels}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := map[reflection.Level]int{}
			for seed := range uint64(30) {
				m := *tt.m
				m.Seed = seed
				a := run(t, &m, finds(hits("A", "B")...), selfrag.WithLongForm(2, 3), selfrag.WithThreshold(0.5))
				seen[a.Level]++
				lowest := a.Decision.Level
				for _, e := range a.Trace.Expansions {
					for _, c := range e.Candidates {
						if slices.Contains(a.Trace.Path, c.Node) {
							lowest = max(lowest, e.Decision.Level, c.Critique.IsREL.Level, c.Critique.IsSUP.Level, c.Critique.IsUSE.Level)
						}
					}
				}
				if a.Level != lowest {
					t.Errorf("seed %d: level %v, but it rests on %v", seed, a.Level, lowest)
				}
			}
			total := 0
			for _, l := range tt.want {
				total += seen[l]
			}
			if seen[tt.want[0]] == 0 || total != 30 {
				t.Errorf("levels %v, want %v", seen, tt.want)
			}
		})
	}
}

// Without probabilities a label counts fully, and there is no sequence term.
func TestHardLabels(t *testing.T) {
	m := script(on(generatortest.HardLabels(generatortest.Segment(0.6, "Yes.", [3]float64{0.2, 0.5, 0.3}, [5]float64{0, 0, 0, 1, 0}))))
	m.Capabilities = generator.Capabilities{Model: "hard", Level: reflection.HardLabels}
	a := run(t, m, finds(hits("A")...), always)
	terms := a.Segments[0].Terms
	// 1 for Relevant, 0.5 for Partially supported, 0.5 of weight 0.5 for Utility 4.
	if terms.Sequence.Kind != scoring.KindOff || a.Score != 1.75 || a.Level != reflection.HardLabels {
		t.Errorf("score %v at level %v, terms %+v", a.Score, a.Level, terms)
	}
}

// A critic of another kind lowers the level.
func TestLevelOfCritic(t *testing.T) {
	c := judge(func(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
		v, err := critique.NewTokens(nil).Critique(ctx, c)
		v.IsSUP = reflection.Judged(reflection.NewDistribution(reflection.IsSUP, 0.5, 0.25, 0.25), reflection.None, reflection.SeparateModel)
		return v, err
	})
	a := run(t, script(on(said("Yes."))), finds(hits("A")...), always, selfrag.WithCritic(c))
	if a.Level != reflection.SeparateModel || a.Segments[0].Terms.Support.Value != 0.625 {
		t.Errorf("level %v, support %v", a.Level, a.Segments[0].Terms.Support.Value)
	}
}
