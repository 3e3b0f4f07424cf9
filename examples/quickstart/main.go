// Quickstart answers three questions over the project's own documents: one that
// they answer, one that holds its own text and needs no retrieval, and one that
// they do not answer. It needs no server, key or network.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/goselfrag/goselfrag/examples/internal/show"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/selfrag"
)

var questions = []string{
	"What does the retrieval threshold default to?",
	`In the text "The bridge was opened in 1932. It is painted grey every ten years.", when was the bridge opened?`,
	"How much does the engine cost per month?",
}

func main() {
	log.SetFlags(0)
	ctx := context.Background()
	docs, err := ingest.Dir(ctx, "docs", ingest.Options{})
	if err != nil {
		log.Fatalf("%v (start the program from the top folder of the project)", err)
	}
	index, err := hybrid(ctx, docs.Passages)
	if err != nil {
		log.Fatal(err)
	}
	engine, err := selfrag.New(extractive.New(), index, selfrag.WithAbstention(0.5, ""))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d passages from %d files in docs\n", len(docs.Passages), docs.Read)
	for _, q := range questions {
		fmt.Printf("\n== %s\n", q)
		answer, err := engine.Answer(ctx, q)
		if err != nil {
			log.Fatal(err)
		}
		show.Run(os.Stdout, answer)
	}
}

// hybrid searches by words and by parts of words, and fuses what it finds. With the
// embedder of a model in place of hashed it also searches by meaning.
func hybrid(ctx context.Context, passages []retriever.Passage) (retriever.Retriever, error) {
	words, err := lexical.New(passages)
	if err != nil {
		return nil, err
	}
	embedder, err := hashed.Fit(ctx, dense.Texts(passages), hashed.Options{})
	if err != nil {
		return nil, err
	}
	vectors, err := dense.New(ctx, embedder, passages, dense.Options{})
	if err != nil {
		return nil, err
	}
	return retriever.Fuse([]retriever.Part{
		{Name: "lexical", Retriever: words},
		{Name: "dense", Retriever: vectors},
	}, retriever.FuseOptions{Method: retriever.ScoreFusion})
}
