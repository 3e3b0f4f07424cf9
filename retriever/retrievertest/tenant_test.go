package retrievertest_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/schema"
	"github.com/tmc/langchaingo/vectorstores"

	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/langchain"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/summary"
)

const secret = "sesame"

var mine = filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String("me")}

// careless is a store that ignores filters, like many a one from outside. It finds the
// passages of another tenant first, one of them without a score, and speaks of them.
type careless struct{ passages []retriever.Passage }

func (c *careless) Retrieve(_ context.Context, q retriever.Query) (retriever.Result, error) {
	hits := brokenHits(c.passages)
	res := retriever.Result{Hits: hits[:min(q.K, len(hits))], Scores: retriever.BM25}
	if q.Filter != nil {
		res.Queries, res.Missing = []string{secret}, []retriever.Missing{{Part: secret}}
	}
	return res, nil
}

func brokenHits(passages []retriever.Passage) []retriever.Hit {
	var hits []retriever.Hit
	for i, p := range passages {
		hits = append(hits, retriever.Hit{Passage: p, Score: float64(1000 - i)})
	}
	if len(hits) > 0 {
		hits[0].Score = math.NaN()
	}
	return hits
}

// Add and Delete make it a store of summaries.
func (c *careless) Add(_ context.Context, passages ...retriever.Passage) error {
	c.passages = append(c.passages, passages...)
	return nil
}

func (c *careless) Delete(context.Context, ...string) error { return nil }

// ofTwo returns passages of two tenants, those of the other one in front.
func ofTwo() []retriever.Passage {
	var list []retriever.Passage
	for i := range 5 {
		list = append(list, retriever.Passage{ID: fmt.Sprint(secret, i), Title: secret, Text: "river " + secret,
			Metadata: filter.Metadata{"tenant": filter.String(secret)}, Source: retriever.Source{URI: secret}})
	}
	for i := range 5 {
		list = append(list, retriever.Passage{ID: fmt.Sprint("mine", i), Text: "river fish", Metadata: filter.Metadata{"tenant": filter.String("me")}})
	}
	return list
}

// compositions are the constructors of the library that make a retriever of others, each
// with the techniques that call it.
var compositions = map[string][]string{
	"retriever.Fuse":       {"fuse ranks", "fuse scores"},
	"retriever.Route":      {"route", "route by model"},
	"retriever.MMR":        {"mmr"},
	"retriever.Reorder":    {"reorder"},
	"retriever.NewCache":   {"cache"},
	"retriever.Limit":      {"limit"},
	"retriever.PostFilter": {"filter afterwards"},
	"retriever.Scope":      {"scope"},
	"rewrite.Fusion":       {"variants", "spelling"},
	"rewrite.Decompose":    {"decompose"},
	"rewrite.Retry":        {"retry"},
	"rerank.New":           {"rerank by model", "rerank learned", "rerank listwise", "rerank by witness"},
	"ingest.GiveParents":   {"parents"},
	"summary.New":          {"summaries"},
	"pipeline.OverStore":   {"pipeline over a store"},
}

// every is all techniques, over a careless store.
func every(w *witness) map[string]func(retriever.Retriever) (retriever.Retriever, error) {
	all := maps.Clone(techniques)
	all["parents"] = func(r retriever.Retriever) (retriever.Retriever, error) {
		return ingest.GiveParents(r, ofTwo())
	}
	all["rerank by witness"] = func(r retriever.Retriever) (retriever.Retriever, error) {
		return rerank.New(r, w, rerank.Options{AllowMissing: true})
	}
	all["summaries"] = func(retriever.Retriever) (retriever.Retriever, error) {
		return summary.New(context.Background(), new(careless), summary.Sentences{}, ofTwo(), summary.Options{})
	}
	all["pipeline over a store"] = func(r retriever.Retriever) (retriever.Retriever, error) {
		p, err := pipeline.Parse("hybrid")
		if err != nil {
			return nil, err
		}
		return pipeline.OverStore(pipeline.Env{}, sides{r}).Build(context.Background(), p)
	}
	return all
}

// sides is a store of one retriever.
type sides struct{ r retriever.Retriever }

func (s sides) Words() retriever.Retriever                              { return s.r }
func (s sides) Vectors() retriever.Retriever                            { return s.r }
func (s sides) All(context.Context) iter.Seq2[retriever.Passage, error] { return nil }

// witness is a scorer that remembers what it was shown.
type witness struct{ shown []string }

func (w *witness) Kind() retriever.ScoreKind { return retriever.Probability }

func (w *witness) Score(_ context.Context, _ string, passages []retriever.Passage) ([]float64, error) {
	for _, p := range passages {
		w.shown = append(w.shown, fmt.Sprintf("%+v", p))
	}
	return make([]float64, len(passages)), nil
}

