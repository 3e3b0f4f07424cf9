package retrievertest_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rerank/learned"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
	"github.com/goselfrag/goselfrag/retriever/summary"
)

// embedder is fitted once.
var embedder = sync.OnceValues(func() (*hashed.Embedder, error) {
	return hashed.Fit(context.Background(), dense.Texts(retrievertest.Corpus()), hashed.Options{Dim: 64})
})

// replying is a model that gives the same reply to every task.
func replying(reply string) generator.Generator {
	return generator.Wrap(&generatortest.Script{}, func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		return (&generatortest.Script{Rules: []generatortest.Rule{{Steps: generatortest.Words(1, reply)}}}).Generate(ctx, req)
	})
}

func variants() (*rewrite.Lines, error) {
	return rewrite.NewLines(replying("river ship\nRIVER\n\nriver bridge"), rewrite.VariantsTemplate, rewrite.ModelOptions{})
}

// judge finds everything relevant.
type judge struct{}

func (judge) Score(ctx context.Context, _ string, passages []retriever.Passage) ([]float64, error) {
	return slices.Repeat([]float64{1}, len(passages)), ctx.Err()
}

// indexes are the retrievers that hold passages.
var indexes = map[string]retrievertest.New{
	"lexical": func(ps []retriever.Passage) (retriever.Retriever, error) {
		return lexical.New(context.Background(), ps, lexical.Options{})
	},
	"dense": func(ps []retriever.Passage) (retriever.Retriever, error) {
		e, err := embedder()
		if err != nil {
			return nil, err
		}
		return dense.New(context.Background(), e, ps, dense.Options{})
	},
	"hyde": func(ps []retriever.Passage) (retriever.Retriever, error) {
		e, err := embedder()
		if err != nil {
			return nil, err
		}
		source, err := rewrite.NewPassages(replying("The river floods the meadows."), rewrite.HypotheticalTemplate, rewrite.ModelOptions{Count: 2})
		if err != nil {
			return nil, err
		}
		moved, err := rewrite.HyDE(e, source)
		if err != nil {
			return nil, err
		}
		return dense.New(context.Background(), moved, ps, dense.Options{})
	},
	"summaries": func(ps []retriever.Passage) (retriever.Retriever, error) {
		e, err := embedder()
		if err != nil {
			return nil, err
		}
		store, err := dense.New(context.Background(), e, nil, dense.Options{})
		if err != nil {
			return nil, err
		}
		return summary.New(context.Background(), store, summary.Sentences{Max: 1}, ps, summary.Options{})
	},
}

