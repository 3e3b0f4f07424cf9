package hnsw

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// uniform returns vectors with components from −1 to 1.
func uniform(r *rand.Rand, n, dim int) [][]float32 {
	vectors := make([][]float32, n)
	for i := range vectors {
		vectors[i] = make([]float32, dim)
		for j := range vectors[i] {
			vectors[i][j] = 2*r.Float32() - 1
		}
	}
	return vectors
}

// clustered returns vectors around 100 centers, spread in a few directions of each.
func clustered(r *rand.Rand, n, dim int) [][]float32 {
	const clusters, directions = 100, 16
	centers := uniform(r, clusters, dim)
	axes := make([][][]float32, clusters)
	for i := range axes {
		axes[i] = uniform(r, directions, dim)
	}
	vectors := make([][]float32, n)
	for i := range vectors {
		c := r.IntN(clusters)
		v := append([]float32(nil), centers[c]...)
		for _, axis := range axes[c] {
			z := float32(r.NormFloat64()) * 0.2
			for j := range v {
				v[j] += z*axis[j] + float32(r.NormFloat64())*0.01
			}
		}
		vectors[i] = v
	}
	return vectors
}

func items(vectors [][]float32) []Item[int] {
	list := make([]Item[int], len(vectors))
	for i, v := range vectors {
		list[i] = Item[int]{i, v}
	}
	return list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// recall returns the share of the k nearest that index finds; flat is the
// reference.
func recall(t testing.TB, index, flat Searcher[int], queries [][]float32, q Query[int]) float64 {
	t.Helper()
	found, wanted := 0, 0
	for _, v := range queries {
		truth, err := flat.Search(t.Context(), nil, v, q)
		must(t, err)
		got, err := index.Search(t.Context(), nil, v, q)
		must(t, err)
		keys := map[int]bool{}
		for _, n := range got {
			keys[n.Key] = true
		}
		for _, n := range truth {
			wanted++
			if keys[n.Key] {
				found++
			}
		}
	}
	return float64(found) / float64(wanted)
}

// selfHits returns the share of the vectors that are their own nearest neighbor in
// index.
func selfHits(t testing.TB, index Searcher[int], vectors [][]float32) float64 {
	t.Helper()
	hits := 0
	for i, v := range vectors {
		got, err := index.Search(t.Context(), nil, v, Query[int]{K: 1, Ef: 100})
		must(t, err)
		if len(got) == 1 && got[0].Key == i {
			hits++
		}
	}
	return float64(hits) / float64(len(vectors))
}

var metrics = []Metric{Cosine, InnerProduct, SquaredL2}

// At M 16, efConstruction 200 and ef 100, recall@10 is at least 0.95, and every vector
// finds itself.
func TestRecall(t *testing.T) {
	// Uniform vectors of 80 dimensions count as hard, and 5,000 are too many for a scan.
	n, dims, queries := 5_000, []int{80}, 200
	if testsize.Full() {
		n, dims = 10_000, []int{64, 384}
	}
	if testsize.Racing {
		n, dims, queries = 500, []int{16}, 5
	}
	for name, make := range map[string]func(*rand.Rand, int, int) [][]float32{"uniform": uniform, "clustered": clustered} {
		for _, dim := range dims {
			vectors := make(rand.New(rand.NewPCG(1, 2)), n+queries, dim)
			for _, metric := range metrics {
				t.Run(fmt.Sprintf("%s/%d/%s", name, dim, metric), func(t *testing.T) {
					t.Parallel()
					index, err := New[int](dim, Options{Metric: metric, Ef: 100})
					must(t, err)
					flat, err := NewFlat[int](dim, FlatOptions{Metric: metric})
					must(t, err)
					must(t, index.Add(t.Context(), items(vectors[:n])))
					must(t, flat.Add(t.Context(), items(vectors[:n])))
					got := recall(t, index, flat, vectors[n:], Query[int]{K: 10})
					t.Logf("recall@10 %.4f", got)
					if got < 0.95 {
						t.Errorf("recall@10 is %.4f: want at least 0.95", got)
					}
					if metric == InnerProduct {
						return // a longer vector may be nearer than the vector itself
					}
					if hits := selfHits(t, index, vectors[:n]); hits != 1 {
						t.Errorf("%.4f of the vectors find themselves: want all", hits)
					}
				})
			}
		}
	}
}
