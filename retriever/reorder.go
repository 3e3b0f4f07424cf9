package retriever

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/isnil"
)

// ErrOption is wrapped by errors about parts or options that make no valid
// retriever.
var ErrOption = errors.New("retriever: bad composition")

// Retrieved is the name of the [Contribution] that holds the rank and the score of
// a hit before a retriever such as [Reorder] or [MMR] moved it.
const Retrieved = "retrieved"

// ReorderHits returns hits, which are best first, in the order in which a model
// reads a long prompt best: the best at both ends, d1 d3 d5 … d6 d4 d2. Models
// overlook the middle (Liu et al., "Lost in the Middle: How Language Models Use
// Long Contexts", TACL 2024).
func ReorderHits(hits []Hit) []Hit {
	if hits == nil {
		return nil
	}
	out := make([]Hit, len(hits))
	for i, h := range hits {
		if i%2 == 0 {
			out[i/2] = h
		} else {
			out[len(hits)-1-i/2] = h
		}
	}
	return out
}

// Reorder returns a Retriever that puts the hits of r in the order of
// [ReorderHits]. Use it as the outermost retriever of a program that shows all hits
// to a model in one prompt: its order is no ranking. Hits keep their scores, but
// Result.Scores is [RankOnly] since the scores are not descending any more.
// Hit.Parts has the rank in the order of scores, under the name [Retrieved].
//
// The error wraps ErrOption: r is nil.
func Reorder(r Retriever) (Retriever, error) {
	if isnil.Value(r) {
		return nil, fmt.Errorf("%w: Reorder: the retriever is nil", ErrOption)
	}
	return reordered{r}, nil
}

type reordered struct{ inner Retriever }

// Retrieve implements Retriever.
func (r reordered) Retrieve(ctx context.Context, q Query) (Result, error) {
	res, err := Ask(ctx, r.inner, q)
	for i := range res.Hits {
		res.Hits[i] = moved(res.Hits[i], i+1, res.Scores, 0)
	}
	res.Hits, res.Scores = ReorderHits(res.Hits), RankOnly
	return res, err
}

// MostCost implements budget.Declarer.
func (r reordered) MostCost(int) (budget.Cost, bool) { return budget.MostCost(r.inner, 1) }

// moved returns h with its rank and score kept in Parts.
func moved(h Hit, rank int, kind ScoreKind, value float64) Hit {
	h.Parts = []Contribution{{Part: Retrieved, Rank: rank, Score: h.Score, Scores: kind, Value: value, Parts: h.Parts}}
	return h
}