// techniques make a retriever of another one.
var techniques = map[string]func(retriever.Retriever) (retriever.Retriever, error){
	"fuse ranks": func(r retriever.Retriever) (retriever.Retriever, error) {
		return retriever.Fuse([]retriever.Part{{Name: "a", Retriever: r}, {Name: "b", Retriever: r, Weight: 2}}, retriever.FuseOptions{})
	},
	"fuse scores": func(r retriever.Retriever) (retriever.Retriever, error) {
		return retriever.Fuse([]retriever.Part{{Name: "a", Retriever: r}, {Name: "b", Retriever: r, Weight: 2}}, retriever.FuseOptions{Method: retriever.ScoreFusion})
	},
	"route": func(r retriever.Retriever) (retriever.Retriever, error) {
		return retriever.Route(retriever.RouteRules{List: []retriever.RouteRule{{Part: "a"}, {Part: "b"}}},
			[]retriever.Part{{Name: "a", Retriever: r}, {Name: "b", Retriever: r}}, retriever.RouteOptions{})
	},
	"route by model": func(r retriever.Retriever) (retriever.Retriever, error) {
		router, err := rewrite.NewModelRouter(replying("a"), rewrite.RouteTemplate, []rewrite.RouteChoice{{Part: "a"}, {Part: "b"}})
		if err != nil {
			return nil, err
		}
		// The contract has blank questions, too, for which a model is not asked.
		return retriever.Route(router, []retriever.Part{{Name: "a", Retriever: r}, {Name: "b", Retriever: r}}, retriever.RouteOptions{Fallback: "a"})
	},
	"mmr": func(r retriever.Retriever) (retriever.Retriever, error) {
		e, err := embedder()
		if err != nil {
			return nil, err
		}
		return retriever.MMR(r, retriever.MMROptions{Similarity: retriever.CosineSimilarity(e.EmbedDocuments)})
	},
	"reorder": retriever.Reorder,
	"cache": func(r retriever.Retriever) (retriever.Retriever, error) {
		return retriever.NewCache(r, retriever.CacheOptions{})
	},
	"limit": func(r retriever.Retriever) (retriever.Retriever, error) {
		return retriever.Limit(r, budget.Limits{Calls: 50, Tokens: 5000, Time: time.Hour}, retriever.LimitOptions{})
	},
	"filter afterwards": func(r retriever.Retriever) (retriever.Retriever, error) {
		return retriever.PostFilter(r, retriever.PostFilterOptions{})
	},
	"scope": func(r retriever.Retriever) (retriever.Retriever, error) {
		return retriever.Scope(r, filter.Not{Filter: filter.Exists{Field: "tenant"}})
	},
	"variants": func(r retriever.Retriever) (retriever.Retriever, error) {
		s, err := variants()
		if err != nil {
			return nil, err
		}
		return rewrite.Fusion(r, s, rewrite.FusionOptions{})
	},
	"spelling": func(r retriever.Retriever) (retriever.Retriever, error) {
		v, err := rewrite.NewVocabulary(context.Background(), retrievertest.Corpus())
		if err != nil {
			return nil, err
		}
		s, err := rewrite.NewSpelling(v)
		if err != nil {
			return nil, err
		}
		return rewrite.Fusion(r, s, rewrite.FusionOptions{})
	},
	"decompose": func(r retriever.Retriever) (retriever.Retriever, error) {
		s, err := variants()
		if err != nil {
			return nil, err
		}
		return rewrite.Decompose(r, s, rewrite.DecomposeOptions{Depth: 2})
	},
	"retry": func(r retriever.Retriever) (retriever.Retriever, error) {
		s, err := variants()
		if err != nil {
			return nil, err
		}
		return rewrite.Retry(r, s, judge{}, rewrite.RetryOptions{})
	},
	"rerank by model": func(r retriever.Retriever) (retriever.Retriever, error) {
		return rerank.New(r, rerank.ModelScorer{Generator: extractive.New(), Concurrency: 2}, rerank.Options{Depth: 5})
	},
	"rerank learned": func(r retriever.Retriever) (retriever.Retriever, error) {
		s, err := learned.New(context.Background(), retrievertest.Corpus())
		if err != nil {
			return nil, err
		}
		return rerank.New(r, s, rerank.Options{Depth: 5})
	},
	"rerank listwise": func(r retriever.Retriever) (retriever.Retriever, error) {
		l, err := rerank.NewListwise(replying("2 > 1"), rerank.ListTemplate, rerank.ListwiseOptions{Window: 4})
		if err != nil {
			return nil, err
		}
		return rerank.New(r, l, rerank.Options{Depth: 6})
	},
}

// over makes a technique over keyword search.
func over(technique string) retrievertest.New {
	return func(ps []retriever.Passage) (retriever.Retriever, error) {
		if technique == "retry" && len(ps) == 0 { // that nothing was relevant is named missing
			return nil, errors.ErrUnsupported
		}
		r, err := lexical.New(context.Background(), ps, lexical.Options{})
		if err != nil {
			return nil, err
		}
		return techniques[technique](r)
	}
}

// everyRetriever is all of them.
func everyRetriever() map[string]retrievertest.New {
	all := maps.Clone(indexes)
	for name := range techniques {
		all[name] = over(name)
	}
	return all
}

// wrapped puts a fusion of variants, inside a reranker, inside a router, on top.
func wrapped(makeNew retrievertest.New) retrievertest.New {
	return func(ps []retriever.Passage) (retriever.Retriever, error) {
		r, err := makeNew(ps)
		for _, technique := range []string{"variants", "rerank listwise", "route", "cache"} {
			if err != nil {
				return nil, err
			}
			r, err = techniques[technique](r)
		}
		return r, err
	}
}

