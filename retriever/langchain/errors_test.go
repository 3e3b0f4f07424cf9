package langchain_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/schema"
	"github.com/tmc/langchaingo/vectorstores"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/langchain"
)

func TestDocumentErrors(t *testing.T) {
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		docs []schema.Document
		o    langchain.Options
		want error // nil is a *filter.MetadataError
		rank int
		says string
	}{
		"long id":          {[]schema.Document{doc(strings.Repeat("x", 1<<20), 1), doc(strings.Repeat("x", 1<<20), 1)}, langchain.Options{}, langchain.ErrID, 2, "that of document 1, too"},
		"long keys":        {[]schema.Document{{Metadata: map[string]any{strings.Repeat("x", 1<<20): 1}}}, langchain.Options{}, langchain.ErrID, 1, "set Options"},
		"no metadata":      {[]schema.Document{{PageContent: "x"}}, langchain.Options{}, langchain.ErrID, 1, "set Options.ID or Options.IDOf"},
		"other key":        {[]schema.Document{doc("a", 1), doc("b", 1, "uuid", "c")}, langchain.Options{ID: "uuid"}, langchain.ErrID, 1, `"uuid", only ["id"]`},
		"empty":            {[]schema.Document{doc("a", 1), doc("", 1)}, langchain.Options{}, langchain.ErrID, 2, "set Options"},
		"nil":              {[]schema.Document{doc(nil, 1)}, langchain.Options{}, langchain.ErrID, 1, "set Options"},
		"half a number":    {[]schema.Document{doc(1.5, 1)}, langchain.Options{}, langchain.ErrID, 1, "it is 1.5"},
		"too great":        {[]schema.Document{doc(float64(1<<53)*2, 1)}, langchain.Options{}, langchain.ErrID, 1, "2^53"},
		"perhaps another":  {[]schema.Document{doc(float64(1<<53+1), 1)}, langchain.Options{}, langchain.ErrID, 1, "2^53"},
		"a bool":           {[]schema.Document{doc(true, 1)}, langchain.Options{}, langchain.ErrID, 1, "it is true"},
		"no id of IDOf":    {[]schema.Document{doc("a", 1)}, langchain.Options{IDOf: func(schema.Document) string { return "" }}, langchain.ErrID, 1, "Options.IDOf knows none"},
		"twice":            {[]schema.Document{doc("a", 1), doc("b", 1), doc("a", 1)}, langchain.Options{}, langchain.ErrID, 3, "that of document 1, too"},
		"title":            {[]schema.Document{doc("a", 1, "title", true)}, langchain.Options{Title: "title"}, nil, 1, `"a": metadata: field "title": it is true`},
		"uri":              {[]schema.Document{doc("a", 1, "source", []string{"x"})}, langchain.Options{URI: "source"}, nil, 1, "source"},
		"not UTF-8":        {[]schema.Document{doc("a", 1, "x", "\xff")}, langchain.Options{}, nil, 1, "UTF-8"},
		"not JSON":         {[]schema.Document{doc("a", 1, "x", func() {})}, langchain.Options{}, nil, 1, `field "x"`},
		"score NaN":        {[]schema.Document{doc("a", 1), doc("b", nan)}, langchain.Options{Scores: retriever.InnerProduct}, langchain.ErrScore, 2, `"b": bad score: the score is NaN`},
		"cosine NaN":       {[]schema.Document{doc("a", 1), doc("b", nan), doc("c", 0)}, langchain.Options{Scores: retriever.Cosine}, langchain.ErrScore, 2, `"b": bad score: the score is NaN`},
		"score infinite":   {[]schema.Document{doc("a", float32(math.Inf(1)))}, langchain.Options{Scores: retriever.InnerProduct}, langchain.ErrScore, 1, "+Inf"},
		"score out of it":  {[]schema.Document{doc("a", 1.5)}, langchain.Options{Scores: retriever.Cosine}, langchain.ErrScore, 1, "no cosine"},
		"scores that rise": {[]schema.Document{doc("a", 0.25), doc("b", 0.5)}, langchain.Options{Scores: retriever.Cosine}, langchain.ErrScore, 2, "if they are distances"},
	} {
		s, err := langchain.New(&fixed{docs: c.docs}, c.o)
		if err != nil {
			t.Fatal(name, err)
		}
		res, err := s.Retrieve(t.Context(), retriever.Query{Text: "q", K: 5})
		var de *langchain.DocumentError
		var me *filter.MetadataError
		if !errors.As(err, &de) || de.Rank != c.rank || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 1000 || c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &me) || len(res.Hits) > 0 {
			t.Errorf("%s: %v: want document %d, %v, %q", name, err, c.rank, c.want, c.says)
		}
	}
}

