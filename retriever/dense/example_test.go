package dense_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// Hybrid search: keywords and vectors, fused. Any other embedder takes the place of
// the one of package hashed.
func Example() {
	ctx := context.Background()
	passages := []retriever.Passage{
		{ID: "a", Title: "Lighthouse", Text: "It was built in 1871 by Ada Kerr."},
		{ID: "b", Title: "Harbour", Text: "The harbourmaster rebuilt the quay."},
		{ID: "c", Title: "Market", Text: "Fish is sold at the quay."},
	}
	embedder, err := hashed.Fit(ctx, dense.Texts(passages), hashed.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	vectors, err := dense.New(ctx, embedder, passages, dense.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	words, err := lexical.New(ctx, passages, lexical.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	hybrid, err := retriever.Fuse([]retriever.Part{
		{Name: "lexical", Retriever: words},
		{Name: "dense", Retriever: vectors, Weight: 0.5},
	}, retriever.FuseOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := hybrid.Retrieve(ctx, retriever.Query{Text: "rebuilding of the harbours", K: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range res.Hits {
		fmt.Println(h.Passage.ID)
		for _, p := range h.Parts {
			fmt.Println(p.Part, p.Rank, p.Scores)
		}
	}
	// Output:
	// b
	// lexical 1 bm25
	// dense 1 cosine
}
