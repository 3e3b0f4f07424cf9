package hnsw

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// until lets other goroutines run until cond holds.
func until(cond func() bool) {
	for !cond() {
		runtime.Gosched()
	}
}

// writerWaits reports whether a goroutine waits to hold graph for writing. The
// caller holds it for reading.
func writerWaits[K comparable](s *store[K]) bool {
	if !s.graph.TryRLock() {
		return true
	}
	s.graph.RUnlock()
	return false
}

// closing reports whether Close is waiting for readers.
func closing[K comparable](s *store[K]) bool {
	s.readers.mu.Lock()
	defer s.readers.mu.Unlock()
	return s.readers.closed != nil
}

// marks returns the number of running readers.
func marks[K comparable](s *store[K]) int {
	s.readers.mu.Lock()
	defer s.readers.mu.Unlock()
	return len(s.readers.all) - len(s.readers.idle)
}

// inMemoryAndFile returns an index of 300 vectors in memory and one that reads a file.
func inMemoryAndFile(t *testing.T) (indexes map[string]*Index[int], queries [][]float32) {
	x, path, queries := saved(t, Float32, 300)
	opened, err := Open[int](path)
	must(t, err)
	return map[string]*Index[int]{"memory": x, "file": opened}, queries
}

// A Close that waits for an Add, and a Select that begins then: both end. Close
// used to hold graph while it waited for Select, and Select, marked as a reader,
// waited for graph.
func TestSelectAndCloseDuringAdd(t *testing.T) {
	indexes, _ := inMemoryAndFile(t)
	for name, x := range indexes {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			var asked atomic.Bool
			x.graph.RLock() // as an Add does while it links a vector
			all.Go(func() {
				if err := x.Close(); err != nil {
					t.Error(err)
				}
			})
			until(func() bool { return writerWaits(x.store) })
			all.Go(func() {
				set, err := x.Select(func(int) bool { asked.Store(true); return true })
				if err != nil || set.Len() != 297 {
					t.Errorf("%v, %v: want a set of 297", set, err)
				}
			})
			until(func() bool { return asked.Load() || marks(x.store) > 0 })
			x.graph.RUnlock()
			all.Wait()
		})
	}
}

// A function that runs within a search or a selection may call the index while
// Close waits for that search.
func TestCallsFromWhereDuringClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other")
	query := make([]float32, 20)
	query[0] = 1
	for name, call := range map[string]func(context.Context, *Index[int]) error{
		"add":    func(ctx context.Context, x *Index[int]) error { return x.Add(ctx, []Item[int]{{1000, query}}) },
		"delete": func(_ context.Context, x *Index[int]) error { return x.Delete(7) },
		"save":   func(ctx context.Context, x *Index[int]) error { return x.Save(ctx, path) },
		"verify": func(ctx context.Context, x *Index[int]) error { return x.Verify(ctx) },
		"search": func(ctx context.Context, x *Index[int]) error {
			_, err := x.Search(ctx, nil, query, Query[int]{K: 1})
			return err
		},
		"select": func(_ context.Context, x *Index[int]) error {
			_, err := x.Select(func(int) bool { return true })
			return err
		},
		"stats": func(_ context.Context, x *Index[int]) error { x.Stats(); x.Len(); return ErrClosed },
	} {
		t.Run(name, func(t *testing.T) {
			indexes, _ := inMemoryAndFile(t)
			for kind, x := range indexes {
				var all sync.WaitGroup
				var once sync.Once
				where := func(int) bool {
					once.Do(func() {
						for range 2 {
							all.Go(func() {
								if err := x.Close(); err != nil {
									t.Errorf("%s: Close: %v", kind, err)
								}
							})
						}
						until(func() bool { return closing(x.store) })
						if err := call(t.Context(), x); !errors.Is(err, ErrClosed) {
							t.Errorf("%s: %v: want ErrClosed", kind, err)
						}
					})
					return true
				}
				if got, err := x.Search(t.Context(), nil, query, Query[int]{K: 5, Where: where}); err != nil || len(got) != 5 {
					t.Errorf("%s: the search that Close waits for gave %v, %v", kind, got, err)
				}
				all.Wait()
			}
			indexes, _ = inMemoryAndFile(t)
			for kind, x := range indexes {
				closed := make(chan error, 1)
				begun := false
				set, err := x.Select(func(int) bool {
					if !begun {
						begun = true
						go func() { closed <- x.Close() }()
						until(func() bool { return closing(x.store) })
						if err := call(t.Context(), x); !errors.Is(err, ErrClosed) {
							t.Errorf("%s: %v: want ErrClosed", kind, err)
						}
					}
					return true
				})
				if err != nil || set.Len() != 297 {
					t.Errorf("%s: the selection that Close waits for gave %v, %v", kind, set, err)
				}
				must(t, <-closed)
			}
		})
	}
}

