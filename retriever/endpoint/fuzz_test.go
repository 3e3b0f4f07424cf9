package endpoint

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
)

// member is one member of an object, in its order.
type member struct {
	key   string
	value any
}

// decode reads a JSON value into nil, bool, string, json.Number, []any and []member.
func decode(d *json.Decoder) any {
	token, err := d.Token()
	if err != nil {
		panic(err) // it was valid
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			list = append(list, decode(d))
		}
		_, _ = d.Token()
		return list
	case json.Delim('{'):
		object := []member{}
		for d.More() {
			key, _ := d.Token()
			object = append(object, member{key.(string), decode(d)})
		}
		_, _ = d.Token()
		return object
	}
	return token
}

// ambiguous reports whether an object in v has a key twice. Readers of JSON differ
// in which of the two they use.
func ambiguous(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, ambiguous)
	case []member:
		seen := map[string]bool{}
		for _, m := range v {
			if seen[m.key] || ambiguous(m.value) {
				return true
			}
			seen[m.key] = true
		}
	}
	return false
}

// walk follows keys from v, and reports whether there is a value.
func walk(v any, keys ...string) (any, bool) {
	for _, k := range keys {
		object, _ := v.([]member)
		at := slices.IndexFunc(object, func(m member) bool { return m.key == k })
		if at < 0 {
			return nil, false
		}
		v = object[at].value
	}
	return v, true
}

// slow maps an answer without gjson, and reports whether that is possible.
func slow(answer any, k int) (hits []retriever.Hit, ok bool) {
	at, found := walk(answer, "hits", "hits")
	list, isList := at.([]any)
	if !found || !isList && at != nil {
		return nil, false
	}
	ids := map[string]bool{}
	for _, v := range list[:min(k, len(list))] {
		var h retriever.Hit
		id, _ := walk(v, "_id")
		switch id := id.(type) {
		case string:
			h.Passage.ID = id
		case json.Number:
			h.Passage.ID = string(id)
		}
		text, _ := walk(v, "_source", "text")
		h.Passage.Text, _ = text.(string)
		title, _ := walk(v, "_source", "title")
		h.Passage.Title, ok = title.(string)
		score, _ := walk(v, "_score")
		number, isNumber := score.(json.Number)
		s, err := strconv.ParseFloat(string(number), 64)
		if h.Passage.ID == "" || ids[h.Passage.ID] || strings.TrimSpace(h.Passage.Text) == "" || !ok && title != nil || !isNumber || err != nil {
			return nil, false
		}
		if n := len(hits); n > 0 && s > hits[n-1].Score {
			return nil, false
		}
		h.Score = s
		ids[h.Passage.ID] = true
		hits = append(hits, h)
	}
	return hits, true
}

// For every answer of a service, there are hits that keep the contract, or an error
// that says where it does not match; and the second implementation agrees.
func FuzzHits(f *testing.F) {
	for _, s := range []string{
		`{"hits":{"hits":[{"_id":"a","_score":2,"_source":{"text":"x","title":"t","meta":{"a":1,"b":null,"c":[1],"d":{"time":"2020-01-01T00:00:00Z"}}}},{"_id":7,"_score":-1.5e0,"_source":{"text":"\ud800\n"}}]}}`,
		`{"hits":{"hits":[{"_id":"a","_score":1,"_source":{"text":"x"}},{"_id":"a","_score":1,"_source":{"text":"x"}}]}}`,
		`{"hits":{"hits":null}}`, `{"hits":{"hits":{}}}`, `[]`, `null`, `{"hits":[{"hits":[]}]}`, `{"hits":{"hits":[null,3,"x",[],{}]}}`,
		`{"hits":{"hits":[{"_id":"a","_score":1e999,"_source":{"text":"x"}}]}}`, `{"hits":{"hits":[{"_id":"a","_score":null,"_source":{"text":"x"}}]}}`,
		`{"hits":{"h\u0069ts":[{"_id":"a","_id":"b","_score":1,"_source":{"text":"x","title":null,"meta":{"":1}}}]}}`,
		`{"hits":{"hits":[{"_id":true,"_score":1,"_source":{"text":["x"],"title":{}}}]}}`, "{\"hits\":{\"hits\":[{\"_id\":\"\xff\",\"_score\":1,\"_source\":{\"text\":\"\xff\"}}]}}",
	} {
		f.Add([]byte(s), 5)
	}
	e, err := New(modelserver.Config{URLs: []string{"http://localhost"}}, Options{
		Path: "/", Body: `["{{query}}","{{k}}"]`, Hits: "hits.hits", ID: "_id", Text: "_source.text", Title: "_source.title",
		Metadata: "_source.meta", Fields: map[string]string{"score": "_score"}, Score: "_score", Scores: retriever.InnerProduct,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, k int) {
		var raw json.RawMessage
		if json.Unmarshal(data, &raw) != nil || k < 1 { // modelhttp accepts no others
			return
		}
		hits, bad := e.hits(raw, k)
		for _, h := range hits {
			if err := h.Passage.Metadata.Check(); err != nil || math.IsInf(h.Score, 0) {
				t.Fatal(h.Score, err)
			}
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		answer := decode(d)
		if ambiguous(answer) {
			return
		}
		want, ok := slow(answer, k)
		if bad != nil {
			if bad.Reason == "" || bad.Path == "" || bad.Hit < 0 || hits != nil {
				t.Fatalf("%+v", bad)
			}
			if ok && bad.Path != "_source.meta" {
				t.Fatalf("%v, but it can be mapped to %+v", bad, want)
			}
			return
		}
		if !ok || len(hits) != len(want) {
			t.Fatalf("%+v: want %+v, %v", hits, want, ok)
		}
		for i, h := range hits {
			if h.Passage.ID != want[i].Passage.ID || h.Passage.Text != want[i].Passage.Text || h.Passage.Title != want[i].Passage.Title || h.Score != want[i].Score {
				t.Fatalf("hit %d: %+v: want %+v", i, h, want[i])
			}
		}
	})
}

// A valid path can be used on any answer.
func FuzzPath(f *testing.F) {
	for _, p := range []string{"a.b", `a\.b`, `x.#(k=="v").y`, "@this", "a|b", "..0", `{"a":b}`, "[a,b]", "#.a", `!"x"`, "@pretty:{\"indent\":\"x\"}", "*.?"} {
		f.Add(p, `{"a":{"b":[1,{"k":"v","y":"z"}]}}`)
	}
	f.Fuzz(func(t *testing.T, path, answer string) {
		o := Options{Path: "/", Body: `["{{query}}","{{k}}"]`, ID: path, Text: path, Hits: path, Metadata: path, Fields: map[string]string{"f": path}}
		e, err := New(modelserver.Config{URLs: []string{"http://localhost"}}, o)
		if err != nil || !json.Valid([]byte(answer)) || len(path) > 100 || len(answer) > 1000 {
			return
		}
		hits, bad := e.hits([]byte(answer), 5)
		if bad == nil && len(hits) > 5 {
			t.Fatal(len(hits))
		}
		for _, h := range hits {
			if h.Passage.ID == "" || h.Passage.Text == "" || h.Passage.Metadata.Check() != nil {
				t.Fatalf("%+v", h)
			}
		}
	})
}
