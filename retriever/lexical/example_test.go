package lexical_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

func Example() {
	ix, err := lexical.New(context.Background(), []retriever.Passage{
		{ID: "guide#1", Title: "Guide", Text: "The engine runs on every platform.", Metadata: filter.Metadata{"year": filter.Int(2024)}},
		{ID: "guide#2", Title: "Guide > The engine", Text: "Its cylinders are made of steel.", Metadata: filter.Metadata{"year": filter.Int(2020)}},
		{ID: "guide#3", Title: "Guide", Text: "Call us.", Metadata: filter.Metadata{"year": filter.Int(2024)}},
	}, lexical.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	expr, err := filter.Parse("year >= 2021")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, q := range []retriever.Query{{Text: "What are engines made of?", K: 2}, {Text: "What are engines made of?", K: 2, Filter: expr}} {
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
	// guide#2 1.381; guide#1 0.470; bm25
	// guide#1 0.470; bm25
}
