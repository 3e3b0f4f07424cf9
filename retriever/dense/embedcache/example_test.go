package embedcache_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goselfrag/goselfrag/retriever/dense/embedcache"
)

// counting embeds a text as its length, and counts the texts.
type counting struct{ texts int }

func (c *counting) EmbedDocuments(_ context.Context, texts []string) ([][]float32, error) {
	c.texts += len(texts)
	var vectors [][]float32
	for _, text := range texts {
		vectors = append(vectors, []float32{float32(len(text)), 1})
	}
	return vectors, nil
}

func (c *counting) EmbedQuery(context.Context, string) ([]float32, error) {
	return []float32{1, 1}, nil
}

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	cache, err := embedcache.Open(filepath.Join(dir, "embeddings"), embedcache.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cache.Close()
	model := new(counting)
	embedder, err := cache.Embedder("length, version 1", model)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, texts := range [][]string{{"a bridge", "a tower"}, {"a tower", "an inn"}} {
		vectors, err := embedder.EmbedDocuments(context.Background(), texts)
		fmt.Println(vectors, err)
	}
	fmt.Println(model.texts, "texts were embedded")
	// Output:
	// [[8 1] [7 1]] <nil>
	// [[7 1] [6 1]] <nil>
	// 3 texts were embedded
}
