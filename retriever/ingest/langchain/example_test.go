package langchain_test

import (
	"context"
	"fmt"

	"github.com/tmc/langchaingo/schema"

	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/ingest/langchain"
)

// note is a loader. Those of langchaingo's package documentloaders take its place.
type note string

func (n note) Load(context.Context) ([]schema.Document, error) {
	return []schema.Document{{PageContent: string(n)}}, nil
}

func Example() {
	passages, err := langchain.Passages(context.Background(), "notes", note("The bridge is old. It is made of stone."), ingest.Split{Unit: ingest.Sentences, Size: 1})
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
