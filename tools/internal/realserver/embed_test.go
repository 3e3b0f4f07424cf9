package realserver

import (
	"math"
	"testing"

	"github.com/goselfrag/goselfrag/retriever/dense/openai"
)

// The embeddings of a server are those of the oracle, each that of its own text.
func TestEmbeddings(t *testing.T) {
	c, found := config(t)
	if !found {
		skip(t)
	}
	client, err := openai.New(openai.Config{Server: c.Server, Batch: 2})
	if err != nil {
		t.Fatal(err)
	}
	m := toy(t)
	unit := func(text string) []float64 {
		x := m.Start(text).Hidden()
		length := 0.0
		for _, v := range x {
			length = math.Hypot(length, v)
		}
		for i := range x {
			x[i] /= length
		}
		return x
	}
	far := func(x []float32, y []float64) float64 {
		if len(x) != len(y) {
			t.Fatalf("%d numbers: want %d", len(x), len(y))
		}
		most := 0.0
		for i := range x {
			most = max(most, math.Abs(float64(x[i])-y[i]))
		}
		return most
	}
	texts := []string{"The moon is hot.", "The old bridge is in London", "Où?"}
	got, err := client.EmbedDocuments(t.Context(), texts)
	if err != nil || len(got) != len(texts) {
		t.Fatalf("%d vectors, %v", len(got), err)
	}
	for i, text := range texts {
		query, err := client.EmbedQuery(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		for j, other := range texts {
			want := unit(other)
			if d := far(got[i], want); (d < 1e-6) != (i == j) {
				t.Errorf("the vector of %q is %.2g away from that of %q", text, d, other)
			}
			if d := far(query, want); (d < 1e-6) != (i == j) {
				t.Errorf("the vector of the query %q is %.2g away from that of %q", text, d, other)
			}
		}
	}
}
