package ingest_test

import (
	"context"
	"fmt"
	"testing/fstest"

	"github.com/goselfrag/goselfrag/retriever/ingest"
)

func Example() {
	docs := fstest.MapFS{
		"guide.md":  {Data: []byte("# Guide\n\nStart *here*.\n\n## The engine\n\nIt runs on Dr. Smith's server. It is fast.\n")},
		"scan.txt":  {Data: []byte("caf\xe9")},
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
	// skipped: [ingest: scan.txt: not UTF-8: convert the file to UTF-8] ignored: 1
}
