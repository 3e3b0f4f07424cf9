package selfrag_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	chatjudge "github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// BenchmarkBudget compares questions under a budget that is not reached with the same
// questions without one, in turn, and reports the median ratio of the times. The model
// answers at once, or after a time, as servers do.
//
//	go test ./selfrag -run - -bench Budget -benchtime 200x
func BenchmarkBudget(b *testing.B) {
	room := selfrag.WithBudget(budget.Limits{Calls: 1e6, Tokens: 1e9})
	index := finds(hits("A", "B", "C", "D", "E")...)
	tale := script(on(generatortest.Decision(0.9), generatortest.Decides()), on(said("The quick brown fox jumps over the lazy dog and sleeps.")))
	judged := func(m generator.Generator) []selfrag.Option {
		j, err := chatjudge.New(m, chatjudge.Templates{})
		if err != nil {
			b.Fatal(err)
		}
		return []selfrag.Option{selfrag.WithCritic(j), selfrag.WithDecider(j)}
	}
	for _, wait := range []time.Duration{0, time.Millisecond} {
		slow := func(m generator.Generator) generator.Generator { return delayed{m, wait} }
		m, c := slow(tale), slow(chat())
		long := &generatortest.Random{Seed: 3, MaxSegments: 4}
		for name, x := range map[string]struct {
			model   generator.Generator
			found   retriever.Retriever
			options []selfrag.Option
		}{
			"short":    {m, index, nil},
			"long":     {slow(long), index, []selfrag.Option{selfrag.WithLongForm(2, 4)}},
			"judged":   {c, index, judged(c)},
			"composed": {m, stacked(b, slow(&generatortest.Random{Seed: 3}), retriever.List(retriever.Passage{ID: "A", Text: "a"}, retriever.Passage{ID: "B", Text: "b"}), true), nil},
		} {
			b.Run(name+"/"+wait.String(), func(b *testing.B) {
				e, err := selfrag.New(x.model, x.found, x.options...)
				if err != nil {
					b.Fatal(err)
				}
				took := func(o ...selfrag.Option) time.Duration {
					begun := time.Now()
					if _, err := e.Answer(context.Background(), "q", o...); err != nil {
						b.Fatal(err)
					}
					return time.Since(begun)
				}
				var ratios []float64
				for b.Loop() {
					without := took()
					ratios = append(ratios, float64(took(room))/float64(without))
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], "with/without")
			})
		}
	}
}

// delayed is a model that answers after a time.
type delayed struct {
	generator.Generator
	wait time.Duration
}

func (d delayed) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		d.pause()
		d.Generator.Generate(ctx, req)(yield)
	}
}

func (d delayed) GroupProbs(ctx context.Context, req generator.Request, after []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	d.pause()
	return generator.GroupProbs(ctx, d.Generator, req, after, g)
}

func (d delayed) Describe(ctx context.Context) (generator.Capabilities, error) {
	return generator.Describe(ctx, d.Generator)
}

func (d delayed) pause() {
	if d.wait > 0 {
		<-time.After(d.wait)
	}
}
