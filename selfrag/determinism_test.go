package selfrag_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// hesitant lets other goroutines run a random number of times before each step,
// so that calls which run side by side come back in any order.
func hesitant(inner generator.Generator) generator.Generator {
	return generator.Wrap(inner, func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		return func(yield func(generator.Step, error) bool) {
			for s, err := range inner.Generate(ctx, req) {
				for range rand.IntN(5) {
					runtime.Gosched()
				}
				if !yield(s, err) {
					return
				}
			}
		}
	})
}

// The answer and the trace are the same, byte for byte, for every number of
// processors, concurrency and order of returning calls.
func TestSameAnswerEveryTime(t *testing.T) {
	const runs = 1000
	index := retriever.Func(func(_ context.Context, q retriever.Query) (retriever.Result, error) {
		for range rand.IntN(5) {
			runtime.Gosched()
		}
		return retriever.Result{Hits: byQuery(q.Text)[:q.K]}, nil
	})
	modes := map[string][]selfrag.Option{
		"greedy":  nil,
		"sampled": {selfrag.WithSampling(1, 42)},
		"budget":  {selfrag.WithBudget(budget.Limits{Calls: 7})},
		"eager":   {selfrag.WithEagerRetrieval(true)},
		"lazy":    {selfrag.WithEagerRetrieval(true), selfrag.WithLazy(2)},
		"full":    {selfrag.WithSampling(0.7, 1), selfrag.WithTrace(selfrag.TraceFull)},
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for name, options := range modes {
		t.Run(name, func(t *testing.T) {
			// Each number of processors has an engine of its own, so that nothing
			// kept between questions can hide a difference.
			first, expansions := "", 0
			for _, procs := range []int{1, 2, 16} {
				runtime.GOMAXPROCS(procs)
				e := newEngine(t, hesitant(longModel), index,
					selfrag.WithLongForm(2, 3), selfrag.WithK(3), selfrag.WithThreshold(0.4))
				for i := range runs / len(modes) / 3 {
					a := ask(t, e, "q", append([]selfrag.Option{selfrag.WithConcurrency([]int{0, 1, 16}[i%3])}, options...)...)
					got := canonical(t, a)
					if first == "" {
						first, expansions = got, len(a.Trace.Expansions)
					}
					if got != first {
						t.Fatalf("run %d on %d processors gives\n%s\nand the first gave\n%s", i, procs, got, first)
					}
				}
			}
			if expansions < 2 {
				t.Errorf("the run is too small to show anything: %s", first)
			}
		})
	}
}

// Another seed gives other samples, the same seed the same.
func TestSamplingSeeds(t *testing.T) {
	e := newEngine(t, &generatortest.Random{Seed: 3, MinWords: 3, MaxWords: 6}, finds(hits("A")...), always)
	seen := map[string]int{}
	for seed := range uint64(20) {
		a := ask(t, e, "q", selfrag.WithSampling(1, seed))
		if b := ask(t, e, "q", selfrag.WithSampling(1, seed)); a.Text != b.Text {
			t.Errorf("seed %d gave %q and %q", seed, a.Text, b.Text)
		}
		seen[a.Text]++
	}
	if len(seen) < 5 {
		t.Errorf("20 seeds gave only %d texts", len(seen))
	}
}

// Concurrent candidates have random streams of their own, even if their prompts are
// equal.
func TestCandidatesSampleApart(t *testing.T) {
	list := hits("A", "B", "C", "D")
	for i := range list {
		list[i].Passage.Title, list[i].Passage.Text = "same", "same"
	}
	m := counting(&generatortest.Random{Seed: 3, MinWords: 3, MaxWords: 6})
	run(t, m, finds(list...), always, selfrag.WithSampling(1, 5))
	seeds := map[uint64]bool{}
	for _, r := range m.requests {
		seeds[r.Seed] = true
	}
	if len(seeds) != len(list) {
		t.Errorf("%d seeds for %d candidates", len(seeds), len(list))
	}
}

// Tracing does not change the answer.
func TestTraceDepthDoesNotMatter(t *testing.T) {
	for seed := range uint64(20) {
		e := newEngine(t, &generatortest.Random{Seed: seed}, finds(hits("A", "B")...), selfrag.WithThreshold(0.5), selfrag.WithLongForm(2, 3), selfrag.WithSampling(1, seed))
		var want string
		for i, d := range []selfrag.TraceDepth{selfrag.TraceOn, selfrag.TraceOff, selfrag.TraceFull} {
			a := ask(t, e, "q", selfrag.WithTrace(d))
			if (a.Trace == nil) != (d == selfrag.TraceOff) {
				t.Errorf("depth %d: trace %v", d, a.Trace)
			}
			if got := fmt.Sprint(a.Text, a.Score, a.Citations, a.Stop); i == 0 {
				want = got
			} else if got != want {
				t.Errorf("seed %d, depth %d: %s, want %s", seed, d, got, want)
			}
		}
	}
}
