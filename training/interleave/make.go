package interleave

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"math/rand/v2"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/enum"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/label"
)

// Variant says which parts of Self-RAG the data has; the zero value is Full.
type Variant string

// The variants. The last two are ablations of the paper, for a model to compare with.
const (
	Full Variant = "full"
	// NoRetriever leaves the answers as they are, without passages and tokens. It needs
	// neither a source of labels nor a retriever.
	NoRetriever Variant = "no-retriever"
	// NoCritic puts the first passage for question and answer behind the input, whether it
	// helps or not, and leaves the answer without tokens. It needs no source of labels.
	NoCritic Variant = "no-critic"
)

var variants = enum.Texts[Variant]{Package: "interleave", What: "variant", Names: []Variant{Full, NoRetriever, NoCritic}}

// MarshalText writes the name.
func (v Variant) MarshalText() ([]byte, error) { return variants.Marshal(v) }

// UnmarshalText reads a name.
func (v *Variant) UnmarshalText(b []byte) error { return variants.Unmarshal(b, v) }

// Options are those of [Make]. The zero value is ready to use: the algorithm of the paper.
type Options struct {
	// Rules change which passages are taken and which records are kept.
	Rules []Rule
	// K is how many passages are judged for a sentence at most, from 1 to 1,000; 0 means 5.
	// By the paper's selection, no passage is judged after one that is taken.
	K int
	// Variant leaves parts out.
	Variant Variant
	// Mask is that of Record.Masked.
	Mask training.MaskKind
	// Seed is the number that every random choice depends on, beside the texts of the record.
	Seed uint64
	// Workers is how many seeds are worked on at the same time, from 1 to 1,024; 0 means 4.
	Workers int
	// Progress, unless nil, is called with the number of seeds done and of all, by one
	// goroutine at a time.
	Progress func(done, total int)
}

func (o *Options) fill() (ruleSet, error) {
	for _, c := range []struct {
		name       string
		x          *int
		value, max int
	}{{"K", &o.K, 5, 1000}, {"Workers", &o.Workers, 4, 1024}} {
		if *c.x == 0 {
			*c.x = c.value
		}
		if *c.x < 1 || *c.x > c.max {
			return nil, fmt.Errorf("%w: %s is %d: want 1 to %d, or 0 for %d", training.ErrOption, c.name, *c.x, c.max, c.value)
		}
	}
	if _, err := o.Variant.MarshalText(); err != nil {
		return nil, fmt.Errorf("%w: %w", training.ErrOption, err)
	}
	if _, err := o.Mask.MarshalText(); err != nil {
		return nil, fmt.Errorf("%w: %w", training.ErrOption, err)
	}
	if o.Variant == "" {
		o.Variant = Full
	}
	return newRuleSet(o.Rules)
}

// Result is what became of one seed.
type Result struct {
	// Record is the record to train on; nil if the seed was dropped.
	Record *training.Record `json:"record,omitempty"`
	// Dropped says why there is no record.
	Dropped string `json:"dropped,omitempty"`
	// Missing holds the labels that the source did not give.
	Missing []Missing `json:"missing,omitempty"`
}

// Missing is a label that the source did not give.
type Missing struct {
	ID       training.ID      `json:"id"` // of the seed
	Group    reflection.Group `json:"group"`
	Sentence int              `json:"sentence"`          // from 0; 0 for the whole answer
	Passage  string           `json:"passage,omitempty"` // its title; empty if none was asked about
	Reason   string           `json:"reason"`
	Reply    string           `json:"reply,omitempty"`
}

// Make makes records of seeds, whose outputs are plain answers. It yields one result for each
// seed, in the order of the seeds. Breaking out of the loop stops the work.
//
// It yields an error once, as the last: it wraps training.ErrOption, training.ErrRecord,
// budget.ErrExceeded or ctx.Err(), or is that of the source or the retriever. A label.Memory
// keeps the labels that were asked so far.
func Make(ctx context.Context, s label.Source, r retriever.Retriever, seeds []training.Record, o Options) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		m, err := newMaker(s, r, seeds, o)
		if err != nil {
			yield(Result{}, err)
			return
		}
		m.run(ctx, seeds, yield)
	}
}

// maker is one use of Make.
type maker struct {
	Options
	source label.Source
	search retriever.Retriever
	rules  ruleSet
	draws  func(seed training.Record) draws
}

func newMaker(s label.Source, r retriever.Retriever, seeds []training.Record, o Options) (*maker, error) {
	rules, err := o.fill()
	if err != nil {
		return nil, err
	}
	if isnil.Value(s) && o.Variant == Full {
		return nil, fmt.Errorf("%w: the source of labels is nil", training.ErrOption)
	}
	if isnil.Value(r) && o.Variant != NoRetriever {
		return nil, fmt.Errorf("%w: the retriever is nil", training.ErrOption)
	}
	for i, seed := range seeds {
		if err := seed.Check(); err != nil {
			return nil, fmt.Errorf("interleave: seed %d: %w", i+1, err)
		}
	}
	m := &maker{Options: o, source: s, search: r, rules: rules}
	m.draws = func(seed training.Record) draws {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%s\x00%s\x00%s", o.Seed, seed.ID, seed.Instruction, seed.Input, seed.Output))
		return generated{rand.New(rand.NewChaCha8(sum))}
	}
	return m, nil
}

// generated are draws of a generator of random numbers.
type generated struct{ rng *rand.Rand }

func (g generated) chance(p float64) bool { return g.rng.Float64() < p }
func (g generated) pick(n int) int        { return g.rng.IntN(n) }

func (m *maker) run(ctx context.Context, seeds []training.Record, yield func(Result, error) bool) {
	each := func(ctx context.Context, start func(context.Context, int) func() error) []error {
		most := func(i int) (budget.Cost, bool) { return m.mostCost(seeds[i]) }
		return budget.Each(ctx, len(seeds), m.Workers, most, start)
	}
	part := func(ctx context.Context, i int) func() (Result, error) {
		return func() (Result, error) {
			if err := ctx.Err(); err != nil {
				return Result{}, err
			}
			return m.makeRecord(ctx, seeds[i])
		}
	}
	done := 0
	for result, err := range fanout.Stream(ctx, len(seeds), 4*m.Workers, each, part) {
		if err != nil {
			yield(Result{}, fmt.Errorf("interleave: seed %d, id %q: %w", done+1, seeds[done].ID, err))
			return
		}
		if done++; m.Progress != nil {
			m.Progress(done, len(seeds))
		}
		if !yield(result, nil) {
			return
		}
	}
}
