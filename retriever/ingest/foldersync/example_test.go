package foldersync_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest/foldersync"
)

// store is a store of documents in memory.
type store struct {
	notes    map[string][]byte
	passages map[string][]retriever.Passage
}

type document struct {
	URI      string
	Note     []byte
	Passages int
}

func (s store) ReplaceDocuments(_ context.Context, notes map[string][]byte, passages ...retriever.Passage) error {
	for uri, note := range notes {
		s.notes[uri] = note
		delete(s.passages, uri)
		if note == nil { // this sync gives no passages either
			delete(s.notes, uri)
		}
	}
	for _, p := range passages {
		s.passages[p.Source.URI] = append(s.passages[p.Source.URI], p)
	}
	return nil
}

func (s store) SetNotes(_ context.Context, notes map[string][]byte) error {
	for uri, note := range notes {
		if _, ok := s.notes[uri]; ok {
			s.notes[uri] = note
		}
	}
	return nil
}

func (s store) Documents(context.Context) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		for uri, note := range s.notes {
			if !yield(document{uri, note, len(s.passages[uri])}, nil) {
				return
			}
		}
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			fmt.Println(err)
		}
	}
	s := store{map[string][]byte{}, map[string][]retriever.Passage{}}
	sync := func() {
		report, err := foldersync.Sync(context.Background(), s, dir, foldersync.Options{Root: "docs/"})
		fmt.Println("added", report.Added, "changed", report.Changed, "removed", report.Removed, "unchanged", report.Unchanged, err)
	}
	write("bridge.md", "The bridge was opened in 1932.")
	write("tower.md", "The tower is of stone.")
	sync()
	write("bridge.md", "The bridge was opened in 1932 and is made of steel.")
	write("inn.md", "The inn serves crab soup.")
	if err := os.Remove(filepath.Join(dir, "tower.md")); err != nil {
		fmt.Println(err)
	}
	sync()
	sync()
	fmt.Println(slices.Sorted(maps.Keys(s.passages)), s.passages["docs/bridge.md"][0].Text)
	// Output:
	// added [bridge.md tower.md] changed [] removed [] unchanged 0 <nil>
	// added [inn.md] changed [bridge.md] removed [tower.md] unchanged 0 <nil>
	// added [] changed [] removed [] unchanged 2 <nil>
	// [docs/bridge.md docs/inn.md] The bridge was opened in 1932 and is made of steel.
}
