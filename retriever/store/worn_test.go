package store

import (
	"context"
	"fmt"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
)

// After a segment was written without the rows of removed passages, a graph or a flat index
// has those still. They must not take the places of passages that are there, however near to
// the query they were.
func TestRemovedTakeNoPlaces(t *testing.T) {
	t.Run("graph", func(t *testing.T) { removedTakeNoPlaces(t, small, (*Store).compactWorn) })
	flat := small
	flat.tail = 1000
	t.Run("flat", func(t *testing.T) { removedTakeNoPlaces(t, flat, (*Store).compact) })
}

func removedTakeNoPlaces(t *testing.T, sz sizes, compact func(*Store, context.Context) error) {
	dir := tempDir(t)
	s := openAt(t, dir, options(), sz)
	var gone []string
	var list []retriever.Passage
	for i := range 200 {
		text := "river bridge"
		if i%10 == 0 {
			text += " tower" // farther from the query
		} else {
			gone = append(gone, fmt.Sprint("p", i))
		}
		list = append(list, passage(fmt.Sprint("p", i), text))
	}
	no(t, s.Put(t.Context(), list...))
	settle(t, s)
	no(t, s.Delete(t.Context(), gone...))
	no(t, s.Put(t.Context(), passage("x", "tower")))
	no(t, compact(s, t.Context()))
	if s.stale.count == 0 {
		t.Error("nothing is stale")
	}
	find := func(s *Store, live int) {
		t.Helper()
		res, err := s.Vectors().Retrieve(t.Context(), retriever.Query{Text: "river bridge", K: 5})
		no(t, err)
		if len(res.Hits) != min(5, live) {
			t.Errorf("found %q", idsOf(res))
		}
		no(t, s.Verify(t.Context()))
	}
	find(s, 21)
	no(t, s.Close())
	s = openAt(t, dir, options(), sz)
	find(s, 21)
	no(t, s.Reembed(t.Context(), options().Embedding))
	find(s, 21)
	if s.stale.count > 0 {
		t.Errorf("%d are stale in graphs that are gone", s.stale.count)
	}
	no(t, s.Compact(t.Context()))
	find(s, 21)
}
