package endpoint_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/endpoint"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(v)
}

type object = map[string]any

// elastic answers in the form of Elasticsearch's _search: a match query, and filters in
// the text form of package filter.
func elastic(passages []retriever.Passage) http.Handler {
	index := retrievertest.Overlap(passages...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Size  int
			Query struct {
				Bool struct {
					Must   struct{ Match struct{ Text string } }
					Filter struct{ Where string }
				}
			}
		}
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&body); err != nil || r.Method != http.MethodPost || r.URL.Path != "/docs/_search" || r.URL.RawQuery != "allow_partial_search_results=false" {
			http.Error(w, fmt.Sprintf(`{"error":{"reason":"%s %s: %v"},"status":400}`, r.Method, r.URL, err), http.StatusBadRequest)
			return
		}
		q := retriever.Query{Text: body.Query.Bool.Must.Match.Text, K: body.Size}
		if where := body.Query.Bool.Filter.Where; where != "" {
			var err error
			if q.Filter, err = filter.Parse(where); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		res, err := index.Retrieve(r.Context(), q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		hits := []any{}
		for _, h := range res.Hits {
			hits = append(hits, object{"_index": "docs", "_id": h.Passage.ID, "_score": h.Score, "_source": object{
				"title": h.Passage.Title, "text": h.Passage.Text, "uri": h.Passage.Source.URI, "meta": h.Passage.Metadata}})
		}
		reply(w, object{"took": 1, "timed_out": false, "hits": object{"total": object{"value": len(hits), "relation": "eq"}, "hits": hits}})
	})
}

var elasticOptions = endpoint.Options{
	Path:   "/docs/_search",
	Params: url.Values{"allow_partial_search_results": {"false"}},
	Body:   `{"size": "{{k}}", "query": {"bool": {"must": {"match": {"text": "{{query}}"}}, "filter": {"where": ""}}}}`,
	Hits:   "hits.hits", ID: "_id", Text: "_source.text", Title: "_source.title", URI: "_source.uri", Metadata: "_source.meta",
	Score: "_score", Scores: retriever.BM25,
}

func elasticWithFilter() endpoint.Options {
	o := elasticOptions
	o.Body = strings.Replace(o.Body, `{"where": ""}`, `"{{filter}}"`, 1)
	o.Filter = func(f filter.Expr) (any, error) {
		if f == nil {
			return object{}, nil
		}
		return object{"where": filter.Format(f)}, nil
	}
	return o
}

// plain answers a GET with an array of hits, without scores and with separate
// fields.
func plain(passages []retriever.Passage) http.Handler {
	index := retrievertest.Overlap(passages...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := r.URL.Query()
		k, err := strconv.Atoi(v.Get("n"))
		if err != nil || r.Method != http.MethodGet || r.URL.Path != "/find" || v.Get("format") != "json" {
			http.Error(w, `{"error":"what?"}`, http.StatusBadRequest)
			return
		}
		q := retriever.Query{Text: v.Get("q"), K: k}
		if where := v.Get("where"); where != "" {
			if q.Filter, err = filter.Parse(where); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		res, err := index.Retrieve(r.Context(), q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		var hits []any // null if there are none
		for _, h := range res.Hits {
			m := h.Passage.Metadata
			one := object{"key": h.Passage.ID, "doc": object{"head": h.Passage.Title, "body": []any{h.Passage.Text}, "from.uri": h.Passage.Source.URI}}
			for name, v := range m {
				one["m_"+name] = v
			}
			hits = append(hits, one)
		}
		reply(w, hits)
	})
}

func plainOptions() endpoint.Options {
	o := endpoint.Options{
		Path:   "/find",
		Params: url.Values{"q": {"{{query}}"}, "n": {"{{k}}"}, "format": {"json"}},
		ID:     "key", Text: "doc.body.0", Title: "doc.head", URI: `doc.from\.uri`, Fields: map[string]string{},
	}
	for _, name := range []string{"kind", "year", "length", "tidal", "surveyed", "tags"} {
		o.Fields[name] = "m_" + name
	}
	return o
}

func plainWithFilter() endpoint.Options {
	o := plainOptions()
	o.Params["where"] = []string{"{{filter}}"}
	o.Filter = func(f filter.Expr) (any, error) {
		switch f.(type) {
		case nil:
			return "", nil
		case filter.Range, filter.Or:
			return nil, fmt.Errorf("%w: %T", errors.ErrUnsupported, f)
		}
		return filter.Format(f), nil
	}
	return o
}

func start(t testing.TB, h http.Handler, o endpoint.Options) *endpoint.Endpoint {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.MaxHeaderBytes = 8 << 20 // a query is part of the header of a GET
	s.Start()
	t.Cleanup(s.Close)
	e, err := endpoint.New(modelserver.Config{URLs: []string{s.URL}, Client: s.Client(), Retries: -1}, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestContract(t *testing.T) {
	for name, c := range map[string]struct {
		handler func([]retriever.Passage) http.Handler
		o       endpoint.Options
	}{
		"elastic, filtered afterwards": {elastic, elasticOptions},
		"elastic, filtered there":      {elastic, elasticWithFilter()},
		"plain, filtered afterwards":   {plain, plainOptions()},
		"plain, filtered by either":    {plain, plainWithFilter()},
	} {
		t.Run(name, func(t *testing.T) {
			retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) { return start(t, c.handler(ps), c.o), nil })
		})
		t.Run(name+" and wrapped", func(t *testing.T) {
			retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
				r, err := retriever.NewCache(start(t, c.handler(ps), c.o), retriever.CacheOptions{})
				if err != nil {
					return nil, err
				}
				return retriever.Fuse([]retriever.Part{{Name: "search", Retriever: r}}, retriever.FuseOptions{})
			})
		})
	}
}

