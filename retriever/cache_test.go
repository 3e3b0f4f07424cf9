package retriever_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestCacheAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &retrievertest.Script{Rules: []retrievertest.Rule{{Hits: named("a")}}}
		c := must[*retriever.Cache](t)(retriever.NewCache(s, retriever.CacheOptions{Age: time.Hour}))
		ask := func(want int) {
			t.Helper()
			if res, err := c.Retrieve(t.Context(), retriever.Query{Text: "q", K: 1}); err != nil || idsOf(res) != "a" || len(s.Queries()) != want {
				t.Fatalf("%v, %v, after %d queries: want %d", res, err, len(s.Queries()), want)
			}
		}
		ask(1)
		time.Sleep(time.Hour - time.Nanosecond)
		ask(1)
		time.Sleep(time.Nanosecond)
		ask(2)
		time.Sleep(time.Hour - time.Nanosecond) // the age counts from the second search
		ask(2)
	})
}

// Eviction depends on the last use of a result, its age on the search.
func TestCacheSizeAndKey(t *testing.T) {
	s := &retrievertest.Script{Rules: []retrievertest.Rule{{Hits: named("a", "b")}}}
	c := must[*retriever.Cache](t)(retriever.NewCache(s, retriever.CacheOptions{Size: 2}))
	calls := 0
	ask := func(q retriever.Query, asked bool) {
		t.Helper()
		if asked {
			calls++
		}
		if _, err := c.Retrieve(t.Context(), q); err != nil || len(s.Queries()) != calls {
			t.Fatalf("%v, %d queries: want %d", err, len(s.Queries()), calls)
		}
	}
	x, y := retriever.Query{Text: "q", K: 1}, retriever.Query{Text: "q", K: 2}
	z := retriever.Query{Text: "q", K: 1, Filter: filter.Exists{Field: "f"}}
	ask(x, true)
	ask(y, true)
	ask(x, false)
	ask(z, true) // y evicts one
	ask(x, false)
	ask(y, true) // z evicts one
	ask(z, true)
	if c.Len() != 2 {
		t.Errorf("%d results are kept", c.Len())
	}
	// Equivalent filters, written differently, are one key.
	z.Filter = filter.And{z.Filter}
	ask(z, false)
	c.Purge()
	ask(z, true)
}

// A field that is added to Query must become part of the key.
func TestCacheKeyHasAllOfQuery(t *testing.T) {
	if n := reflect.TypeFor[retriever.Query]().NumField(); n != 3 {
		t.Errorf("Query has %d fields: put the new one into the key of Cache", n)
	}
}

func TestCacheForgetsFailures(t *testing.T) {
	boom := errors.New("boom")
	s := &retrievertest.Script{Rules: []retrievertest.Rule{{Times: 1, Err: boom}, {Hits: named("a")}}}
	c := must[*retriever.Cache](t)(retriever.NewCache(s, retriever.CacheOptions{}))
	if _, err := c.Retrieve(t.Context(), retriever.Query{K: 1}); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if res, err := c.Retrieve(t.Context(), retriever.Query{K: 1}); err != nil || idsOf(res) != "a" {
		t.Fatal(res, err)
	}
	partial := fuse(t, retriever.FuseOptions{AllowMissing: true}, part("x", listed("a"), 0), part("y", failing(boom), 0))
	c = must[*retriever.Cache](t)(retriever.NewCache(partial, retriever.CacheOptions{}))
	if res, err := c.Retrieve(t.Context(), retriever.Query{K: 1}); err != nil || len(res.Missing) != 1 || c.Len() != 0 {
		t.Errorf("%+v, %v; %d kept", res, err, c.Len())
	}
}

// A search that began before Purge may hold removed passages.
func TestCachePurgeDuringSearch(t *testing.T) {
	var c *retriever.Cache
	c = must[*retriever.Cache](t)(retriever.NewCache(retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		c.Purge()
		return retriever.Result{}, nil
	}), retriever.CacheOptions{}))
	if _, err := c.Retrieve(t.Context(), retriever.Query{K: 1}); err != nil || c.Len() != 0 {
		t.Errorf("%v; %d kept", err, c.Len())
	}
}
