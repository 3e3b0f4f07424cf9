package hashed_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
)

// Words that are spelled alike are near each other; words that mean the same are not.
func Example() {
	ctx := context.Background()
	texts := []string{"The harbours of the coast.", "The port of the city.", "Light for ships."}
	e, err := hashed.Fit(ctx, texts, hashed.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	passages, err := e.EmbedDocuments(ctx, texts)
	if err != nil {
		fmt.Println(err)
		return
	}
	question, err := e.EmbedQuery(ctx, "harbour")
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, p := range passages {
		similarity := float32(0)
		for j := range p {
			similarity += p[j] * question[j]
		}
		fmt.Printf("%.1f %s\n", max(similarity, 0), texts[i])
	}
	// Output:
	// 0.4 The harbours of the coast.
	// 0.0 The port of the city.
	// 0.0 Light for ships.
}
