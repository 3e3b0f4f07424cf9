package hnsw

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// Equal distances come in the order of addition, and replacing counts as adding.
func TestTies(t *testing.T) {
	same := []float32{1, 2, 3}
	for kind, x := range both(t, SquaredL2) {
		for _, key := range []int{30, 10, 20, 40} {
			must(t, x.Add(t.Context(), []Item[int]{{key, same}}))
		}
		must(t, x.Delete(30))
		must(t, x.Add(t.Context(), []Item[int]{{10, same}, {50, same}}))
		got, err := x.Search(t.Context(), nil, same, Query[int]{K: 4})
		must(t, err)
		var keys []int
		for _, g := range got {
			keys = append(keys, g.Key)
		}
		if want := []int{20, 40, 10, 50}; !slices.Equal(keys, want) {
			t.Errorf("%s: got %v, want %v", kind, keys, want)
		}
	}
}

// The same holds if only rounding made the distances equal, for any K: the result
// for a smaller K is the beginning of that for a larger one.
func TestRoundedTies(t *testing.T) {
	n := testsize.Raced(2000, testsize.Of(10_000, 20_000))
	vectors := uniform(rand.New(rand.NewPCG(11, 12)), n, 4)
	for _, metric := range metrics[:testsize.Raced(1, 3)] {
		x, err := New[int](4, Options{Metric: metric})
		must(t, err)
		flat, err := NewFlat[int](4, FlatOptions{Metric: metric})
		must(t, err)
		for kind, x := range map[string]VectorIndex[int]{"graph": x, "flat": flat} {
			must(t, x.Add(t.Context(), items(vectors)))
			all, err := x.Search(t.Context(), nil, vectors[0], Query[int]{K: n})
			must(t, err)
			ties := 0
			for i, g := range all[1:] {
				before := all[i]
				if g.Distance < before.Distance || g.Distance == before.Distance && g.Key < before.Key {
					t.Fatalf("%s, %s: %v comes before %v", kind, metric, before, g)
				}
				if g.Distance == before.Distance {
					ties++
				}
			}
			if !testsize.Racing && metric == Cosine && ties == 0 {
				t.Error("there are no ties to test")
			}
			for _, k := range []int{1, inserted, inserted + 1, n / 2} {
				part, err := x.Search(t.Context(), nil, vectors[0], Query[int]{K: k, Ef: n})
				must(t, err)
				if !slices.Equal(part, all[:k]) {
					t.Errorf("%s, %s: the nearest %d are not the first of all", kind, metric, k)
				}
			}
		}
	}
}

// One worker builds the same graph from the same seed, whatever the size of
// consecutive batches.
func TestReproducible(t *testing.T) {
	n := testsize.Raced(600, 3000)
	vectors := items(clustered(rand.New(rand.NewPCG(1, 2)), n, 24))
	build := func(seed uint64) []byte {
		x, err := New[int](24, Options{Metric: SquaredL2, Workers: 1, Seed: seed})
		must(t, err)
		must(t, x.Add(t.Context(), vectors[:n*2/3]))
		must(t, x.Delete(1, 2, 3))
		must(t, x.Add(t.Context(), vectors[n/3:]))
		path := filepath.Join(t.TempDir(), "index")
		must(t, x.Save(t.Context(), path))
		data, err := os.ReadFile(path)
		must(t, err)
		return data
	}
	first := build(1)
	if !bytes.Equal(first, build(1)) {
		t.Error("two builds from one seed differ")
	}
	if bytes.Equal(first, build(2)) {
		t.Error("builds from two seeds are the same")
	}
}

// Building on two cores costs at most 0.005 of recall.
func TestParallelBuild(t *testing.T) {
	n, dim, queries := 6000, 32, 300
	if testsize.Racing {
		n, queries = 500, 10
	}
	vectors := uniform(rand.New(rand.NewPCG(3, 4)), n+queries, dim)
	flat, err := NewFlat[int](dim, FlatOptions{Metric: SquaredL2})
	must(t, err)
	must(t, flat.Add(t.Context(), items(vectors[:n])))
	got := map[int]float64{}
	for _, workers := range []int{1, 2} {
		x, err := New[int](dim, Options{Metric: SquaredL2, Workers: workers})
		must(t, err)
		must(t, x.Add(t.Context(), items(vectors[:n])))
		checkInvariants(t, x, 1)
		got[workers] = recall(t, x, flat, vectors[n:], Query[int]{K: 10, Ef: 60})
	}
	t.Logf("recall@10 %.4f on one core, %.4f on two", got[1], got[2])
	if got[2] < got[1]-0.005 {
		t.Errorf("recall@10 is %.4f when built on two cores: on one it is %.4f", got[2], got[1])
	}
}

