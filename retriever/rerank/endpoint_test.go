package rerank_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// serve answers every call with the result of reply for its path and body.
func serve(t *testing.T, reply func(path, body string) (status int, answer string)) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		status, answer := reply(r.URL.Path, strings.TrimSpace(string(body)))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func endpoint(t *testing.T, s *httptest.Server, o rerank.EndpointOptions) *rerank.Endpoint {
	t.Helper()
	e, err := rerank.NewEndpoint(modelserver.Config{URLs: []string{s.URL}, Model: "m", Client: s.Client(), Retries: -1}, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var two = []retriever.Passage{{ID: "a", Title: "T", Text: "first"}, {ID: "b", Text: "second"}}

// Requests and answers in the forms that the servers document.
func TestEndpointForms(t *testing.T) {
	for _, c := range []struct {
		name, path, body, answer string
		o                        rerank.EndpointOptions
	}{
		{"jina", "/v1/rerank", `{"model":"m","query":"q","documents":["T\nfirst","second"]}`,
			`{"model":"m","usage":{"total_tokens":9},"results":[{"index":1,"relevance_score":0.75,"document":{"text":"second"}},{"index":0,"relevance_score":-3.5}]}`, rerank.EndpointOptions{}},
		{"cohere", "/v2/rerank", `{"model":"m","query":"q","documents":["T\nfirst","second"]}`,
			`{"id":"x","results":[{"index":1,"relevance_score":0.75},{"index":0,"relevance_score":-3.5}],"meta":{}}`, rerank.EndpointOptions{Path: "/v2/rerank"}},
		{"tei", "/rerank", `{"query":"q","texts":["T\nfirst","second"],"truncate":true}`,
			`[{"index":1,"score":0.75},{"index":0,"score":-3.5}]`, rerank.EndpointOptions{Format: rerank.TEI}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, func(path, body string) (int, string) {
				if path != c.path || body != c.body {
					t.Errorf("%s %s: want %s %s", path, body, c.path, c.body)
				}
				return 200, c.answer
			})
			scores, err := endpoint(t, s, c.o).Score(t.Context(), "q", two)
			if err != nil || !slices.Equal(scores, []float64{-3.5, 0.75}) {
				t.Errorf("%v, %v", scores, err)
			}
		})
	}
}

// Answers in other envelopes are read with either format.
func TestEndpointEnvelopes(t *testing.T) {
	for _, answer := range []string{
		`[{"index":1,"score":0.75},{"index":0,"score":-3.5}]`,
		`{"data":[{"relevance_score":0.75,"index":1},{"relevance_score":-3.5,"index":0}],"object":"list"}`,
		`{"results":[{"index":1,"score":0.75},{"index":0,"score":-3.5}],"error":null}`,
		`{"rankings":[{"index":1,"logit":0.75},{"index":0,"logit":-3.5}]}`,
		`{"scores":[-3.5,0.75]}`,
		`[-3.5,0.75]`,
		`{"results":[{"relevance_score":-3.5},{"relevance_score":0.75}]}`,
		`{"results":[{"relevance_score":0.75,"document":{"text":"second"}},{"relevance_score":-3.5,"document":{"text":"T\nfirst"}}]}`,
		`{"results":[{"score":0.75,"document":"second"},{"score":-3.5,"document":"T\nfirst"}]}`,
		`[{"score":0.75,"text":"second"},{"score":-3.5,"text":"T\nfirst"}]`,
	} {
		for _, format := range []rerank.Format{rerank.Cohere, rerank.TEI} {
			s := serve(t, func(_, _ string) (int, string) { return 200, answer })
			scores, err := endpoint(t, s, rerank.EndpointOptions{Format: format}).Score(t.Context(), "q", two)
			if err != nil || !slices.Equal(scores, []float64{-3.5, 0.75}) {
				t.Errorf("%s as %s: %v, %v", answer, format, scores, err)
			}
		}
	}
}

