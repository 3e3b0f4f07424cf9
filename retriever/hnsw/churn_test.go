package hnsw

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// After half of the vectors are deleted and added again, recall is at most 0.02 worse,
// and no memory was added.
func TestChurn(t *testing.T) {
	n, dim, queries := testsize.Of(1500, 4000), 32, 100
	if testsize.Racing {
		n, queries = 300, 10
	}
	for _, metric := range metrics[:testsize.Raced(1, 3)] {
		t.Run(metric.String(), func(t *testing.T) {
			t.Parallel()
			vectors := uniform(rand.New(rand.NewPCG(3, 4)), n+queries, dim)
			x, err := New[int](dim, Options{Metric: metric})
			must(t, err)
			flat, err := NewFlat[int](dim, FlatOptions{Metric: metric})
			must(t, err)
			all := items(vectors[:n])
			must(t, x.Add(t.Context(), all))
			must(t, flat.Add(t.Context(), all))
			q := Query[int]{K: 10, Ef: 50}
			before := recall(t, x, flat, vectors[n:], q)
			slots := x.used
			for round := range 2 {
				var keys []int
				for i := round % 2; i < n; i += 2 {
					keys = append(keys, i)
				}
				must(t, x.Delete(keys...))
				checkInvariants(t, x, 1)
				for _, v := range vectors[n:] {
					got, err := x.Search(t.Context(), nil, v, q)
					must(t, err)
					for _, g := range got {
						if g.Key%2 == round%2 {
							t.Fatalf("key %d was deleted and is found", g.Key)
						}
					}
				}
				for _, key := range keys {
					must(t, x.Add(t.Context(), all[key:key+1]))
				}
				checkInvariants(t, x, 1)
			}
			after := recall(t, x, flat, vectors[n:], q)
			t.Logf("recall@10 %.4f, then %.4f; %d slots, then %d", before, after, slots, x.used)
			if after < before-0.02 {
				t.Errorf("recall@10 is %.4f after churn: it was %.4f", after, before)
			}
			if x.used > slots {
				t.Errorf("%d slots are used after churn: %d were before", x.used, slots)
			}
		})
	}
}

// Deleting a whole cluster leaves no obstacle for the others.
func TestDeleteCluster(t *testing.T) {
	n, dim := 3000, 16
	if testsize.Racing {
		n = 600
	}
	vectors := clustered(rand.New(rand.NewPCG(5, 6)), n, dim)
	x, err := New[int](dim, Options{Metric: SquaredL2, Ef: 10})
	must(t, err)
	must(t, x.Add(t.Context(), items(vectors)))
	// The nearest tenth to a vector: too few for a sweep, more than a search
	// tracks.
	near, err := x.Search(t.Context(), nil, vectors[0], Query[int]{K: n / 10})
	must(t, err)
	var keys []int
	for _, g := range near {
		keys = append(keys, g.Key)
	}
	must(t, x.Delete(keys...))
	if x.Stats().Dead == 0 {
		t.Fatal("there was a sweep: the test needs dead nodes")
	}
	got, err := x.Search(t.Context(), nil, vectors[0], Query[int]{K: 10})
	must(t, err)
	if len(got) != 10 {
		t.Fatalf("found %d neighbors among the living: want 10", len(got))
	}
	if got[0].Distance < near[len(near)-1].Distance {
		t.Errorf("nearest is at %v: all up to %v were deleted", got[0].Distance, near[len(near)-1].Distance)
	}
}

// Everything that is deleted is gone, and the index can be filled again.
func TestDeleteAll(t *testing.T) {
	n := testsize.Raced(200, 500)
	vectors := uniform(rand.New(rand.NewPCG(7, 8)), n, 8)
	x, err := New[int](8, Options{})
	must(t, err)
	for range 3 {
		must(t, x.Add(t.Context(), items(vectors)))
		for i := range vectors {
			must(t, x.Delete(i))
		}
		if _, err := x.Search(t.Context(), nil, vectors[0], Query[int]{K: 1}); !errors.Is(err, ErrEmpty) {
			t.Fatalf("a search in an emptied index gave %v", err)
		}
		checkInvariants(t, x, 1)
	}
	if int(x.used) > n {
		t.Errorf("%d slots are used: want %d", x.used, n)
	}
}

// A node that only links above layer 0 lead to gets one on layer 0 from another
// node.
func TestReconnect(t *testing.T) {
	x, err := New[int](8, Options{M: 4, Workers: 1})
	must(t, err)
	must(t, x.Add(t.Context(), items(uniform(rand.New(rand.NewPCG(15, 16)), 500, 8))))
	v := x.view.Load()
	tall := 0
	for slot := range x.used {
		if v.height(slot) == 0 || slot == uint32(x.entry.Load()) {
			continue
		}
		if tall++; tall%testsize.Raced(5, 1) != 0 {
			continue
		}
		for from := range x.used {
			var kept []candidate
			for _, id := range v.list(from) {
				if id != none && id != slot {
					kept = append(kept, candidate{id: id})
				}
			}
			v.setList(from, 0, kept)
		}
		x.reconnect(v)
		checkInvariants(t, x, 1)
	}
	if tall < 50 {
		t.Errorf("only %d nodes have links above layer 0", tall)
	}
}

