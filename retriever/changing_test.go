package retriever_test

import (
	"context"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
)

// changing is a retriever with a generation.
type changing struct {
	generation uint64
	asked      int
}

func (c *changing) Generation() uint64 { return c.generation }

func (c *changing) Retrieve(ctx context.Context, _ retriever.Query) (retriever.Result, error) {
	c.asked++
	retriever.DependOn(ctx, c, c.generation)
	return retriever.Result{Scores: retriever.RankOnly}, nil
}

// A cache asks again after a change, also through another cache and other
// retrievers.
func TestCacheOfChanging(t *testing.T) {
	c := &changing{}
	inner, err := retriever.NewCache(c, retriever.CacheOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fused, err := retriever.Fuse([]retriever.Part{{Name: "a", Retriever: inner}}, retriever.FuseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	outer, err := retriever.NewCache(fused, retriever.CacheOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(r retriever.Retriever, want int) {
		t.Helper()
		if _, err := r.Retrieve(t.Context(), retriever.Query{Text: "x", K: 100}); err != nil || c.asked != want {
			t.Errorf("asked %d times, error %v: want %d", c.asked, err, want)
		}
	}
	ask(inner, 1)
	ask(outer, 1) // through a result that the inner cache has
	ask(outer, 1)
	c.generation++
	ask(outer, 2)
	ask(outer, 2)
	ask(inner, 2)
}