func TestEndpointBatches(t *testing.T) {
	var sizes []int
	s := serve(t, func(_, body string) (int, string) {
		var req struct{ Texts []string }
		if err := json.Unmarshal([]byte(body), &req); err != nil {
			t.Error(err)
		}
		sizes = append(sizes, len(req.Texts))
		var list []string
		for i, text := range req.Texts {
			list = append(list, fmt.Sprintf(`{"index":%d,"score":%d}`, i, text[len(text)-1]))
		}
		return 200, "[" + strings.Join(list, ",") + "]"
	})
	e := endpoint(t, s, rerank.EndpointOptions{Format: rerank.TEI, BatchSize: 2})
	ctx, a := budget.Open(t.Context(), "test", budget.Limits{Calls: 3})
	scores, err := e.Score(ctx, "q", passages("a b c d e"))
	if _, err := e.Score(ctx, "q", passages("f")); !a.Exceeded(err) || a.Usage().Calls != 3 {
		t.Errorf("a fourth call: %v, %+v", err, a.Usage())
	}
	if err != nil || !slices.Equal(scores, []float64{'a', 'b', 'c', 'd', 'e'}) || !slices.Equal(sizes, []int{2, 2, 1}) {
		t.Errorf("%v, batches %v, %v", scores, sizes, err)
	}
	if scores, err := e.Score(t.Context(), "q", nil); err != nil || len(scores) > 0 || len(sizes) != 3 {
		t.Errorf("no passages: %v, %v, %d calls", scores, err, len(sizes))
	}
}

func TestEndpointBadAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status       int
		answer, says string
	}{
		"too few":       {200, `{"results":[{"index":0,"relevance_score":1}]}`, "1 scores for 2"},
		"twice":         {200, `{"results":[{"index":0,"relevance_score":1},{"index":0,"relevance_score":2}]}`, "two scores"},
		"outside":       {200, `{"results":[{"index":0,"relevance_score":1},{"index":2,"relevance_score":2}]}`, "passage 2 of 2"},
		"negative":      {200, `{"results":[{"index":0,"relevance_score":1},{"index":-1,"relevance_score":2}]}`, "passage -1"},
		"null":          {200, `{"results":[{"index":0,"relevance_score":1},{"index":1,"relevance_score":null}]}`, "without index or score"},
		"no index":      {200, `{"results":[{"index":0,"relevance_score":1},{"relevance_score":2}]}`, "without index or score"},
		"sorted":        {200, `{"results":[{"relevance_score":2},{"relevance_score":1}]}`, "without index, and the best first"},
		"no list":       {200, `{"answer":[{"index":0,"score":1}]}`, "no list of scores"},
		"late error":    {200, `{"results":[],"error":"out of memory"}`, "out of memory"},
		"too long":      {200, strings.Repeat(" ", 1<<20) + `{}`, "longer than"},
		"text":          {200, `{"results":[{"index":0,"relevance_score":"high"},{"index":1,"relevance_score":1}]}`, "not what was expected"},
		"NaN":           {200, `{"results":[{"index":0,"relevance_score":NaN},{"index":1,"relevance_score":1}]}`, "not what was expected"},
		"too large":     {200, `{"results":[{"index":0,"relevance_score":1e999},{"index":1,"relevance_score":1}]}`, "not what was expected"},
		"index in part": {200, `{"results":[{"index":0.5,"relevance_score":1},{"index":1,"relevance_score":1}]}`, "not what was expected"},
		"refused":       {422, `{"error":"batch size 40 > maximum allowed batch size 32"}`, "maximum allowed batch size 32"},
		"not there":     {404, `{"message":"no such path"}`, "no such path"},
		"error as good": {200, `{"error":{"message":"model not loaded"}}`, "model not loaded"},
	} {
		s := serve(t, func(_, _ string) (int, string) { return c.status, c.answer })
		_, err := endpoint(t, s, rerank.EndpointOptions{}).Score(t.Context(), "q", two)
		var e *modelserver.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v: want %q", name, err, c.says)
		}
	}
}

func TestEndpointOptions(t *testing.T) {
	c := modelserver.Config{URLs: []string{"http://localhost"}}
	for name, o := range map[string]rerank.EndpointOptions{"format": {Format: "x"}, "path": {Path: "rerank"}, "batch": {BatchSize: -1}} {
		if _, err := rerank.NewEndpoint(c, o); !errors.Is(err, rerank.ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := rerank.NewEndpoint(modelserver.Config{}, rerank.EndpointOptions{}); !errors.Is(err, modelserver.ErrConfig) {
		t.Errorf("no server: %v", err)
	}
}

// An unreachable endpoint leaves the order unchanged, if that is allowed.
func TestEndpointAway(t *testing.T) {
	s := serve(t, func(_, _ string) (int, string) { return 503, `{"error":"overloaded"}` })
	r := make1(t, retrievertest.Overlap(two...), endpoint(t, s, rerank.EndpointOptions{}), rerank.Options{AllowMissing: true})
	res, err := r.Retrieve(t.Context(), retriever.Query{Text: "first second", K: 2})
	if err != nil || !slices.Equal(ids(res), []string{"a", "b"}) || len(res.Missing) != 1 || !strings.Contains(res.Missing[0].Reason, "overloaded") {
		t.Errorf("%+v, %v", res, err)
	}
}
