package retrievertest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// A script returns the hits that the test sets, and records its queries.
func ExampleScript() {
	r := &retrievertest.Script{Rules: []retrievertest.Rule{
		{When: retrievertest.Asks("planet"), Hits: retrievertest.Hits(retrievertest.Passages("Mercury is hot.", "Venus is hotter.")...)},
		{When: retrievertest.Asks("comet")}, // finds nothing
	}}
	for _, text := range []string{"Which planet?", "Which comet?", "Which star?"} {
		res, err := r.Retrieve(context.Background(), retriever.Query{Text: text, K: 1})
		fmt.Println(len(res.Hits), err)
	}
	fmt.Println(len(r.Queries()), "queries")
	// Output:
	// 1 <nil>
	// 0 <nil>
	// 0 retrievertest: the script has no rule for the query "Which star?" with K 1; add a Rule whose When is true for it
	// 3 queries
}

// An index of a few passages, in which the query matters.
func ExampleOverlap() {
	r := retrievertest.Overlap(retrievertest.Passages("Mercury is near the sun.", "Venus is hotter than Mercury.")...)
	res, err := r.Retrieve(context.Background(), retriever.Query{Text: "Is Venus near Mercury?", K: 2})
	for _, h := range res.Hits {
		fmt.Println(h.Score, h.Passage.Text)
	}
	fmt.Println(err)
	// Output:
	// 3 Mercury is near the sun.
	// 3 Venus is hotter than Mercury.
	// <nil>
}

// The contract suite belongs into a test of the implementation.
func ExampleTestRetriever() {
	_ = func(t *testing.T) {
		retrievertest.TestRetriever(t, func(passages []retriever.Passage) (retriever.Retriever, error) {
			return retrievertest.Overlap(passages...), nil
		})
	}
}
