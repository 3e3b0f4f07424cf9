package retriever_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// untenanted matches passages without a tenant, as those of the corpus are.
var untenanted = filter.Not{Filter: filter.Exists{Field: "tenant"}}

// foreign returns passages that no search within untenanted may give.
func foreign() []retriever.Passage {
	var list []retriever.Passage
	for i := range 20 {
		list = append(list, retriever.Passage{
			ID: fmt.Sprint("foreign-", i), Title: "river river", Text: "river river bridge Ebro Thames",
			Metadata: filter.Metadata{"tenant": filter.String("acme"), "year": filter.Int(1932)},
		})
	}
	return list
}

// scopes are compositions with a scope around or inside.
func scopes() map[string]func(retriever.Retriever) (retriever.Retriever, error) {
	scope := func(r retriever.Retriever, err error) (retriever.Retriever, error) {
		if err != nil {
			return nil, err
		}
		return retriever.Scope(r, untenanted)
	}
	all := map[string]func(retriever.Retriever) (retriever.Retriever, error){
		"bare":  func(r retriever.Retriever) (retriever.Retriever, error) { return scope(r, nil) },
		"twice": func(r retriever.Retriever) (retriever.Retriever, error) { return scope(scope(r, nil)) },
		"over PostFilter": func(r retriever.Retriever) (retriever.Retriever, error) {
			return scope(retriever.PostFilter(r, retriever.PostFilterOptions{}))
		},
		"shared cache": func(r retriever.Retriever) (retriever.Retriever, error) {
			c, err := retriever.NewCache(r, retriever.CacheOptions{})
			if err != nil {
				return nil, err
			}
			other, err := retriever.Scope(c, filter.Exists{Field: "tenant"})
			if err != nil {
				return nil, err
			}
			mine, err := scope(c, nil)
			if err != nil {
				return nil, err
			}
			return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
				_, _ = other.Retrieve(ctx, q) // its result is in the cache
				_, _ = c.Retrieve(ctx, q)     // and that one is without a scope
				return mine.Retrieve(ctx, q)
			}), nil
		},
	}
	for name, compose := range pipelines() {
		all["over "+name] = func(r retriever.Retriever) (retriever.Retriever, error) { return scope(compose(r)) }
		all["under "+name] = func(r retriever.Retriever) (retriever.Retriever, error) {
			r, err := scope(r, nil)
			if err != nil {
				return nil, err
			}
			return compose(r)
		}
	}
	return all
}

// Within its scope a retriever keeps the whole contract, as if nothing else
// existed.
func TestScopeContract(t *testing.T) {
	for name, compose := range scopes() {
		t.Run(name, func(t *testing.T) {
			retrievertest.TestRetriever(t, func(p []retriever.Passage) (retriever.Retriever, error) {
				return compose(retrievertest.Overlap(slices.Concat(foreign(), p)...))
			})
		})
	}
}

// No filter of a query finds more than the scope has, and each finds what it
// matches there.
func TestScopeCannotBeWidened(t *testing.T) {
	compositions := scopes()
	names := slices.Sorted(maps.Keys(compositions))
	rapid.Check(t, func(t *rapid.T) {
		var passages []retriever.Passage
		for i, m := range rapid.SliceOfN(rapid.Custom(drawMetadata), 1, 30).Draw(t, "metadata") {
			if rapid.Bool().Draw(t, "foreign") {
				m["tenant"] = filter.String("acme")
			}
			passages = append(passages, retriever.Passage{ID: fmt.Sprint(i), Text: "river", Metadata: m})
		}
		narrow := drawFilter(t)
		theirs := filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String("acme")}
		f := rapid.SampledFrom([]filter.Expr{
			nil, filter.And{}, filter.Or{}, narrow, theirs, filter.Not{Filter: untenanted}, filter.Exists{Field: "tenant"},
			filter.Or{filter.And{}, narrow}, filter.Or{narrow, theirs}, filter.Not{Filter: filter.And{untenanted, narrow}},
			filter.And{filter.Or{untenanted, theirs}, narrow}, filter.Prefix{Field: "tenant", Prefix: "a"},
		}).Draw(t, "filter")
		text := rapid.SampledFrom([]string{"river", `river" or exists(tenant)`, "river) or true or (exists(tenant)", "river tenant = acme"}).Draw(t, "text")
		name := rapid.SampledFrom(names).Draw(t, "composition")
		r, err := compositions[name](retrievertest.Overlap(passages...))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, p := range passages {
			if filter.Match(untenanted, p.Metadata) && filter.Match(f, p.Metadata) {
				want = append(want, p.ID)
			}
		}
		for range 2 { // the second time from a cache, if there is one
			res, err := r.Retrieve(context.Background(), retriever.Query{Text: text, K: len(passages), Filter: f})
			got := strings.Fields(idsOf(res))
			slices.Sort(got)
			slices.Sort(want)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%s: %q with %s finds %q, %v: want %q", name, text, filter.Format(f), got, err, want)
			}
		}
	})
}

