//go:build !windows

package coder_test

import (
	"bytes"
	"context"
	"fmt"

	coderhnsw "github.com/coder/hnsw"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/hnsw/coder"
)

// The vectors of an export move into an index of ours.
func ExampleRead() {
	g := coderhnsw.NewGraph[string]()
	g.Add(
		coderhnsw.MakeNode("north", []float32{0, 1}),
		coderhnsw.MakeNode("east", []float32{1, 0}),
		coderhnsw.MakeNode("north-east", []float32{1, 1}),
	)
	var export bytes.Buffer
	if err := g.Export(&export); err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	x, err := coder.Read[string](ctx, &export, hnsw.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := x.Search(ctx, nil, []float32{1, 9}, hnsw.Query[string]{K: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range found {
		fmt.Printf("%s %.3f\n", n.Key, n.Distance)
	}
	// Output:
	// north 0.006
	// north-east 0.219
}

// Index implements the interface of package hnsw.
func ExampleIndex() {
	ctx := context.Background()
	var x hnsw.VectorIndex[int]
	x, err := coder.New[int](2, coder.Options{Metric: hnsw.SquaredL2})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := x.Add(ctx, []hnsw.Item[int]{{Key: 1, Vector: []float32{0, 1}}, {Key: 2, Vector: []float32{3, 1}}}); err != nil {
		fmt.Println(err)
		return
	}
	found, err := x.Search(ctx, nil, []float32{0, 0}, hnsw.Query[int]{K: 2})
	fmt.Println(found, err)
	// Output:
	// [{1 1} {2 10}] <nil>
}
