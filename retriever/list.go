package retriever

import (
	"context"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// List returns a Retriever that returns the passages in their order for every
// query. It is for evidence that is known beforehand, as in the released evaluation
// files. Filter and K apply. Scores are RankOnly: the first passage has the number
// of passages, the last 1.
func List(passages ...Passage) Retriever {
	return fixed(passages)
}

type fixed []Passage

// Retrieve implements Retriever.
func (l fixed) Retrieve(ctx context.Context, q Query) (Result, error) {
	if err := q.Check(); err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	scan, err := filter.NewScan(ctx, q.Filter)
	if err != nil {
		return Result{}, err
	}
	res := Result{Scores: RankOnly}
	seen := make(map[string]bool)
	for i, p := range l {
		if len(res.Hits) == q.K {
			break
		}
		if !seen[p.ID] && scan.Match(p.Metadata) {
			seen[p.ID] = true
			res.Hits = append(res.Hits, Hit{Passage: p, Score: float64(len(l) - i)})
		}
	}
	return res, scan.Err()
}

// MostCost implements budget.Declarer.
func (l fixed) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }
