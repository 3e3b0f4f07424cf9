package hnsw_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

func Example() {
	ctx := context.Background()
	index, err := hnsw.New[string](3, hnsw.Options{Metric: hnsw.SquaredL2})
	if err != nil {
		log.Fatal(err)
	}
	err = index.Add(ctx, []hnsw.Item[string]{
		{Key: "red", Vector: []float32{1, 0, 0}},
		{Key: "orange", Vector: []float32{1, 0.5, 0}},
		{Key: "green", Vector: []float32{0, 1, 0}},
		{Key: "blue", Vector: []float32{0, 0, 1}},
	})
	if err != nil {
		log.Fatal(err)
	}
	near, err := index.Search(ctx, nil, []float32{0.9, 0.1, 0}, hnsw.Query[string]{K: 2})
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range near {
		fmt.Printf("%s %.2f\n", n.Key, n.Distance)
	}
	// Output:
	// red 0.02
	// orange 0.17
}

// A set is made once and limits many searches.
func ExampleIndex_Select() {
	ctx := context.Background()
	index, err := hnsw.New[int](2, hnsw.Options{Metric: hnsw.SquaredL2})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 100 {
		if err := index.Add(ctx, []hnsw.Item[int]{{Key: i, Vector: []float32{float32(i), 1}}}); err != nil {
			log.Fatal(err)
		}
	}
	tens, err := index.Select(func(key int) bool { return key%10 == 0 })
	if err != nil {
		log.Fatal(err)
	}
	near, err := index.Search(ctx, nil, []float32{42, 1}, hnsw.Query[int]{K: 3, In: tens})
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range near {
		fmt.Println(n.Key, n.Distance)
	}
	// Output:
	// 40 4
	// 50 64
	// 30 144
}

func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "index")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "vectors")

	index, err := hnsw.New[string](2, hnsw.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := index.Add(ctx, []hnsw.Item[string]{{Key: "east", Vector: []float32{1, 0}}, {Key: "north", Vector: []float32{0, 1}}}); err != nil {
		log.Fatal(err)
	}
	if err := index.Save(ctx, path); err != nil {
		log.Fatal(err)
	}

	mapped, err := hnsw.Open[string](path)
	if err != nil {
		log.Fatal(err)
	}
	defer mapped.Close()
	near, err := mapped.Search(ctx, nil, []float32{3, 1}, hnsw.Query[string]{K: 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(near[0].Key)
	// Output:
	// east
}
