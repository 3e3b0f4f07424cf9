package rerank

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
)

// Scorer scores how well passages fit a question.
type Scorer interface {
	// Score returns one finite number for each passage, in their order, higher for
	// a better one. It does not change the passages; their texts are data. It is
	// safe for concurrent use and, when ctx is done, returns promptly with an error
	// that wraps ctx.Err().
	Score(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error)
	// Kind is the meaning of the numbers, RankOnly if it has no name.
	Kind() retriever.ScoreKind
}

// ErrOption is wrapped by errors about an invalid retriever, scorer or option.
var ErrOption = errors.New("rerank: bad option")

// ErrScores is wrapped by errors about a scorer that returned a wrong number of
// scores, or one that is not finite.
var ErrScores = errors.New("rerank: bad scores")

// Options changes how hits are ordered. The zero value is ready to use.
type Options struct {
	// Depth is the greatest number of hits to score, and the least number to ask
	// for, even if the query wants fewer; 0 means 50. If the query wants more,
	// those after Depth follow the scored ones in their own order.
	Depth int
	// BatchSize is how many passages the scorer gets at a time; 0 means all. The
	// batches are scored one after another. It must be 0 for a scorer of the kind
	// RankOnly, whose numbers are not comparable between batches.
	BatchSize int
	// AllowMissing continues when the scorer fails: the hits keep their order and
	// scores, and Result.Missing names "rerank". Without it this is an error.
	AllowMissing bool
}

// New returns a Retriever that orders the hits of r by the scores of s, best first.
// Equal scores keep the order of r. s gets the texts of the query and of its hits.
//
// Hit.Score is that of s, and Result.Scores its Kind. Hit.Parts has the result of
// r, under the name retriever.Retrieved. If the query wants more than Options.Depth
// and hits without a score follow, Result.Scores is RankOnly and their Score is
// that of the last scored one.
//
// With an error of s the hits are in the order of r. The error of New wraps
// ErrOption.
func New(r retriever.Retriever, s Scorer, o Options) (retriever.Retriever, error) {
	if o.Depth == 0 {
		o.Depth = 50
	}
	switch {
	case isnil.Value(r):
		return nil, fmt.Errorf("%w: the retriever is nil", ErrOption)
	case isnil.Value(s):
		return nil, fmt.Errorf("%w: the scorer is nil", ErrOption)
	case o.Depth < 0:
		return nil, fmt.Errorf("%w: Depth is %d: want at least 1, or 0 for 50", ErrOption, o.Depth)
	case o.BatchSize < 0:
		return nil, fmt.Errorf("%w: BatchSize is %d: want at least 1, or 0 for all passages", ErrOption, o.BatchSize)
	}
	if c, ok := s.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			return nil, err
		}
	}
	if kind := s.Kind(); o.BatchSize > 0 && (kind == retriever.RankOnly || kind == "") {
		return nil, fmt.Errorf("%w: BatchSize is %d, and the scorer tells ranks only: want 0, since ranks of different batches cannot be compared", ErrOption, o.BatchSize)
	}
	return &reranker{r, s, o}, nil
}

type reranker struct {
	inner  retriever.Retriever
	scorer Scorer
	o      Options
}

// Retrieve implements retriever.Retriever.
func (r *reranker) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	if err := q.Check(); err != nil {
		return retriever.Result{}, err
	}
	wanted := q.K
	q.K = max(q.K, r.o.Depth)
	res, err := retriever.Ask(ctx, r.inner, q)
	if err != nil || len(res.Hits) == 0 {
		res.Hits = res.Hits[:min(wanted, len(res.Hits))]
		return res, err
	}
	n := min(r.o.Depth, len(res.Hits))
	scores, err := r.score(ctx, q.Text, res.Hits[:n])
	if err == nil {
		rank(&res, scores, r.scorer.Kind())
	}
	res.Hits = slices.Clip(res.Hits[:min(wanted, len(res.Hits))])
	if err == nil {
		if n < len(res.Hits) {
			res.Scores = retriever.RankOnly
		}
		return res, nil
	}
	if r.o.AllowMissing && ctx.Err() == nil {
		res.Missing = append(res.Missing, retriever.Missing{Part: "rerank", Reason: err.Error()})
		return res, nil
	}
	return res, fmt.Errorf("rerank: %w", ctxerr.Wrap(ctx, err))
}

// MostCost implements budget.Declarer.
func (r *reranker) MostCost(int) (budget.Cost, bool) {
	size, batches := r.o.Depth, 1
	if b := r.o.BatchSize; b > 0 && b < size {
		size, batches = b, (size+b-1)/b
	}
	scorer, ok := budget.MostCost(r.scorer, size)
	inner, known := budget.MostCost(r.inner, 1)
	return scorer.Times(batches).Add(inner), ok && known
}

// score calls the scorer, batch by batch.
func (r *reranker) score(ctx context.Context, question string, hits []retriever.Hit) (all []float64, err error) {
	ctx, step := observe.Start(ctx, observe.Reranking, "rerank")
	defer step.EndWith(&err)()
	size := r.o.BatchSize
	if size == 0 {
		size = len(hits)
	}
	for batch := range slices.Chunk(hits, size) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		passages := make([]retriever.Passage, len(batch))
		for i, h := range batch {
			passages[i] = h.Passage
		}
		scores, err := r.scorer.Score(ctx, question, passages)
		if err != nil {
			return nil, err
		}
		if len(scores) != len(batch) {
			return nil, fmt.Errorf("%w: %d for %d passages", ErrScores, len(scores), len(batch))
		}
		for i, s := range scores {
			if math.IsNaN(s) || math.IsInf(s, 0) {
				return nil, fmt.Errorf("%w: passage %q has %v: want a finite number", ErrScores, passages[i].ID, s)
			}
		}
		all = append(all, scores...)
	}
	return all, nil
}

// rank sorts the hits that have a score, the first ones, by their scores.
func rank(res *retriever.Result, scores []float64, kind retriever.ScoreKind) {
	least := slices.Min(scores)
	for i := range res.Hits {
		h := &res.Hits[i]
		h.Parts = []retriever.Contribution{{Part: retriever.Retrieved, Rank: i + 1, Score: h.Score, Scores: res.Scores, Parts: h.Parts}}
		h.Score = least
		if i < len(scores) {
			h.Score = scores[i]
		}
	}
	slices.SortStableFunc(res.Hits[:len(scores)], func(a, b retriever.Hit) int { return cmp.Compare(b.Score, a.Score) })
	res.Scores = kind
}
