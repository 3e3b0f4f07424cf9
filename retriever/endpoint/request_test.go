package endpoint_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/endpoint"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

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
	as := func(v any) func(filter.Expr) (any, error) {
		return func(filter.Expr) (any, error) { return v, nil }
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
		{"a filter that is an object", endpoint.Options{Path: "/s", Body: `["{{query}}","{{k}}","{{filter}}"]`, Filter: as(object{"a": "{{query}}", "b": []string{"</p>"}})}, retriever.Query{Text: "x", K: 1},
			`POST /s ["x",1,{"a":"{{query}}","b":["\u003c/p\u003e"]}]`},
		{"null for no filter", endpoint.Options{Path: "/s", Body: `["{{query}}","{{k}}","{{filter}}"]`, Filter: as(nil)}, retriever.Query{Text: "x", K: 1}, `POST /s ["x",1,null]`},
		{"a filter as a parameter", endpoint.Options{Path: "/s", Params: url.Values{"q": {"{{query}}"}, "k": {"{{k}}"}, "f": {"{{filter}}"}}, Filter: as([]int{1})}, retriever.Query{Text: "x", K: 1}, `GET /s?f=%5B1%5D&k=1&q=x`},
		{"a text as a parameter", endpoint.Options{Path: "/s", Params: url.Values{"q": {"{{query}}"}, "k": {"{{k}}"}, "f": {"{{filter}}"}}, Filter: as("a='b'")}, retriever.Query{Text: "x", K: 1}, `GET /s?f=a%3D%27b%27&k=1&q=x`},
	} {
		c.o.ID, c.o.Text = "id", "text"
		if got := sent(t, c.o, c.q); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// The template is the same for all queries, whatever they contain.
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

// The text of a query stays text.
func TestInjection(t *testing.T) {
	o := elasticWithFilter()
	o.Hits, o.Scores, o.Score = "", "", ""
	expr := filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String(`a" or tenant != "`)}
	for _, text := range []string{
		`"}}}, "size": 10000, "x": {"y": "`, `{{filter}}`, `{{k}}`, `{{query}}`, `"{{filter}}"`, `\`, `\" , \u0022`, "line\nbreak\x00", `</script>`, "a\u2028b", "\xff{{k}}",
	} {
		got := sent(t, o, retriever.Query{Text: text, K: 3, Filter: expr})
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

func TestRefuses(t *testing.T) {
	as := func(filter.Expr) (any, error) { return nil, nil }
	type change = func(*endpoint.Options)
	for name, c := range map[string]struct {
		change change
		says   string
	}{
		"no path":         {func(o *endpoint.Options) { o.Path = "" }, "begins with /"},
		"path":            {func(o *endpoint.Options) { o.Path = "docs" }, "begins with /"},
		"path with query": {func(o *endpoint.Options) { o.Path = "/docs?x=1" }, "Params"},
		"path escape":     {func(o *endpoint.Options) { o.Path = "/docs%zz" }, "Path is"},
		"path control":    {func(o *endpoint.Options) { o.Path = "/docs\n" }, "Path is"},
		"body keys": {func(o *endpoint.Options) {
			o.Body = `{"q": "{{query}}", "k": [{"filter": {"tenant": 3}, "filter": "{{k}}"}]}`
		}, "twice"},
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
		"filter, no mark":    {func(o *endpoint.Options) { o.Filter = as }, "Filter is set"},
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
	if _, err := endpoint.New(modelserver.Config{URLs: []string{"http://localhost"}}, o); !errors.Is(err, retriever.ErrOption) {
		t.Errorf("bound: %v", err)
	}
	// Unusual but valid options.
	o = elasticOptions
	o.Body = `[{"a": 1e999, "A": "{{query}}", "b": {"a": []}}, {"a": {}, "k": "{{k}}", "n": [null, "a", "a"]}]`
	o.Hits, o.ID, o.Text, o.Title = `@reverse`, `a\..b\(`, `x.#(k=="a.)b").v`, "@timestamp"
	if _, err := endpoint.New(modelserver.Config{URLs: []string{"http://localhost"}}, o); err != nil {
		t.Error(err)
	}
}

// A redirect that would lose the body, and with it the question, is an error. So is
// one to another host, which must not get the headers.
func TestRedirects(t *testing.T) {
	var stolen []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stolen = append(stolen, r.Header.Get("X-Key"))
		reply(w, []any{object{"id": "everything", "text": "x"}})
	}))
	defer other.Close()
	var to string
	var status int
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/s":
			http.Redirect(w, r, to, status)
		case len(body) == 0 && r.URL.RawQuery == "":
			reply(w, []any{object{"id": "everything", "text": "x"}}) // as Elasticsearch does
		default:
			reply(w, []any{object{"id": "asked", "text": r.URL.RawQuery + string(body)}})
		}
	}))
	defer s.Close()
	post := endpoint.Options{Path: "/s", Body: `["{{query}}","{{k}}"]`, ID: "id", Text: "text"}
	get := endpoint.Options{Path: "/s", Params: url.Values{"q": {"{{query}}"}, "k": {"{{k}}"}}, ID: "id", Text: "text"}
	for _, c := range []struct {
		name   string
		o      endpoint.Options
		status int
		to     string
		ok     bool
	}{
		{"moved, the body is lost", post, 301, s.URL + "/t", false},
		{"found, the body is lost", post, 302, "/t", false},
		{"see other, the body is lost", post, 303, "/t", false},
		{"temporary, with the body", post, 307, "/t", true},
		{"permanent, with the body", post, 308, s.URL + "/t", true},
		{"the parameters are lost", get, 301, "/t", false},
		{"with the parameters", get, 301, "/t?k=3&q=private", true},
		{"to another host", post, 308, other.URL + "/t", false},
		{"to another host, with the parameters", get, 301, other.URL + "/t?k=3&q=private", false},
		{"in a circle", post, 308, "/s", false},
	} {
		to, status = c.to, c.status
		e, err := endpoint.New(modelserver.Config{URLs: []string{s.URL}, Header: map[string]modelserver.Key{"X-Key": modelserver.NewKey("secret-key")}, Client: &http.Client{Transport: s.Client().Transport}, Retries: -1}, c.o)
		if err != nil {
			t.Fatal(err)
		}
		res, err := e.Retrieve(t.Context(), retriever.Query{Text: "private", K: 3})
		var failed *modelserver.Error
		if c.ok && (err != nil || len(res.Hits) != 1 || res.Hits[0].Passage.ID != "asked") {
			t.Errorf("%s: %+v, %v", c.name, res.Hits, err)
		}
		if !c.ok && (!errors.As(err, &failed) || failed.Retryable || !strings.Contains(err.Error(), "redirect") || strings.Contains(err.Error(), "private")) {
			t.Errorf("%s: %+v, %v", c.name, res.Hits, err)
		}
	}
	if len(stolen) > 0 {
		t.Errorf("another host was asked, with %q", stolen)
	}
}
