package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// Another embedder is refused; Reembed changes it while passages come and go.
func TestReembed(t *testing.T) {
	dir := tempDir(t)
	first := Embedding{Name: "first", Embedder: &fake{seed: 1}}
	second := Embedding{Name: "second", Embedder: &fake{seed: 2}, Metric: hnsw.InnerProduct}
	s, err := open(t.Context(), dir, Options{Embedding: first}, &disk{noSync: true}, small)
	no(t, err)
	c := newScript()
	for range 50 {
		no(t, c.step(t.Context(), s))
	}
	no(t, s.Close())
	_, err = Open(t.Context(), dir, Options{Embedding: second})
	wants(t, err, ErrEmbedder)
	_, err = Open(t.Context(), dir, Options{Embedding: Embedding{Name: "first", Embedder: &fake{}, Metric: hnsw.InnerProduct}})
	wants(t, err, ErrEmbedder)

	s, err = open(t.Context(), dir, Options{}, &disk{noSync: true}, small) // without an embedder
	no(t, err)
	wants(t, s.Put(t.Context(), passage("x", "y")), ErrEmbedder)
	_, err = s.Vectors().Retrieve(t.Context(), retriever.Query{Text: "dak", K: 3})
	wants(t, err, ErrEmbedder)
	res, err := s.Retrieve(t.Context(), retriever.Query{Text: "dak", K: 3})
	if err != nil || len(res.Hits) == 0 || len(res.Missing) != 1 {
		t.Errorf("%v, error %v", res, err)
	}
	failing := Embedding{Name: "third", Embedder: &fake{fail: errDisk}}
	wants(t, s.Reembed(t.Context(), failing), errDisk)
	done := make(chan error, 1)
	go func() { done <- s.Reembed(t.Context(), second) }()
	no(t, <-done)
	for range 20 {
		no(t, c.step(t.Context(), s))
	}
	go func() { done <- s.Reembed(t.Context(), Embedding{Name: "fake", Embedder: &fake{}}) }()
	for range 50 { // beside it
		no(t, c.step(t.Context(), s))
	}
	no(t, <-done)
	no(t, errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model), s.Verify(t.Context()), s.Close()))
	s, err = open(t.Context(), dir, options(), &disk{noSync: true}, small)
	no(t, err)
	no(t, errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model), s.Verify(t.Context())))
	files, err := filepath.Glob(filepath.Join(dir, "vectors-*"))
	st, e := s.Stats(t.Context())
	if err != nil || e != nil || st.Embedder != "fake" || st.Vectors != len(c.passages) || slices.ContainsFunc(files, func(f string) bool { return !strings.Contains(f, "vectors-4-") }) {
		t.Errorf("%+v, %v; files %q, %v", st, e, files, err)
	}
	no(t, s.Close())
}

// The hashed embedder is fitted once there are passages enough, and kept.
func TestHashed(t *testing.T) {
	dir := tempDir(t)
	s, err := open(t.Context(), dir, Options{}, &disk{noSync: true}, small)
	no(t, err)
	res, err := s.Vectors().Retrieve(t.Context(), retriever.Query{Text: "harbour", K: 1})
	if err != nil || len(res.Missing) != 1 {
		t.Errorf("%v, error %v", res, err)
	}
	var list []retriever.Passage
	for i := range small.fit {
		list = append(list, passage(fmt.Sprint("p", i), fmt.Sprintf("The harbours of coast %s%d", vocabulary[i%len(vocabulary)], i)))
	}
	no(t, s.Put(t.Context(), list[:small.fit-1]...))
	if finds(t, s, "harbours coast dak") == "" {
		t.Error("words find nothing before the embedder is fitted")
	}
	no(t, s.Put(t.Context(), list[small.fit-1]))
	settle(t, s)
	before := finds(t, s.Vectors(), "harbourmaster dak7")
	st, err := s.Stats(t.Context())
	if err != nil || st.Embedder != "hashed" || st.Dim != 2048 || st.Vectors != small.fit || before == "" {
		t.Errorf("%+v, error %v; found %q", st, err, before)
	}
	no(t, s.Close())
	s, err = open(t.Context(), dir, Options{}, &disk{noSync: true}, small)
	no(t, err)
	if again := finds(t, s.Vectors(), "harbourmaster dak7"); again != before {
		t.Errorf("found %q after, %q before the restart", again, before)
	}
	no(t, s.Close())
	_, err = Open(t.Context(), dir, options())
	wants(t, err, ErrEmbedder)
}

// slow is an embedder that waits for its context.
type slow struct {
	fake
	began chan struct{}
}

func (s *slow) EmbedDocuments(ctx context.Context, _ []string) ([][]float32, error) {
	close(s.began)
	<-ctx.Done()
	return nil, ctx.Err()
}

// Close ends an embedding that is under way, and the store is as before.
func TestCloseEndsReembed(t *testing.T) {
	dir := tempDir(t)
	s, err := open(t.Context(), dir, options(), &disk{noSync: true}, small)
	no(t, err)
	no(t, s.Put(t.Context(), passage("a", "river")))
	e := &slow{began: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- s.Reembed(t.Context(), Embedding{Name: "slow", Embedder: e}) }()
	<-e.began
	no(t, s.Close())
	wants(t, <-done, ErrClosed)
	s, err = open(t.Context(), dir, options(), &disk{noSync: true}, small)
	no(t, err)
	if got := finds(t, s.Vectors(), "river"); got != "a" {
		t.Errorf("found %q", got)
	}
	no(t, errors.Join(s.Verify(t.Context()), s.Close()))
}
