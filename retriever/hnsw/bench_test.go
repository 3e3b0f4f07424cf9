package hnsw

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// BenchmarkSearch measures one search of one goroutine for the 10 nearest of 10,000
// vectors of 64 dimensions.
func BenchmarkSearch(b *testing.B) {
	const n, dim, queries = 10_000, 64, 256
	vectors := clustered(rand.New(rand.NewPCG(1, 2)), n+queries, dim)
	x, err := New[int](dim, Options{Workers: 1})
	must(b, err)
	must(b, x.Add(b.Context(), items(vectors[:n])))
	var dst []Neighbor[int]
	for i := 0; b.Loop(); i++ {
		dst, err = x.Search(b.Context(), dst[:0], vectors[n+i%queries], Query[int]{K: 10})
		must(b, err)
	}
}

// BenchmarkAdd measures how one goroutine adds 2,000 vectors of 64 dimensions to an empty
// index.
func BenchmarkAdd(b *testing.B) {
	const n, dim = 2000, 64
	list := items(clustered(rand.New(rand.NewPCG(1, 2)), n, dim))
	for b.Loop() {
		x, err := New[int](dim, Options{Workers: 1})
		must(b, err)
		must(b, x.Add(b.Context(), list))
	}
}

// BenchmarkSelect measures the making of a set of half of 10,000 keys.
func BenchmarkSelect(b *testing.B) {
	x, err := New[int](4, Options{Workers: 1, EfConstruction: 10, M: 4})
	must(b, err)
	must(b, x.Add(b.Context(), items(clustered(rand.New(rand.NewPCG(1, 2)), 10_000, 4))))
	for b.Loop() {
		_, err := x.Select(func(key int) bool { return key%2 == 0 })
		must(b, err)
	}
}

// BenchmarkSearchMapped is BenchmarkSearch in an index that was opened from a file.
func BenchmarkSearchMapped(b *testing.B) {
	const n, dim, queries = 10_000, 64, 256
	vectors := clustered(rand.New(rand.NewPCG(1, 2)), n+queries, dim)
	made, err := New[int](dim, Options{Workers: 1})
	must(b, err)
	must(b, made.Add(b.Context(), items(vectors[:n])))
	path := filepath.Join(b.TempDir(), "index")
	must(b, made.Save(b.Context(), path))
	x, err := Open[int](path)
	must(b, err)
	defer func() { must(b, x.Close()) }()
	must(b, x.Verify(b.Context()))
	var dst []Neighbor[int]
	for i := 0; b.Loop(); i++ {
		dst, err = x.Search(b.Context(), dst[:0], vectors[n+i%queries], Query[int]{K: 10})
		must(b, err)
	}
}
