package openai_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tmc/langchaingo/embeddings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever/dense/openai"
)

// embedder is what dense retrieval asks for. The embedders of langchaingo have it
// as they are, so they need no adapter.
type embedder interface {
	EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error)
	EmbedQuery(ctx context.Context, text string) ([]float32, error)
}

var (
	_ embedder = (*openai.Client)(nil)
	_ embedder = embeddings.Embedder(nil)
	_ embedder = (*embeddings.EmbedderImpl)(nil)
)

// server plays the answers of a server of embeddings back.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []map[string]any
	// answer writes the body for the texts; nil is good.
	answer func(texts []string) string
	status int
}

func serve(t testing.TB, answer func([]string) string) *server {
	s := &server{answer: answer, status: 200}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.URL.Path != "/v1/embeddings" || r.Method != http.MethodPost {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		s.mu.Lock()
		s.requests = append(s.requests, body)
		s.mu.Unlock()
		var texts []string
		for _, x := range body["input"].([]any) {
			texts = append(texts, x.(string))
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(s.status)
		_, _ = w.Write([]byte(s.answer(texts)))
	}))
	t.Cleanup(s.Close)
	return s
}

// vector is the embedding of a text: its length and its first byte.
func vector(text string) []float32 { return []float32{float32(len(text)), float32(text[0]) / 1000} }

// good answers in the given order of indices, in the shape of OpenAI and
// llama-server.
func good(order func(n int) []int) func([]string) string {
	return func(texts []string) string {
		var parts []string
		for _, i := range order(len(texts)) {
			v, _ := json.Marshal(vector(texts[i]))
			parts = append(parts, fmt.Sprintf(`{"object":"embedding","index":%d,"embedding":%s}`, i, v))
		}
		return `{"object":"list","data":[` + strings.Join(parts, ",") + `],"model":"m","usage":{"prompt_tokens":5,"total_tokens":5}}`
	}
}

