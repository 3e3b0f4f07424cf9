package main

import (
	"context"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/tools/internal/annset"
)

// searcher is an index of retriever/hnsw as an engine.
type searcher struct {
	hnsw.Searcher[int]
	found []hnsw.Neighbor[int]
}

func (s *searcher) search(ctx context.Context, query []float32, ef int, ids []int32) (int, error) {
	found, err := s.Search(ctx, s.found[:0], query, hnsw.Query[int]{K: len(ids), Ef: ef})
	s.found = found
	for i, f := range found {
		ids[i] = int32(f.Key)
	}
	return len(found), err
}

func (s *searcher) bytes() int64 { return 0 }

// graph is one that can grow and be saved, and counts its memory.
type graph struct {
	searcher
	index *hnsw.Index[int]
}

func (g *graph) bytes() int64 { return g.index.Stats().Bytes }

var hnswMetrics = map[annset.Metric]hnsw.Metric{
	annset.L2:           hnsw.SquaredL2,
	annset.Cosine:       hnsw.Cosine,
	annset.InnerProduct: hnsw.InnerProduct,
}

func openGraph(storage hnsw.Storage) func(context.Context, *workspace, int) (engine, error) {
	return func(ctx context.Context, w *workspace, workers int) (engine, error) {
		x, err := hnsw.New[int](w.set.Base.Dim, hnsw.Options{
			Metric: hnswMetrics[w.set.Metric], Storage: storage,
			M: w.m, EfConstruction: w.efConstruction, Workers: workers, Seed: 1,
		})
		if err != nil {
			return nil, err
		}
		if err := x.Add(ctx, items(w.set.Base, 0)); err != nil {
			return nil, err
		}
		return &graph{searcher{Searcher: x}, x}, nil
	}
}

func openFlat(ctx context.Context, w *workspace, _ int) (engine, error) {
	x, err := hnsw.NewFlat[int](w.set.Base.Dim, hnsw.FlatOptions{Metric: hnswMetrics[w.set.Metric]})
	if err != nil {
		return nil, err
	}
	if err := x.Add(ctx, items(w.set.Base, 0)); err != nil {
		return nil, err
	}
	return &searcher{Searcher: x}, nil
}

// items are the rows from one on, with their numbers as keys.
func items(v annset.Vectors, from int) []hnsw.Item[int] {
	out := make([]hnsw.Item[int], 0, v.Len()-from)
	for i := from; i < v.Len(); i++ {
		out = append(out, hnsw.Item[int]{Key: i, Vector: v.Row(i)})
	}
	return out
}
