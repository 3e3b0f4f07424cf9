// Quickstart answers four questions over the project's own documents: one that
// they answer, one that holds its own text and needs no retrieval, one that they do not
// answer, and one in Chinese about a document in Chinese. It needs no server, key or
// network. With -v it shows how each answer came about.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/selfrag"
)

var questions = []string{
	"What does the retrieval threshold default to?",
	`In the text "The bridge was opened in 1932. It is painted grey every ten years.", when was the bridge opened?`,
	"How much does the engine cost per month?",
	"怎么停止机器？", // How do I stop the machine?
}

// manual is a document in Chinese: the language of each passage is told from its text.
var manual = retriever.Passage{
	ID: "manual", Title: "操作手册",
	Text: "启动前请关好前盖。要停止机器，请按红色按钮。每三个月清洗一次滤网。",
}

func main() {
	log.SetFlags(0)
	verbose := flag.Bool("v", false, "print the decisions and the tables of candidates, too")
	flag.Parse()
	ctx := context.Background()
	docs, err := ingest.Dir(ctx, "docs", ingest.Options{})
	if err != nil {
		log.Fatalf("%v (start the program from the top folder of the project)", err)
	}
	docs.Passages = append(docs.Passages, manual)
	index, err := lexical.New(ctx, docs.Passages, lexical.Options{})
	if err != nil {
		log.Fatal(err)
	}
	engine, err := selfrag.New(extractive.New(), index)
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
		show.Answer(os.Stdout, answer, show.Columns)
		if *verbose {
			show.Details(os.Stdout, answer, show.Columns)
		}
	}
	fmt.Println()
	show.Legend(os.Stdout, show.Columns)
}
