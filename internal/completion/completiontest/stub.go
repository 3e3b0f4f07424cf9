package completiontest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/modelserver"
)

// Reply answers with v as JSON.
func Reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// Refuse answers with the status 400 and a message.
func Refuse(w http.ResponseWriter, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": fmt.Sprintf(format, args...), "code": 400}})
}

// Send sends v as an event.
func Send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "text/event-stream")
	b, _ := json.Marshal(v)
	fmt.Fprintf(w, "data: %s\n\n", b)
	_ = http.NewResponseController(w).Flush()
}

// Done sends the event that ends a stream.
func Done(w http.ResponseWriter) { fmt.Fprint(w, "data: [DONE]\n\n") }

// Handler returns a stub of a server that generates at path. It lists its model and
// cuts text into tokens like OpenAI-compatible servers.
func Handler(path string, generate http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(path, generate)
	mux.HandleFunc("/v1/models", func(w http.ResponseWriter, _ *http.Request) {
		Reply(w, map[string]any{"object": "list", "data": []any{map[string]any{"id": "tiny"}}})
	})
	mux.HandleFunc("/tokenize", func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			Prompt string
			Begin  bool `json:"add_special_tokens"`
		}
		_ = json.NewDecoder(r.Body).Decode(&req)
		ids := Begun(req.Prompt, req.Begin)
		Reply(w, map[string]any{"count": len(ids), "max_model_len": 4096, "tokens": ids})
	})
	return mux
}

// Begun cuts text into tokens. If begin is set, the token that begins a prompt is
// first.
func Begun(text string, begin bool) []int32 {
	ids := Tokenize(text)
	if begin {
		ids = append([]int32{1}, ids...)
	}
	return ids
}

// Serve returns a model at a stub that listens on a socket. The name of the model
// is tiny.
func Serve[M generator.Generator](t *testing.T, stub http.Handler, open func(completions.Config) (M, error), c completions.Config) M {
	t.Helper()
	s := httptest.NewServer(stub)
	t.Cleanup(s.Close)
	c.Server = modelserver.Config{URLs: []string{s.URL}, Model: "tiny", Client: s.Client()}
	m, err := open(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
