package rewrite_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// A misspelled question finds nothing by its own words; the question corrected with
// the words of the passages does.
func Example() {
	passages := []retriever.Passage{
		{ID: "1", Text: "The Ebro is a river in Spain."},
		{ID: "2", Text: "The Parliament is on the Thames."},
	}
	vocabulary, err := rewrite.NewVocabulary(context.Background(), passages)
	if err != nil {
		fmt.Println(err)
		return
	}
	spelling, err := rewrite.NewSpelling(vocabulary)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := rewrite.Fusion(retrievertest.Overlap(passages...), spelling, rewrite.FusionOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := r.Retrieve(context.Background(), retriever.Query{Text: "parlaiment", K: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Hits[0].Passage.ID, res.Hits[0].Parts[0].Part, res.Queries)
	// Output: 2 variant 1 [parliament]
}

// A question goes to the part with the most similar examples. The embedder needs no
// model; the threshold is for this embedder only.
func ExampleNearestRouter() {
	choices := []rewrite.Examples{
		{Part: "leave", Texts: []string{"How many days of holiday do I have?", "Who approves parental leave?"}},
		{Part: "travel", Texts: []string{"Which hotels may I book?", "How are train tickets refunded?"}},
	}
	ctx := context.Background()
	embedder, err := hashed.Fit(ctx, nil, hashed.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	router, err := rewrite.NewNearestRouter(ctx, embedder, choices, rewrite.NearestOptions{Threshold: 0.1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, question := range []string{"Are my train tickets refunded if I am ill?", "Why is the sky blue?"} {
		names, err := router.Route(ctx, retriever.Query{Text: question, K: 5})
		fmt.Println(names, err)
	}
	// Output:
	// [travel] <nil>
	// [] <nil>
}