func TestFilterErrors(t *testing.T) {
	boom := errors.New("boom")
	exists := filter.Exists{Field: "x"}
	for name, c := range map[string]struct {
		value  any
		err    error
		filter filter.Expr
		want   error
	}{
		"fails":                  {nil, boom, exists, boom},
		"unsupported, nil":       {nil, errors.ErrUnsupported, nil, errors.ErrUnsupported},
		"no JSON":                {func() {}, nil, exists, nil},
		"unsupported of no JSON": {failing{}, nil, exists, errors.ErrUnsupported},
	} {
		o := elasticWithFilter()
		o.Filter = func(filter.Expr) (any, error) { return c.value, c.err }
		_, err := serve(t, o, 200, jsonType, `{"hits":{"hits":[]}}`).Retrieve(t.Context(), retriever.Query{Text: "q", K: 1, Filter: c.filter})
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), "endpoint: ") {
			t.Errorf("%s: %v: want %v", name, err, c.want)
		}
	}
}

// failing cannot be encoded.
type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errors.ErrUnsupported }

// A busy service, or a broken connection, leads to a retry.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := faulthttp.New(elastic(retrievertest.Corpus()), faulthttp.Status(503, `{"error":"busy"}`), faulthttp.Cut(20))
		defer s.Close()
		e, err := endpoint.New(modelserver.Config{URLs: []string{faulthttp.URL}, Client: s.Client()}, elasticOptions)
		if err != nil {
			t.Fatal(err)
		}
		res, err := e.Retrieve(t.Context(), retriever.Query{Text: "river", K: 2})
		if err != nil || len(res.Hits) != 2 {
			t.Errorf("%+v, %v", res, err)
		}
		s.Next(faulthttp.Hang(-1), faulthttp.Hang(-1), faulthttp.Hang(-1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := e.Retrieve(ctx, retriever.Query{Text: "river", K: 2}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a server that hangs: %v", err)
		}
	})
}

// A canceled query ends, and so does its request.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	e := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then is the end of the connection noticed
		cancel()
		<-r.Context().Done()
		close(ended)
	}), elasticOptions)
	if _, err := e.Retrieve(ctx, retriever.Query{Text: "river", K: 2}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-ended
}

// Keys in headers and parameters do not appear in errors.
func TestSecrets(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	o := plainOptions()
	o.Params["key"] = []string{"secret-in-params"}
	e, err := endpoint.New(modelserver.Config{URLs: []string{s.URL}, Client: s.Client(), APIKey: modelserver.NewKey("secret-key"), Header: map[string]modelserver.Key{"X-Key": modelserver.NewKey("secret-in-header")}, Retries: -1}, o)
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{t.Context(), gone} {
		if _, err := e.Retrieve(ctx, retriever.Query{Text: "private question", K: 2}); err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "private") {
			t.Error(err)
		}
	}
}

// Later changes of Options have no effect.
func TestOptionsAreCopied(t *testing.T) {
	o := plainOptions()
	e := start(t, plain(retrievertest.Corpus()), o)
	o.Params["q"][0], o.Fields["kind"] = "other", "key"
	o.Params["new"] = []string{"x"}
	res, err := e.Retrieve(t.Context(), retriever.Query{Text: "river", K: 1})
	if err != nil || len(res.Hits) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if kind, _ := res.Hits[0].Passage.Metadata["kind"].AsString(); kind == res.Hits[0].Passage.ID {
		t.Error("Fields is shared")
	}
}
