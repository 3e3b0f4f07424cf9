package system

import (
	"context"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

type gold struct {
	positive map[string][]retriever.Passage // by the text of the question
	rest     retriever.Retriever
}

// Gold returns a retriever that returns the positive passages of a question first, in their
// order, and then the results of rest. It identifies a question by its text. Its scores are
// ranks. The gain of a system with it is the most that better retrieval could gain.
func Gold(passages []retriever.Passage, questions []dataset.Question, rest retriever.Retriever) retriever.Retriever {
	byID := map[string]retriever.Passage{}
	for _, p := range passages {
		byID[p.ID] = p
	}
	g := &gold{map[string][]retriever.Passage{}, rest}
	for _, q := range questions {
		for _, id := range q.Positive {
			if p, ok := byID[id]; ok {
				g.positive[q.Question] = append(g.positive[q.Question], p)
			}
		}
	}
	return g
}

// Retrieve implements retriever.Retriever.
func (g *gold) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	found, err := retriever.Ask(ctx, g.rest, q)
	if err != nil {
		return found, err
	}
	scan, err := filter.NewScan(ctx, q.Filter)
	if err != nil {
		return retriever.Result{}, err
	}
	var hits []retriever.Hit
	known := map[string]bool{}
	for _, p := range g.positive[q.Text] {
		if !known[p.ID] && scan.Match(p.Metadata) {
			hits = append(hits, retriever.Hit{Passage: p})
		}
		known[p.ID] = true
	}
	for _, h := range found.Hits {
		if !known[h.Passage.ID] {
			hits = append(hits, h)
		}
	}
	hits = hits[:min(len(hits), q.K)]
	for i := range hits {
		hits[i].Score, hits[i].Parts = 1/float64(i+1), nil
	}
	found.Hits, found.Scores = hits, retriever.RankOnly
	return found, scan.Err()
}