// Whatever the library makes of a store that ignores filters, nothing behind the store
// sees what the filter hides: neither within a scope nor with a filter of the query alone.
func TestFiltersHoldDirectlyBehindAStore(t *testing.T) {
	for name, compose := range every(new(witness)) {
		t.Run(name, func(t *testing.T) {
			w := new(witness)
			if name == "rerank by witness" {
				compose = every(w)[name]
			}
			inner, err := compose(&careless{ofTwo()})
			if err != nil {
				t.Fatal(err)
			}
			outer, err := rerank.New(inner, w, rerank.Options{})
			if err != nil {
				t.Fatal(err)
			}
			scope, err := retriever.Scope(outer, mine)
			if err != nil {
				t.Fatal(err)
			}
			dropped, err := retriever.Scope(forgetful{outer}, mine)
			if err != nil {
				t.Fatal(err)
			}
			filtered := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
				q.Filter = mine
				return outer.Retrieve(ctx, q)
			})
			for how, r := range map[string]retriever.Retriever{"scope": scope, "filter": filtered, "forgotten": dropped} {
				var steps observe.Recorder
				res, err := r.Retrieve(observe.With(t.Context(), &steps), retriever.Query{Text: "river", K: 3})
				for where, v := range map[string]any{"result": res, "error": err, "steps": steps.Steps(), "passages shown": w.shown} {
					if text := fmt.Sprintf("%+v", v); strings.Contains(text, secret) {
						t.Errorf("%s: another tenant's data in the %s", how, where)
					}
				}
			}
		})
	}
}

// forgetful loses the filter on its way to what it asks.
type forgetful struct{ inner retriever.Retriever }

func (f forgetful) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	q.Filter = nil
	return retriever.Ask(ctx, f.inner, q)
}

// A constructor that is new must be among those that are tested.
func TestEveryCompositionIsTested(t *testing.T) {
	found := constructors(t, "..")
	if want := slices.Sorted(maps.Keys(compositions)); !slices.Equal(found, want) {
		t.Errorf("the library makes retrievers of others by %q, tested are %q", found, want)
	}
	all := every(nil)
	for constructor, names := range compositions {
		for _, n := range names {
			if all[n] == nil {
				t.Errorf("there is no technique %q, which calls %s", n, constructor)
			}
			delete(all, n)
		}
	}
	if len(all) > 0 {
		t.Errorf("techniques that call nobody knows what: %q", slices.Sorted(maps.Keys(all)))
	}
}

// constructors returns the exported functions under a folder that are given retrievers and
// return one.
func constructors(t *testing.T, folder string) (names []string) {
	takes := []string{"Retriever", "retriever.Retriever", "[]Part", "[]retriever.Part", "Store"}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() || f.Type.Results == nil {
				continue
			}
			given := slices.ContainsFunc(f.Type.Params.List, func(p *ast.Field) bool { return slices.Contains(takes, types.ExprString(p.Type)) })
			made := types.ExprString(f.Type.Results.List[0].Type)
			if given && (strings.HasSuffix(made, "Retriever") || strings.HasPrefix(made, "*")) {
				names = append(names, file.Name.Name+"."+f.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// Directly around a store that ignores filters, PostFilter finds what is the tenant's own;
// behind others, too, and through a cache that several tenants use.
func TestPostFilterOverComposition(t *testing.T) {
	for name, compose := range every(new(witness)) {
		if name == "scope" || name == "summaries" { // another scope; a store of its own
			continue
		}
		t.Run(name, func(t *testing.T) {
			store := retriever.Func(func(_ context.Context, q retriever.Query) (retriever.Result, error) {
				hits := brokenHits(ofTwo())[1:]
				return retriever.Result{Hits: hits[:min(q.K, len(hits))], Scores: retriever.BM25}, nil
			})
			inner, err := compose(store)
			if err != nil {
				t.Fatal(err)
			}
			post, err := retriever.PostFilter(inner, retriever.PostFilterOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, who := range []string{secret, "me", secret, "me"} {
				scope, err := retriever.Scope(post, filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String(who)})
				if err != nil {
					t.Fatal(err)
				}
				res, err := scope.Retrieve(t.Context(), retriever.Query{Text: "river", K: 3})
				if err != nil || len(res.Hits) != 3 {
					t.Fatalf("%s: %d hits, %v", who, len(res.Hits), err)
				}
				for _, h := range res.Hits {
					if owner, _ := h.Passage.Metadata["tenant"].AsString(); owner != who {
						t.Errorf("%s gets %q", who, h.Passage.ID)
					}
				}
			}
		})
	}
}

// documents is a vector store that gives documents of another tenant which cannot be read.
type documents struct {
	vectorstores.VectorStore
	list []schema.Document
}

func (d documents) SimilaritySearch(context.Context, string, int, ...vectorstores.Option) ([]schema.Document, error) {
	return d.list, nil
}

// No error quotes a document that a filter may hide.
func TestErrorsNameNoHiddenDocument(t *testing.T) {
	for name, c := range map[string]struct {
		meta  map[string]any
		score float32
	}{
		"score":    {map[string]any{"id": secret}, float32(math.NaN())},
		"title":    {map[string]any{"id": secret, "title": []string{secret}}, 1},
		"id":       {map[string]any{"id": []string{secret}}, 1},
		"no id":    {map[string]any{secret: 1}, 1},
		"metadata": {map[string]any{"id": "x", secret: "\xff"}, 1},
	} {
		s, err := langchain.New(documents{list: []schema.Document{{PageContent: secret, Metadata: c.meta, Score: c.score}}}, langchain.Options{Title: "title", Scores: retriever.InnerProduct})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Retrieve(t.Context(), retriever.Query{Text: "q", K: 3, Filter: mine})
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Retrieve(t.Context(), retriever.Query{Text: "q", K: 3}); err == nil || !strings.Contains(err.Error(), secret) {
			t.Errorf("%s without a filter: %v", name, err)
		}
	}
}
