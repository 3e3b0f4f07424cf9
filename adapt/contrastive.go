package adapt

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
)

// Contrastive trains an adapter by InfoNCE: each positive passage of a question is told
// from passages that the adapted retriever ranks high (ANCE, Xiong et al., arXiv
// 2007.00808), found anew each epoch, and from the positives of the other questions of a
// step. A passage that is a positive of the question, or that holds one of its answers, is
// never a negative.
//
// All of passages is searched, and only they are embedded. The error is a *[RefusedError]
// if the adapter is not better than none; else it wraps ErrOption, ErrData, ErrDiverged,
// ctx.Err() or the error of the embedder.
func Contrastive(ctx context.Context, e dense.Embedder, passages []retriever.Passage, examples []Example, o Options) (*Result, error) {
	o.marginal = false
	t, err := newTrainer(ctx, e, passages, examples, o)
	if err != nil {
		return nil, err
	}
	t.signal = &contrast{trainer: t, barred: map[[2]int]bool{}}
	return t.run(ctx)
}

// contrast is the signal of Contrastive.
type contrast struct {
	*trainer
	pairs     []pair
	negatives map[int][]int // by example: places that the adapted retriever ranks high
	barred    map[[2]int]bool
}

// pair is a question and one of its positives.
type pair struct{ question, place int }

// isBarred reports whether a passage must not be a negative of a question.
func (c *contrast) isBarred(question, place int) bool {
	if slices.Contains(c.split.positives[question], place) {
		return true
	}
	key := [2]int{question, place}
	b, ok := c.barred[key]
	if !ok {
		e, p := &c.examples[question], &c.corpus.passages[place]
		b = slices.Contains(c.o.Positives.of(e), p.ID) || metric.MatchFold(dense.Text(*p), e.Answers)
		c.barred[key] = b
	}
	return b
}

func (c *contrast) epoch(ctx context.Context) ([]int, error) {
	if c.pairs == nil {
		for _, q := range c.split.train {
			for _, at := range c.split.positives[q] {
				c.pairs = append(c.pairs, pair{q, at})
			}
		}
	}
	ranked := make([][]int, len(c.split.train))
	errs := make([]error, len(ranked))
	parallel(len(ranked), func(i int) { ranked[i], errs[i] = c.near(ctx, c.net, c.split.train[i], c.o.Depth) })
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c.negatives = map[int][]int{}
	for i, q := range c.split.train {
		c.negatives[q] = slices.DeleteFunc(ranked[i], func(at int) bool { return c.isBarred(q, at) })
	}
	return c.rng.Perm(len(c.pairs)), nil
}

func (c *contrast) items(_ context.Context, batch []int) ([]item, error) {
	list := make([]item, len(batch))
	for i, b := range batch {
		p := c.pairs[b]
		places := []int{p.place}
		hard := c.negatives[p.question]
		for _, j := range c.rng.Perm(len(hard))[:min(len(hard), c.o.Negatives)] {
			places = append(places, hard[j])
		}
		for _, other := range batch[:min(len(batch), c.o.Batch)] {
			if at := c.pairs[other].place; !slices.Contains(places, at) && !c.isBarred(p.question, at) {
				places = append(places, at)
			}
		}
		it := item{query: c.queries[p.question], weights: make([]float64, len(places))}
		for j, at := range places {
			it.candidates = append(it.candidates, c.vectors[at])
			if j > 0 {
				it.weights[j] = math.Inf(-1)
			}
		}
		list[i] = it
	}
	return list, nil
}

// figure is the reciprocal rank of what is trained on, which the test does not go by if
// there are labels too.
func (c *contrast) figure(ctx context.Context, n *net, questions []int) ([]float64, error) {
	_, reciprocal, err := c.ranks(ctx, n, questions, func(q int) []string {
		if own := c.o.Positives.of(&c.examples[q]); len(own) > 0 {
			return own
		}
		return c.truth(q)
	})
	return reciprocal, err
}
