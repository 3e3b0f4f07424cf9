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
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/endpoint"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(v)
}

type object = map[string]any

// elastic answers in the form of Elasticsearch's _search: a match query, and filters in
// the text form of package retriever.
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
			if q.Filter, err = retriever.ParseFilter(where); err != nil {
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
	o.Filter = func(f retriever.Filter) (any, error) {
		if f == nil {
			return object{}, nil
		}
		return object{"where": retriever.FormatFilter(f)}, nil
	}
	return o
}

// plain answers a GET with an array of hits, without scores, whose fields stand apart.
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
			if q.Filter, err = retriever.ParseFilter(where); err != nil {
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
	o.Filter = func(f retriever.Filter) (any, error) {
		switch f.(type) {
		case nil:
			return "", nil
		case retriever.Range, retriever.Or:
			return nil, fmt.Errorf("%w: %T", errors.ErrUnsupported, f)
		}
		return retriever.FormatFilter(f), nil
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

// sent returns the request that a query leads to: method, path, query and body.
func sent(t *testing.T, o endpoint.Options, q retriever.Query) string {
	t.Helper()
	var got string
	e := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = strings.TrimSpace(fmt.Sprint(r.Method, " ", r.URL, " ", string(body)))
		reply(w, []any{})
	}), o)
	if res, err := e.Retrieve(t.Context(), q); err != nil || len(res.Hits) > 0 || res.Scores != retriever.RankOnly {
		t.Fatalf("%+v, %v", res, err)
	}
	return got
}

func TestRequest(t *testing.T) {
	filter := func(v any) func(retriever.Filter) (any, error) {
		return func(retriever.Filter) (any, error) { return v, nil }
	}
	for _, c := range []struct {
		name string
		o    endpoint.Options
		q    retriever.Query
		want string
	}{
		{"values", endpoint.Options{Path: "/s", Body: `{"z":[1.50,12345678901234567890,{"n":"{{k}}","q":["{{query}}",null,true]}],"s":"{query} {{"}`}, retriever.Query{Text: "x <y>", K: 7},
			`POST /s {"s":"{query} {{","z":[1.50,12345678901234567890,{"n":7,"q":["x <y>",null,true]}]}`},
		{"body and query", endpoint.Options{Path: "/s", Body: `{"q":"{{query}}"}`, Params: url.Values{"n": {"{{k}}"}, "a": {"1", "{{query}}"}}}, retriever.Query{Text: "x&n=9", K: 7},
			`POST /s?a=1&a=x%26n%3D9&n=7 {"q":"x&n=9"}`},
		{"a filter that is an object", endpoint.Options{Path: "/s", Body: `["{{query}}","{{k}}","{{filter}}"]`, Filter: filter(object{"a": "{{query}}", "b": []string{"</p>"}})}, retriever.Query{Text: "x", K: 1},
			`POST /s ["x",1,{"a":"{{query}}","b":["\u003c/p\u003e"]}]`},
		{"null for no filter", endpoint.Options{Path: "/s", Body: `["{{query}}","{{k}}","{{filter}}"]`, Filter: filter(nil)}, retriever.Query{Text: "x", K: 1}, `POST /s ["x",1,null]`},
		{"a filter as a parameter", endpoint.Options{Path: "/s", Params: url.Values{"q": {"{{query}}"}, "k": {"{{k}}"}, "f": {"{{filter}}"}}, Filter: filter([]int{1})}, retriever.Query{Text: "x", K: 1}, `GET /s?f=%5B1%5D&k=1&q=x`},
		{"a text as a parameter", endpoint.Options{Path: "/s", Params: url.Values{"q": {"{{query}}"}, "k": {"{{k}}"}, "f": {"{{filter}}"}}, Filter: filter("a='b'")}, retriever.Query{Text: "x", K: 1}, `GET /s?f=a%3D%27b%27&k=1&q=x`},
	} {
		c.o.ID, c.o.Text = "id", "text"
		if got := sent(t, c.o, c.q); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// The template is the same for all queries, whatever they put into it.
func TestTemplateStays(t *testing.T) {
	var got []string
	e := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.URL.RawQuery+strings.TrimSpace(string(body)))
		reply(w, []any{})
	}), endpoint.Options{Path: "/s", Params: url.Values{"k": {"{{k}}"}}, Body: `[{"q":["{{query}}"]},["{{query}}"]]`, ID: "id", Text: "text"})
	for i, text := range []string{"one", "two"} {
		if _, err := e.Retrieve(t.Context(), retriever.Query{Text: text, K: i + 1}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{`k=1[{"q":["one"]},["one"]]`, `k=2[{"q":["two"]},["two"]]`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What the text of a query holds stays text.
func TestInjection(t *testing.T) {
	o := elasticWithFilter()
	o.Hits, o.Scores, o.Score = "", "", ""
	filter := retriever.Compare{Field: "tenant", Op: retriever.Eq, Value: retriever.String(`a" or tenant != "`)}
	for _, text := range []string{
		`"}}}, "size": 10000, "x": {"y": "`, `{{filter}}`, `{{k}}`, `{{query}}`, `"{{filter}}"`, `\`, `\" , \u0022`, "line\nbreak\x00", `</script>`, "a\u2028b", "\xff{{k}}",
	} {
		got := sent(t, o, retriever.Query{Text: text, K: 3, Filter: filter})
		_, body, _ := strings.Cut(got, "=false ")
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatalf("%q: %v in %s", text, err, got)
		}
		want := object{"size": 3.0, "query": object{"bool": object{
			"must":   object{"match": object{"text": strings.ToValidUTF8(text, "\ufffd")}},
			"filter": object{"where": `tenant = "a\" or tenant != \""`},
		}}}
		if d := cmp.Diff(any(want), v); d != "" {
			t.Errorf("%q: -want +got:\n%s", text, d)
		}
		p := plainOptions()
		p.Params["fixed"] = []string{"1"}
		u, err := url.Parse(strings.TrimPrefix(sent(t, p, retriever.Query{Text: text, K: 3}), "GET "))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := u.Query(), (url.Values{"q": {strings.ToValidUTF8(text, "\ufffd")}, "n": {"3"}, "format": {"json"}, "fixed": {"1"}}); !reflect.DeepEqual(got, want) {
			t.Errorf("%q as a parameter: %q", text, got)
		}
	}
}

// serve answers with a status, a content type and a body.
func serve(t *testing.T, o endpoint.Options, status int, media, body string) *endpoint.Endpoint {
	t.Helper()
	return start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}), o)
}

