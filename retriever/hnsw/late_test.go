package hnsw

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// looked is a context that counts the calls of Err.
type looked struct {
	context.Context
	n int
}

func (c *looked) Err() error {
	c.n++
	return c.Context.Err()
}

// A search ends soon after its context is done, even if each call of Where is slow.
func TestSearchEndsWithinWhere(t *testing.T) {
	n := testsize.Raced(2000, 5000)
	vectors := clustered(rand.New(rand.NewPCG(5, 6)), n, 3)
	for kind, x := range both(t, SquaredL2) {
		must(t, x.Add(t.Context(), items(vectors)))
		set, err := x.(interface {
			Select(func(int) bool) (*Set[int], error)
		}).Select(func(k int) bool { return k%2 == 0 })
		must(t, err)
		for name, q := range map[string]Query[int]{
			"by few": {K: 10, Where: func(k int) bool { return k%100 == 0 }},
			"all":    {K: 10, Where: func(int) bool { return true }},
			"none":   {K: n, Where: func(int) bool { return false }},
			"in":     {K: n, Where: func(int) bool { return false }, In: set},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			where, calls := q.Where, 0
			q.Where = func(k int) bool {
				if calls++; calls == 10 {
					cancel()
				}
				return where(k)
			}
			dst, err := x.Search(ctx, nil, vectors[0], q)
			if !errors.Is(err, context.Canceled) || len(dst) > 0 || calls > 10+whereCalls {
				t.Errorf("%s, %s: %d calls, %v", kind, name, calls, err)
			}
			cancel()
		}
	}
}

// So does a search that only measures very many vectors.
func TestSearchLooksAtItsContext(t *testing.T) {
	vectors := uniform(rand.New(rand.NewPCG(5, 6)), 5000, 8)
	x, err := New[int](8, Options{EfConstruction: 40})
	must(t, err)
	must(t, x.Add(t.Context(), items(vectors)))
	ctx := &looked{Context: t.Context()}
	_, err = x.Search(ctx, nil, vectors[0], Query[int]{K: 10, Ef: 300})
	must(t, err)
	if ctx.n < 300/lookEvery {
		t.Errorf("the context was looked at %d times", ctx.n)
	}
}
