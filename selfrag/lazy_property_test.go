package selfrag_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

var (
	lazyCases = flag.Int("lazycases", 0, "how many cases the property test of lazy evaluation runs; 0 for the default")
	lazyFirst = flag.Uint64("lazyfirst", 0, "the number of its first case")
)

// lazyCase is a model, passages and settings, drawn from its number.
type lazyCase struct {
	model   *generatortest.Random
	hits    []retriever.Hit
	options []selfrag.Option
	width   int // of lazy evaluation
	labels  bool
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func drawLazyCase(number uint64) lazyCase {
	r := rand.New(rand.NewPCG(number, 1))
	m := &generatortest.Random{
		Seed: r.Uint64(), MinWords: r.IntN(2), MaxSegments: 1 + r.IntN(4),
		Noise: pick(r, 0, 0, 0.2), Level: pick(r, reflection.ExactIDs, reflection.ExactIDs, reflection.TopN, reflection.HardLabels),
		N: 1 + r.IntN(6),
	}
	m.MaxWords = m.MinWords + 1 + r.IntN(4)
	ab := pick(r, [2]float64{20, 1}, [2]float64{6, 1.5}, [2]float64{1, 1})
	m.Relevance = func(e generator.Evidence) (a, b float64) {
		if e.Title < "C" {
			return ab[0], ab[1]
		}
		return ab[1], ab[0]
	}
	c := lazyCase{model: m, hits: hits("A", "B", "C", "D", "E", "F")[:1+min(r.IntN(8), 5)], width: pick(r, 1, 1, 1, 2, 2, 5, 10)}
	for i := 1; i < len(c.hits); i++ {
		if r.IntN(4) == 0 { // a tie in everything
			c.hits[i].Passage.Title, c.hits[i].Passage.Text = c.hits[i-1].Passage.Title, c.hits[i-1].Passage.Text
		}
	}
	weight := func() float64 { return pick(r, 0, 0.25, 1, 1, 3) }
	config := scoring.DefaultConfig()
	config.Weights = scoring.Weights{Relevance: weight(), Support: weight(), Utility: weight(), Sequence: weight()}
	switch w := &config.Weights; r.IntN(3) {
	case 0: // one term decides
		*w = scoring.Weights{}
		*pick(r, &w.Support, &w.Utility, &w.Sequence, &w.Sequence) = 1
	case 1: // much can be pruned
		*w = scoring.Weights{Relevance: 1, Support: pick(r, 0, 0.1, 0.5), Utility: pick(r, 0, 0.1, 0.5), Sequence: pick(r, 0, 0.1, 0.5)}
	}
	config.MissingLogProb = pick[float64](r, 0, 0, -100)
	if r.IntN(4) == 0 {
		config.UtilityScale = [5]float64{-3, 2, -1, 0, 1}
		config.Absent = scoring.Absent{Relevance: r.Float64(), Support: 2*r.Float64() - 1, Utility: 3 * r.Float64()}
	}
	sequence := []scoring.Sequence{scoring.SequenceAuto, scoring.SequenceNone, scoring.SequenceGeometric, scoring.SequenceProbability}
	if m.Level == reflection.HardLabels {
		sequence = sequence[:2]
	}
	c.options = []selfrag.Option{
		selfrag.WithTrace(selfrag.TraceOff), selfrag.WithK(len(c.hits)),
		selfrag.WithScoring(config),
		selfrag.WithSequence(pick(r, sequence...), pick(r, generator.CountAuto, generator.CountNoEnd, generator.CountText)),
		selfrag.WithPathScore(pick(r, scoring.PathMean, scoring.PathSum, scoring.PathProduct)),
		selfrag.WithMaxTokens(pick(r, 200, 12, 2+r.IntN(6))),
		selfrag.WithMode(pick(r, selfrag.Always, selfrag.Always, selfrag.Adaptive, selfrag.Hard)),
	}
	switch r.IntN(5) {
	case 0:
		c.labels = true
		c.options = append(c.options, selfrag.WithLabels("red", "green", "blue", "one", "two", "three"))
	case 1, 2, 3:
		c.options = append(c.options, selfrag.WithLongForm(1+r.IntN(3), 1+r.IntN(4)))
	}
	if r.IntN(3) == 0 {
		constraints := scoring.Constraints{RejectIrrelevant: r.IntN(2) == 0, RejectNoSupport: r.IntN(2) == 0, MaxNoSupport: pick(r, 0, r.Float64())}
		c.options = append(c.options, selfrag.WithConstraints(constraints, pick(r, selfrag.FallbackStop, selfrag.FallbackBest)))
	}
	if r.IntN(4) == 0 {
		c.options = append(c.options, selfrag.WithAbstention(r.Float64(), ""))
	}
	if r.IntN(4) == 0 {
		c.options = append(c.options, selfrag.WithSampling(1, r.Uint64()))
	}
	return c
}

// answers returns the answers of a full run and of a lazy one.
func (c lazyCase) answers(t testing.TB) (full, lazy *selfrag.Answer, err error) {
	e, err := selfrag.New(c.model, finds(c.hits...), c.options...)
	if err != nil {
		return nil, nil, err
	}
	if full, err = e.Answer(t.Context(), "q"); err != nil {
		return nil, nil, err
	}
	lazy, err = e.Answer(t.Context(), "q", selfrag.WithLazy(c.width))
	return full, lazy, err
}

// differ says in what a lazy answer differs from a full one, empty if in nothing
// but a lower cost. Of a closed set only the label has to be the same.
func (c lazyCase) differ(full, lazy *selfrag.Answer) string {
	if c.labels {
		if full.Label != lazy.Label || full.Text != lazy.Text || full.Abstained != lazy.Abstained {
			return fmt.Sprintf("the label is %q, lazily %q", full.Label, lazy.Label)
		}
		return ""
	}
	a, b := *full, *lazy
	for _, x := range []*selfrag.Answer{&a, &b} {
		x.Usage, x.Timing = generator.Usage{}, selfrag.Timing{}
	}
	if !reflect.DeepEqual(a, b) {
		return fmt.Sprintf("the answer is\n%+v\nlazily\n%+v", a, b)
	}
	if full.Usage.GeneratedTokens < lazy.Usage.GeneratedTokens || full.Usage.Calls != lazy.Usage.Calls {
		return fmt.Sprintf("a full run cost %+v, a lazy one %+v", full.Usage, lazy.Usage)
	}
	return ""
}

// Lazy evaluation gives the answer of a full run, in all but its cost: over random
// models, exact, bounded and missing probabilities, weights, scales, path scores,
// constraints, fallbacks, abstention, sampling, ties, widths and forms.
func TestLazyIsExact(t *testing.T) {
	cases := 100_000
	if testing.Short() || raceDetector {
		cases = 2_000
	}
	if *lazyCases > 0 {
		cases = *lazyCases
	}
	var next, whole, read, cheaper atomic.Int64
	var g errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			for i := next.Add(1) - 1; i < int64(cases); i = next.Add(1) - 1 {
				number := *lazyFirst + uint64(i)
				c := drawLazyCase(number)
				full, lazy, err := c.answers(t)
				if err != nil {
					return fmt.Errorf("case %d: %w", number, err)
				}
				if d := c.differ(full, lazy); d != "" {
					return fmt.Errorf("case %d (-lazyfirst %d -lazycases 1): %s", number, number, d)
				}
				whole.Add(int64(full.Usage.GeneratedTokens))
				read.Add(int64(lazy.Usage.GeneratedTokens))
				if lazy.Usage.GeneratedTokens < full.Usage.GeneratedTokens {
					cheaper.Add(1)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases: %d of them cost less, %d tokens instead of %d", cases, cheaper.Load(), read.Load(), whole.Load())
	if cases >= 1000 && cheaper.Load() < int64(cases)/10 {
		t.Error("lazy evaluation hardly ever stopped a candidate: the test shows little")
	}
}

// A fault in the pruning rule is found by the property above. To save time each
// search begins a little before a case that shows the fault.
func TestLazyMutations(t *testing.T) {
	tests := []struct {
		name  string
		on    *bool
		first uint64
	}{
		{"a tie prunes", &selfrag.Mutated.Ties, 0},
		{"the mean so far bounds", &selfrag.Mutated.MeanSoFar, 6_600},
		{"places for finished beams", &selfrag.Mutated.ReservedSlots, 4_800},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			*tt.on = true
			defer func() { *tt.on = false }()
			for number := tt.first; number < tt.first+30_000; number++ {
				c := drawLazyCase(number)
				full, lazy, err := c.answers(t)
				if err != nil {
					t.Fatal(err)
				}
				if c.differ(full, lazy) != "" {
					t.Logf("found by case %d", number)
					return
				}
			}
			t.Error("not found")
		})
	}
}
