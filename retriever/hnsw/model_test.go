package hnsw

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// model is the slow and simple index: a list of vectors in the order of addition.
type model struct {
	metric  Metric
	keys    []int
	vectors [][]float32
}

func (m *model) remove(key int) bool {
	i := slices.Index(m.keys, key)
	if i < 0 {
		return false
	}
	m.keys = slices.Delete(m.keys, i, i+1)
	m.vectors = slices.Delete(m.vectors, i, i+1)
	return true
}

func (m *model) add(key int, vector []float32) {
	m.remove(key)
	m.keys, m.vectors = append(m.keys, key), append(m.vectors, vector)
}

func (m *model) distance(a, b []float32) float64 {
	var dot, aa, bb, l2 float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot, aa, bb, l2 = dot+x*y, aa+x*x, bb+y*y, l2+(x-y)*(x-y)
	}
	switch m.metric {
	case Cosine:
		return 1 - dot/math.Sqrt(aa*bb)
	case InnerProduct:
		return -dot
	}
	return l2
}

// nearest returns the distances of all allowed vectors, and those sorted.
func (m *model) nearest(query []float32, where func(int) bool) (by map[int]float64, sorted []float64) {
	by = map[int]float64{}
	for i, key := range m.keys {
		if where == nil || where(key) {
			by[key] = m.distance(query, m.vectors[i])
			sorted = append(sorted, by[key])
		}
	}
	slices.Sort(sorted)
	return by, sorted
}

// Random sequences of additions, replacements, deletions, searches, filters, and, for an
// Index, saving, loading and mapping, compared with the model after every step.
func TestAgainstModel(t *testing.T) {
	seeds, steps := testsize.Raced(3, testsize.Of(6, 12)), testsize.Raced(100, 400)
	for seed := range uint64(seeds) {
		metric := metrics[seed%3]
		t.Run(fmt.Sprintf("flat/%d", seed), func(t *testing.T) {
			t.Parallel()
			x, err := NewFlat[int](7, FlatOptions{Metric: metric})
			must(t, err)
			compareWithModel(t, seed, steps, x, metric, 1, nil)
		})
		t.Run(fmt.Sprintf("graph/%d", seed), func(t *testing.T) {
			t.Parallel()
			x, err := New[int](7, Options{Metric: metric, M: 4, EfConstruction: 40, Ef: 4, Seed: seed, Storage: Storage(seed / 3 % 2)})
			must(t, err)
			// Workers link in another order in each run: the share is 0.92 or so, and was
			// 0.8995 once in some 500 runs.
			compareWithModel(t, seed, steps, x, metric, 0.87, func(int) VectorIndex[int] {
				checkInvariants(t, x, 0.99)
				path := filepath.Join(t.TempDir(), "index")
				must(t, x.Save(t.Context(), path))
				checkInvariants(t, x, 0.99)
				must(t, x.Close())
				if seed%2 == 0 {
					x, err = Load[int](t.Context(), path)
				} else {
					x, err = Open[int](path)
				}
				must(t, err)
				return x
			})
			checkInvariants(t, x, 0.99)
			must(t, x.Close())
		})
	}
}

func compareWithModel(t *testing.T, seed uint64, steps int, x VectorIndex[int], metric Metric, enough float64, reopen func(int) VectorIndex[int]) {
	r := rand.New(rand.NewPCG(seed, 1))
	m := &model{metric: metric}
	vector := func() []float32 { return uniform(r, 1, 7)[0] }
	found, wanted := 0, 0
	for step := range steps {
		switch r.IntN(8) {
		case 0, 1, 2: // add a batch, with new, old and repeated keys
			batch := make([]Item[int], r.IntN(60))
			for i := range batch {
				batch[i] = Item[int]{r.IntN(2000), vector()}
			}
			must(t, x.Add(t.Context(), batch))
			// Repeated keys count once, at their last position.
			for i, item := range batch {
				if !slices.ContainsFunc(batch[i+1:], func(o Item[int]) bool { return o.Key == item.Key }) {
					m.add(item.Key, item.Vector)
				}
			}
		case 3, 4: // delete some
			keys := []int{}
			for range r.IntN(50) {
				if len(m.keys) > 0 {
					keys = append(keys, m.keys[r.IntN(len(m.keys))])
				}
			}
			must(t, x.Delete(keys...))
			for _, key := range keys {
				m.remove(key)
			}
		case 5: // delete unknown keys
			if err := x.Delete(append(slices.Clone(m.keys[:min(3, len(m.keys))]), -1)...); !errors.Is(err, ErrUnknownKey) {
				t.Fatalf("step %d: deleting an unknown key gave %v", step, err)
			}
		case 6:
			if reopen != nil && r.IntN(8) == 0 {
				x = reopen(step)
			}
		}
		if x.Len() != len(m.keys) {
			t.Fatalf("step %d: %d vectors: want %d", step, x.Len(), len(m.keys))
		}
		q := Query[int]{K: 1 + r.IntN(12)}
		if r.IntN(2) == 0 {
			modulus := 1 + r.IntN(20)
			q.Where = func(key int) bool { return key%modulus == 0 }
		}
		query := vector()
		got, err := x.Search(t.Context(), nil, query, q)
		if len(m.keys) == 0 {
			if !errors.Is(err, ErrEmpty) {
				t.Fatalf("step %d: a search in an empty index gave %v", step, err)
			}
			continue
		}
		must(t, err)
		by, sorted := m.nearest(query, q.Where)
		if len(got) != min(q.K, len(by)) {
			t.Fatalf("step %d: %d neighbors: want %d", step, len(got), min(q.K, len(by)))
		}
		seen := map[int]bool{}
		for i, n := range got {
			want, ok := by[n.Key]
			if !ok || seen[n.Key] {
				t.Fatalf("step %d: key %d is not there, not allowed or there twice", step, n.Key)
			}
			seen[n.Key] = true
			if math.Abs(float64(n.Distance)-want) > 1e-5 {
				t.Fatalf("step %d: key %d is at %v: want %v", step, n.Key, n.Distance, want)
			}
			if i > 0 && n.Distance < got[i-1].Distance {
				t.Fatalf("step %d: neighbors are not sorted", step)
			}
			wanted++
			if want <= sorted[len(got)-1]+1e-6 {
				found++
			}
		}
	}
	if share := float64(found) / float64(wanted); share < enough {
		t.Errorf("found %.4f of the nearest: want at least %v", share, enough)
	}
}
