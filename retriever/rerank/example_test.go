package rerank_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// The words of the question are in both passages; the model decides which answers
// it.
func Example() {
	words := retrievertest.Overlap(
		retriever.Passage{ID: "1", Text: "Nobody knows when the old bridge over the Ebro was first planned. Floods were common."},
		retriever.Passage{ID: "2", Text: "The stone bridge over the Ebro was built in 1702."},
	)
	r, err := rerank.New(words, rerank.ModelScorer{Generator: extractive.New()}, rerank.Options{Depth: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := r.Retrieve(context.Background(), retriever.Query{Text: "When was the bridge over the Ebro built?", K: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Hits[0].Passage.ID, "was at rank", res.Hits[0].Parts[0].Rank)
	// Output: 2 was at rank 2
}
