package foldersync

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/store"
)

// storeDocument has the form of what a store says of a document.
type storeDocument struct {
	URI      string
	Note     []byte
	Passages int
}

type entry struct {
	passages []retriever.Passage
	note     []byte
}

// memory is a store in memory.
type memory struct {
	t          *testing.T
	docs       map[string]entry
	keepsEmpty bool           // documents that have a note and no passages
	embedder   dense.Embedder // if set, embeds what is put in
	real       *store.Store   // if set, does the same, and is what is read
	calls      []string       // URIs that were replaced
	steps      []int          // how many by each step
	refused    string         // if set, the URI of a document that is refused
	noteCalls  int
	fail       func(step int) (before, after error) // before and after a step, from 1
}

func newMemory(t *testing.T) *memory {
	return &memory{t: t, docs: map[string]entry{}, keepsEmpty: true}
}

func (m *memory) ReplaceDocuments(ctx context.Context, notes map[string][]byte, passages ...retriever.Passage) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	m.steps = append(m.steps, len(notes))
	var after error
	if m.fail != nil {
		var before error
		if before, after = m.fail(len(m.steps)); before != nil {
			return before
		}
	}
	if _, ok := notes[m.refused]; ok && m.refused != "" {
		return errStore
	}
	if m.embedder != nil && len(passages) > 0 {
		if _, err := m.embedder.EmbedDocuments(ctx, dense.Texts(passages)); err != nil {
			return err
		}
	}
	if m.real != nil {
		if err := m.real.ReplaceDocuments(ctx, notes, passages...); err != nil {
			return err
		}
	}
	docs := map[string][]retriever.Passage{}
	for _, p := range passages {
		if _, ok := notes[p.Source.URI]; !ok {
			m.t.Errorf("passage %s is of %s, which is not replaced", p.ID, p.Source.URI)
		}
		docs[p.Source.URI] = append(docs[p.Source.URI], p)
	}
	for _, uri := range slices.Sorted(maps.Keys(notes)) {
		m.calls = append(m.calls, uri)
		if note := notes[uri]; len(docs[uri]) == 0 && (note == nil || !m.keepsEmpty) {
			delete(m.docs, uri)
		} else {
			m.docs[uri] = entry{docs[uri], note}
		}
	}
	return after
}

func (m *memory) SetNotes(ctx context.Context, notes map[string][]byte) error {
	m.noteCalls++
	if m.real != nil {
		if err := m.real.SetNotes(ctx, notes); err != nil {
			return err
		}
	}
	for uri, note := range notes {
		if e, ok := m.docs[uri]; ok {
			m.docs[uri] = entry{e.passages, slices.Clone(note)}
		}
	}
	return nil
}

func (m *memory) Documents(ctx context.Context) iter.Seq2[storeDocument, error] {
	return func(yield func(storeDocument, error) bool) {
		if m.real != nil {
			for d, err := range m.real.Documents(ctx) {
				if !yield(storeDocument(d), err) {
					return
				}
			}
			return
		}
		for uri, e := range m.docs { // in any order
			if !yield(storeDocument{uri, e.note, len(e.passages)}, nil) {
				return
			}
		}
	}
}

// passages returns those of all documents that have some.
func (m *memory) passages() map[string][]retriever.Passage {
	all := map[string][]retriever.Passage{}
	if m.real != nil {
		for p, err := range m.real.All(context.Background()) {
			if err != nil {
				m.t.Fatal(err)
			}
			all[p.Source.URI] = append(all[p.Source.URI], p)
		}
		return all
	}
	for uri, e := range m.docs {
		if len(e.passages) > 0 {
			all[uri] = e.passages
		}
	}
	return all
}

// tree is a folder in memory whose parts can become unreadable.
type tree struct {
	fstest.MapFS
	closed map[string]bool // files that cannot be opened, folders that cannot be listed
	broken map[string]bool // files whose reading fails after the first byte

	mu    sync.Mutex
	opens map[string]int // of documents
}

func newTree() *tree {
	return &tree{MapFS: fstest.MapFS{}, closed: map[string]bool{}, broken: map[string]bool{}, opens: map[string]int{}}
}

func (f *tree) Open(name string) (fs.File, error) {
	f.mu.Lock()
	f.opens[name]++
	f.mu.Unlock()
	if f.closed[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	file, err := f.MapFS.Open(name)
	if err == nil && f.broken[name] {
		return &brokenFile{File: file}, nil
	}
	return file, err
}

func (f *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	if f.closed[name] {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrPermission}
	}
	return f.MapFS.ReadDir(name)
}

func (f *tree) opened() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.opens, func(name string, _ int) bool { return path.Base(name) == ".goselfragignore" })
	return slices.Sorted(maps.Keys(f.opens))
}

var errDisk = errors.New("input/output error")

// brokenFile fails after its first byte.
type brokenFile struct {
	fs.File
	n int
}

func (b *brokenFile) Read(p []byte) (int, error) {
	if b.n > 0 || len(p) == 0 {
		return 0, errDisk
	}
	n, err := io.ReadFull(b.File, p[:1])
	b.n += n
	if err != nil {
		return n, errDisk
	}
	return n, nil
}