// A search into a slice with room allocates nothing.
func TestSearchAllocations(t *testing.T) {
	if testsize.Racing {
		return // the race detector allocates
	}
	vectors := clustered(rand.New(rand.NewPCG(5, 6)), 3000, 48)
	for _, storage := range []Storage{Float32, Int8, Int8Only} {
		t.Run(fmt.Sprint(storage), func(t *testing.T) {
			x, err := New[int](48, Options{Storage: storage})
			must(t, err)
			must(t, x.Add(t.Context(), items(vectors)))
			set, err := x.Select(func(key int) bool { return key%2 == 0 })
			must(t, err)
			where := func(key int) bool { return key%3 == 0 }
			dst := make([]Neighbor[int], 0, 100)
			i := 0
			for name, q := range map[string]Query[int]{
				"plain": {K: 10, Ef: 20}, "where": {K: 10, Ef: 20, Where: where}, "set": {K: 10, Ef: 20, In: set}, "all": {K: 10, Ef: 500},
			} {
				search := func() {
					var err error
					if dst, err = x.Search(t.Context(), dst[:0], vectors[i%len(vectors)], q); err != nil {
						t.Fatal(err)
					}
					i++
				}
				for range 100 { // memory kept from search to search grows at first
					search()
				}
				if n := testing.AllocsPerRun(100, search); n != 0 {
					t.Errorf("%s: %v allocations per search: want none", name, n)
				}
			}
			flat, err := NewFlat[int](48, FlatOptions{})
			must(t, err)
			must(t, flat.Add(t.Context(), items(vectors)))
			if n := testing.AllocsPerRun(100, func() { dst, _ = flat.Search(t.Context(), dst[:0], vectors[0], Query[int]{K: 10}) }); n != 0 {
				t.Errorf("flat: %v allocations per search: want none", n)
			}
		})
	}
}

// Filters find at least 0.95 of the nearest vectors that they allow, however few.
func TestFilters(t *testing.T) {
	n, dim, queries := 10_000, 32, 100
	if testsize.Racing {
		n, queries = 1000, 5
	}
	vectors := clustered(rand.New(rand.NewPCG(7, 8)), n+queries, dim)
	x, err := New[int](dim, Options{Metric: SquaredL2})
	must(t, err)
	flat, err := NewFlat[int](dim, FlatOptions{Metric: SquaredL2})
	must(t, err)
	must(t, x.Add(t.Context(), items(vectors[:n])))
	must(t, flat.Add(t.Context(), items(vectors[:n])))
	for _, one := range []int{2, 10, 100, 1000} { // one in this many is allowed
		where := func(key int) bool { return key%one == 0 }
		set, err := x.Select(where)
		must(t, err)
		if set.Len() != n/one {
			t.Errorf("one in %d: the set has %d keys: want %d", one, set.Len(), n/one)
		}
		for name, q := range map[string]Query[int]{"where": {K: 10, Where: where}, "set": {K: 10, In: set}} {
			found, wanted := 0, 0
			for _, v := range vectors[n:] {
				truth, err := flat.Search(t.Context(), nil, v, Query[int]{K: 10, Where: where})
				must(t, err)
				got, err := x.Search(t.Context(), nil, v, q)
				must(t, err)
				if len(got) != len(truth) {
					t.Fatalf("%s, one in %d: %d neighbors: want %d", name, one, len(got), len(truth))
				}
				for i, g := range got {
					if !where(g.Key) {
						t.Fatalf("%s, one in %d: key %d is not allowed", name, one, g.Key)
					}
					wanted++
					if g.Distance <= truth[len(truth)-1].Distance {
						found++
					}
					_ = i
				}
			}
			share := float64(found) / float64(wanted)
			t.Logf("%s, one in %d: recall@10 %.4f", name, one, share)
			if share < 0.95 {
				t.Errorf("%s, one in %d: recall@10 is %.4f: want at least 0.95", name, one, share)
			}
		}
	}
}

// A set holds the keys that it was made of while they stay, and no others.
func TestSetAges(t *testing.T) {
	x := both(t, SquaredL2)["graph"].(*Index[int])
	set, err := x.Select(func(key int) bool { return key != 2 })
	must(t, err)
	must(t, x.Delete(1))
	must(t, x.Add(t.Context(), []Item[int]{{3, []float32{0, 0, 2}}, {4, []float32{1, 0, 0}}}))
	got, err := x.Search(t.Context(), nil, []float32{1, 0, 0}, Query[int]{K: 9, In: set})
	must(t, err)
	if len(got) != 0 {
		t.Errorf("got %v: key 1 was deleted, 3 replaced and 4 added after the set was made", got)
	}
}