func inOrder(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func backwards(n int) []int {
	out := inOrder(n)
	slices.Reverse(out)
	return out
}

func newClient(t testing.TB, s *server, edit func(*openai.Config)) *openai.Client {
	t.Helper()
	c := openai.Config{Server: modelserver.Config{URLs: []string{s.URL}, Model: "m", Client: s.Client(), Retries: -1}}
	if edit != nil {
		edit(&c)
	}
	client, err := openai.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestVectorsStandInTheOrderOfTheTexts(t *testing.T) {
	texts := []string{"one", "two", "three", "four", "five"}
	for name, order := range map[string]func(int) []int{"in order": inOrder, "backwards": backwards} {
		for _, batch := range []int{0, 1, 2, 5, 9} {
			s := serve(t, good(order))
			client := newClient(t, s, func(c *openai.Config) { c.Batch = batch })
			got, err := client.EmbedDocuments(t.Context(), texts)
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range texts {
				if !slices.Equal(got[i], vector(text)) {
					t.Errorf("%s, batch %d: text %d has %v, want %v", name, batch, i, got[i], vector(text))
				}
			}
			want := 1
			if batch > 0 {
				want = (len(texts) + batch - 1) / batch
			}
			if len(s.requests) != want {
				t.Errorf("batch %d: %d requests, want %d", batch, len(s.requests), want)
			}
		}
	}
}

func TestRequest(t *testing.T) {
	s := serve(t, good(inOrder))
	v, err := newClient(t, s, nil).EmbedQuery(t.Context(), "Who?\nWhere?")
	if err != nil || !slices.Equal(v, vector("Who?\nWhere?")) {
		t.Errorf("%v %v", v, err)
	}
	if got, want := fmt.Sprint(s.requests[0]), "map[encoding_format:float input:[Who?\nWhere?] model:m]"; got != want {
		t.Errorf("request %s, want %s", got, want)
	}
	if _, err := newClient(t, s, func(c *openai.Config) { c.Dimensions = 2; c.Server.Model = "" }).EmbedQuery(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	if got, want := fmt.Sprint(s.requests[1]), "map[dimensions:2 encoding_format:float input:[x]]"; got != want {
		t.Errorf("request %s, want %s", got, want)
	}
	list, err := newClient(t, s, nil).EmbedDocuments(t.Context(), nil)
	if err != nil || list == nil || len(list) != 0 || len(s.requests) != 2 {
		t.Errorf("no texts: %v %v after %d requests", list, err, len(s.requests))
	}
}

// Each request is a call of the budget, with the prompt tokens that the server names.
func TestBudget(t *testing.T) {
	s := serve(t, good(inOrder))
	client := newClient(t, s, func(c *openai.Config) { c.Batch = 2 })
	ctx, spent := budget.Open(t.Context(), "test", budget.Limits{Calls: 2})
	if _, err := client.EmbedDocuments(ctx, []string{"a", "b", "c"}); err != nil {
		t.Fatal(err)
	}
	if got, want := spent.Usage(), (budget.Usage{Calls: 2, PromptTokens: 10}); got != want {
		t.Errorf("cost %+v, want %+v", got, want)
	}
	if _, err := client.EmbedQuery(ctx, "d"); !errors.Is(err, budget.ErrExceeded) || len(s.requests) != 2 {
		t.Errorf("one call too many: %v after %d requests", err, len(s.requests))
	}
	s.answer = func([]string) string { return `{"data":[{"index":0,"embedding":[1,2]}]}` }
	ctx, spent = budget.Open(t.Context(), "test", budget.Limits{})
	if _, err := client.EmbedQuery(ctx, "d"); err != nil || spent.Usage() != (budget.Usage{Calls: 1, Partial: true}) {
		t.Errorf("an answer without usage costs %+v, error %v", spent.Usage(), err)
	}
	s.status = 400
	var rec observe.Recorder
	_, err := client.EmbedQuery(observe.With(t.Context(), &rec), "d")
	if steps := rec.Steps(); err == nil || len(steps) != 1 || steps[0].Name != "embed" || steps[0].Error == "" {
		t.Errorf("a failed call: error %v, steps %+v", err, steps)
	}
}

func TestAnswersThatAreWrong(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"too few":         {`{"data":[{"index":0,"embedding":[1,2]}]}`, "1 vectors for 2 texts"},
		"none":            {`{}`, "0 vectors for 2 texts"},
		"index twice":     {`{"data":[{"index":0,"embedding":[1,2]},{"index":0,"embedding":[1,2]}]}`, "vector 1 has the index 0"},
		"index too large": {`{"data":[{"index":0,"embedding":[1,2]},{"index":2,"embedding":[1,2]}]}`, "vector 1 has the index 2"},
		"index negative":  {`{"data":[{"index":-1,"embedding":[1,2]},{"index":1,"embedding":[1,2]}]}`, "vector 0 has the index -1"},
		"no index":        {`{"data":[{"embedding":[1,2]},{"index":1,"embedding":[1,2]}]}`, "vector 0 has no index"},
		"other length":    {`{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1,2,3]}]}`, "a vector has 3 numbers: want 2"},
		"empty vector":    {`{"data":[{"index":0,"embedding":[]},{"index":1,"embedding":[1]}]}`, "a vector is empty"},
		"no vector":       {`{"data":[{"index":0},{"index":1,"embedding":[1]}]}`, "holds no embedding"},
		"null vector":     {`{"data":[{"index":0,"embedding":null},{"index":1,"embedding":[1]}]}`, "null instead of a number"},
		"null":            {`{"data":[{"index":0,"embedding":[1,null]},{"index":1,"embedding":[1,2]}]}`, "null instead of a number"},
		"NaN":             {`{"data":[{"index":0,"embedding":[1,NaN]},{"index":1,"embedding":[1,2]}]}`, "not what was expected"},
		"too large":       {`{"data":[{"index":0,"embedding":[1,1e39]},{"index":1,"embedding":[1,2]}]}`, "not what was expected"},
		"base64":          {`{"data":[{"index":0,"embedding":"AAAA"},{"index":1,"embedding":[1,2]}]}`, "3 bytes: want four"},
		"no base64":       {`{"data":[{"index":0,"embedding":"-"},{"index":1,"embedding":[1,2]}]}`, "not base64"},
		"NaN in base64":   {`{"data":[{"index":0,"embedding":"AADAfw=="},{"index":1,"embedding":[1,2]}]}`, "base64 holds NaN"},
		"an object":       {`{"data":[{"index":0,"embedding":{"x":[1]}},{"index":1,"embedding":[1,2]}]}`, "is an object"},
		"a row a token":   {`{"data":[{"index":0,"embedding":[[1,2],[3,4]]},{"index":1,"embedding":[[1,2]]}]}`, "set the pooling"},
		"late error":      {`{"data":[{"index":0,"embedding":[1,2]}],"error":{"message":"out of memory","code":500}}`, "out of memory"},
		"very long":       {`{"data":[{"index":0,"embedding":[` + strings.Repeat("0,", 16<<10) + `0]}]}`, "more than 16384 numbers"},
		"too much":        {strings.Repeat(" ", 2<<20) + `{}`, "longer than"},
		"error":           {`{"error":{"message":"the model is loading","code":503}}`, "the model is loading"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func([]string) string { return c.body })
			_, err := newClient(t, s, nil).EmbedDocuments(t.Context(), []string{"a", "b"})
			var e *modelserver.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: want %q", err, c.want)
			}
		})
	}
}

