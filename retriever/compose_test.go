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
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
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

// near compares passages that stand on a line by their id, a letter: it falls with
// the distance.
func near(a, b retriever.Passage) float64 {
	return 1 - math.Abs(float64(a.ID[0])-float64(b.ID[0]))/10
}

func TestMMRByHand(t *testing.T) {
	for _, c := range []struct {
		name   string
		lambda float64
		k      int
		want   string
	}{
		// Relevance by rank: a 1, b 2/3, c 1/3, k 0. With λ ½, after a: b gets
		// ½·⅔ − ½·0.9, c ½·⅓ − ½·0.8, k 0 − 0: k is next. Then b ⅓−0.45, c ⅙−0.4.
		{"half", 0, 4, "a k b c"},
		{"cut", 0, 2, "a k"},
		{"relevance alone", 1, 4, "a b c k"},
		// After a: b 0.06 − 0.81, c 0.03 − 0.72, k 0: k. Then b −0.74, c −0.69.
		{"novelty", 0.1, 4, "a k c b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := must[retriever.Retriever](t)(retriever.MMR(retriever.List(retriever.Passage{ID: "a"}, retriever.Passage{ID: "b"}, retriever.Passage{ID: "c"}, retriever.Passage{ID: "k"}),
				retriever.MMROptions{Lambda: c.lambda, Similarity: retriever.PairSimilarity(near)}))
			res, err := r.Retrieve(t.Context(), retriever.Query{K: c.k})
			if err != nil || idsOf(res) != c.want {
				t.Fatalf("%s, %v: want %s", idsOf(res), err, c.want)
			}
			if h := res.Hits[c.k-1]; h.Parts[0].Part != retriever.Retrieved || h.Parts[0].Score != float64(5-h.Parts[0].Rank) {
				t.Errorf("%+v", h)
			}
		})
	}
}

// A second, slow implementation: at every step the formula for every candidate.
func TestMMRAgainstFormula(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(rt, "n")
		lambda := rapid.Float64Range(0.05, 1).Draw(rt, "lambda")
		var passages []retriever.Passage
		vectors := map[string][]float32{}
		for i := range n {
			id := fmt.Sprint(i)
			passages = append(passages, retriever.Passage{ID: id, Text: id})
			vectors[id] = []float32{float32(rapid.IntRange(-3, 3).Draw(rt, "x")), float32(rapid.IntRange(-3, 3).Draw(rt, "y"))}
		}
		cosine := func(a, b []float32) float64 {
			x := math.Hypot(float64(a[0]), float64(a[1])) * math.Hypot(float64(b[0]), float64(b[1]))
			if x == 0 {
				return 0
			}
			return float64(a[0]*b[0]+a[1]*b[1]) / x
		}
		embed := func(_ context.Context, texts []string) (list [][]float32, _ error) {
			for _, s := range texts {
				list = append(list, vectors[s])
			}
			return list, nil
		}
		r := must[retriever.Retriever](t)(retriever.MMR(retriever.List(passages...), retriever.MMROptions{Lambda: lambda, Similarity: retriever.CosineSimilarity(embed)}))
		res, err := r.Retrieve(t.Context(), retriever.Query{K: n})
		if err != nil || len(res.Hits) != n {
			rt.Fatalf("%d hits of %d, %v", len(res.Hits), n, err)
		}
		for at := range res.Hits {
			value := func(h retriever.Hit) float64 {
				rel := 1.0
				if n > 1 {
					rel = 1 - float64(h.Parts[0].Rank-1)/float64(n-1)
				}
				worst := math.Inf(-1)
				for _, c := range res.Hits[:at] {
					worst = max(worst, cosine(vectors[h.Passage.ID], vectors[c.Passage.ID]))
				}
				if at == 0 {
					worst = 0
				}
				return lambda*rel - (1-lambda)*worst
			}
			if got := value(res.Hits[at]); math.Abs(got-res.Hits[at].Score) > 1e-6 {
				rt.Fatalf("hit %d has %v: want %v", at, res.Hits[at].Score, got)
			}
			for _, other := range res.Hits[at+1:] {
				if value(other) > value(res.Hits[at])+1e-6 {
					rt.Fatalf("at %d %s has %v, but %s %v", at, res.Hits[at].Passage.ID, value(res.Hits[at]), other.Passage.ID, value(other))
				}
			}
		}
	})
}

