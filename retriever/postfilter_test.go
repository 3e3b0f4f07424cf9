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

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// unfiltered finds passages in their order and fails if it gets a filter. It
// records the requested numbers of hits.
type unfiltered struct {
	passages []retriever.Passage
	asked    []int
}

func (u *unfiltered) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	if q.Filter != nil {
		return retriever.Result{}, fmt.Errorf("it was given the filter %s", filter.Format(q.Filter))
	}
	u.asked = append(u.asked, q.K)
	return retriever.List(u.passages...).Retrieve(ctx, q)
}

// numbered returns n passages with their number as metadata.
func numbered(n int) []retriever.Passage {
	list := make([]retriever.Passage, n)
	for i := range list {
		list[i] = retriever.Passage{ID: fmt.Sprint(i), Metadata: filter.Metadata{"n": filter.Int(int64(i))}}
	}
	return list
}

func atLeast(n int64) filter.Expr {
	return filter.Compare{Field: "n", Op: filter.Ge, Value: filter.Int(n)}
}

func TestPostFilterAsksForMore(t *testing.T) {
	for _, c := range []struct {
		name        string
		passages    int
		filter      filter.Expr
		k, bound    int
		asked       []int
		first, hits int
		missing     string
	}{
		{"no filter", 100, nil, 3, 0, []int{3}, 0, 3, ""},
		{"no filter, above the bound", 100, nil, 30, 10, []int{30}, 0, 30, ""},
		{"all pass", 100, atLeast(0), 3, 0, []int{12}, 0, 3, ""},
		{"in the second search", 100, atLeast(20), 3, 0, []int{12, 48}, 20, 3, ""},
		{"at the very end", 100, atLeast(98), 3, 0, []int{12, 48, 192}, 98, 2, ""},
		{"none", 100, atLeast(100), 3, 0, []int{12, 48, 192}, 0, 0, ""},
		{"as many as asked for, then no more", 48, atLeast(47), 3, 0, []int{12, 48, 192}, 47, 1, ""},
		{"bound in reach", 100, atLeast(49), 1, 50, []int{4, 16, 50}, 49, 1, ""},
		{"bound reached", 100, atLeast(49), 3, 50, []int{12, 48, 50}, 49, 1, "first 50 hits were looked at, and 1 of them pass"},
		{"bound reached, none passes", 100, atLeast(50), 1, 50, []int{4, 16, 50}, 0, 0, "and 0 of them pass"},
		{"as many as the bound, by chance", 50, atLeast(49), 3, 50, []int{12, 48, 50}, 49, 1, "first 50"},
		{"fewer than the bound", 49, atLeast(48), 3, 50, []int{12, 48, 50}, 48, 1, ""},
		{"more wanted than the bound", 100, atLeast(0), 60, 50, []int{50}, 0, 50, "and 50 of them pass"},
		{"bound 1", 100, atLeast(0), 1, 1, []int{1}, 0, 1, ""},
		{"default bound", 10_001, atLeast(10_000), 1, 0, []int{4, 16, 64, 256, 1024, 4096, 10_000}, 0, 0, "first 10000"},
		{"a K near the greatest int", 100, atLeast(99), math.MaxInt, math.MaxInt, []int{math.MaxInt}, 99, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := &unfiltered{passages: numbered(c.passages)}
			r := must[retriever.Retriever](t)(retriever.PostFilter(u, retriever.PostFilterOptions{Bound: c.bound}))
			res, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: c.k, Filter: c.filter})
			if err != nil || !slices.Equal(u.asked, c.asked) {
				t.Fatalf("asked for %v, want %v; error %v", u.asked, c.asked, err)
			}
			for i, h := range res.Hits {
				if h.Passage.ID != fmt.Sprint(c.first+i) || h.Score != float64(c.passages-c.first-i) {
					t.Errorf("hit %d is %s with %v", i, h.Passage.ID, h.Score)
				}
			}
			if len(res.Hits) != c.hits || res.Scores != retriever.RankOnly {
				t.Errorf("%d hits of the kind %q: want %d", len(res.Hits), res.Scores, c.hits)
			}
			if (c.missing == "") != (len(res.Missing) == 0) || c.missing != "" && (res.Missing[0].Part != "filter" || !strings.Contains(res.Missing[0].Reason, c.missing)) {
				t.Errorf("missing %v: want %q", res.Missing, c.missing)
			}
		})
	}
}

