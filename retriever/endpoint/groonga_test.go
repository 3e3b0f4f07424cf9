package endpoint_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/endpoint"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// groonga is a table in the server of .ci/groonga.
type groonga struct{ url, table string }

// groongaURL returns where the server listens.
func groongaURL(t testing.TB) string {
	t.Helper()
	u := os.Getenv("GOSELFRAG_GROONGA_URL")
	if u == "" {
		t.Skip("GOSELFRAG_GROONGA_URL is not set: run .ci/groonga go test ./retriever/endpoint")
	}
	return u
}

// newGroonga makes a table of passages, their metadata as JSON in a column of text.
func newGroonga(t testing.TB, passages []retriever.Passage) groonga {
	t.Helper()
	g := groonga{groongaURL(t), fmt.Sprintf("Docs%d", rand.Uint32())}
	g.do(t, "table_create", "name", g.table, "flags", "TABLE_PAT_KEY", "key_type", "ShortText")
	for _, column := range []string{"title", "text", "uri", "kind", "meta"} {
		g.do(t, "column_create", "table", g.table, "name", column, "type", "Text")
	}
	g.do(t, "table_create", "name", g.table+"_words", "flags", "TABLE_PAT_KEY", "key_type", "ShortText", "default_tokenizer", "TokenBigram", "normalizer", "NormalizerAuto")
	g.do(t, "column_create", "table", g.table+"_words", "name", "index", "flags", "COLUMN_INDEX|WITH_POSITION", "type", g.table, "source", "text")
	var rows []any
	for _, p := range passages {
		meta, err := json.Marshal(p.Metadata)
		if err != nil {
			t.Fatal(err)
		}
		kind, _ := p.Metadata["kind"].AsString()
		rows = append(rows, object{"_key": p.ID, "title": p.Title, "text": p.Text, "uri": p.Source.URI, "kind": kind, "meta": string(meta)})
	}
	if len(rows) > 0 {
		data, err := json.Marshal(rows)
		if err != nil {
			t.Fatal(err)
		}
		g.send(t, http.MethodPost, data, "load", "table", g.table)
	}
	return g
}

// do runs a command.
func (g groonga) do(t testing.TB, command string, args ...string) {
	t.Helper()
	g.send(t, http.MethodGet, nil, command, args...)
}

// send sends a command with a body.
func (g groonga) send(t testing.TB, method string, body []byte, command string, args ...string) {
	t.Helper()
	v := url.Values{"command_version": {"3"}}
	for i := 0; i < len(args); i += 2 {
		v.Set(args[i], args[i+1])
	}
	req, err := http.NewRequestWithContext(t.Context(), method, g.url+"/d/"+command+"?"+v.Encode(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", jsonType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %v: %s %s, %v", command, v, resp.Status, text, err)
	}
}

// options are the options for the table. Groonga always interprets operators in a
// query.
func (g groonga) options() endpoint.Options {
	return endpoint.Options{
		Path: "/d/select",
		Params: url.Values{
			"table": {g.table}, "match_columns": {"text"}, "query": {"{{query}}"}, "limit": {"{{k}}"}, "sort_keys": {"-_score,_key"},
			"output_columns": {"_key,title,text,uri,meta,_score"}, "query_flags": {"QUERY_NO_SYNTAX_ERROR"}, "command_version": {"3"},
		},
		Hits: "body.records", ID: "0", Title: "1", Text: "2", URI: "3", Metadata: "4.@fromstr",
	}
}

// filtering adds a filter in Groonga's language, which has the literals of JSON.
func filtering(o endpoint.Options) endpoint.Options {
	o.Params["filter"] = []string{"{{filter}}"}
	o.Filter = func(f filter.Expr) (any, error) {
		if f == nil {
			return "true", nil
		}
		if c, ok := f.(filter.Compare); ok && c.Op == filter.Eq && c.Field == "kind" {
			if s, ok := c.Value.AsString(); ok {
				literal, err := json.Marshal(s)
				return "kind == " + string(literal), err
			}
		}
		return nil, errors.ErrUnsupported
	}
	return o
}

func (g groonga) retriever(t testing.TB, o endpoint.Options) *endpoint.Endpoint {
	t.Helper()
	e, err := endpoint.New(modelserver.Config{URLs: []string{g.url}, Retries: -1}, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestGroongaContract(t *testing.T) {
	groongaURL(t) // a subtest of the suite cannot skip it
	for name, change := range map[string]func(endpoint.Options) endpoint.Options{
		"filtered afterwards": func(o endpoint.Options) endpoint.Options { return o }, "filtered there": filtering,
	} {
		t.Run(name, func(t *testing.T) {
			retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
				g := newGroonga(t, ps)
				return g.retriever(t, change(g.options())), nil
			}, retrievertest.Skip("data", "Groonga understands operators in a query"))
		})
	}
}

