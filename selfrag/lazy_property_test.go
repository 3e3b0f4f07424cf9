package selfrag_test

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

var lazyFirst = flag.Uint64("lazyfirst", 0, "the number of the first case of the property test of lazy evaluation")

// lazyCase is a model, passages and settings, drawn from its number.
type lazyCase struct {
	model   served
	hits    []retriever.Hit
	options []selfrag.Option
	lazy    []selfrag.Option // of the lazy run alone
	labels  bool
	// again is set if a candidate's first token may be generated twice.
	again bool
}

// served is a random model with other declared capabilities.
type served struct {
	*generatortest.Random
	say func(*generator.Capabilities)
}

func (m served) Describe(ctx context.Context) (generator.Capabilities, error) {
	c, err := m.Random.Describe(ctx)
	m.say(&c)
	return c, err
}

// The declared capabilities, by how a candidate waits.
var (
	paced   = func(*generator.Capabilities) {}
	resumes = func(c *generator.Capabilities) { c.Paced, c.SharedPrefix = false, true }
	slots   = func(c *generator.Capabilities) { c.Paced, c.Slots = false, 18 }
	anew    = func(c *generator.Capabilities) { c.Paced, c.SharedPrefix, c.Resumes = false, true, false }
	forgets = func(c *generator.Capabilities) { c.Paced = false }
)

// appraiser judges passages before any text is generated, and reads the rest from
// reflection tokens: of complete candidates only if refuses is set.
type appraiser struct {
	*critique.Tokens
	refuses bool
}

