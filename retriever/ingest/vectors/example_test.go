package vectors_test

import (
	"context"
	"fmt"
	"testing/fstest"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/ingest/vectors"
)

func Example() {
	// Two vectors of two components, as numpy.save writes them.
	array := "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }" +
		"                                                          \n" +
		"\x00\x00\x80\x3f\x00\x00\x00\x00" + // 1, 0
		"\x00\x00\x00\x00\x00\x00\x00\x40" // 0, 2
	files := fstest.MapFS{"00.ids": {Data: []byte("p1\np2\n")}, "00.npy": {Data: []byte(array)}}

	ctx := context.Background()
	index, err := hnsw.New[string](2, hnsw.Options{Metric: hnsw.InnerProduct})
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := vectors.Load(ctx, files, index, vectors.Shard{IDs: "00.ids", Vectors: "00.npy"})
	fmt.Println(n, err)
	found, err := index.Search(ctx, nil, []float32{1, 1}, hnsw.Query[string]{K: 1})
	fmt.Println(found, err)
	// Output:
	// 2 <nil>
	// [{p2 -2}] <nil>
}
