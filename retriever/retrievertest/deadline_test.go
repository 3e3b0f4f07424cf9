package retrievertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/tmc/langchaingo/schema"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/system"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/endpoint"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/langchain"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// looks is a context that counts how often it is looked at, and is done after so many.
type looks struct {
	context.Context
	n, limit int
}

func (c *looks) Err() error {
	if c.n++; c.n > c.limit {
		return context.DeadlineExceeded
	}
	return nil
}

// many are passages that all queries find, and endless a filter that takes all of its parts
// to find that it does not hold for one.
const many = 100

func plenty() []retriever.Passage {
	var list []retriever.Passage
	for i := range many {
		list = append(list, retriever.Passage{ID: fmt.Sprint(i), Text: fmt.Sprint("river ", i), Metadata: filter.Metadata{"n": filter.Int(int64(i))}})
	}
	return list
}

func endless() filter.Expr {
	var f filter.Or
	for i := range filter.MaxNodes - 100 {
		f = append(f, filter.Compare{Field: fmt.Sprint("f", i), Op: filter.Eq, Value: filter.Int(1)})
	}
	return f
}

// evaluating are the retrievers of the library that evaluate filters themselves, over
// plenty of passages.
func evaluating(t *testing.T) map[string]retriever.Retriever {
	all := map[string]retriever.Retriever{}
	add := func(name string, r retriever.Retriever, err error) {
		if err != nil {
			t.Fatal(name, err)
		}
		all[name] = r
	}
	for name, makeNew := range indexes {
		r, err := makeNew(plenty())
		add(name, r, err)
	}
	e, err := embedder()
	if err != nil {
		t.Fatal(err)
	}
	graph, err := hnsw.New[string](64, hnsw.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := dense.New(t.Context(), e, plenty(), dense.Options{Vectors: graph})
	add("dense by a graph", r, err)
	list := retriever.List(plenty()...)
	add("list", list, nil)
	add("overlap", retrievertest.Overlap(plenty()...), nil)
	add("script", &retrievertest.Script{Rules: []retrievertest.Rule{{Hits: retrievertest.Hits(plenty()...)}}}, nil)
	careless := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		q.Filter = nil
		return list.Retrieve(ctx, q)
	})
	post, err := retriever.PostFilter(careless, retriever.PostFilterOptions{})
	add("filter afterwards", post, err)
	reorder, err := retriever.Reorder(careless) // asks by Ask, as all compositions do
	add("a composition", reorder, err)
	scope, err := retriever.Scope(careless, filter.Exists{Field: "n"})
	add("scope", scope, err)
	parents, err := ingest.GiveParents(careless, plenty())
	add("parents", parents, err)
	add("gold", system.Gold(plenty(), []dataset.Question{{Question: "river", Positive: numbers()}}, retriever.List()), nil)
	var docs []schema.Document
	for _, p := range plenty() {
		docs = append(docs, schema.Document{PageContent: p.Text, Metadata: map[string]any{"id": p.ID}})
	}
	store, err := langchain.New(documents{list: docs}, langchain.Options{})
	add("langchain", store, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(plenty())
	}))
	t.Cleanup(server.Close)
	service, err := endpoint.New(modelserver.Config{URLs: []string{server.URL}}, endpoint.Options{Path: "/", Body: `["{{query}}", "{{k}}"]`, ID: "id", Text: "text", Metadata: "metadata"})
	add("endpoint", service, err)
	return all
}

func numbers() (list []string) {
	for i := range many {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

// A deadline is seen after a bounded amount of work for a filter, in every retriever that
// evaluates one, however long the filter is.
func TestDeadlineWithinFilter(t *testing.T) {
	const work = many * 5900 // conditions
	for name, r := range evaluating(t) {
		t.Run(name, func(t *testing.T) {
			q := retriever.Query{Text: "river", K: many, Filter: endless()}
			ctx := &looks{Context: t.Context(), limit: 30}
			if _, err := r.Retrieve(ctx, q); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("past the deadline: %v", err)
			}
			if ctx.n > 50 {
				t.Errorf("the deadline was seen, and then the context was looked at %d times", ctx.n-30)
			}
			ctx = &looks{Context: t.Context(), limit: 1 << 30}
			res, err := r.Retrieve(ctx, q)
			if len(res.Hits) > 0 || err != nil && !slices.Contains([]string{"a composition", "parents", "scope"}, name) {
				t.Fatalf("%d hits, %v", len(res.Hits), err)
			}
			if least := work / 10_000; ctx.n < least {
				t.Errorf("the context was looked at %d times: want %d at least", ctx.n, least)
			}
		})
	}
}