func TestMMRBadSimilarity(t *testing.T) {
	boom := errors.New("boom")
	for name, s := range map[string]retriever.Similarity{
		"NaN":     retriever.PairSimilarity(func(a, b retriever.Passage) float64 { return math.NaN() }),
		"error":   func(context.Context, []retriever.Passage) (func(i, j int) float64, error) { return nil, boom },
		"count":   retriever.CosineSimilarity(func(context.Context, []string) ([][]float32, error) { return make([][]float32, 1), nil }),
		"lengths": retriever.CosineSimilarity(func(context.Context, []string) ([][]float32, error) { return [][]float32{{1}, {1, 2}}, nil }),
	} {
		r := must[retriever.Retriever](t)(retriever.MMR(listed("a b"), retriever.MMROptions{Similarity: s}))
		res, err := r.Retrieve(t.Context(), retriever.Query{K: 1})
		if err == nil || idsOf(res) != "a" || name == "error" && !errors.Is(err, boom) {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
}

func has(word string) func(retriever.Query) bool {
	return func(q retriever.Query) bool { return strings.Contains(q.Text, word) }
}

func TestRoute(t *testing.T) {
	parts := []retriever.Part{part("wiki", listed("w1 w2"), 0), part("law", listed("l1 l2"), 0), part("rest", listed("r1"), 0)}
	rules := []retriever.Rule{{Part: "law", When: has("court")}, {Part: "wiki", When: has("river")}}
	for _, c := range []struct {
		name, text string
		router     retriever.Router
		o          retriever.RouteOptions
		want       string
		err        error
	}{
		{"one", "a court", retriever.Rules{List: rules}, retriever.RouteOptions{}, "l1 l2", nil},
		{"two, in the order of parts", "a court on a river", retriever.Rules{List: rules}, retriever.RouteOptions{}, "w1 l1 w2 l2", nil},
		{"first", "a court on a river", retriever.Rules{List: rules, First: true}, retriever.RouteOptions{}, "l1 l2", nil},
		{"none", "a tree", retriever.Rules{List: rules}, retriever.RouteOptions{}, "", retriever.ErrNoRoute},
		{"zero rules", "a tree", retriever.Rules{}, retriever.RouteOptions{}, "", retriever.ErrNoRoute},
		{"fallback", "a tree", retriever.Rules{List: rules}, retriever.RouteOptions{Fallback: "rest"}, "r1", nil},
		{"empty by choice", "a tree", retriever.Rules{List: rules}, retriever.RouteOptions{EmptyWithoutRoute: true}, "", nil},
		{"nil When holds", "a tree", retriever.Rules{List: []retriever.Rule{{Part: "rest"}}}, retriever.RouteOptions{}, "r1", nil},
		{"unknown part", "x", names{"sea"}, retriever.RouteOptions{}, "", retriever.ErrRouter},
		{"repeated part", "x", names{"law", "law"}, retriever.RouteOptions{}, "l1 l2", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := must[retriever.Retriever](t)(retriever.Route(c.router, parts, c.o))
			res, err := r.Retrieve(t.Context(), retriever.Query{Text: c.text, K: 9})
			if !errors.Is(err, c.err) || idsOf(res) != c.want {
				t.Fatalf("%q, %v: want %q, %v", idsOf(res), err, c.want, c.err)
			}
			if c.o.EmptyWithoutRoute != (len(res.Missing) == 1) {
				t.Errorf("missing: %v", res.Missing)
			}
			if err == nil && res.Scores != retriever.RRF {
				t.Errorf("scores are %q", res.Scores)
			}
		})
	}
}

// names is a router that always says the same.
type names []string

func (n names) Route(context.Context, retriever.Query) ([]string, error) { return n, nil }

type failingRouter struct{ err error }

func (f failingRouter) Route(context.Context, retriever.Query) ([]string, error) { return nil, f.err }

func TestRouterFails(t *testing.T) {
	boom := errors.New("boom")
	parts := []retriever.Part{part("a", listed("a1"), 0), part("b", failing(boom), 0)}
	allow := retriever.FuseOptions{AllowMissing: true}

	r := must[retriever.Retriever](t)(retriever.Route(failingRouter{boom}, parts, retriever.RouteOptions{Fallback: "a"}))
	if _, err := r.Retrieve(t.Context(), retriever.Query{K: 1}); !errors.Is(err, boom) || !errors.Is(err, retriever.ErrRouter) {
		t.Errorf("strict: %v", err)
	}
	r = must[retriever.Retriever](t)(retriever.Route(failingRouter{boom}, parts, retriever.RouteOptions{Fallback: "a", Fuse: allow}))
	res, err := r.Retrieve(t.Context(), retriever.Query{K: 1})
	if err != nil || idsOf(res) != "a1" || len(res.Missing) != 1 || res.Missing[0].Part != "router" {
		t.Errorf("lenient: %+v, %v", res, err)
	}
	r = must[retriever.Retriever](t)(retriever.Route(names{"b", "a"}, parts, retriever.RouteOptions{Fuse: allow}))
	res, err = r.Retrieve(t.Context(), retriever.Query{K: 1})
	if err != nil || idsOf(res) != "a1" || len(res.Missing) != 1 || res.Missing[0].Part != "b" {
		t.Errorf("a part fails: %+v, %v", res, err)
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
	_, noParts := retriever.Route(retriever.Rules{}, nil, retriever.RouteOptions{})
	for name, err := range map[string]error{
		"reorder nil":        reorder,
		"reorder nil typed":  typed,
		"mmr nil":            mmr(nil, retriever.MMROptions{Similarity: similar}),
		"mmr no similarity":  mmr(listed("a"), retriever.MMROptions{}),
		"mmr nil embedder":   mmr(listed("a"), retriever.MMROptions{Similarity: retriever.CosineSimilarity(nil)}),
		"mmr lambda":         mmr(listed("a"), retriever.MMROptions{Similarity: similar, Lambda: 1.5}),
		"mmr lambda NaN":     mmr(listed("a"), retriever.MMROptions{Similarity: similar, Lambda: math.NaN()}),
		"mmr depth":          mmr(listed("a"), retriever.MMROptions{Similarity: similar, Depth: -1}),
		"cache nil":          cache(nil, retriever.CacheOptions{}),
		"cache size":         cache(listed("a"), retriever.CacheOptions{Size: -1}),
		"cache age":          cache(listed("a"), retriever.CacheOptions{Age: -1}),
		"route nil":          route(nil, retriever.RouteOptions{}),
		"route fallback":     route(retriever.Rules{}, retriever.RouteOptions{Fallback: "b"}),
		"route two policies": route(retriever.Rules{}, retriever.RouteOptions{Fallback: "a", EmptyWithoutRoute: true}),
		"route rule":         route(retriever.Rules{List: []retriever.Rule{{Part: "b"}}}, retriever.RouteOptions{}),
	} {
		if !errors.Is(err, retriever.ErrCompose) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !errors.Is(noParts, retriever.ErrFuse) {
		t.Errorf("no parts: %v", noParts)
	}
}

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
		time.Sleep(time.Hour - 1)
		ask(1)
		time.Sleep(1)
		ask(2)
		time.Sleep(time.Hour - 1) // the age counts from the second search
		ask(2)
	})
}

