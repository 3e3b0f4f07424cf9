package connect

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/chat"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/llamacpp"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/generator/sglang"
	"github.com/goselfrag/goselfrag/generator/vllm"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/retriever/rerank"
)

func TestGeneratorFamilies(t *testing.T) {
	for text, want := range map[string]generator.Generator{
		"":                                       (*extractive.Model)(nil),
		"vllm+http://a:8000/selfrag/model_7b":    (*vllm.Model)(nil),
		"sglang+https://a.example/m":             (*sglang.Model)(nil),
		"llamacpp+http://127.0.0.1:8080":         (*llamacpp.Model)(nil),
		"ollama+http://[::1]:11434/selfrag:q4_K": (*ollama.Model)(nil),
		"completions+https://a/m":                (*completions.Model)(nil),
		"completions-labels+https://a/m":         (*completions.Model)(nil),
		"chat+https://api.example/m":             (*chat.Model)(nil),
		"chat-labels+https://api.example/m":      (*chat.Model)(nil),
	} {
		m, err := Generator(text)
		if err != nil || reflect.TypeOf(m.Generator) != reflect.TypeOf(want) {
			t.Errorf("%q gives %T, %v: want %T", text, m.Generator, err, want)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]modelserver.Config{
		"vllm+http://a:8000/selfrag/model_7b": {URLs: []string{"http://a:8000"}, Model: "selfrag/model_7b"},
		"vllm+https://[::1]:1/m%20n/":         {URLs: []string{"https://[::1]:1"}, Model: "m n"},
		"vllm+http://a":                       {URLs: []string{"http://a"}},
	} {
		_, got, err := parse(text, []string{"vllm"})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q gives %+v, %v: want %+v", text, got, err, want)
		}
	}
}

func TestGeneratorErrors(t *testing.T) {
	const secret = "s3cr3t"
	for name, c := range map[string]struct{ text, want string }{
		"no scheme":       {"localhost:8000/m", "want one of chat, chat-labels, completions, completions-labels, llamacpp, ollama, sglang, vllm"},
		"no family":       {"http://localhost:8000/m", "want one of"},
		"unknown family":  {"tgi+http://localhost/m", `"tgi+http"`},
		"transport":       {"vllm+ftp://localhost/m", "want FAMILY+http://HOST:PORT/MODEL or the same with https"},
		"family alone":    {"vllm://localhost/m", "want FAMILY+http"},
		"no host":         {"vllm+http:///m", "names no host"},
		"key as user":     {"vllm+http://" + secret + "@a/m", "environment variables"},
		"key as query":    {"vllm+http://a/m?key=" + secret, "environment variables"},
		"key as fragment": {"vllm+http://a/m#" + secret, "environment variables"},
		"base path":       {"chat+https://api.example/v1", "leave that out"},
		"base and model":  {"chat+https://api.example/v1/m", "leave that out"},
		"no URL":          {"vllm+http://a:" + secret + "/m", "no URL"},
	} {
		_, err := Generator(c.text)
		if !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v: want %q, and no secret", name, err, c.want)
		}
	}
	if _, err := Generator("ollama+http://a:1"); !errors.Is(err, modelserver.ErrConfig) {
		t.Errorf("no model for Ollama: %v", err)
	}
}

// The key of the environment is sent, and never printed.
func TestGeneratorKey(t *testing.T) {
	const secret = "s3cr3t-key"
	t.Setenv(GeneratorKey, secret)
	var got string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		http.Error(w, `{"error":"`+secret+` is no good"}`, http.StatusUnauthorized)
	}))
	defer s.Close()
	m, err := Generator("completions+" + s.URL + "/m")
	if err != nil {
		t.Fatal(err)
	}
	err = generator.Check(t.Context(), m.Generator)
	if got != "Bearer "+secret {
		t.Errorf("the server got %q", got)
	}
	if text := fmt.Sprintf("%v %+v", err, m); err == nil || strings.Contains(text, secret) {
		t.Errorf("%s: want an error, and no key", text)
	}
}

func TestHelpNamesAllFamilies(t *testing.T) {
	for f := range families {
		if !strings.Contains(Help(), "\n  "+f+" ") {
			t.Errorf("Help does not name %s", f)
		}
	}
}

func TestEmbedder(t *testing.T) {
	if e, err := Embedder("https://a/m"); err != nil || e == nil {
		t.Errorf("%v, %v", e, err)
	}
	for text, want := range map[string]string{
		"vllm+http://a/m": "want http://HOST:PORT/MODEL or the same with https",
		"localhost:80/m":  "want http://HOST:PORT/MODEL",
		"http:///m":       "names no host",
		"http://k@a/m":    "environment variables",
	} {
		if e, err := Embedder(text); e != nil || !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, %v: want %q", text, e, err, want)
		}
	}
}

func TestReranker(t *testing.T) {
	if r, err := Reranker("https://a/m", rerank.EndpointOptions{}); err != nil || r == nil {
		t.Errorf("%v, %v", r, err)
	}
	if _, err := Reranker("vllm+http://a/m", rerank.EndpointOptions{}); !errors.Is(err, ErrURL) {
		t.Error(err)
	}
}

// The keys of the environment reach the servers of embeddings and reranking.
func TestKeys(t *testing.T) {
	got := map[string]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got[r.URL.Path] = r.Header.Get("Authorization")
		http.Error(w, "no", http.StatusBadRequest)
	}))
	defer s.Close()
	t.Setenv(EmbeddingsKey, "key-a")
	t.Setenv(RerankKey, "key-b")
	e, err := Embedder(s.URL + "/m")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Reranker(s.URL+"/m", rerank.EndpointOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.EmbedQuery(t.Context(), "x"); err == nil {
		t.Error("no error")
	}
	if _, err := r.Score(t.Context(), "x", []retriever.Passage{{ID: "a", Text: "b"}}); err == nil {
		t.Error("no error")
	}
	if got["/v1/embeddings"] != "Bearer key-a" || got["/v1/rerank"] != "Bearer key-b" {
		t.Errorf("the servers got %v", got)
	}
}

// blind is an embedder that must not be asked.
type blind struct{ dense.Embedder }

func TestRetrieval(t *testing.T) {
	_, plain, err := Models("", "", "")
	if err != nil {
		t.Fatal(err)
	}
	server := plain
	server.Embedder = blind{}
	for _, c := range []struct {
		text string
		env  pipeline.Env
		want string
	}{{"", plain, "lexical"}, {"", server, "hybrid"}, {"dense|mmr", server, "dense | mmr"}} {
		if p, err := Retrieval(c.text, c.env); err != nil || p.String() != c.want {
			t.Errorf("%q gives %v, %v: want %q", c.text, p, err, c.want)
		}
	}
	for text, want := range map[string]string{
		"lexical | x":                            `there is no stage "x"`,
		"lexical | variants":                     "variants: it needs a model that follows instructions, and the embedded one only quotes: name one with -generator",
		"lexical | rerank endpoint=localhost:80": "endpoint=: bad URL",
	} {
		var at *pipeline.Error
		if _, err := Retrieval(text, plain); !errors.As(err, &at) || at.Column != 11 || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v: want %q at 11", text, err, want)
		}
	}
}
