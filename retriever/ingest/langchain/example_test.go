package langchain_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/documentloaders"

	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/ingest/langchain"
)

func Example() {
	loader := documentloaders.NewText(strings.NewReader("The bridge is old. It is made of stone."))
	passages, err := langchain.Passages(context.Background(), "notes", loader, ingest.Split{Unit: ingest.Sentences, Size: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range passages {
		fmt.Println(p.ID, p.Text)
	}
	// Output:
	// notes#1 The bridge is old.
	// notes#2 It is made of stone.
}
