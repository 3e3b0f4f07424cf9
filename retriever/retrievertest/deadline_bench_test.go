package retrievertest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// BenchmarkReturnAfterDeadline says how late, in milliseconds, a search of 100,000 passages
// returns after a deadline of 100 ms, with the filter that takes longest.
func BenchmarkReturnAfterDeadline(b *testing.B) {
	var list []retriever.Passage
	for i := range 100_000 {
		list = append(list, retriever.Passage{ID: fmt.Sprint(i), Text: fmt.Sprint("river ", i%977), Metadata: filter.Metadata{"n": filter.Int(int64(i))}})
	}
	e, err := embedder()
	if err != nil {
		b.Fatal(err)
	}
	words, err := lexical.New(b.Context(), list, lexical.Options{})
	if err != nil {
		b.Fatal(err)
	}
	flat, err := hnsw.NewFlat[string](64, hnsw.FlatOptions{})
	if err != nil {
		b.Fatal(err)
	}
	vectors, err := dense.New(b.Context(), e, list, dense.Options{Vectors: flat})
	if err != nil {
		b.Fatal(err)
	}
	for name, r := range map[string]retriever.Retriever{"lexical": words, "dense": vectors, "list": retriever.List(list...)} {
		b.Run(name, func(b *testing.B) {
			latest := time.Duration(0)
			for b.Loop() {
				const after = 100 * time.Millisecond
				ctx, cancel := context.WithTimeout(b.Context(), after)
				began := time.Now()
				_, err := r.Retrieve(ctx, retriever.Query{Text: "river", K: 10, Filter: endless()})
				latest = max(latest, time.Since(began)-after)
				cancel()
				if !errors.Is(err, context.DeadlineExceeded) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(latest.Microseconds())/1000, "late-ms")
		})
	}
}