func TestStoreErrors(t *testing.T) {
	boom := errors.New("boom")
	exists := filter.Exists{Field: "x"}
	for name, c := range map[string]struct {
		store  error
		filter error
		q      retriever.Query
		calls  int
	}{
		"the store":                  {store: boom, q: retriever.Query{Text: "q", K: 1}, calls: 1},
		"the store, with a filter":   {store: boom, q: retriever.Query{Text: "q", K: 1, Filter: exists}, calls: 1},
		"unsupported of the store":   {store: errors.Join(boom, errors.ErrUnsupported), q: retriever.Query{Text: "q", K: 1, Filter: exists}, calls: 1},
		"Options.Filter":             {filter: boom, q: retriever.Query{Text: "q", K: 1, Filter: exists}},
		"Options.Filter for nothing": {filter: errors.Join(boom, errors.ErrUnsupported), q: retriever.Query{Text: "q", K: 1}},
	} {
		store := &fixed{err: c.store}
		s, err := langchain.New(store, langchain.Options{Filter: func(filter.Expr) (any, error) { return nil, c.filter }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Retrieve(t.Context(), c.q); !errors.Is(err, boom) || !strings.HasPrefix(err.Error(), "langchain: ") || store.calls != c.calls {
			t.Errorf("%s: %v, %d calls", name, err, store.calls)
		}
	}

	// A store that gives another error when the context is done.
	ctx, cancel := context.WithCancel(t.Context())
	s, err := langchain.New(canceling{cancel, boom}, langchain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Retrieve(ctx, retriever.Query{Text: "q", K: 1}); !errors.Is(err, context.Canceled) || !errors.Is(err, boom) {
		t.Error(err)
	}
}

// canceling cancels the context of its search.
type canceling struct {
	cancel func()
	err    error
}

func (canceling) AddDocuments(context.Context, []schema.Document, ...vectorstores.Option) ([]string, error) {
	return nil, errors.ErrUnsupported
}

func (c canceling) SimilaritySearch(context.Context, string, int, ...vectorstores.Option) ([]schema.Document, error) {
	c.cancel()
	return nil, c.err
}

func TestRefuses(t *testing.T) {
	var null *fixed
	for name, c := range map[string]struct {
		store vectorstores.VectorStore
		o     langchain.Options
		want  error
	}{
		"nil":         {nil, langchain.Options{}, langchain.ErrOption},
		"nil typed":   {null, langchain.Options{}, langchain.ErrOption},
		"two ids":     {&fixed{}, langchain.Options{ID: "a", IDOf: func(schema.Document) string { return "" }}, langchain.ErrOption},
		"kind":        {&fixed{}, langchain.Options{Scores: "distance"}, langchain.ErrOption},
		"nil option":  {&fixed{}, langchain.Options{Search: []vectorstores.Option{nil}}, langchain.ErrOption},
		"two filters": {&fixed{}, langchain.Options{Search: []vectorstores.Option{vectorstores.WithFilters("tenant = 1")}, Filter: native}, langchain.ErrOption},
		"bound":       {&fixed{}, langchain.Options{PostFilter: retriever.PostFilterOptions{Bound: -1}}, retriever.ErrOption},
	} {
		if _, err := langchain.New(c.store, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
