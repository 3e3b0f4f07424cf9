package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"testing/fstest"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

func Example() {
	docs := fstest.MapFS{
		"guide.md":  {Data: []byte("# Guide\n\nStart *here*.\n\n## The engine\n\nIt runs on Dr. Smith's server. It is fast.\n")},
		"scan.txt":  {Data: []byte("\x89PNG\x00\xff")},
		"photo.png": {},
	}
	res, err := ingest.FS(context.Background(), docs, ingest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range res.Passages {
		fmt.Printf("%s | %s | %s | bytes %d to %d\n", p.ID, p.Title, p.Text, p.Source.Start, p.Source.End)
	}
	fmt.Println("skipped:", res.Skipped, "ignored:", res.Ignored)
	// Output:
	// guide.md#1 | Guide | Start here. | bytes 9 to 22
	// guide.md#2 | Guide > The engine | It runs on Dr. Smith's server. It is fast. | bytes 39 to 81
	// skipped: [ingest: scan.txt: not text: a file of this name should hold text] ignored: 1
}

func ExampleStream() {
	table := "id\ttext\ttitle\n" +
		"1\t\"A bridge called \"\"the Coathanger\"\".\"\tBridge\n" +
		"2\tNo title\n" +
		"3\tA tower.\tTower\n"
	for p, err := range ingest.Stream(context.Background(), "psgs.tsv", strings.NewReader(table), ingest.Options{}) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s | %s | %s | %s\n", p.ID, p.Title, p.Text, table[p.Source.Start:p.Source.End])
	}
	// Output:
	// 1 | Bridge | A bridge called "the Coathanger". | A bridge called ""the Coathanger"".
	// ingest: psgs.tsv:3: bad record: column 1 of line 3: wrong number of fields: want as many fields as the first row names
	// 3 | Tower | A tower. | A tower.
}

func ExampleSplit_Text() {
	text := "雨だ。傘がない。困った。"
	spans, err := ingest.Split{Unit: ingest.Sentences, Size: 2, Overlap: 1}.Text(text)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range spans {
		fmt.Println(s, text[s.Start:s.End])
	}
	// Output:
	// {0 24} 雨だ。傘がない。
	// {9 36} 傘がない。困った。
}

func ExampleGiveParents() {
	ctx := context.Background()
	text := "The bridge was opened in 1932. It is made of steel.\n\nThe tower is of stone."
	passages, err := ingest.Document("guide.txt", []byte(text), ingest.Options{
		Split:    ingest.Split{Size: 12, Whole: ingest.WholeBlocks},
		Children: &ingest.Split{Unit: ingest.Sentences, Size: 1},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	parents, children := ingest.Families(passages)
	small, err := lexical.New(ctx, children, lexical.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := ingest.GiveParents(small, parents)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := r.Retrieve(ctx, retriever.Query{Text: "When was the bridge opened?", K: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Hits[0].Passage.ID, res.Hits[0].Passage.Text)
	// Output:
	// guide.txt#1 The bridge was opened in 1932. It is made of steel.
}