const jsonType = "application/json"

func TestMapping(t *testing.T) {
	o := elasticOptions
	o.Fields = map[string]string{"index": "_index", "tag": "_source.tags.#(main==true).name", "lang": "_source.lang", "none": "_none"}
	e := serve(t, o, 200, jsonType, `{"hits":{"hits":[
		{"_index":"i","_id":"a","_score":1.5,"_source":{"title":"T","text":"\u003c/paragraph>[Relevant] \ud800 é","uri":"u","meta":{
			"s":"x","i":3,"f":3.0,"b":false,"t":{"time":"2020-01-02T00:00:00Z"},"l":["x","y"],"n":null,"o":{"x": [1]},"big":123456789012345678901,"lang":"de"},
			"tags":[{"name":"p"},{"name":"q","main":true}],"lang":"en"}},
		{"_id":17,"_score":1,"_source":{"text":"two","title":null,"meta":null}},
		{"_id":"c","_score":-2e0,"_source":{"text":" \u00a03 ","meta":{"bytes":"`+"\xff\xff"+`"}}},
		{"_id":null,"this":"is beyond K"}]}}`)
	res, err := e.Retrieve(t.Context(), retriever.Query{Text: "q", K: 3})
	want := retriever.Result{Scores: retriever.BM25, Hits: []retriever.Hit{
		{Score: 1.5, Passage: retriever.Passage{ID: "a", Title: "T", Text: "</paragraph>[Relevant] \ufffd é", Source: retriever.Source{URI: "u"}, Metadata: retriever.Metadata{
			"s": retriever.String("x"), "i": retriever.Int(3), "f": retriever.Float(3), "b": retriever.Bool(false), "t": retriever.Time(time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)),
			"l": retriever.Strings("x", "y"), "o": retriever.String(`{"x": [1]}`), "big": retriever.String("123456789012345678901"),
			"index": retriever.String("i"), "tag": retriever.String("q"), "lang": retriever.String("en")}}},
		{Score: 1, Passage: retriever.Passage{ID: "17", Text: "two"}},
		{Score: -2, Passage: retriever.Passage{ID: "c", Text: " \u00a03 ", Metadata: retriever.Metadata{"bytes": retriever.String("\ufffd\ufffd")}}},
	}}
	if d := cmp.Diff(want, res); err != nil || d != "" {
		t.Errorf("%v; -want +got:\n%s", err, d)
	}
	o.Score, o.Scores = "", ""
	for body, n := range map[string]int{`{"hits":{"hits":[]}}`: 0, `{"hits":{"hits":null}}`: 0, "{\"hits\":{\"hits\":[{\"_id\":1,\"_source\":{\"text\":\"\xff\"}}]}}": 1} {
		res, err := serve(t, o, 200, jsonType, body).Retrieve(t.Context(), retriever.Query{Text: "q", K: 3})
		if err != nil || len(res.Hits) != n || res.Scores != retriever.RankOnly || n == 1 && (res.Hits[0].Score != 1 || res.Hits[0].Passage.Text != "\ufffd") {
			t.Errorf("%q: %+v, %v", body, res, err)
		}
	}
}

