package dense_test

import (
	"context"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/embeddings"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
)

// An embedder of langchaingo is one of ours as it is.
func TestLangchaingoEmbedder(t *testing.T) {
	var asked []string
	client := embeddings.EmbedderClientFunc(func(_ context.Context, texts []string) ([][]float32, error) {
		asked = append(asked, texts...)
		var out [][]float32
		for _, text := range texts {
			out = append(out, []float32{float32(strings.Count(text, "ship")), float32(strings.Count(text, "light"))})
		}
		return out, nil
	})
	embedder, err := embeddings.NewEmbedder(client)
	if err != nil {
		t.Fatal(err)
	}
	ix, err := dense.New(t.Context(), embedder, []retriever.Passage{{ID: "a", Text: "light"}, {ID: "b", Title: "ships", Text: "ship"}}, dense.Options{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "a ship", K: 1})
	if err != nil || len(res.Hits) != 1 || res.Hits[0].Passage.ID != "b" || res.Hits[0].Score != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	if got := strings.Join(asked, "|"); got != "light|ships ship|a ship" { // it strips line breaks unless told not to
		t.Errorf("asked for %q", got)
	}
}