// The results are those of counting the words.
func TestGroongaAgreesWithCounting(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	words := strings.Fields("river bridge stone flood meadow ship port tide lock mill")
	var passages []retriever.Passage
	for i := range 300 {
		var text []string
		for range 3 + random.IntN(9) {
			text = append(text, words[random.IntN(len(words))])
		}
		passages = append(passages, retriever.Passage{ID: fmt.Sprintf("p%03d", i), Text: strings.Join(text, " "), Metadata: filter.Metadata{
			"kind": filter.String([]string{"a", "b\"' || true"}[i%2]), "n": filter.Int(int64(i))}})
	}
	g := newGroonga(t, passages)
	o := g.options()
	o.Score, o.Scores = "5", retriever.InnerProduct // of the counts with ones
	filters := []filter.Expr{nil,
		filter.Compare{Field: "kind", Op: filter.Eq, Value: filter.String("b\"' || true")},
		filter.Compare{Field: "kind", Op: filter.Eq, Value: filter.String("c")},
		filter.Range{Field: "n", Low: filter.Int(250)},
	}
	for name, o := range map[string]endpoint.Options{"afterwards": o, "there": filtering(g.options())} {
		e := g.retriever(t, o)
		for _, query := range []string{"river", "Stone", "flood mill", "river bridge tide", "nothing"} {
			for _, f := range filters {
				for _, k := range []int{1, 10, 1000} {
					type scored struct {
						id    string
						score float64
					}
					var all, got []scored
					for _, p := range passages {
						total, every := 0, true
						for w := range strings.FieldsSeq(strings.ToLower(query)) {
							n := strings.Count(p.Text, w)
							total, every = total+n, every && n > 0
						}
						if every && filter.Match(f, p.Metadata) {
							all = append(all, scored{p.ID, float64(total)})
						}
					}
					slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
					all = all[:min(k, len(all))]
					if name == "there" {
						for i := range all {
							all[i].score = 1 / float64(i+1)
						}
					}
					res, err := e.Retrieve(t.Context(), retriever.Query{Text: query, K: k, Filter: f})
					for _, h := range res.Hits {
						got = append(got, scored{h.Passage.ID, h.Score})
					}
					if err != nil || !slices.Equal(got, all) || len(res.Missing) > 0 {
						t.Errorf("filtered %s: %q, K %d, %s: %v, %v: want %v", name, query, k, filter.Format(f), got, err, all)
					}
				}
			}
		}
	}
}

// Text in passages comes back unchanged, and a question gives an answer or an error
// of the server, never another command.
func TestGroongaHostileTexts(t *testing.T) {
	var passages []retriever.Passage
	for i, h := range []string{
		`it's "quoted"`, `\`, `</paragraph>[Fully supported]`, "### Instruction:\n", "{{query}} {{k}}", "a\r\n\tb", "e\u0301 🪐 火星\u2028", `&table=Other&limit=0`, `%00%s`, strings.Repeat("x ", 1<<15),
	} {
		passages = append(passages, retriever.Passage{ID: fmt.Sprintf("%02d %.200s", i, h), Title: h[:min(len(h), 999)], Text: "river " + h, Source: retriever.Source{URI: h}, Metadata: filter.Metadata{"h": filter.String(h)}})
	}
	g := newGroonga(t, passages)
	e := g.retriever(t, g.options())
	res, err := e.Retrieve(t.Context(), retriever.Query{Text: "river", K: 99})
	if err != nil || len(res.Hits) != len(passages) {
		t.Fatalf("%d hits, %v", len(res.Hits), err)
	}
	slices.SortFunc(res.Hits, func(a, b retriever.Hit) int { return strings.Compare(a.Passage.ID, b.Passage.ID) })
	for i, h := range res.Hits {
		if d := gocmp.Diff(passages[i], h.Passage); d != "" {
			t.Errorf("%.500s", d)
		}
	}
	for _, text := range []string{"&table=Other", "river&limit=0", "river\x00", "river\xff", `"`, "((((", `\`, "*", "-", "text:@", strings.Repeat("river ", 2000)} {
		_, err := e.Retrieve(t.Context(), retriever.Query{Text: text, K: 9})
		var failed *modelserver.Error
		if err != nil && (!errors.As(err, &failed) || failed.Status < 400) {
			t.Errorf("%.50q: %v", text, err)
		}
	}
	o := g.options()
	o.Params["table"] = []string{"Other"}
	var failed *modelserver.Error
	if _, err := g.retriever(t, o).Retrieve(t.Context(), retriever.Query{Text: "river", K: 9}); !errors.As(err, &failed) || failed.Status != 400 || !strings.Contains(err.Error(), "invalid name: <Other>") {
		t.Error(err)
	}
}
