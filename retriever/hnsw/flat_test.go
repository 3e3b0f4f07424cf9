package hnsw

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// A vector that the codes rule out is not among the nearest: a search with codes
// gives the same as one that measures everything, in the same order, even on data
// that does not suit codes.
func TestFlatCodesAreExact(t *testing.T) {
	n, queries := testsize.Of(1500, 3000), 40
	if testsize.Racing {
		n, queries = 1100, 5
	}
	for name, make := range map[string]func(*rand.Rand, int, int) [][]float32{
		"uniform":   uniform,
		"clustered": clustered,
		"outliers":  withOutliers,
		"far from zero": func(r *rand.Rand, n, dim int) [][]float32 {
			vectors := uniform(r, n, dim)
			for _, v := range vectors {
				for j := range v {
					v[j] += 300
				}
			}
			return vectors
		},
		"many equal": func(r *rand.Rand, n, dim int) [][]float32 {
			vectors := uniform(r, n, dim)
			for i := range vectors {
				vectors[i] = vectors[i%37]
			}
			return vectors
		},
		"constant dimensions": func(r *rand.Rand, n, dim int) [][]float32 {
			vectors := uniform(r, n, dim)
			for _, v := range vectors {
				for j := range v {
					if j%3 > 0 {
						v[j] = float32(j)
					}
				}
			}
			return vectors
		},
	} {
		for _, dim := range []int{3, 40, 129} {
			for _, metric := range metrics {
				t.Run(fmt.Sprintf("%s/%d/%s", name, dim, metric), func(t *testing.T) {
					t.Parallel()
					r := rand.New(rand.NewPCG(1, uint64(dim)))
					vectors := make(r, n+queries, dim)
					coded, err := NewFlat[int](dim, FlatOptions{Metric: metric})
					must(t, err)
					plain, err := NewFlat[int](dim, FlatOptions{Metric: metric})
					must(t, err)
					for _, f := range []*Flat[int]{coded, plain} {
						// Some come after the codes were fitted, and out of their range.
						must(t, f.Add(t.Context(), items(vectors[:n/2])))
						must(t, f.Add(t.Context(), items(vectors[:n])[n/2:]))
						far := slices.Clone(vectors[0])
						far[0] += 50
						must(t, f.Add(t.Context(), []Item[int]{{-1, far}}))
						must(t, f.Delete(5, 6, 7))
					}
					if coded.view.Load().guide == nil {
						t.Fatal("there are no codes to test")
					}
					v := *plain.view.Load()
					v.guide = nil
					plain.view.Store(&v)
					measured := 0
					for i := range queries {
						q := Query[int]{K: 1 + r.IntN(20)}
						if i%4 == 0 {
							q.Where = func(key int) bool { return key%5 == 0 }
						}
						want, err := plain.Search(t.Context(), nil, vectors[n+i], q)
						must(t, err)
						got, err := coded.Search(t.Context(), nil, vectors[n+i], q)
						must(t, err)
						if !slices.Equal(got, want) {
							t.Fatalf("query %d: got %v, want %v", i, got, want)
						}
						measured += len(coded.readers.all[0].kept)
					}
					t.Logf("of %d vectors, %d came near enough", n, measured/queries)
				})
			}
		}
	}
}