func (k appraiser) Critique(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	if k.refuses && c.Completion.Finish == generator.Running && len(c.Completion.Steps) > 0 {
		return critique.Verdict{}, critique.ErrIncomplete
	}
	v, err := k.Tokens.Critique(ctx, c)
	v.IsREL = reflection.Judgment{Status: reflection.StatusAbsent}
	for _, e := range c.Evidence() {
		h := fnv.New32a()
		_, _ = h.Write([]byte(c.Question + e.Title)) // never fails
		rel := float64(h.Sum32()%16) / 15
		v.IsREL = reflection.Judged(reflection.NewDistribution(reflection.IsREL, 1-rel, rel), reflection.Irrelevant, reflection.SeparateModel)
		if rel >= 0.5 {
			v.IsREL.Token = reflection.Relevant
		}
	}
	return v, err
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
	c := lazyCase{hits: hits("A", "B", "C", "D", "E", "F")[:1+min(r.IntN(8), 5)]}
	width := pick(r, 1, 1, 1, 1, 1, 2, 2, 2, 5, 10)
	for i := 1; i < len(c.hits); i++ {
		if r.IntN(4) == 0 { // a tie in everything
			c.hits[i].Passage.Title, c.hits[i].Passage.Text = c.hits[i-1].Passage.Title, c.hits[i-1].Passage.Text
		}
	}
	samples := r.IntN(4) == 0
	weight := func() float64 { return pick(r, 0, 0.25, 1, 1, 3) }
	config := scoring.DefaultConfig()
	config.Weights = scoring.Weights{Relevance: weight(), Support: weight(), Utility: weight(), Sequence: weight()}
	switch w := &config.Weights; r.IntN(7) {
	case 0, 1: // one term decides
		*w = scoring.Weights{}
		*pick(r, &w.Support, &w.Utility, &w.Sequence, &w.Sequence) = 1
		if w.Sequence > 0 { // often a first token that is less likely than the rest
			ab, m.MaxWords, samples = [2]float64{1, 1}, m.MinWords+1, r.IntN(4) > 0
		}
	case 2, 3, 4, 5: // much can be pruned
		*w = scoring.Weights{Relevance: 1, Support: pick(r, 0, 0.1, 0.5), Utility: pick(r, 0, 0, 0.1), Sequence: pick(r, 0, 0, 0.1, 0.5)}
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
	if samples {
		c.options = append(c.options, selfrag.WithSampling(1, r.Uint64()))
	}
	c.options = append(c.options, selfrag.WithWholeOutput(r.IntN(4) == 0))
	c.lazy = []selfrag.Option{selfrag.WithLazy(width), selfrag.WithTrace(selfrag.TraceOn)}
	// How a candidate waits.
	way := r.IntN(7)
	c.model = served{m, []func(*generator.Capabilities){paced, resumes, slots, anew, paced, anew, forgets}[way]}
	c.again = way > 0 && (samples || m.Noise > 0) || way == 3 || way == 5
	if way > 3 {
		c.options = append(c.options, selfrag.WithCritic(appraiser{critique.NewTokens(c.model), r.IntN(2) == 0}))
	}
	if r.IntN(2) == 0 {
		c.lazy = append(c.lazy, selfrag.WithEagerRetrieval(true))
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
	lazy, err = e.Answer(t.Context(), "q", c.lazy...)
	return full, lazy, err
}

// differ says how a lazy answer differs from a full one, apart from a lower cost;
// empty if it does not. In a closed set only the label must be equal.
func (c lazyCase) differ(full, lazy *selfrag.Answer) string {
	if c.labels {
		if full.Label != lazy.Label || full.Text != lazy.Text || full.Abstained != lazy.Abstained {
			return fmt.Sprintf("the label is %q, lazily %q", full.Label, lazy.Label)
		}
		return ""
	}
	a, b := *full, *lazy
	for _, x := range []*selfrag.Answer{&a, &b} {
		x.Usage, x.Timing, x.Trace = generator.Usage{}, selfrag.Timing{}, nil
	}
	if !reflect.DeepEqual(a, b) {
		return fmt.Sprintf("the answer is\n%+v\nlazily\n%+v", a, b)
	}
	limit := full.Usage.GeneratedTokens
	if c.again {
		limit += full.Usage.Calls // at most one for every candidate
	}
	if lazy.Usage.GeneratedTokens > limit || lazy.Usage.Calls > 2*full.Usage.Calls {
		return fmt.Sprintf("a full run cost %+v, a lazy one %+v", full.Usage, lazy.Usage)
	}
	return ""
}

// Lazy evaluation gives the answer of a full run at a lower cost: over random
// models, exact, bounded and missing probabilities, weights, scales, path scores,
// constraints, fallbacks, abstention, sampling, ties, widths, forms and ways to
// wait.
func TestLazyIsExact(t *testing.T) {
	// The first 8,000 cases find every fault that was planted to try this test.
	cases := testsize.Raced(2_000, testsize.Of(8_000, 100_000))
	var next, whole, read atomic.Int64
	var stopped sync.Map // by how candidates wait, the number of cases in which some were stopped
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
					return fmt.Errorf("case %d (-lazyfirst %d): %s", number, number, d)
				}
				whole.Add(int64(full.Usage.GeneratedTokens))
				read.Add(int64(lazy.Usage.GeneratedTokens))
				if t := lazy.Trace; slices.ContainsFunc(t.Expansions, stops) {
					n, _ := stopped.LoadOrStore(t.Settings.LazyWaits, new(atomic.Int64))
					n.(*atomic.Int64).Add(1)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases, %d tokens instead of %d", cases, read.Load(), whole.Load())
	for _, waits := range []string{"unread", "cut", "unbegun"} {
		n, ok := stopped.Load(waits)
		if !ok {
			n = new(atomic.Int64)
		}
		t.Logf("%d of them stopped a candidate that waited %s", n.(*atomic.Int64).Load(), waits)
		if n.(*atomic.Int64).Load() < int64(cases)/100 {
			t.Errorf("hardly ever was a candidate stopped that waited %s: the test shows little", waits)
		}
	}
}

func stops(e *selfrag.Expansion) bool { return slices.Contains(statuses(e), selfrag.Stopped) }
