package retrievertest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// BenchmarkSearch searches 10,000 passages with and without a plain filter.
func BenchmarkSearch(b *testing.B) {
	words := strings.Fields("river bridge ship salt market school garden fish town stone old port spring meadow flood water fisher boat pear tree")
	var list []retriever.Passage
	for i := range 10_000 {
		var text []string
		for j := range 30 {
			text = append(text, words[(i*7+j*j*i%13+j)%len(words)]+fmt.Sprint((i*j)%17))
		}
		list = append(list, retriever.Passage{ID: fmt.Sprint("p", i), Text: strings.Join(text, " "), Metadata: filter.Metadata{
			"tenant": filter.String([]string{"acme", "other"}[i%2]), "year": filter.Int(int64(1900 + i%120)), "lang": filter.String("en"),
		}})
	}
	e, err := embedder()
	if err != nil {
		b.Fatal(err)
	}
	keywords, err := lexical.New(b.Context(), list, lexical.Options{})
	if err != nil {
		b.Fatal(err)
	}
	flat, err := dense.New(b.Context(), e, list, dense.Options{})
	if err != nil {
		b.Fatal(err)
	}
	graph, err := hnsw.New[string](64, hnsw.Options{})
	if err != nil {
		b.Fatal(err)
	}
	near, err := dense.New(b.Context(), e, list, dense.Options{Vectors: graph})
	if err != nil {
		b.Fatal(err)
	}
	hybrid, err := retriever.Fuse([]retriever.Part{{Name: "a", Retriever: keywords}, {Name: "b", Retriever: near}}, retriever.FuseOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		r    retriever.Retriever
	}{{"lexical", keywords}, {"flat", flat}, {"graph", near}, {"hybrid", hybrid}, {"list", retriever.List(list...)}} {
		for _, text := range []string{"", `tenant = "acme"`, `tenant = "acme" and (year >= 1990 or lang in ("de", "fr"))`} {
			b.Run(c.name+" "+text, func(b *testing.B) {
				q := retriever.Query{Text: "bridge3 river5 salt1", K: 10}
				if text != "" {
					if q.Filter, err = filter.Parse(text); err != nil {
						b.Fatal(err)
					}
				}
				for b.Loop() {
					if res, err := c.r.Retrieve(b.Context(), q); err != nil || len(res.Hits) == 0 {
						b.Fatal(len(res.Hits), err)
					}
				}
			})
		}
	}
}
