package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

// A real server takes the trained model and answers with it, in the interleaved format,
// what it was not trained on.
func TestServed(t *testing.T) {
	url := os.Getenv("GOSELFRAG_OLLAMA_URL")
	if url == "" {
		t.Skip("GOSELFRAG_OLLAMA_URL is not set: run .ci/ollama go -C tools test ./toytrain")
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := train(t.Context(), path, "", training.MaskPassages, io.Discard); err != nil {
		t.Fatal(err)
	}
	serve(t, url, "toytrain", path)
	g, err := ollama.New(completions.Config{Server: modelserver.Config{URLs: []string{url}, Model: "toytrain", Timeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	if err := generator.Check(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	_, held := records()
	for i := 0; i < len(held); i += 3 { // the sorts of records come in turns of five
		got := strings.ReplaceAll(interleave(t, g, held[i]), "] ", "]") // the tokenizer puts a space after a token
		if got != held[i].Output {
			t.Errorf("%q: it answers %q: want %q", held[i].Instruction, got, held[i].Output)
		}
		if _, err := training.Parse(got); err != nil {
			t.Error(err)
		}
	}
}

// serve makes a model at Ollama from a file.
func serve(t *testing.T, url, name, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	post := func(path string, body []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
			t.Fatalf("%s: %s: %s", path, resp.Status, text)
		}
	}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(b))
	post("/api/blobs/"+digest, b)
	body, err := json.Marshal(map[string]any{
		"model": name, "files": map[string]string{name + ".gguf": digest}, "template": "{{ .Prompt }}",
		"parameters": map[string]any{"num_thread": 1, "repeat_penalty": 1}, "stream": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	post("/api/create", body)
}

// interleave returns what the model answers to the instruction of a record, with its
// passages where the model asks for them.
func interleave(t *testing.T, g generator.Generator, r training.Record) string {
	t.Helper()
	wanted, err := training.Parse(r.Output)
	if err != nil {
		t.Fatal(err)
	}
	prompt := generator.Prompt{Instruction: r.Instruction}
	steps := say(t, g, prompt)
	for _, s := range wanted.Segments {
		if s.Passage == nil || len(steps) == 0 || steps[len(steps)-1].Token != reflection.Retrieval {
			break
		}
		prompt.Evidence = []generator.Evidence{*s.Passage}
		steps = append(steps, generator.Step{Token: reflection.ParagraphStart, Text: generator.JoinEvidence(prompt.Evidence)}, generator.Step{Token: reflection.ParagraphEnd})
		steps = append(steps, say(t, g, prompt)...)
		prompt.Path = append(prompt.Path, generator.PathSegment{Text: s.Text, Evidence: prompt.Evidence, Relevance: s.Relevance, Support: s.Support})
	}
	return generator.Extend("", steps)
}

// say returns what the model says up to [Retrieval] or the end.
func say(t *testing.T, g generator.Generator, p generator.Prompt) []generator.Step {
	t.Helper()
	var steps []generator.Step
	for s, err := range g.Generate(t.Context(), generator.Request{Prompt: p, MaxTokens: 40, Stop: []reflection.Token{reflection.Retrieval}}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Token != reflection.None || s.Text != "" {
			steps = append(steps, s)
		}
	}
	return steps
}
