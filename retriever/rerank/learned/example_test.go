package learned_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rerank/learned"
)

func Example() {
	ctx := context.Background()
	passages := []retriever.Passage{
		{ID: "1", Title: "Urinary bladder", Text: "In the human body the bladder is a hollow organ, situated on the pelvic floor."},
		{ID: "2", Title: "Gallbladder", Text: "The gallbladder is a small organ of the body. In humans it lies beneath the liver."},
	}
	words, err := lexical.New(ctx, passages, lexical.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	scorer, err := learned.New(ctx, passages)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := rerank.New(words, scorer, rerank.Options{Depth: 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := r.Retrieve(ctx, retriever.Query{Text: "Where is the gall bladder in the body?", K: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Hits[0].Passage.Title, "was at rank", res.Hits[0].Parts[0].Rank)
	// Output: Gallbladder was at rank 2
}
