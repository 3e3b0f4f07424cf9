package foldersync

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/store"
)

// single is a store that takes in one document in a step.
type single struct{ *store.Store }

func (s single) ReplaceDocuments(ctx context.Context, notes map[string][]byte, passages ...retriever.Passage) error {
	docs := map[string][]retriever.Passage{}
	for _, p := range passages {
		docs[p.Source.URI] = append(docs[p.Source.URI], p)
	}
	for uri, note := range notes {
		if err := s.ReplaceDocument(ctx, uri, docs[uri], note); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkFirstSync syncs files of 120 words with a new store on disk, in steps of many
// documents and of one.
func BenchmarkFirstSync(b *testing.B) {
	dir, files := b.TempDir(), testsize.Of(500, 10_000)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range files {
		var text strings.Builder
		for j := range 120 {
			fmt.Fprintf(&text, "word%d", r.IntN(1+r.IntN(20_000)))
			text.WriteString([]string{" ", ". "}[(j+1)/15*15/(j+1)])
		}
		write(b, filepath.Join(dir, fmt.Sprintf("%d/%05d.md", i%20, i)), fmt.Sprintf("# File %d\n\n%s\n", i, text.String()))
	}
	for _, how := range []string{"many", "one"} {
		b.Run(how, func(b *testing.B) {
			for range b.N {
				s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "store"), store.Options{})
				if err != nil {
					b.Fatal(err)
				}
				var documents Documents[store.Document] = s
				if how == "one" {
					documents = single{s}
				}
				rep, err := Sync(b.Context(), documents, dir, Options{})
				if err != nil || len(rep.Added) != files {
					b.Fatalf("%v, %d files", err, len(rep.Added))
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*files)/b.Elapsed().Seconds(), "files/s")
		})
	}
}
