package lexical_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

func Example() {
	ix, err := lexical.New([]retriever.Passage{
		{ID: "guide#1", Title: "Guide", Text: "The engine runs on every platform.", Metadata: retriever.Metadata{"year": retriever.Int(2024)}},
		{ID: "guide#2", Title: "Guide > The engine", Text: "Its cylinders are made of steel.", Metadata: retriever.Metadata{"year": retriever.Int(2020)}},
		{ID: "guide#3", Title: "Guide", Text: "Call us.", Metadata: retriever.Metadata{"year": retriever.Int(2024)}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	filter, err := retriever.ParseFilter("year >= 2021")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, q := range []retriever.Query{{Text: "What are engines made of?", K: 2}, {Text: "What are engines made of?", K: 2, Filter: filter}} {
		res, err := ix.Retrieve(context.Background(), q)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, h := range res.Hits {
			fmt.Printf("%s %.3f; ", h.Passage.ID, h.Score)
		}
		fmt.Println(res.Scores)
	}
	// Output:
	// guide#2 1.501; guide#1 0.459; bm25
	// guide#1 0.459; bm25
}
