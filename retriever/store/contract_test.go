package store

import (
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// The store keeps the contract of a Retriever, with all its sides, in one piece and cut into
// graphs and segments, before and after it is opened again.
func TestContract(t *testing.T) {
	sides := map[string]func(s *Store) retriever.Retriever{
		"hybrid":  func(s *Store) retriever.Retriever { return s },
		"words":   (*Store).Words,
		"vectors": (*Store).Vectors,
	}
	for name, side := range sides {
		for _, again := range []bool{false, true} {
			if testsize.Racing && again != (name == "hybrid") {
				continue // each side once
			}
			when, sz := " in one piece", standard
			if again {
				when, sz = " in pieces, reopened", small
			}
			t.Run(name+when, func(t *testing.T) {
				retrievertest.TestRetriever(t, func(passages []retriever.Passage) (retriever.Retriever, error) {
					return side(filled(t, passages, sz, again)), nil
				})
			})
		}
	}
}

// filled returns a store with passages, put in several changes. All that the background has
// to do is done.
func filled(t *testing.T, passages []retriever.Passage, sz sizes, again bool) *Store {
	t.Helper()
	dir := tempDir(t)
	s, err := open(t.Context(), dir, options(), &disk{noSync: true}, sz)
	no(t, err)
	for len(passages) > 0 {
		n := min(5, len(passages))
		no(t, s.Put(t.Context(), passages[:n]...))
		passages = passages[n:]
	}
	if again {
		no(t, s.Close())
		s, err = open(t.Context(), dir, options(), &disk{noSync: true}, sz)
		no(t, err)
	}
	settle(t, s)
	t.Cleanup(func() { no(t, s.Close()) })
	return s
}