// The place of a result in the cache goes by the last use, its age by the search.
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
	z := retriever.Query{Text: "q", K: 1, Filter: retriever.Exists{Field: "f"}}
	ask(x, true)
	ask(y, true)
	ask(x, false)
	ask(z, true) // y makes room
	ask(x, false)
	ask(y, true) // z makes room
	ask(z, true)
	if c.Len() != 2 {
		t.Errorf("%d results are kept", c.Len())
	}
	// Filters that are true of the same, written otherwise, are one key.
	z.Filter = retriever.And{z.Filter}
	ask(z, false)
	c.Purge()
	ask(z, true)
}

// A field that Query gets one day must become part of the key.
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

// A search that began before Purge may hold what is gone.
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

// pipelines are compositions of all kinds, over what makes a plain retriever.
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
			return retriever.Route(retriever.Rules{List: []retriever.Rule{{Part: "b"}, {Part: "a", When: has("Ebro")}}}, two(r), retriever.RouteOptions{})
		},
		"fallback": func(r retriever.Retriever) (retriever.Retriever, error) {
			return retriever.Route(retriever.Rules{}, two(r), retriever.RouteOptions{Fallback: "b"})
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
		q := retriever.Query{Text: "a bridge over the river Ebro", K: 7, Filter: retriever.Exists{Field: "year"}}
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

// recorder finds two passages, whatever it is asked, and keeps the queries.
func recorder() *retrievertest.Script {
	return &retrievertest.Script{Rules: []retrievertest.Rule{{Hits: retrievertest.Hits(retrievertest.Passages("one", "two")...)}}}
}

func TestFiltersReachEveryPart(t *testing.T) {
	filter := retriever.Not{Filter: retriever.Exists{Field: "secret"}}
	for name, compose := range pipelines() {
		s := recorder()
		if _, err := must[retriever.Retriever](t)(compose(s)).Retrieve(t.Context(), retriever.Query{Text: "Ebro", K: 2, Filter: filter}); err != nil {
			t.Fatal(name, err)
		}
		if len(s.Queries()) == 0 {
			t.Errorf("%s asked nobody", name)
		}
		for _, q := range s.Queries() {
			if q.Text != "Ebro" || retriever.FormatFilter(q.Filter) != retriever.FormatFilter(filter) {
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

// What was searched for instead of the query stays known after a fusion and in a cache.
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
		res.Queries[0], res.Hits[0].Parts[0].Part = "spoilt", "spoilt" // it is the caller's
	}
}
