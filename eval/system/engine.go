package system

import (
	"context"
	"slices"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// engines are the settings of the engine.
var engines = []System{
	{"selfrag", "the engine with its defaults, short form", engine()},
	{"selfrag-long", "long form, width 2, depth 7", engine(selfrag.WithLongForm(2, 7))},
	{"always", "retrieves for every question", engine(selfrag.WithMode(selfrag.Always))},
	{"never", "retrieves for none", engine(selfrag.WithMode(selfrag.Never))},
	{"no-rel", "weight of IsREL 0", weighted(func(w *scoring.Weights) { w.Relevance = 0 })},
	{"no-sup", "weight of IsSUP 0", weighted(func(w *scoring.Weights) { w.Support = 0 })},
	{"no-use", "weight of IsUSE 0", weighted(func(w *scoring.Weights) { w.Utility = 0 })},
	{"no-seq", "weight of the sequence term 0", weighted(func(w *scoring.Weights) { w.Sequence = 0 })},
	{"seq-only", "best of k by the sequence term alone: no critique", weighted(func(w *scoring.Weights) { *w = scoring.Weights{Sequence: 1} })},
	{"support-first", "weight of IsSUP 2: for citations that hold", weighted(func(w *scoring.Weights) { w.Support = 2 })},
	{"equal-weights", "every weight 1, as in the released short form", weighted(func(w *scoring.Weights) { *w = scoring.Weights{Relevance: 1, Support: 1, Utility: 1, Sequence: 1} })},
	{"top1", "the first passage alone", engine(selfrag.WithK(1))},
	{"random", "a random one of the candidates of selfrag", random},
}

// engine opens an engine with options on top of those of the bench.
func engine(options ...selfrag.Option) func(context.Context, *Bench) (Answerer, error) {
	return func(_ context.Context, b *Bench) (Answerer, error) {
		e, err := b.Engine(options...)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, q dataset.Question) (*selfrag.Answer, error) {
			return e.Answer(ctx, q.Question)
		}, nil
	}
}

// Engine returns an engine over the shared parts, with options in addition to the shared
// ones. It abstains only if one of them says so. Errors are those of
// [selfrag.New].
func (b *Bench) Engine(options ...selfrag.Option) (*selfrag.Engine, error) {
	never := []selfrag.Option{selfrag.WithAbstention(0, "")}
	return selfrag.New(b.Model, b.Retriever, slices.Concat(never, b.Options, []selfrag.Option{selfrag.WithK(b.K)}, options)...)
}

func weighted(change func(*scoring.Weights)) func(context.Context, *Bench) (Answerer, error) {
	w := scoring.DefaultWeights()
	change(&w)
	return engine(selfrag.WithWeights(w))
}