// Whatever goes wrong, the error is typed and says where.
func TestFaults(t *testing.T) {
	hit := func(id, score, source string) string {
		return `{"hits":{"hits":[{"_id":"z","_score":9,"_source":{"text":"z"}},{"_id":` + id + `,"_score":` + score + `,"_source":` + source + `}]}}`
	}
	text := `{"text":"x"}`
	for name, c := range map[string]struct {
		status      int
		media, body string
		hit         int // -1: no HitError
		path, says  string
	}{
		"500":              {500, jsonType, `{"error":{"type":"x","reason":"shard failed"},"status":500}`, -1, "", "shard failed"},
		"400":              {400, jsonType, `{"error":"Result window is too large","status":400}`, -1, "", "400 Bad Request: Result window is too large"},
		"200 with error":   {200, jsonType, `{"error":{"message":"no such index"}}`, -1, "", "no such index"},
		"cut":              {200, jsonType, hit(`"a"`, `1`, text)[:70], -1, "", "before it was complete"},
		"empty":            {200, jsonType, ``, -1, "", "before it was complete"},
		"not JSON":         {200, jsonType, `{"hits":NaN}`, -1, "", "invalid character"},
		"page":             {200, "text/html", `<html><body>Sign in</body></html>`, -1, "", "text/html"},
		"page as JSON":     {200, jsonType, `<html>`, -1, "", "invalid character"},
		"page with a 503":  {503, "text/html", `<html>down</html>`, -1, "", "503"},
		"no hits":          {200, jsonType, `{"hits":{}}`, 0, "hits.hits", "nothing is there"},
		"hits an object":   {200, jsonType, `{"hits":{"hits":{}}}`, 0, "hits.hits", "an object is there"},
		"hits a number":    {200, jsonType, `{"hits":{"hits":0}}`, 0, "hits.hits", "the number 0"},
		"an array":         {200, jsonType, `[]`, 0, "hits.hits", "nothing is there"},
		"null":             {200, jsonType, `null`, 0, "hits.hits", "nothing is there"},
		"hit a number":     {200, jsonType, `{"hits":{"hits":[3]}}`, 1, "_id", "there is no id"},
		"hit null":         {200, jsonType, `{"hits":{"hits":[null]}}`, 1, "_id", "there is no id"},
		"id empty":         {200, jsonType, hit(`""`, `1`, text), 2, "_id", "there is no id"},
		"id null":          {200, jsonType, hit(`null`, `1`, text), 2, "_id", "there is no id"},
		"id an array":      {200, jsonType, hit(`["a"]`, `1`, text), 2, "_id", "an array is there"},
		"id twice":         {200, jsonType, hit(`"z"`, `1`, text), 2, "_id", `"z" is that of hit 1, too`},
		"no text":          {200, jsonType, hit(`"a"`, `1`, `{}`), 2, "_source.text", "there is no text"},
		"blank text":       {200, jsonType, hit(`"a"`, `1`, `{"text":" \n"}`), 2, "_source.text", "there is no text"},
		"text a number":    {200, jsonType, hit(`"a"`, `1`, `{"text":5}`), 2, "_source.text", "the number 5"},
		"no source":        {200, jsonType, hit(`"a"`, `1`, `"x"`), 2, "_source.text", "there is no text"},
		"title a bool":     {200, jsonType, hit(`"a"`, `1`, `{"text":"x","title":true}`), 2, "_source.title", "a bool"},
		"uri an object":    {200, jsonType, hit(`"a"`, `1`, `{"text":"x","uri":{}}`), 2, "_source.uri", "an object"},
		"metadata a text":  {200, jsonType, hit(`"a"`, `1`, `{"text":"x","meta":"m"}`), 2, "_source.meta", "a string is there"},
		"metadata no name": {200, jsonType, hit(`"a"`, `1`, `{"text":"x","meta":{"":1}}`), 2, "_source.meta", "the field name is empty"},
		"score null":       {200, jsonType, hit(`"a"`, `null`, text), 2, "_score", "the score is null"},
		"score a text":     {200, jsonType, hit(`"a"`, `"1"`, text), 2, "_score", "a string"},
		"score too great":  {200, jsonType, hit(`"a"`, `-1e999`, text), 2, "_score", "-1e999"},
		"score rising":     {200, jsonType, hit(`"a"`, `10`, text), 2, "_score", "above the 9"},
	} {
		e := serve(t, elasticOptions, c.status, c.media, c.body)
		res, err := e.Retrieve(t.Context(), retriever.Query{Text: "q", K: 9})
		var server *modelserver.Error
		var bad *endpoint.HitError
		if !errors.As(err, &server) || !strings.Contains(err.Error(), c.says) || len(res.Hits) > 0 {
			t.Errorf("%s: %v: want %q", name, err, c.says)
		}
		if ok := errors.As(err, &bad); ok != (c.hit >= 0) || ok && (bad.Hit != c.hit || bad.Path != c.path) {
			t.Errorf("%s: %+v: want hit %d, path %q", name, bad, c.hit, c.path)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	boom := errors.New("boom")
	exists := retriever.Exists{Field: "x"}
	for name, c := range map[string]struct {
		value  any
		err    error
		filter retriever.Filter
		want   error
	}{
		"fails":                  {nil, boom, exists, boom},
		"unsupported, nil":       {nil, errors.ErrUnsupported, nil, errors.ErrUnsupported},
		"no JSON":                {func() {}, nil, exists, nil},
		"unsupported of no JSON": {failing{}, nil, exists, errors.ErrUnsupported},
	} {
		o := elasticWithFilter()
		o.Filter = func(retriever.Filter) (any, error) { return c.value, c.err }
		_, err := serve(t, o, 200, jsonType, `{"hits":{"hits":[]}}`).Retrieve(t.Context(), retriever.Query{Text: "q", K: 1, Filter: c.filter})
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), "endpoint: ") {
			t.Errorf("%s: %v: want %v", name, err, c.want)
		}
	}
}

