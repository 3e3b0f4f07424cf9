package retriever_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

func TestQueryCheck(t *testing.T) {
	for name, c := range map[string]struct {
		q    retriever.Query
		want string
	}{
		"sound":            {retriever.Query{Text: "q", K: 1, Filter: filter.Exists{Field: "x"}}, ""},
		"no text":          {retriever.Query{K: 1}, ""},
		"K":                {retriever.Query{Text: "q"}, "retriever: bad query: K is 0: want at least 1"},
		"malformed filter": {retriever.Query{Text: "q", K: 1, Filter: filter.Not{Filter: filter.Exists{}}}, "retriever: bad query: filter: Not.Exists: the field name is empty"},
	} {
		err := c.q.Check()
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var fe *filter.Error
		if !errors.Is(err, retriever.ErrQuery) || err.Error() != c.want || errors.As(err, &fe) != (c.q.Filter != nil) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestPassageJSON(t *testing.T) {
	text := `{"id":"p","text":"","metadata":{"a":0,"b":100.0}}`
	want := retriever.Passage{ID: "p", Metadata: filter.Metadata{"a": filter.Int(0), "b": filter.Float(100)}}
	var p retriever.Passage
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, p); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got, err := json.Marshal(p); err != nil || string(got) != text {
		t.Errorf("%s, %v: want %s", got, err, text)
	}
}

func TestSourceString(t *testing.T) {
	for want, s := range map[string]retriever.Source{
		"":                   {},
		"a.md":               {URI: "a.md"},
		"a.md, bytes 3-9":    {URI: "a.md", Start: 3, End: 9},
		"bytes 0-9":          {End: 9},
		"a.pdf, page 3":      {URI: "a.pdf", Start: 3, End: 9, Page: 3, LastPage: 3},
		"a.pdf, pages 3-4":   {URI: "a.pdf", Start: 3, End: 9, Page: 3, LastPage: 4},
		"of a store, page 2": {URI: "of a store", Page: 2},
	} {
		if got := s.String(); got != want {
			t.Errorf("%+v is %q, want %q", s, got, want)
		}
	}
}
