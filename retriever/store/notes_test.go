package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/store"
)

func TestSetNotes(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s, err := store.Open(ctx, dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for uri, note := range map[string][]byte{"a": []byte("1"), "b": nil} {
		if err := s.ReplaceDocument(ctx, uri, []retriever.Passage{{ID: uri, Text: "Text of it."}}, note); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.ReplaceDocument(ctx, "c", nil, []byte("alone")); err != nil {
		t.Fatal(err)
	}
	set := func(notes map[string][]byte, changes bool, want ...store.Document) {
		t.Helper()
		before := s.Generation()
		if err := s.SetNotes(ctx, notes); err != nil || (s.Generation() != before) != changes {
			t.Errorf("%v, generation %d, before %d", err, s.Generation(), before)
		}
		for range 2 { // before and after it is opened again
			var got []store.Document
			for d, err := range s.Documents(ctx) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, d)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = store.Open(ctx, dir, store.Options{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, b, c := store.Document{URI: "a", Note: []byte("1"), Passages: 1}, store.Document{URI: "b", Passages: 1}, store.Document{URI: "c", Note: []byte("alone")}
	set(nil, false, a, b, c)
	set(map[string][]byte{"a": []byte("1"), "b": nil, "": []byte("x"), "none": []byte("x")}, false, a, b, c)
	a.Note, b.Note = []byte("2"), []byte{}
	set(map[string][]byte{"a": []byte("2"), "b": {}, "none": nil, "none either": {1}}, true, a, b, c)
	a.Note = nil
	set(map[string][]byte{"a": nil, "c": nil}, true, a, b)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.SetNotes(canceled, map[string][]byte{"a": {2}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	set(nil, false, a, b)
}