// failing cannot be encoded.
type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errors.ErrUnsupported }

// A service that is busy or breaks off is asked again.
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

// A query that is cancelled on its way ends, and so does its request.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	e := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then is the end of the connection seen
		cancel()
		<-r.Context().Done()
		close(ended)
	}), elasticOptions)
	if _, err := e.Retrieve(ctx, retriever.Query{Text: "river", K: 2}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-ended
}

// Keys in headers and parameters do not show in errors.
func TestSecrets(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	o := plainOptions()
	o.Params["key"] = []string{"secret-in-params"}
	e, err := endpoint.New(modelserver.Config{URLs: []string{s.URL}, Client: s.Client(), APIKey: "secret-key", Header: http.Header{"X-Key": {"secret-in-header"}}, Retries: -1}, o)
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

func TestRefuses(t *testing.T) {
	filter := func(retriever.Filter) (any, error) { return nil, nil }
	type change = func(*endpoint.Options)
	for name, c := range map[string]struct {
		change change
		says   string
	}{
		"no path":            {func(o *endpoint.Options) { o.Path = "" }, "begins with /"},
		"path":               {func(o *endpoint.Options) { o.Path = "docs" }, "begins with /"},
		"path with query":    {func(o *endpoint.Options) { o.Path = "/docs?x=1" }, "Params"},
		"body":               {func(o *endpoint.Options) { o.Body = `{"q": "{{query}}", "k": {{k}}}` }, "Body is not the JSON"},
		"body cut":           {func(o *endpoint.Options) { o.Body = `{"q": "{{query}}"` }, "Body is not the JSON"},
		"body twice":         {func(o *endpoint.Options) { o.Body = `["{{query}}","{{k}}"] {}` }, "something follows"},
		"body null":          {func(o *endpoint.Options) { o.Body = `null` }, "it is null"},
		"nothing asked":      {func(o *endpoint.Options) { o.Body = "" }, "{{query}}"},
		"no query":           {func(o *endpoint.Options) { o.Body = `{"k": "{{k}}"}` }, "{{query}}"},
		"no k":               {func(o *endpoint.Options) { o.Body = `{"q": "{{query}}"}` }, "{{k}}"},
		"inside a string":    {func(o *endpoint.Options) { o.Body = `{"q": "title:{{query}}", "k": "{{k}}"}` }, "whole string"},
		"inside a parameter": {func(o *endpoint.Options) { o.Params = url.Values{"q": {"title:{{query}}"}} }, `Params["q"]`},
		"as a key":           {func(o *endpoint.Options) { o.Body = `{"q": "{{query}}", "k": ["{{k}}", {"{{query}}": 1}]}` }, "cannot be a key"},
		"inside a key":       {func(o *endpoint.Options) { o.Body = `{"q": "{{query}}", "k": ["{{k}}", {"x {{k}}": 1}]}` }, "cannot be a key"},
		"unknown":            {func(o *endpoint.Options) { o.Body = `{"q": "{{ query }}", "k": "{{k}}"}` }, "no placeholder"},
		"filter, no mark":    {func(o *endpoint.Options) { o.Filter = filter }, "Filter is set"},
		"mark, no filter":    {func(o *endpoint.Options) { o.Params = url.Values{"f": {"{{filter}}"}} }, "Filter is nil"},
		"no id":              {func(o *endpoint.Options) { o.ID = "" }, "ID or Text"},
		"no text":            {func(o *endpoint.Options) { o.Text = "" }, "ID or Text"},
		"hits":               {func(o *endpoint.Options) { o.Hits = "hits..hits" }, `Hits is the path "hits..hits"`},
		"leading dot":        {func(o *endpoint.Options) { o.ID = "._id" }, "empty key"},
		"trailing dot":       {func(o *endpoint.Options) { o.Title = "title." }, "ends with a dot"},
		"bracket":            {func(o *endpoint.Options) { o.URI = `links.#(rel=="self".href` }, "ends within brackets"},
		"bracket closed":     {func(o *endpoint.Options) { o.URI = `a)` }, "not open"},
		"brackets crossed":   {func(o *endpoint.Options) { o.URI = `#(a[b)]` }, "not open"},
		"escape":             {func(o *endpoint.Options) { o.Metadata = `a\` }, "escape"},
		"field path":         {func(o *endpoint.Options) { o.Fields = map[string]string{"a": ""} }, "Fields"},
		"field path bad":     {func(o *endpoint.Options) { o.Fields = map[string]string{"a": "x."} }, `Fields["a"]`},
		"field name":         {func(o *endpoint.Options) { o.Fields = map[string]string{"": "a"} }, "Fields"},
		"score, no kind":     {func(o *endpoint.Options) { o.Scores = "" }, "Score is"},
		"score by rank":      {func(o *endpoint.Options) { o.Scores = retriever.RankOnly }, "Score is"},
		"kind, no score":     {func(o *endpoint.Options) { o.Score = "" }, "Score is"},
		"unknown kind":       {func(o *endpoint.Options) { o.Scores = "distance" }, "the kind of Scores"},
	} {
		o := elasticOptions
		c.change(&o)
		if _, err := endpoint.New(modelserver.Config{URLs: []string{"http://localhost"}}, o); !errors.Is(err, endpoint.ErrOption) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v: want %q", name, err, c.says)
		}
	}
	if _, err := endpoint.New(modelserver.Config{}, elasticOptions); !errors.Is(err, modelserver.ErrConfig) {
		t.Errorf("no server: %v", err)
	}
	o := elasticOptions
	o.PostFilter.Bound = -1
	if _, err := endpoint.New(modelserver.Config{URLs: []string{"http://localhost"}}, o); !errors.Is(err, retriever.ErrCompose) {
		t.Errorf("bound: %v", err)
	}
	// What looks odd and is right.
	o = elasticOptions
	o.Hits, o.ID, o.Text, o.Title = `@reverse`, `a\..b\(`, `x.#(k=="a.)b").v`, "@timestamp"
	if _, err := endpoint.New(modelserver.Config{URLs: []string{"http://localhost"}}, o); err != nil {
		t.Error(err)
	}
}

// Options that are changed afterwards change nothing.
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
