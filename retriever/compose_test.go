package retriever_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// must fails the test if a retriever cannot be made.
func must[R any](t testing.TB) func(R, error) R {
	return func(r R, err error) R {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

func named(names ...string) []retriever.Hit {
	var hits []retriever.Hit
	for _, n := range names {
		hits = append(hits, retriever.Hit{Passage: retriever.Passage{ID: n}})
	}
	return hits
}

func TestReorderHits(t *testing.T) {
	for n, want := range []string{"", "d1", "d1 d2", "d1 d3 d2", "d1 d3 d4 d2", "d1 d3 d5 d4 d2", "d1 d3 d5 d6 d4 d2", "d1 d3 d5 d7 d6 d4 d2"} {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("d%d", i+1))
		}
		in := named(names...)
		got := retriever.ReorderHits(in)
		if s := idsOf(retriever.Result{Hits: got}); s != want {
			t.Errorf("n = %d: %q, want %q", n, s, want)
		}
		if s := idsOf(retriever.Result{Hits: in}); s != strings.Join(names, " ") {
			t.Errorf("n = %d: the argument became %q", n, s)
		}
	}
}

func TestReorderKeepsScores(t *testing.T) {
	res, err := must[retriever.Retriever](t)(retriever.Reorder(listed("a b c d"))).Retrieve(t.Context(), retriever.Query{Text: "q", K: 4})
	if err != nil || idsOf(res) != "a c d b" || res.Scores != retriever.RankOnly {
		t.Fatalf("%+v, %v", res, err)
	}
	hit := res.Hits[3] // b
	want := []retriever.Contribution{{Part: retriever.Retrieved, Rank: 2, Score: 999, Scores: retriever.BM25}}
	if diff := cmp.Diff(want, hit.Parts); diff != "" || hit.Score != 999 {
		t.Errorf("score %v; parts (-want +got):\n%s", hit.Score, diff)
	}
}

