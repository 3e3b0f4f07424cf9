package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/tools/internal/annset"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A set on which every figure is known: both questions are answered by the first
// passage that keywords find, one of them by a passage that only parts of words find.
func TestRun(t *testing.T) {
	corpus := write(t, "corpus", `{"id":"a","text":"The harbourmaster rebuilt the quay."}
{"id":"b","text":"Fish is sold on the market."}
{"id":"c","text":"Ada Kerr wrote about light."}`)
	questions := write(t, "questions", `{"id":"1","question":"Where is fish sold?","answers":["x"],"positive":["b"]}
{"id":"2","question":"harbours","answers":["x"],"positive":["a"]}`)
	pairs := write(t, "pairs", `{"id":"1","question":"fish","passage":{"id":"p","text":"Fish is sold."}}
{"id":"2","question":"ships","passage":{"id":"q","text":"Ships are built."}}`)
	var out strings.Builder
	if err := run(t.Context(), []string{"-set", "own=" + corpus + "," + questions, "-set", "pairs=" + pairs, "-weights", "0.5", "-pipelines"}, &out); err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(out.String())
	text := strings.Join(got, " ")
	for _, want := range []string{
		"own: 3 passages, 2 questions", "hashed: fitted",
		"lexical 0.5000 [0.000, 1.000] 0.5000 [0.000, 1.000] 0.5000 [0.000, 1.000] +0.0000 [+0.0000, +0.0000]",
		"dense 1.0000 [1.000, 1.000] 1.0000 [1.000, 1.000] 1.0000 [1.000, 1.000] +0.5000 [+0.0000, +1.0000]",
		"hybrid by rank 1:0.5 1.0000", "hybrid by score 1:0.5 1.0000",
		"spelling 0.5000", "model reranks 10 0.5000", "learned reranks 10 0.5000",
		"lexical + dense + reranked 1:0.8:0.8, k 60 1.0000",
		"pairs: 2 passages, 2 questions",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
}

// letters serves vectors that count the letters a to d, and one more of 1.
func letters(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Input []string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var data []any
		for i, text := range body.Input {
			v := []float32{0, 0, 0, 0, 1}
			for j := range 4 {
				v[j] = float32(strings.Count(text, string(rune('a'+j))))
			}
			data = append(data, map[string]any{"index": i, "embedding": v})
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	t.Cleanup(server.Close)
	return server.URL + "/letters"
}

// Vectors can be those of a server; they find what has the same letters.
func TestEmbeddings(t *testing.T) {
	corpus := write(t, "corpus", `{"id":"a","text":"aabbb."}
{"id":"b","text":"aacccc."}`)
	questions := write(t, "questions", `{"id":"1","question":"aabbb","answers":["x"],"positive":["a"]}
{"id":"2","question":"aacccc","answers":["x"],"positive":["b"]}`)
	file := filepath.Join(t.TempDir(), "real.fvecs")
	for want, more := range map[string][]string{
		"dense 1.0000 [1.000, 1.000] 1.0000":     {"-weights", "1"},
		"2 sentences, 2 questions, 5 components": {"-vectors", file},
	} {
		var out strings.Builder
		if err := run(t.Context(), append([]string{"-set", "own=" + corpus + "," + questions, "-embeddings", letters(t)}, more...), &out); err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
	v, err := annset.ReadFvecsFile(file, 0)
	if err != nil || v.Len() != 4 || !slices.Equal(v.Row(3), []float32{2, 0, 4, 0, 1}) {
		t.Errorf("%v, %v", v, err)
	}
}

// Recall is a share: of two positive passages only one can be first.
func TestRecallOfSeveral(t *testing.T) {
	corpus := write(t, "corpus", `{"id":"a","text":"Salt salt."}
{"id":"b","text":"Salt and fish."}`)
	questions := write(t, "questions", `{"id":"1","question":"salt","answers":["x"],"positive":["a","b"]}`)
	var out strings.Builder
	if err := run(t.Context(), []string{"-set", "own=" + corpus + "," + questions}, &out); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(text, "lexical 0.5000 [0.500, 0.500] 1.0000") {
		t.Error(out.String())
	}
}

func TestRefusals(t *testing.T) {
	corpus := write(t, "corpus", `{"id":"a","text":"x"}`)
	unanswered := write(t, "questions", `{"id":"1","question":"x?","answers":["x"]}`)
	for want, args := range map[string][]string{
		"name a set":                   nil,
		"want name=corpus,questions":   {"-set", corpus},
		"none.jsonl":                   {"-set", "own=none.jsonl"},
		"names no positive passage":    {"-set", "own=" + corpus + "," + unanswered},
		"invalid value \"a\" for flag": {"-weights", "a"},
		"parameters":                   {"-parameters", corpus},
		"loading weights":              {"-rank", corpus, "-pipelines", "-set", "own=" + corpus + "," + write(t, "questions", `{"id":"1","question":"x?","answers":["x"],"positive":["a"]}`)},
		"want http://HOST:PORT/MODEL":  {"-set", "own=" + corpus, "-embeddings", "x"},
		"Dim is 1":                     {"-set", "own=" + corpus + "," + write(t, "questions", `{"id":"1","question":"x?","answers":["x"],"positive":["a"]}`), "-dim", "1"},
	} {
		var out strings.Builder
		if err := run(t.Context(), args, &out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}