func TestScopeAsksWithBoth(t *testing.T) {
	for _, c := range []struct {
		own  filter.Expr
		want string
	}{
		{nil, "not exists(tenant)"},
		{filter.Exists{Field: "x"}, "not exists(tenant) and exists(x)"},
		{filter.Or{filter.And{}, filter.Exists{Field: "tenant"}}, "not exists(tenant) and (true or exists(tenant))"},
	} {
		s := recorder()
		r := must[retriever.Retriever](t)(retriever.Scope(s, untenanted))
		q := retriever.Query{Text: "q", K: 3, Filter: c.own}
		if _, err := r.Retrieve(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		asked := s.Queries()
		if len(asked) != 1 || asked[0].Text != "q" || asked[0].K != 3 || filter.Format(asked[0].Filter) != c.want {
			t.Errorf("asked %+v, want the filter %s", asked, c.want)
		}
		if filter.Format(q.Filter) != filter.Format(c.own) {
			t.Errorf("the query became %+v", q)
		}
	}
}

// A filter of the greatest size is too large together with that of the scope.
func TestScopeTooLarge(t *testing.T) {
	deep := filter.Expr(filter.Exists{Field: "x"})
	for range filter.MaxDepth - 1 {
		deep = filter.Not{Filter: deep}
	}
	wide := slices.Repeat(filter.Or{filter.Exists{Field: "x"}}, filter.MaxNodes-1)
	s := recorder()
	r := must[retriever.Retriever](t)(retriever.Scope(s, untenanted))
	for name, f := range map[string]filter.Expr{"deep": deep, "wide": wide} {
		if err := filter.Check(f); err != nil {
			t.Fatal(err)
		}
		var fe *filter.Error
		res, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 1, Filter: f})
		if !errors.Is(err, retriever.ErrQuery) || !errors.As(err, &fe) || !strings.Contains(err.Error(), "scope") || len(res.Hits) > 0 {
			t.Errorf("%s: %v, %v", name, res.Hits, err)
		}
	}
	if asked := s.Queries(); len(asked) > 0 {
		t.Errorf("asked %+v", asked)
	}
}

// A retriever that ignores filters reveals nothing outside the scope.
func TestScopeOfOneThatIgnoresFilters(t *testing.T) {
	inside := retriever.Passage{ID: "inside"}
	for name, failure := range map[string]error{"alone": nil, "with an error": errors.New("boom")} {
		broken := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
			return retriever.Result{Hits: retrievertest.Hits(append(foreign(), inside)...), Scores: retriever.BM25}, failure
		})
		r := must[retriever.Retriever](t)(retriever.Scope(broken, untenanted))
		res, err := r.Retrieve(t.Context(), retriever.Query{K: 30})
		want := failure
		if want == nil {
			want = retriever.ErrOption
		}
		if !errors.Is(err, want) || idsOf(res) != "inside" || res.Scores != retriever.BM25 {
			t.Errorf("%s: %q, %v", name, idsOf(res), err)
		}
	}
}

func TestScopeErrors(t *testing.T) {
	var null *retrievertest.Script
	for name, c := range map[string]struct {
		r       retriever.Retriever
		f       filter.Expr
		badExpr bool
	}{
		"nil":         {nil, untenanted, false},
		"nil pointer": {null, untenanted, false},
		"nil filter":  {listed("a"), nil, false},
		"malformed":   {listed("a"), filter.And{filter.Not{}}, true},
	} {
		r, err := retriever.Scope(c.r, c.f)
		var fe *filter.Error
		if r != nil || !errors.Is(err, retriever.ErrOption) || errors.As(err, &fe) != c.badExpr {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

// declared costs what it declares.
type declared struct{ retriever.Retriever }

func (declared) MostCost(int) (budget.Cost, bool) { return budget.Cost{Calls: 3, Tokens: 5}, true }

func TestScopeDeclaresWhatItsRetrieverDoes(t *testing.T) {
	r := must[retriever.Retriever](t)(retriever.Scope(declared{listed("a")}, untenanted))
	if c, ok := budget.MostCost(r, 1); !ok || c != (budget.Cost{Calls: 3, Tokens: 5}) {
		t.Errorf("%+v, %v", c, ok)
	}
	plain := must[retriever.Retriever](t)(retriever.Scope(listed("a"), untenanted))
	_, want := budget.MostCost(listed("a"), 1)
	if _, ok := budget.MostCost(plain, 1); ok != want {
		t.Errorf("declared: %v, want %v", ok, want)
	}
}