// Every retriever of the library keeps the contract, by itself and in a composition.
func TestEveryRetriever(t *testing.T) {
	for name, makeNew := range everyRetriever() {
		t.Run(name, func(t *testing.T) { retrievertest.TestRetriever(t, makeNew) })
		if (testsize.Racing || !testsize.Full()) && !slices.Contains([]string{"lexical", "dense", "variants", "rerank by model"}, name) {
			continue
		}
		t.Run(name+" wrapped", func(t *testing.T) { retrievertest.TestRetriever(t, wrapped(makeNew)) })
	}
}

// Repeating a query gives the same result, to the last byte.
func TestEveryRetrieverRepeats(t *testing.T) {
	runs := testsize.Raced(50, testsize.Of(100, 1000))
	for name, makeNew := range everyRetriever() {
		t.Run(name, func(t *testing.T) {
			r, err := makeNew(retrievertest.Corpus())
			if err != nil {
				t.Fatal(err)
			}
			q := retriever.Query{Text: "river and old port or bridge over the river", K: 9, Filter: filter.Exists{Field: "year"}}
			first, err := r.Retrieve(t.Context(), q)
			if err != nil || len(first.Hits) != 9 {
				t.Fatalf("%d hits, %v", len(first.Hits), err)
			}
			for i := range runs {
				if again, err := r.Retrieve(t.Context(), q); err != nil || !reflect.DeepEqual(first, again) {
					t.Fatalf("query %d gives another result, %v", i+2, err)
				}
			}
		})
	}
}

// Whatever a technique asks, it asks with the filter of the query, and for the question
// itself among others.
func TestFilterReachesEveryPart(t *testing.T) {
	expr := filter.Not{Filter: filter.Exists{Field: "secret"}}
	for name, compose := range techniques {
		t.Run(name, func(t *testing.T) {
			s := &retrievertest.Script{Scores: retriever.BM25, Rules: []retrievertest.Rule{{Hits: retrievertest.Hits(retrievertest.Corpus()...)}}}
			r, err := compose(s)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []filter.Expr{expr, filter.Exists{Field: "year"}, nil} {
				before := len(s.Queries())
				if _, err := r.Retrieve(t.Context(), retriever.Query{Text: "river", K: 2, Filter: f}); err != nil {
					t.Fatal(err)
				}
				asked := s.Queries()[before:]
				original := false
				for _, q := range asked {
					original = original || strings.HasPrefix(q.Text, "river")
					want := f
					switch {
					case name == "filter afterwards":
						want = nil
					case name == "scope" && f == nil:
						want = filter.Not{Filter: filter.Exists{Field: "tenant"}}
					case name == "scope":
						want = filter.And{filter.Not{Filter: filter.Exists{Field: "tenant"}}, f}
					}
					if filter.Format(q.Filter) != filter.Format(want) {
						t.Errorf("asked with %v, not %v", q.Filter, want)
					}
				}
				if !original { // a cache that takes one filter for another asks nothing
					t.Errorf("with the filter %v it asked %+v", f, asked)
				}
			}
		})
	}
}

// A part that is nil, bare or in an interface, is an error when the retriever is made.
func TestNilParts(t *testing.T) {
	var script *retrievertest.Script
	for name, compose := range techniques {
		for _, inner := range []retriever.Retriever{nil, script, retriever.Func(nil)} {
			r, err := compose(inner)
			if err == nil || !isNil(r) {
				t.Errorf("%s over %T: %v", name, inner, err)
				continue
			}
			if !errors.Is(err, retriever.ErrOption) && !errors.Is(err, rewrite.ErrOption) && !errors.Is(err, rerank.ErrOption) {
				t.Errorf("%s over %T: the error %v has no type", name, inner, err)
			}
		}
	}
}

func isNil(r retriever.Retriever) bool {
	v := reflect.ValueOf(r)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}
