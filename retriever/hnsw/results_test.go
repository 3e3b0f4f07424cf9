package hnsw

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// during returns a filter that allows all and calls change once, when it is called
// for the key at: in the middle of a search, by the searching goroutine.
func during(at int, change func()) func(int) bool {
	var once sync.Once
	return func(key int) bool {
		if key == at {
			once.Do(change)
		}
		return true
	}
}

// A key that is replaced or deleted during a search is in its result before or
// after, and does not leave a gap.
func TestChangesDuringSearch(t *testing.T) {
	const n = 100
	vectors := uniform(rand.New(rand.NewPCG(1, 2)), n, 3)
	for _, k := range []int{1, 10, n} {
		for _, kind := range []string{"flat", "graph"} {
			fill := func() VectorIndex[int] {
				x, err := New[int](3, Options{Metric: SquaredL2})
				must(t, err)
				f, err := NewFlat[int](3, FlatOptions{Metric: SquaredL2})
				must(t, err)
				index := map[string]VectorIndex[int]{"flat": f, "graph": x}[kind]
				must(t, index.Add(t.Context(), items(vectors)))
				return index
			}
			t.Run(fmt.Sprintf("%s/replaced/%d", kind, k), func(t *testing.T) {
				x := fill()
				must(t, x.Delete(0)) // makes a free slot, which is passed first
				if g, ok := x.(*Index[int]); ok {
					g.sweep()
				}
				where := during(50, func() { must(t, x.Add(t.Context(), []Item[int]{{90, vectors[90]}})) })
				got, err := x.Search(t.Context(), nil, vectors[90], Query[int]{K: k, Where: where})
				must(t, err)
				if len(got) != min(k, n-1) || got[0] != (Neighbor[int]{90, 0}) {
					t.Errorf("got %v: want %d, the first with key 90", got, min(k, n-1))
				}
			})
			t.Run(fmt.Sprintf("%s/deleted/%d", kind, k), func(t *testing.T) {
				x := fill()
				got, err := x.Search(t.Context(), nil, vectors[3], Query[int]{K: k, Where: during(50, func() { must(t, x.Delete(3)) })})
				must(t, err)
				want, err := x.Search(t.Context(), nil, vectors[3], Query[int]{K: k})
				must(t, err)
				if len(want) != min(k, n-1) || !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			})
		}
	}
}

// A search that began before the codes were fitted again still uses their strays.
func TestFitDuringSearch(t *testing.T) {
	const n, dim = 2000, 4
	vectors := uniform(rand.New(rand.NewPCG(3, 4)), 3*n, dim)
	// At the end of the range, where its code is, it would be farther from the
	// query than others.
	far := []float32{50, 1, 1, 1}
	f, err := NewFlat[int](dim, FlatOptions{Metric: SquaredL2})
	must(t, err)
	must(t, f.Add(t.Context(), items(vectors[:n])))
	must(t, f.Add(t.Context(), []Item[int]{{-1, far}}))
	where := during(500, func() { must(t, f.Add(t.Context(), items(vectors)[n:])) })
	got, err := f.Search(t.Context(), nil, []float32{50, -1, -1, -1}, Query[int]{K: 1, Where: where})
	must(t, err)
	if len(got) != 1 || got[0] != (Neighbor[int]{-1, 12}) {
		t.Errorf("got %v: want key -1 at 12", got)
	}
}

// Searches find a key that others replace all the time.
func TestReplacedAllTheTime(t *testing.T) {
	vectors := uniform(rand.New(rand.NewPCG(5, 6)), 500, 8)
	searches := testsize.Raced(200, 2000)
	x, err := New[int](8, Options{Workers: 1})
	must(t, err)
	f, err := NewFlat[int](8, FlatOptions{})
	must(t, err)
	for kind, x := range map[string]VectorIndex[int]{"graph": x, "flat": f} {
		must(t, x.Add(t.Context(), items(vectors)))
		done := make(chan struct{})
		var writing sync.WaitGroup
		writing.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := x.Add(t.Context(), []Item[int]{{7, vectors[7]}}); err != nil {
					t.Error(err)
				}
			}
		})
		for i := range searches {
			got, err := x.Search(t.Context(), nil, vectors[7], Query[int]{K: 1 + i%30})
			if err != nil || len(got) == 0 || got[0].Key != 7 {
				t.Errorf("%s: got %v, %v: want key 7 first", kind, got, err)
				break
			}
		}
		close(done)
		writing.Wait()
	}
}