// drawMetadata draws metadata with few values in few fields, some of them left out.
func drawMetadata(t *rapid.T) filter.Metadata {
	m := filter.Metadata{}
	for _, field := range []string{"x", "y"} {
		if n := rapid.Int64Range(-1, 3).Draw(t, field); n >= 0 {
			m[field] = filter.Int(n)
		}
	}
	return m
}

// drawFilter draws a filter over the fields of drawMetadata.
func drawFilter(t *rapid.T) filter.Expr {
	leaf := func(label string) filter.Expr {
		field := rapid.SampledFrom([]string{"x", "y"}).Draw(t, label+" field")
		if rapid.Bool().Draw(t, label+" exists") {
			return filter.Exists{Field: field}
		}
		op := rapid.SampledFrom([]filter.Op{filter.Eq, filter.Ne, filter.Lt, filter.Ge}).Draw(t, label+" operator")
		return filter.Compare{Field: field, Op: op, Value: filter.Int(rapid.Int64Range(0, 3).Draw(t, label+" value"))}
	}
	a, b := leaf("left"), leaf("right")
	return rapid.SampledFrom([]filter.Expr{a, filter.Not{Filter: a}, filter.And{a, b}, filter.Or{a, b}}).Draw(t, "filter")
}

// The result is that of examining every passage, unless the bound was reached,
// which it reports.
func TestPostFilterAgreesWithBruteForce(t *testing.T) {
	cut := 0
	rapid.Check(t, func(t *rapid.T) {
		var passages []retriever.Passage
		for i, m := range rapid.SliceOfN(rapid.Custom(drawMetadata), 0, 60).Draw(t, "metadata") {
			passages = append(passages, retriever.Passage{ID: fmt.Sprint(i), Metadata: m})
		}
		expr := drawFilter(t)
		k, bound := rapid.IntRange(1, 8).Draw(t, "k"), rapid.IntRange(1, 70).Draw(t, "bound")
		var want []string
		for _, p := range passages[:min(bound, len(passages))] {
			if len(want) < k && filter.Match(expr, p.Metadata) {
				want = append(want, p.ID)
			}
		}
		r, err := retriever.PostFilter(&unfiltered{passages: passages}, retriever.PostFilterOptions{Bound: bound})
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.Retrieve(context.Background(), retriever.Query{K: k, Filter: expr})
		if err != nil || idsOf(res) != strings.Join(want, " ") {
			t.Fatalf("%q, %v: want %q", idsOf(res), err, want)
		}
		if wantCut := len(want) < k && len(passages) >= bound; wantCut != (len(res.Missing) == 1) {
			t.Fatalf("missing %v with the bound %d and %d passages", res.Missing, bound, len(passages))
		}
		cut += len(res.Missing)
	})
	if cut == 0 {
		t.Error("no search reached its bound")
	}
}

// Everything but the hits is that of the last search, and the fields of the query
// reach it.
func TestPostFilterPassesOn(t *testing.T) {
	hits := retrievertest.Hits(numbered(5)...)
	hits = append(hits[:3:3], hits[1:]...) // ids 1 and 2 come twice
	for i := range hits {
		hits[i].Parts = []retriever.Contribution{{Part: "p", Rank: i}}
	}
	var asked []retriever.Query
	inner := retriever.Func(func(_ context.Context, q retriever.Query) (retriever.Result, error) {
		asked = append(asked, q)
		return retriever.Result{Hits: slices.Clone(hits), Scores: retriever.BM25, Queries: []string{"other"}, Missing: []retriever.Missing{{Part: "x"}}}, nil
	})
	r := must[retriever.Retriever](t)(retriever.PostFilter(inner, retriever.PostFilterOptions{}))
	res, err := r.Retrieve(t.Context(), retriever.Query{Text: "text", K: 9, Filter: atLeast(1)})
	want := retriever.Result{
		Hits: []retriever.Hit{hits[1], hits[2], hits[5], hits[6]}, Scores: retriever.BM25,
		Queries: []string{"other"}, Missing: []retriever.Missing{{Part: "x"}},
	}
	if d := cmp.Diff(want, res, cmp.Comparer(filter.Value.Equal)); err != nil || d != "" {
		t.Errorf("%v; -want +got:\n%s", err, d)
	}
	if !reflect.DeepEqual(asked, []retriever.Query{{Text: "text", K: 36}}) {
		t.Errorf("it was asked %+v", asked)
	}
}

