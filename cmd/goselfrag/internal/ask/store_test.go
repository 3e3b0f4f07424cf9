package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/retriever/store"
)

// old gives the files of a folder a time at which a sync trusts it.
func old(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Chtimes(filepath.Join(dir, name), time.Time{}, time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
}

func edit(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// starts returns a function that runs the command and checks its exit code, and what it says
// on standard output and standard error.
func starts(t *testing.T) func(code int, out, errs string, args ...string) {
	return func(code int, out, errs string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), args, &stdout, &stderr); got != code || !strings.Contains(stdout.String(), out) || !strings.Contains(stderr.String(), errs) {
			t.Errorf("%q: exit code %d, want %d with %q and %q:\n%s\n%s", args, got, code, out, errs, stdout.String(), stderr.String())
		}
	}
}

func TestStore(t *testing.T) {
	dir, data := folder(t, lighthouse), filepath.Join(t.TempDir(), "deep", "data")
	old(t, dir, "guide/tower.md", "notes.txt", "page.html")
	run := starts(t)
	const question = "When do ferries to the island leave?"
	ask := func(out, errs string, args ...string) {
		t.Helper()
		run(0, out, errs, append(args, "-store", data, question)...)
	}
	run(0, "add guide/tower.md\nadd notes.txt\nadd page.html\n", "3 files would be added", "-store", data, "-docs", dir, "-dry-run")
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dry run has made the store: %v", err)
	}
	ask("Ferries to the island leave every morning at nine [1].", "3 files added, 0 changed, 0 removed, 0 unchanged", "-docs", dir)
	// A file that is read would now give another answer.
	edit(t, dir, "notes.txt", strings.Replace(lighthouse["notes.txt"], "nine", "five", 1))
	old(t, dir, "notes.txt")
	ask("at nine [1].", "0 files added, 0 changed, 0 removed, 3 unchanged", "-docs", dir)
	ask("at nine [1].", "")
	ask("at nine [1].", "2 of 4 passages pass the filter", "-filter", `format in ("txt", "html")`)
	ask("at nine [1].", "", "-retrieval", "children | rerank")

	edit(t, dir, "notes.txt", "Ferries to the island leave at noon.")
	run(0, "change notes.txt\n", "0 files would be added, 1 changed", "-store", data, "-docs", dir, "-dry-run")
	ask("at nine [1].", "")
	ask("at noon [1].", "0 files added, 1 changed, 0 removed, 2 unchanged", "-docs", dir)
	if err := os.Remove(filepath.Join(dir, "notes.txt")); err != nil {
		t.Fatal(err)
	}
	ask("", "0 files added, 0 changed, 1 removed, 2 unchanged", "-docs", dir)
	run(0, `"passages": 3`, "", "-json", "-store", data, question)
	run(1, "", "none of 3 passages passes", "-filter", `path = "notes.txt"`, "-store", data, question)

	other := folder(t, map[string]string{"other.txt": "Ferries to the island leave at midnight."})
	run(1, "", "2 of the 2 documents in the store have no file in", "-store", data, "-docs", other, question)
	run(1, "", "-mass-deletion", "-store", data, "-docs", other, "-dry-run")
	ask("at midnight [1].", "1 file added, 0 changed, 2 removed", "-docs", other, "-mass-deletion")
	run(1, "", "there is no folder", "-store", data, "-docs", filepath.Join(other, "none"), question)
	ask("at midnight [1].", "")
}