// Select does not wait for writers or for Save.
func TestSelectDoesNotWait(t *testing.T) {
	for kind, x := range both(t, Cosine) {
		var s interface {
			Select(func(int) bool) (*Set[int], error)
		}
		var graph *sync.RWMutex
		switch x := x.(type) {
		case *Index[int]:
			s, graph = x, &x.graph
		case *Flat[int]:
			s, graph = x, &x.graph
		}
		graph.Lock()
		if set, err := s.Select(func(int) bool { return true }); err != nil || set.Len() != 3 {
			t.Errorf("%s: %v, %v: want a set of 3", kind, set, err)
		}
		graph.Unlock()
	}
}

// All methods at once, until Close ends them: none hangs, and the only error is
// ErrClosed.
func TestAllBesideClose(t *testing.T) {
	rounds := testsize.Raced(5, testsize.Of(5, 20))
	for round := range rounds {
		indexes, queries := inMemoryAndFile(t)
		for kind, x := range indexes {
			path := filepath.Join(t.TempDir(), "other")
			var calls atomic.Int64
			var all sync.WaitGroup
			repeat := func(name string, do func(i int) error) {
				all.Go(func() {
					for i := 0; ; i++ {
						err := do(i)
						calls.Add(1)
						if errors.Is(err, ErrClosed) {
							return
						}
						if err != nil {
							t.Errorf("%s: %s: %v", kind, name, err)
							return
						}
					}
				})
			}
			for w := range 2 {
				repeat("add and delete", func(i int) error {
					key := 1000*(w+1) + i%10
					if err := x.Add(t.Context(), []Item[int]{{key, queries[i%50]}, {key + 100, queries[(i+1)%50]}}); err != nil {
						return err
					}
					return x.Delete(key, key+100)
				})
				repeat("search", func(i int) error {
					_, err := x.Search(t.Context(), nil, queries[i%50], Query[int]{K: 3, Where: func(key int) bool { return key%2 == w }})
					return err
				})
				repeat("select", func(i int) error {
					set, err := x.Select(func(key int) bool { return key%2 == w })
					if err != nil {
						return err
					}
					_, err = x.Search(t.Context(), nil, queries[i%50], Query[int]{K: 3, In: set})
					return err
				})
			}
			repeat("save", func(int) error { return x.Save(t.Context(), path) })
			repeat("verify", func(int) error { x.Stats(); return x.Verify(t.Context()) })
			for range 2 {
				all.Go(func() {
					until(func() bool { return calls.Load() > int64(5*round) })
					if err := x.Close(); err != nil {
						t.Errorf("%s: Close: %v", kind, err)
					}
				})
			}
			all.Wait()
		}
	}
}

// A refused Add does not change the view of a file, which a search may be
// replacing.
func TestRefusedAddKeepsView(t *testing.T) {
	_, path, queries := saved(t, Float32, 2500)
	data, err := os.ReadFile(path)
	must(t, err)
	h, err := readHeader(data[:pageSize], int64(len(data)))
	must(t, err)
	rows := h.Sections[secRows]
	data[rows.Offset+rows.Size-1] ^= 0x80
	must(t, os.WriteFile(path, data, 0o600))
	x, err := Open[int](path)
	must(t, err)
	defer func() { must(t, x.Close()) }()
	before := x.view.Load()
	must(t, x.known())
	if x.view.Load() == before {
		t.Fatal("the keys were read into the view that there was")
	}
	before = x.view.Load()
	if err := x.Add(t.Context(), items(queries[:1])); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("%v: want ErrCorrupt", err)
	}
	if x.view.Load() != before {
		t.Error("an Add that was refused made a new view, which may lack the keys that a search has read")
	}
}
