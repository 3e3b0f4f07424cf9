package lexical

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// A snapshot does not change, whatever happens to the index and its files.
func TestSnapshot(t *testing.T) {
	dir := t.TempDir()
	made, err := New(t.Context(), retrievertest.Passages("bol", "bol dak", "bol fum"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	ix := read(t, dir, true, Options{})
	snap, err := ix.Snapshot(nil)
	if err != nil {
		t.Fatal(err)
	}
	q := retriever.Query{Text: "bol dak", K: 9}
	want, err := snap.Retrieve(t.Context(), q)
	if err != nil || len(want.Hits) != 3 {
		t.Fatal(want, err)
	}
	same := func() {
		t.Helper()
		got, err := snap.Retrieve(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" || snap.Len() != 3 {
			t.Errorf("%d passages (-want +got):\n%s", snap.Len(), d)
		}
	}
	if err := ix.Replace(t.Context(), retriever.Passage{ID: "p2", Text: "gip"}, retriever.Passage{ID: "new", Text: "bol"}); err != nil {
		t.Fatal(err)
	}
	same()
	if _, err := ix.Retrieve(t.Context(), q); err != nil { // counts the holders of a term now
		t.Fatal(err)
	}
	same()
	if err := ix.Delete(t.Context(), "p1", "p3"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := ix.Save(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		same()
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	same()
	users := &snap.now.parts[0].file.users
	snap.Close()
	if users.Load() != 0 {
		t.Errorf("%d users of the file", users.Load())
	}
	if _, err := ix.Snapshot(nil); err != ErrClosed {
		t.Errorf("a snapshot of a closed index: %v", err)
	}
}

// The fetch function of a snapshot gets the passages in place of that of the index.
func TestSnapshotFetch(t *testing.T) {
	ix, err := New(t.Context(), retrievertest.Passages("bol"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := ix.Snapshot(func(_ context.Context, ids []string) ([]retriever.Passage, error) {
		return []retriever.Passage{{ID: ids[0], Text: "from elsewhere"}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	res, err := snap.Retrieve(t.Context(), retriever.Query{Text: "bol", K: 1})
	if err != nil || len(res.Hits) != 1 || res.Hits[0].Passage.Text != "from elsewhere" {
		t.Errorf("%+v, %v", res, err)
	}
}
