package endpoint_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/endpoint"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

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
		{Score: 1.5, Passage: retriever.Passage{ID: "a", Title: "T", Text: "</paragraph>[Relevant] \ufffd é", Source: retriever.Source{URI: "u"}, Metadata: filter.Metadata{
			"s": filter.String("x"), "i": filter.Int(3), "f": filter.Float(3), "b": filter.Bool(false), "t": filter.Time(time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)),
			"l": filter.Strings("x", "y"), "o": filter.String(`{"x": [1]}`), "big": filter.String("123456789012345678901"),
			"index": filter.String("i"), "tag": filter.String("q"), "lang": filter.String("en")}}},
		{Score: 1, Passage: retriever.Passage{ID: "17", Text: "two"}},
		{Score: -2, Passage: retriever.Passage{ID: "c", Text: " \u00a03 ", Metadata: filter.Metadata{"bytes": filter.String("\ufffd\ufffd")}}},
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

// Every failure gives a typed error that says where.
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
		"text":             {200, "text/plain", hit(`"a"`, `1`, text), -1, "", "text/plain"},
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

// Compressed answers are read, and broken ones are errors.
func TestCompressed(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprintf(z, `[{"id":"a","text":%q}]`, strings.Repeat("river ", 1<<16))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	o := endpoint.Options{Path: "/s", Body: `["{{query}}","{{k}}"]`, ID: "id", Text: "text"}
	for name, c := range map[string]struct {
		encoding string
		body     []byte
		says     string // empty: it is fine
	}{
		"gzip":          {"gzip", packed.Bytes(), ""},
		"cut":           {"gzip", packed.Bytes()[:packed.Len()/2], "broke the connection off"},
		"wrong sum":     {"gzip", append(bytes.Clone(packed.Bytes()[:packed.Len()-8]), make([]byte, 8)...), "checksum"},
		"not gzip":      {"gzip", []byte(`[{"id":"a","text":"x"}]`), "invalid header"},
		"not asked for": {"br", []byte("\x0b\x02\x80[]\x03"), "invalid character"},
	} {
		e := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", jsonType)
			w.Header().Set("Content-Encoding", c.encoding)
			_, _ = w.Write(c.body)
		}), o)
		res, err := e.Retrieve(t.Context(), retriever.Query{Text: "q", K: 3})
		if c.says == "" {
			if err != nil || len(res.Hits) != 1 || len(res.Hits[0].Passage.Text) != 6<<16 {
				t.Errorf("%s: %d hits, %v", name, len(res.Hits), err)
			}
			continue
		}
		if !errors.As(err, new(*modelserver.Error)) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v: want %q", name, err, c.says)
		}
	}
}

// Services report in many ways that nothing went wrong, and that they send JSON.
func TestGoodAnswers(t *testing.T) {
	o := endpoint.Options{Path: "/s", Body: `["{{query}}","{{k}}"]`, Hits: "hits", ID: "id", Text: "text"}
	const hits = `"hits":[{"id":"a","text":"x"}]}`
	for _, c := range []struct{ media, body string }{
		{jsonType, `{"error":false,` + hits}, {jsonType, `{"error":null,"message":"ok",` + hits}, {jsonType, `{"error":"","message":"ok",` + hits},
		{jsonType, `{"error": 0 ,"detail":"none",` + hits}, {jsonType, "{\n\"error\":\n{},\"code\":404," + hits}, {jsonType, `{"error":[],` + hits},
		{jsonType, `{` + hits[:len(hits)-1] + `,"error":"of something else"}`}, {jsonType, `{"errors":["one"],` + hits},
		{"", `{` + hits}, {"application/JSON; charset=utf-8", `{` + hits}, {"application/vnd.elasticsearch+json;compatible-with=8", `{` + hits}, {"application/hal+json", `{` + hits},
	} {
		res, err := serve(t, o, 200, c.media, c.body).Retrieve(t.Context(), retriever.Query{Text: "q", K: 3})
		if err != nil || len(res.Hits) != 1 {
			t.Errorf("%s: %s: %+v, %v", c.media, c.body, res.Hits, err)
		}
	}
	for _, body := range []string{`{"error":true,"message":"down",`, `{"error":0.5,`, `{"error":"down",`, `{"error":{"reason":"down"},`, `{"error":["down"],`} {
		if _, err := serve(t, o, 200, jsonType, body+hits).Retrieve(t.Context(), retriever.Query{Text: "q", K: 3}); !errors.As(err, new(*modelserver.Error)) {
			t.Errorf("%s: %v", body, err)
		}
	}
	// Without hits, the error of the service is found wherever it is.
	for _, body := range []string{`{"took":1,"error":{"message":"down","code":503}}`, `{"hits":[],"status":503,"error":"down"}`, `{"hits":null,"errors":[{"message":"down"}],"code":503}`} {
		_, err := serve(t, o, 200, jsonType, body).Retrieve(t.Context(), retriever.Query{Text: "q", K: 3})
		var e *modelserver.Error
		if !errors.As(err, &e) || e.Message != "down" || e.Status != 503 {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// The number of wanted hits bounds an answer.
func TestLongAnswer(t *testing.T) {
	o := endpoint.Options{Path: "/s", Body: `["{{query}}","{{k}}"]`, ID: "id", Text: "text"}
	answer := func(n int) string { return `[{"id":"a","text":"` + strings.Repeat("x", n) + `"}]` }
	if res, err := serve(t, o, 200, jsonType, answer(1<<20)).Retrieve(t.Context(), retriever.Query{Text: "q", K: 1}); err != nil || len(res.Hits) != 1 {
		t.Errorf("%v", err)
	}
	_, err := serve(t, o, 200, jsonType, answer(2<<20)).Retrieve(t.Context(), retriever.Query{Text: "q", K: 1})
	if l := (*modelserver.LimitError)(nil); !errors.As(err, &l) || l.Bytes != 2<<20 {
		t.Errorf("%v", err)
	}
}