func TestStoreInJSON(t *testing.T) {
	dir, data := folder(t, lighthouse), filepath.Join(t.TempDir(), "data")
	edit(t, dir, "empty.md", "")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-docs", dir, "-store", data, "-json", "Who built the lighthouse?"}, &out, &errs); code != 0 {
		t.Fatal(errs.String())
	}
	var got struct {
		Answer string
		Files  struct {
			Read, Passages int
			Skipped        []string
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || !strings.Contains(got.Answer, "Ada Kerr") || got.Files.Read != 3 || got.Files.Passages != 4 || len(got.Files.Skipped) != 1 {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestStoreWithoutDocuments(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	run := starts(t)
	run(1, "", "nothing to read: name a folder with documents with -docs", "-docs", t.TempDir(), "-store", data, "q")
	run(1, "", "nothing to read", "-store", data, "q")
	s, err := store.Open(t.Context(), data, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, args := range [][]string{{"-docs", t.TempDir()}, {"-docs", t.TempDir(), "-dry-run"}, nil} {
		run(1, "", "is in use by another process: wait until that is done", append(args, "-store", data, "q")...)
	}
}

// embeddings serves models whose vectors say whether a text is about water.
func embeddings(t *testing.T, texts *atomic.Int64) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Input []string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		texts.Add(int64(len(body.Input)))
		var list []string
		for i, text := range body.Input {
			vector := "[1,0]"
			if text == "water" || strings.Contains(text, "Rivers") {
				vector = "[0,1]"
			}
			list = append(list, fmt.Sprintf(`{"index":%d,"embedding":%s}`, i, vector))
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(list, ","))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestStoreEmbeds(t *testing.T) {
	var texts atomic.Int64
	url := embeddings(t, &texts)
	dir, data := folder(t, map[string]string{"cats.md": "# Cats\n\nCats purr.", "rivers.md": "# Rivers\n\nRivers flow."}), filepath.Join(t.TempDir(), "data")
	run := starts(t)
	args := []string{"-store", data, "-json", "-mode", "always", "-k", "1", "water"}
	with := func(more ...string) []string { return append(more, args...) }
	run(0, `"passage_id": "rivers.md`, "2 files added", with("-docs", dir, "-embeddings", url+"/m")...)
	if n := texts.Swap(0); n != 3 {
		t.Errorf("%d texts were embedded: want two passages and the question", n)
	}
	run(0, `"passage_id": "rivers.md`, "2 unchanged", with("-docs", dir, "-embeddings", url+"/m")...)
	run(0, `"passage_id": "rivers.md`, "", with("-embeddings", url+"/m")...)
	if n := texts.Swap(0); n != 2 {
		t.Errorf("%d texts were embedded: want two questions", n)
	}
	if err := os.Rename(filepath.Join(dir, "rivers.md"), filepath.Join(dir, "streams.md")); err != nil {
		t.Fatal(err)
	}
	run(0, `"passage_id": "streams.md`, "1 file added, 0 changed, 1 removed", with("-docs", dir, "-embeddings", url+"/m")...)
	if n := texts.Swap(0); n != 1 {
		t.Errorf("%d texts were embedded: want the question", n)
	}
	run(0, `"candidates": []`, `vectors of the model "m": without -embeddings only words`, args...)
	for _, docs := range [][]string{nil, {"-docs", dir}} {
		run(1, "", "of another embedding model: name the one that the store was made with", with(append(docs, "-embeddings", url+"/other")...)...)
	}
	edit(t, dir, "dogs.md", "Dogs bark.")
	run(1, "", "of another embedding model: name the one that the store was made with by -embeddings", with("-docs", dir)...)
	run(0, `"passage_id": "streams.md`, "1 file added", with("-docs", dir, "-embeddings", url+"/m")...)
}

// Pipelines search the indexes of the store: only questions are embedded. What the store does
// not have is refused, but for few passages without a model.
func TestStorePipelines(t *testing.T) {
	var texts atomic.Int64
	url := embeddings(t, &texts) + "/m"
	dir, data := folder(t, map[string]string{"cats.md": "# Cats\n\nCats purr.", "rivers.md": "# Rivers\n\nRivers flow."}), filepath.Join(t.TempDir(), "data")
	run := starts(t)
	args := []string{"-store", data, "-json", "-mode", "always", "-k", "1", "water"}
	with := func(more ...string) []string { return append(more, args...) }
	run(0, `"passage_id": "rivers.md`, "2 files added", with("-docs", dir, "-embeddings", url, "-retrieval", "dense")...)
	if n := texts.Swap(0); n != 3 {
		t.Errorf("%d texts were embedded: want two passages and the question", n)
	}
	for _, text := range []string{"dense", "hybrid dense=5", "fuse(lexical, dense) | rerank judge=learned", "dense | spelling"} {
		run(0, `"passage_id": "rivers.md`, "", with("-embeddings", url, "-retrieval", text)...)
		if n := texts.Swap(0); n != 1 {
			t.Errorf("%s: %d texts were embedded: want the question", text, n)
		}
	}
	for text, want := range map[string]string{
		"children": "an index of its own kind: leave out -store, or take lexical, dense or hybrid", "dense metric=inner-product": "metric= is about how an index is made: leave it out",
	} {
		run(1, "", want, with("-embeddings", url, "-retrieval", text)...)
	}
	run(1, "", "name the one that the store was made with by -embeddings", with("-retrieval", "dense")...)
	if n := texts.Swap(0); n != 0 {
		t.Errorf("%d texts were embedded", n)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	for _, text := range []string{"lexical", "dense", "children", "lexical k1=2"} {
		run(0, "", "", "-docs", dir, "-store", plain, "-retrieval", text, "What flows?")
	}
}

// turned is an embedder whose queries are turned by an adapter.
type turned struct {
	dense.Embedder
	check error
}

func (e turned) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	v, err := e.Embedder.EmbedQuery(ctx, text)
	return []float32{v[1], v[0]}, err
}

func (e turned) Check(context.Context) error { return e.check }

// An adapter turns the questions to the vectors of the store, and is checked.
func TestStoreAdapts(t *testing.T) {
	var texts atomic.Int64
	url := embeddings(t, &texts) + "/m"
	dir, data := folder(t, map[string]string{"cats.md": "# Cats\n\nCats purr.", "rivers.md": "# Rivers\n\nRivers flow."}), filepath.Join(t.TempDir(), "data")
	starts(t)(0, "", "2 files added", "-docs", dir, "-store", data, "-embeddings", url, "water")
	texts.Store(0)
	embedder, err := connect.Embedder(url)
	if err != nil {
		t.Fatal(err)
	}
	other := errors.New("made for another model")
	for _, check := range []error{nil, other} {
		cfg := config{store: storeConfig{dir: data, model: "m"}, env: pipeline.Env{
			Embedder: embedder, Adapt: func(e dense.Embedder) dense.Embedder { return turned{e, check} },
		}}
		if cfg.pipeline, err = connect.Retrieval("dense", cfg.env); err != nil {
			t.Fatal(err)
		}
		src, err := openStore(t.Context(), cfg, new(bytes.Buffer))
		if !errors.Is(err, check) {
			t.Errorf("error %v: want %v", err, check)
		}
		if err == nil {
			res, err := src.index.Retrieve(t.Context(), retriever.Query{Text: "water", K: 1})
			if err != nil || len(res.Hits) != 1 || res.Hits[0].Passage.Title != "Cats" || texts.Load() != 1 {
				t.Errorf("%v, error %v, %d texts were embedded: want Cats by one question", res, err, texts.Load())
			}
		}
		if err := src.close(); err != nil {
			t.Error(err)
		}
	}
}
