//go:build !windows

package main

import (
	"context"
	"math/rand"

	coder "github.com/coder/hnsw"

	"github.com/goselfrag/goselfrag/tools/internal/annset"
)

// coderGraph is github.com/coder/hnsw itself, without retriever/hnsw/coder, which sorts
// the results and computes their distances.
type coderGraph struct{ *coder.Graph[int] }

func openCoder(ctx context.Context, w *workspace, _ int) (engine, error) {
	g := coder.NewGraph[int]()
	switch w.set.Metric {
	case annset.L2:
		g.Distance = coder.EuclideanDistance
	case annset.Cosine:
		g.Distance = coder.CosineDistance
	default:
		return nil, &unavailable{"has no metric " + string(w.set.Metric), "choose -metric l2 or cosine"}
	}
	g.Rng = rand.New(rand.NewSource(1))
	g.M, g.Ml = w.m, 1/float64(w.m)
	g.EfSearch = w.efConstruction // it builds with the width it searches with
	for i := range w.set.Base.Len() {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		// The graph keeps the vector, so it gets a copy, as from a user.
		g.Add(coder.MakeNode(i, append([]float32(nil), w.set.Base.Row(i)...)))
	}
	return coderGraph{g}, nil
}

func (g coderGraph) search(_ context.Context, query []float32, ef int, ids []int32) (int, error) {
	g.EfSearch = ef
	nodes := g.Search(query, len(ids))
	for i, n := range nodes {
		ids[i] = int32(n.Key)
	}
	return len(nodes), nil
}

func (g coderGraph) bytes() int64 { return 0 }
