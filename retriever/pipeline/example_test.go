package pipeline_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
)

func Example() {
	passages := []retriever.Passage{
		{ID: "tower", Text: "The lighthouse was built in 1871."},
		{ID: "inn", Text: "The harbourmaster eats at the inn."},
	}
	p, err := pipeline.Parse("fuse(lexical, dense weight=0.8) | mmr lambda=0.9")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	r, err := pipeline.NewCorpus(pipeline.Env{}, passages).Build(ctx, p)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := r.Retrieve(ctx, retriever.Query{Text: "harbour", K: 1})
	fmt.Println(res.Hits[0].Passage.ID, err)

	_, err = pipeline.Parse("hybrid | rerank depth=none")
	fmt.Println(err)
	// Output:
	// inn <nil>
	// pipeline: 1:23: depth=none: want a whole number from 1 to 1000000
}
