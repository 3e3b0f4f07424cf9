package lexical_test

import (
	"context"
	"fmt"
	"os"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "index")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	ix, err := lexical.New(ctx, []retriever.Passage{{ID: "1", Text: "The quay was built in 1932."}, {ID: "2", Text: "The quay is closed."}}, lexical.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := ix.Save(ctx, dir); err != nil {
		fmt.Println(err)
		return
	}

	ix, err = lexical.Open(dir, lexical.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ix.Close()
	if err := ix.Replace(ctx, retriever.Passage{ID: "2", Text: "The quay is open again."}); err != nil {
		fmt.Println(err)
		return
	}
	res, err := ix.Retrieve(ctx, retriever.Query{Text: "Is the quay open?", K: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Hits[0].Passage.Text)
	// Output: The quay is open again.
}