// Readers and writers at once: every result is sorted, has each key once, and has
// only keys that some writer may have put there. In the end the graph is valid and
// all is found.
func TestConcurrent(t *testing.T) {
	n, dim, readers, writers, rounds := 300, 12, testsize.Of(4, 16), 2, 3
	if testsize.Racing {
		n, readers, rounds = 100, 16, 1
	}
	vectors := clustered(rand.New(rand.NewPCG(9, 10)), n*writers, dim)
	for _, storage := range []Storage{Float32, Int8, Int8Only} {
		t.Run(fmt.Sprint(storage), func(t *testing.T) {
			x, err := New[int](dim, Options{Metric: SquaredL2, M: 6, EfConstruction: 30, Ef: 8, Storage: storage, Workers: 2})
			must(t, err)
			must(t, x.Add(t.Context(), items(vectors[:n])))
			done := make(chan struct{})
			var reading, writing sync.WaitGroup
			for i := range readers {
				reading.Go(func() {
					r := rand.New(rand.NewPCG(11, uint64(i)))
					var dst []Neighbor[int]
					for {
						select {
						case <-done:
							return
						default:
						}
						q := Query[int]{K: 5}
						if r.IntN(2) == 0 {
							q.Where = func(key int) bool { return key%3 == 0 }
						}
						var err error
						dst, err = x.Search(t.Context(), dst[:0], vectors[r.IntN(len(vectors))], q)
						if err != nil {
							t.Error(err)
							return
						}
						seen := map[int]bool{}
						for i, g := range dst {
							if seen[g.Key] || g.Key < 0 || g.Key >= len(vectors) || i > 0 && g.Distance < dst[i-1].Distance || q.Where != nil && g.Key%3 != 0 {
								t.Errorf("bad result %v", dst)
								return
							}
							seen[g.Key] = true
						}
						x.Stats()
					}
				})
			}
			for w := range writers {
				writing.Go(func() {
					own := items(vectors)[w*n : (w+1)*n]
					for range rounds {
						for i := 0; i < n; i += 50 {
							if err := x.Add(t.Context(), own[i:i+50]); err != nil {
								t.Error(err)
							}
						}
						for i := 0; i < n; i += 2 {
							if err := x.Delete(own[i].Key); err != nil {
								t.Error(err)
							}
						}
					}
					if err := x.Add(t.Context(), own); err != nil {
						t.Error(err)
					}
				})
			}
			writing.Wait()
			close(done)
			reading.Wait()
			checkInvariants(t, x, 1)
			if x.Len() != n*writers {
				t.Errorf("%d vectors: want %d", x.Len(), n*writers)
			}
			if hits := selfHits(t, x, vectors); storage != Int8Only && hits < 1 {
				t.Errorf("%.4f of the vectors find themselves: want all", hits)
			}
		})
	}
}

// cancelAfter is a context that is done after n calls of Err.
type cancelAfter struct {
	context.Context
	mu sync.Mutex
	n  int
}

func (c *cancelAfter) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// A canceled addition returns an error, keeps what it added, and leaves the graph
// valid.
func TestCanceledAdd(t *testing.T) {
	vectors := uniform(rand.New(rand.NewPCG(13, 14)), 1500, 8)
	linked := vectors[:testsize.Raced(400, 1500)]
	for _, workers := range []int{1, 3} {
		x, err := New[int](8, Options{Workers: workers, EfConstruction: 40})
		must(t, err)
		err = x.Add(&cancelAfter{Context: t.Context(), n: len(linked) * 13 / 15}, items(linked))
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("a canceled addition gave %v", err)
		}
		if x.Len() == 0 || x.Len() == len(linked) {
			t.Errorf("%d vectors were added: want some, not all", x.Len())
		}
		checkInvariants(t, x, 1)
		must(t, x.Add(t.Context(), items(linked)))
		checkInvariants(t, x, 1)
		if x.Len() != len(linked) {
			t.Errorf("%d vectors in the end: want %d", x.Len(), len(vectors))
		}
	}
	// Before the first is linked they are checked, and codes are fitted to them.
	x, err := New[int](8, Options{Workers: 1})
	must(t, err)
	for n := range 4 {
		if err := x.Add(&cancelAfter{Context: t.Context(), n: n}, items(vectors)); !errors.Is(err, context.Canceled) || x.Len() != 0 {
			t.Errorf("an addition that is canceled at the check number %d gave %v and %d vectors: want none", n+1, err, x.Len())
		}
	}
	flat, err := NewFlat[int](8, FlatOptions{})
	must(t, err)
	// Asked every 1,024 vectors: twice while they are checked, once at the first group,
	// twice while codes are fitted to them, and at the second group.
	for n, want := range []int{0, 0, 0, 0, 0, group} {
		if err := flat.Add(&cancelAfter{Context: t.Context(), n: n}, items(vectors)); !errors.Is(err, context.Canceled) || flat.Len() != want {
			t.Errorf("an addition that is canceled at the check number %d gave %v and %d vectors: want %d", n+1, err, flat.Len(), want)
		}
	}
	if _, err := flat.Search(&cancelAfter{Context: t.Context()}, nil, vectors[0], Query[int]{K: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled search gave %v", err)
	}
}