// With an error come the known hits, and none that the filter excludes.
func TestPostFilterFails(t *testing.T) {
	boom := errors.New("boom")
	three := filter.In{Field: "n", Values: []filter.Value{filter.Int(3), filter.Int(20), filter.Int(30)}}
	for name, c := range map[string]struct {
		fails, with int // the search that fails, and the hits that come with the error
		want        string
	}{
		"first search":                   {1, 0, ""},
		"first search, some hits":        {1, 5, "3"},
		"second search":                  {2, 0, "3"},
		"second search, hits, none pass": {2, 2, "3"},
		"second search, more hits":       {2, 25, "3 20"},
	} {
		calls := 0
		inner := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
			if calls++; calls == c.fails {
				return retriever.Result{Hits: retrievertest.Hits(numbered(c.with)...)}, boom
			}
			return retriever.List(numbered(100)...).Retrieve(ctx, q)
		})
		r := must[retriever.Retriever](t)(retriever.PostFilter(inner, retriever.PostFilterOptions{}))
		res, err := r.Retrieve(t.Context(), retriever.Query{K: 3, Filter: three})
		if !errors.Is(err, boom) || idsOf(res) != c.want {
			t.Errorf("%s: %q, %v: want %q", name, idsOf(res), err, c.want)
		}
	}
}

// A context that ends between two searches stops it, even if the retriever goes on.
func TestPostFilterCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	searches := 0
	inner := retriever.Func(func(_ context.Context, q retriever.Query) (retriever.Result, error) {
		searches++
		cancel()
		return retriever.List(numbered(100)...).Retrieve(context.Background(), q)
	})
	r := must[retriever.Retriever](t)(retriever.PostFilter(inner, retriever.PostFilterOptions{}))
	res, err := r.Retrieve(ctx, retriever.Query{K: 2, Filter: atLeast(7)})
	if !errors.Is(err, context.Canceled) || searches != 1 || idsOf(res) != "7" {
		t.Errorf("%q, %v after %d searches", idsOf(res), err, searches)
	}
}

// Each search is a step with its own calls.
func TestPostFilterSteps(t *testing.T) {
	inner := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		if err := call(ctx, 0); err != nil {
			return retriever.Result{}, err
		}
		return retriever.List(numbered(100)...).Retrieve(ctx, q)
	})
	r := must[retriever.Retriever](t)(retriever.PostFilter(inner, retriever.PostFilterOptions{}))
	ctx, _ := budget.Open(t.Context(), "search", budget.Limits{Calls: 2})
	var a observe.Recorder
	ctx = observe.With(ctx, &a)
	res, err := r.Retrieve(ctx, retriever.Query{K: 2, Filter: atLeast(31)})
	var steps []string
	for _, s := range a.Steps() {
		steps = append(steps, fmt.Sprintf("%s: %d call, failed %t", s.Name, len(s.Steps), s.Error != ""))
	}
	want := []string{"first 8 hits: 1 call, failed false", "first 32 hits: 1 call, failed false", "first 128 hits: 1 call, failed true"}
	if !errors.Is(err, budget.ErrExceeded) || idsOf(res) != "31" || !slices.Equal(steps, want) {
		t.Errorf("%q, %v, steps %q", idsOf(res), err, steps)
	}
}

func TestPostFilterRefuses(t *testing.T) {
	var null *retrievertest.Script
	err := func(_ retriever.Retriever, err error) error { return err }
	for name, err := range map[string]error{
		"nil":       err(retriever.PostFilter(nil, retriever.PostFilterOptions{})),
		"nil typed": err(retriever.PostFilter(null, retriever.PostFilterOptions{})),
		"bound":     err(retriever.PostFilter(listed("a"), retriever.PostFilterOptions{Bound: -1})),
	} {
		if !errors.Is(err, retriever.ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPostFilterContract(t *testing.T) {
	bare := func(p []retriever.Passage) (retriever.Retriever, error) {
		inner := retrievertest.Overlap(p...)
		return retriever.PostFilter(retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
			if q.Filter != nil {
				return retriever.Result{}, errors.New("it was given a filter")
			}
			return inner.Retrieve(ctx, q)
		}), retriever.PostFilterOptions{})
	}
	t.Run("bare", func(t *testing.T) { retrievertest.TestRetriever(t, bare) })
	t.Run("wrapped", func(t *testing.T) {
		retrievertest.TestRetriever(t, func(p []retriever.Passage) (retriever.Retriever, error) {
			r, err := bare(p)
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