// What servers answer with, in one of the forms in use.
func TestForms(t *testing.T) {
	for name, body := range map[string]string{
		"no index":     `{"data":[{"embedding":[1,2]},{"embedding":[3,4]}]}`,
		"null index":   `{"data":[{"index":null,"embedding":[1,2]},{"index":null,"embedding":[3,4]}]}`,
		"other order":  `{"data":[{"embedding":[3,4],"index":1},{"embedding":[1,2],"index":0}],"error":null}`,
		"base64":       `{"data":[{"index":0,"embedding":"AACAPwAAAEA="},{"index":1,"embedding":"AABAQAAAgEA="}]}`,
		"one row each": `[{"index":0,"embedding":[[1,2]]},{"index":1,"embedding":[[3,4]]}]`,
		"ollama":       `{"model":"m","embeddings":[[1,2],[3,4]],"prompt_eval_count":4}`,
		"cohere":       `{"id":"x","embeddings":{"float":[[1,2],[3,4]]},"texts":["a","b"]}`,
		"bare":         ` [[1, 2], [3.0, 4e0]] `,
		"large":        strings.Repeat(" ", 300<<10) + `{"data":[{"embedding":[1,2]},{"embedding":[3,4]}]}`,
	} {
		s := serve(t, func([]string) string { return body })
		got, err := newClient(t, s, nil).EmbedDocuments(t.Context(), []string{"a", "b"})
		if fmt.Sprint(got) != "[[1 2] [3 4]]" || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// The length of the first vector holds for all calls, and one that is asked for
// from the start.
func TestDimensions(t *testing.T) {
	body := `{"data":[{"index":0,"embedding":[1,2]}]}`
	s := serve(t, func([]string) string { return body })
	client := newClient(t, s, nil)
	if _, err := client.EmbedQuery(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	body = `{"data":[{"index":0,"embedding":[1,2,3]}]}`
	if _, err := client.EmbedQuery(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "3 numbers: want 2") {
		t.Errorf("another length in a later call: %v", err)
	}
	if _, err := newClient(t, s, func(c *openai.Config) { c.Dimensions = 4 }).EmbedQuery(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "3 numbers: want 4") {
		t.Errorf("another length than was asked for: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t, func([]string) string {
		return `{"error":{"code":400,"message":"input is too large","type":"invalid_request_error"}}`
	})
	s.status = 400
	_, err := newClient(t, s, func(c *openai.Config) { c.Batch = 2 }).EmbedDocuments(t.Context(), []string{"a", "b", "c"})
	var e *modelserver.Error
	if !errors.As(err, &e) || e.Status != 400 || !strings.Contains(err.Error(), "openai: embedding texts from number 0 on") || len(s.requests) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests))
	}
	for want, texts := range map[string][]string{"text 1 is empty": {"a", ""}, "text 0 is not UTF-8": {"\xff"}} {
		if _, err := newClient(t, s, nil).EmbedDocuments(t.Context(), texts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %s", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newClient(t, s, nil).EmbedQuery(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is done: %v", err)
	}
	for want, c := range map[string]openai.Config{
		"Batch is -1":      {Batch: -1, Server: modelserver.Config{URLs: []string{s.URL}}},
		"Dimensions is -1": {Dimensions: -1, Server: modelserver.Config{URLs: []string{s.URL}}},
		"URLs is empty":    {},
	} {
		if _, err := openai.New(c); !errors.Is(err, modelserver.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %s", err, want)
		}
	}
}

// FuzzAnswer feeds any body to the client: it ends in an error or in vectors of one
// length with finite numbers.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"data":[{"index":1,"embedding":[1,2]},{"index":0,"embedding":[3,-4e-2]}]}`)
	f.Add(`{"data":[{"index":0,"embedding":[1e39]}]}`)
	f.Add(`{"error":"x"}`)
	var body string
	s := serve(f, func([]string) string { return body })
	f.Fuzz(func(t *testing.T, data string) {
		body = data
		got, err := newClient(t, s, nil).EmbedDocuments(t.Context(), []string{"a", "b"})
		if err != nil {
			return
		}
		if len(got) != 2 || len(got[0]) == 0 || len(got[0]) != len(got[1]) {
			t.Fatalf("%q gives %v", data, got)
		}
		for _, x := range slices.Concat(got...) {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				t.Fatalf("%q gives %v", data, got)
			}
		}
	})
}

func Example() {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"data":[{"index":1,"embedding":[0,1]},{"index":0,"embedding":[1,0]}]}`))
	}))
	defer s.Close()
	client, err := openai.New(openai.Config{Server: modelserver.Config{URLs: []string{s.URL}, Model: "nomic-embed-text"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	vectors, err := client.EmbedDocuments(context.Background(), []string{"The Trial is a novel.", "Oslo is a city."})
	fmt.Println(vectors, err)
	// Output: [[1 0] [0 1]] <nil>
}
