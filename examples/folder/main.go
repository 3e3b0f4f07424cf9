// Folder answers a question over a folder of documents: Markdown, HTML and plain text.
//
//	go run ./examples/folder docs "What does a filter do?"
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rerank/learned"
	"github.com/goselfrag/goselfrag/selfrag"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal(`usage: folder DIR "question"`)
	}
	if err := answer(context.Background(), os.Stdout, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func answer(ctx context.Context, w io.Writer, dir, question string) error {
	docs, err := ingest.Dir(ctx, dir, ingest.Options{})
	if err != nil {
		return err
	}
	for _, s := range docs.Skipped {
		log.Printf("skipped %v", s)
	}

	// Keywords find candidates, and a scorer that needs no model puts them in order.
	words, err := lexical.New(ctx, docs.Passages, lexical.Options{})
	if err != nil {
		return err
	}
	scorer, err := learned.New(ctx, docs.Passages)
	if err != nil {
		return err
	}
	index, err := rerank.New(words, scorer, rerank.Options{Depth: 20})
	if err != nil {
		return err
	}

	// The embedded model quotes. Put a model server in its place for text of its own.
	engine, err := selfrag.New(extractive.New(), index)
	if err != nil {
		return err
	}
	a, err := engine.Answer(ctx, question)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, a.Cited())
	for _, c := range a.Citations {
		fmt.Fprintln(w, c) // its number, title and place
	}
	for _, s := range a.Segments { // of a quotation the support is full, whether or not it answers
		fmt.Fprintf(w, "support by the passage: %v, answers the question: %+.1f of -1 to 1\n", s.Support, s.Terms.Utility.Value)
	}
	return nil
}
