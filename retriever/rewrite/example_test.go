package rewrite_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// A misspelt question finds nothing by its own words; the question corrected by the
// words of the passages does.
func Example() {
	passages := []retriever.Passage{
		{ID: "1", Text: "The Ebro is a river in Spain."},
		{ID: "2", Text: "The Parliament stands on the Thames."},
	}
	spelling, err := rewrite.NewSpelling(rewrite.NewVocabulary(passages))
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
