package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/modelserver"
)

// reply is what the model says to a prompt: a label for a judgment, a sentence for an
// answer.
func reply(prompt string) string {
	about := strings.Contains(prompt, "lamp turns")
	switch {
	case strings.Contains(prompt, "Is it necessary to look something up"), strings.Contains(prompt, "What does the next sentence"):
		return "A"
	case strings.Contains(prompt, "Does the passage contain"), strings.Contains(prompt, "How far does the passage support"):
		return map[bool]string{true: "A", false: "B"}[about]
	case strings.Contains(prompt, "How useful is the answer"):
		return "5"
	case about && strings.Contains(prompt, "(nothing yet)"):
		return "The lamp turns once in twelve seconds. " + generator.EndMark
	}
	return "I do not know. " + generator.EndMark
}

// server streams the reply as one token.
func server(w http.ResponseWriter, r *http.Request) {
	var req struct{ Messages []struct{ Content string } }
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer key" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	text, err := json.Marshal(reply(req.Messages[len(req.Messages)-1].Content))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	token := fmt.Sprintf(`{"token":%s,"logprob":-0.105,"bytes":null`, text)
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, `data: {"choices":[{"index":0,"delta":{"content":%s},"logprobs":{"content":[%s,"top_logprobs":[%s}]}]}}]}`+"\n\n", text, token, token)
	fmt.Fprint(w, `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
}

func TestAnswer(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"light.md": "The lamp turns once in twelve seconds.", "inn.md": "The inn near the lamp serves crab soup."} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := httptest.NewServer(http.HandlerFunc(server))
	defer s.Close()
	var out strings.Builder
	if err := answer(t.Context(), &out, modelserver.Config{URLs: []string{s.URL}, Model: "m", APIKey: modelserver.NewKey("key")}, dir, "How fast is the lamp?"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"The lamp turns once in twelve seconds [1].\n[1] light", "IsREL 1.00, IsSUP 1.00, IsUSE 1.00", "judged by prompted-probs with "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestNoServer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(server))
	defer s.Close()
	var out strings.Builder
	err := answer(t.Context(), &out, modelserver.Config{URLs: []string{s.URL}, Model: "m", APIKey: modelserver.NewKey("another")}, t.TempDir(), "How fast is the lamp?")
	if err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("%v: want what the server said", err)
	}
}
