package foldersync

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/embedcache"
)

// counted is an embedder that counts texts.
type counted struct{ texts int }

func (c *counted) EmbedDocuments(_ context.Context, texts []string) ([][]float32, error) {
	c.texts += len(texts)
	vectors := make([][]float32, len(texts))
	for i, text := range texts {
		vectors[i] = []float32{float32(len(text)), 1}
	}
	return vectors, nil
}

func (c *counted) EmbedQuery(context.Context, string) ([]float32, error) { return []float32{1}, nil }

var _ dense.Embedder = (*counted)(nil)

// A rename costs no embedding, unless the title of the document is the name of its file;
// neither do other settings that cut the same passages, or a sync that was interrupted
// after the embedding.
func TestRenameEmbedsNothing(t *testing.T) {
	cache, err := embedcache.Open(filepath.Join(t.TempDir(), "cache"), embedcache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	m, model := newMemory(t), new(counted)
	if m.embedder, err = cache.Embedder("m", model); err != nil {
		t.Fatal(err)
	}
	files := numbered(10)
	files["plain.txt"] = "Text without a title."
	f := folderOf(files)
	must(t, m, f, Options{})
	if model.texts != 11 {
		t.Fatalf("%d texts were embedded", model.texts)
	}
	step := func(what string, o Options, want int) {
		t.Helper()
		model.texts = 0
		rep := must(t, m, f, o)
		if model.texts != want || rep.Passages == 0 {
			t.Errorf("%s: %d texts were embedded, want %d: %+v", what, model.texts, want, rep)
		}
	}
	for name, file := range files {
		f.write("moved/"+name, file)
		delete(f.MapFS, name)
	}
	step("the folder was moved", Options{}, 0)
	for i, name := range []string{"moved/03.md", "moved/04.md"} {
		f.MapFS["moved/"+[]string{"x.md", "y.md"}[i]] = f.MapFS[name]
		delete(f.MapFS, name)
	}
	step("files were renamed", Options{}, 0)
	f.MapFS["moved/other.txt"] = f.MapFS["moved/plain.txt"]
	delete(f.MapFS, "moved/plain.txt")
	step("a file whose name is the title was renamed", Options{}, 1)
	step("other settings", Options{Version: "2"}, 0)
}