func TestComposeErrors(t *testing.T) {
	var null *retrievertest.Script
	similar := retriever.PairSimilarity(near)
	parts := []retriever.Part{part("a", listed("a"), 0)}
	route := func(r retriever.Router, o retriever.RouteOptions) error {
		_, err := retriever.Route(r, parts, o)
		return err
	}
	mmr := func(r retriever.Retriever, o retriever.MMROptions) error {
		_, err := retriever.MMR(r, o)
		return err
	}
	cache := func(r retriever.Retriever, o retriever.CacheOptions) error {
		_, err := retriever.NewCache(r, o)
		return err
	}
	_, reorder := retriever.Reorder(nil)
	_, typed := retriever.Reorder(null)
	_, noParts := retriever.Route(retriever.RouteRules{}, nil, retriever.RouteOptions{})
	for name, err := range map[string]error{
		"reorder nil":        reorder,
		"reorder nil typed":  typed,
		"mmr nil":            mmr(nil, retriever.MMROptions{Similarity: similar}),
		"mmr no similarity":  mmr(listed("a"), retriever.MMROptions{}),
		"mmr nil embedder":   mmr(listed("a"), retriever.MMROptions{Similarity: retriever.CosineSimilarity(nil)}),
		"mmr nil function":   mmr(listed("a"), retriever.MMROptions{Similarity: retriever.PairSimilarity(nil)}),
		"mmr lambda":         mmr(listed("a"), retriever.MMROptions{Similarity: similar, Lambda: 1.5}),
		"mmr lambda NaN":     mmr(listed("a"), retriever.MMROptions{Similarity: similar, Lambda: math.NaN()}),
		"mmr depth":          mmr(listed("a"), retriever.MMROptions{Similarity: similar, Depth: -1}),
		"cache nil":          cache(nil, retriever.CacheOptions{}),
		"cache size":         cache(listed("a"), retriever.CacheOptions{Size: -1}),
		"cache age":          cache(listed("a"), retriever.CacheOptions{Age: -1}),
		"route nil":          route(nil, retriever.RouteOptions{}),
		"route fallback":     route(retriever.RouteRules{}, retriever.RouteOptions{Fallback: "b"}),
		"route two policies": route(retriever.RouteRules{}, retriever.RouteOptions{Fallback: "a", EmptyWithoutRoute: true}),
		"route rule":         route(retriever.RouteRules{List: []retriever.RouteRule{{Part: "b"}}}, retriever.RouteOptions{}),
	} {
		if !errors.Is(err, retriever.ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !errors.Is(noParts, retriever.ErrOption) {
		t.Errorf("no parts: %v", noParts)
	}
}

// pipelines are compositions of all kinds, over a plain retriever.
func pipelines() map[string]func(retriever.Retriever) (retriever.Retriever, error) {
	two := func(r retriever.Retriever) []retriever.Part {
		return []retriever.Part{{Name: "a", Retriever: r}, {Name: "b", Retriever: r}}
	}
	words := retriever.PairSimilarity(func(a, b retriever.Passage) float64 {
		n, x := 0, strings.Fields(a.Text)
		for _, w := range x {
			if slices.Contains(strings.Fields(b.Text), w) {
				n++
			}
		}
		return float64(n) / float64(len(x)+len(strings.Fields(b.Text)))
	})
	return map[string]func(retriever.Retriever) (retriever.Retriever, error){
		"reorder": retriever.Reorder,
		"mmr": func(r retriever.Retriever) (retriever.Retriever, error) {
			return retriever.MMR(r, retriever.MMROptions{Similarity: words, Depth: 5})
		},
		"route": func(r retriever.Retriever) (retriever.Retriever, error) {
			return retriever.Route(retriever.RouteRules{List: []retriever.RouteRule{{Part: "b"}, {Part: "a", When: has("Ebro")}}}, two(r), retriever.RouteOptions{})
		},
		"fallback": func(r retriever.Retriever) (retriever.Retriever, error) {
			return retriever.Route(retriever.RouteRules{}, two(r), retriever.RouteOptions{Fallback: "b"})
		},
		"limit": func(r retriever.Retriever) (retriever.Retriever, error) {
			return retriever.Limit(r, budget.Limits{Calls: 1, Time: time.Hour}, retriever.LimitOptions{})
		},
		"cache": func(r retriever.Retriever) (retriever.Retriever, error) {
			return retriever.NewCache(r, retriever.CacheOptions{Size: 3})
		},
	}
}

func TestComposeContract(t *testing.T) {
	for name, compose := range pipelines() {
		t.Run(name, func(t *testing.T) {
			retrievertest.TestRetriever(t, func(p []retriever.Passage) (retriever.Retriever, error) { return compose(retrievertest.Overlap(p...)) })
		})
		t.Run(name+" cached and reordered", func(t *testing.T) {
			retrievertest.TestRetriever(t, func(p []retriever.Passage) (retriever.Retriever, error) {
				r, err := compose(retrievertest.Overlap(p...))
				if err != nil {
					return nil, err
				}
				if r, err = retriever.NewCache(r, retriever.CacheOptions{}); err != nil {
					return nil, err
				}
				return retriever.Reorder(r)
			})
		})
	}
}

func TestComposeIsRepeatable(t *testing.T) {
	for name, compose := range pipelines() {
		r := must[retriever.Retriever](t)(compose(retrievertest.Overlap(retrievertest.Corpus()...)))
		q := retriever.Query{Text: "a bridge over the river Ebro", K: 7, Filter: filter.Exists{Field: "year"}}
		first, err := r.Retrieve(t.Context(), q)
		if err != nil || len(first.Hits) != 7 {
			t.Fatalf("%s: %d hits, %v", name, len(first.Hits), err)
		}
		for range 1000 {
			if again, err := r.Retrieve(t.Context(), q); err != nil || !reflect.DeepEqual(first, again) {
				t.Fatalf("%s: %v, then %v, %v", name, idsOf(first), idsOf(again), err)
			}
		}
	}
}

// recorder finds two passages for every query, and records the queries.
func recorder() *retrievertest.Script {
	return &retrievertest.Script{Rules: []retrievertest.Rule{{Hits: retrievertest.Hits(retrievertest.Passages("one", "two")...)}}}
}

func TestFiltersReachEveryPart(t *testing.T) {
	expr := filter.Not{Filter: filter.Exists{Field: "secret"}}
	for name, compose := range pipelines() {
		s := recorder()
		if _, err := must[retriever.Retriever](t)(compose(s)).Retrieve(t.Context(), retriever.Query{Text: "Ebro", K: 2, Filter: expr}); err != nil {
			t.Fatal(name, err)
		}
		if len(s.Queries()) == 0 {
			t.Errorf("%s asked nobody", name)
		}
		for _, q := range s.Queries() {
			if q.Text != "Ebro" || filter.Format(q.Filter) != filter.Format(expr) {
				t.Errorf("%s asked %+v", name, q)
			}
		}
	}
}

// Two documents with one text are two documents.
func TestEqualTextsStayApart(t *testing.T) {
	a, b := retriever.List(retriever.Passage{ID: "a", Text: "same"}), retriever.List(retriever.Passage{ID: "b", Text: "same"})
	res, err := fuse(t, retriever.FuseOptions{}, part("x", a, 0), part("y", b, 0)).Retrieve(t.Context(), retriever.Query{K: 5})
	if err != nil || idsOf(res) != "a b" {
		t.Errorf("%s, %v", idsOf(res), err)
	}
}

// The texts that were searched for are kept by a fusion and by a cache.
func TestQueriesAreKept(t *testing.T) {
	other := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{Queries: []string{"other"}}, nil
	})
	c := must[*retriever.Cache](t)(retriever.NewCache(fuse(t, retriever.FuseOptions{}, part("x", listed("a"), 0), part("y", other, 0)), retriever.CacheOptions{}))
	for range 2 {
		res, err := c.Retrieve(t.Context(), retriever.Query{Text: "q", K: 5})
		if err != nil || !slices.Equal(res.Queries, []string{"other"}) {
			t.Fatalf("%q, %v", res.Queries, err)
		}
		res.Queries[0], res.Hits[0].Parts[0].Part = "spoilt", "spoilt" // the caller owns it
	}
}
