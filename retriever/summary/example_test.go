package summary_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/summary"
)

func Example() {
	ctx := context.Background()
	passages := []retriever.Passage{
		{ID: "bridge", Text: "The old bridge is of stone. It rained that day. Floods damaged the stone bridge."},
		{ID: "food", Text: "The market sells fish. It rained that day. The fish of the market comes from the sea."},
	}
	embedder, err := hashed.Fit(ctx, dense.Texts(passages), hashed.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	vectors, err := dense.New(ctx, embedder, nil, dense.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ix, err := summary.New(ctx, vectors, summary.Sentences{Max: 1}, passages, summary.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := ix.Retrieve(ctx, retriever.Query{Text: "stone bridge", K: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := ix.Summary("bridge")
	fmt.Println(text)
	fmt.Println(res.Hits[0].Passage.Text)
	// Output:
	// The old bridge is of stone.
	// The old bridge is of stone. It rained that day. Floods damaged the stone bridge.
}
