package ask

import (
	"bytes"
	"context"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest/foldersync"
)

// documents is a store in memory.
type documents map[string]document

type document struct {
	passages []retriever.Passage
	note     []byte
}

type listedDocument struct {
	URI      string
	Note     []byte
	Passages int
}

func (d documents) ReplaceDocuments(_ context.Context, notes map[string][]byte, passages ...retriever.Passage) error {
	for uri, note := range notes {
		d[uri] = document{note: note}
		if note == nil {
			delete(d, uri)
		}
	}
	for _, p := range passages {
		d[p.Source.URI] = document{append(d[p.Source.URI].passages, p), d[p.Source.URI].note}
	}
	return nil
}

func (d documents) SetNotes(_ context.Context, notes map[string][]byte) error {
	for uri, note := range notes {
		d[uri] = document{d[uri].passages, note}
	}
	return nil
}

func (d documents) Documents(context.Context) iter.Seq2[listedDocument, error] {
	return func(yield func(listedDocument, error) bool) {
		for uri, x := range d {
			if !yield(listedDocument{uri, x.note, len(x.passages)}, nil) {
				return
			}
		}
	}
}

// A store that is synced has the passages that a folder without a store gives.
func TestSync(t *testing.T) {
	dir := folder(t, lighthouse)
	if err := os.WriteFile(filepath.Join(dir, "empty.md"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	store := documents{}
	for i, want := range []string{"3 files added, 0 changed, 0 removed, 0 unchanged, 1 skipped", "0 files added, 0 changed, 0 removed, 4 unchanged, 1 skipped"} {
		var errs bytes.Buffer
		if _, err := syncStore(t.Context(), store, dir, storeConfig{}, &errs); err != nil || !strings.Contains(errs.String(), want) || !strings.Contains(errs.String(), "skipped empty.md") {
			t.Errorf("sync %d: %v, %s", i, err, errs.String())
		}
	}
	docs, err := Read(t.Context(), dir, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range docs.Passages {
		x := store[p.Source.URI]
		if len(x.passages) == 0 || !reflect.DeepEqual(x.passages[0], p) {
			t.Errorf("the store has %+v, want %+v", x.passages, p)
			continue
		}
		store[p.Source.URI] = document{x.passages[1:], x.note}
	}
}

// What a folder excludes is counted, with a store and without.
func TestExcluded(t *testing.T) {
	dir := folder(t, map[string]string{"a.md": "One.", "b.log.md": "Two.", "drafts/c.md": "Three.", ".goselfragignore": "drafts/\n*.log.md\n"})
	var errs bytes.Buffer
	if _, err := syncStore(t.Context(), documents{}, dir, storeConfig{}, &errs); err != nil || !strings.HasSuffix(errs.String(), "1 of other formats, 2 excluded\n") {
		t.Errorf("%v, %s", err, errs.String())
	}
	errs.Reset()
	if _, err := Read(t.Context(), dir, &errs); err != nil || !strings.HasSuffix(errs.String(), "1 passage from 1 file, 0 skipped, 1 of other formats, 2 excluded\n") {
		t.Errorf("%v, %s", err, errs.String())
	}
}

func TestSyncRefuses(t *testing.T) {
	store := documents{}
	if _, err := syncStore(t.Context(), store, folder(t, lighthouse), storeConfig{}, new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		folder(t, map[string]string{"other.md": "Other."}): "3 of the 3 documents in the store have no file in",
		filepath.Join(t.TempDir(), "none"):                 "there is no folder",
	} {
		if _, err := syncStore(t.Context(), store, dir, storeConfig{}, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) || len(store) != 3 {
			t.Errorf("%v, %d documents", err, len(store))
		}
	}
}

func TestSyncLine(t *testing.T) {
	p := foldersync.Progress{Path: "a\x1b[2J.md", Done: 3, Total: 10, Rate: 2.5e6, Left: 61 * time.Second}
	if got, want := line(p), "3 of 10 files, 2.5 MB/s, 1m1s left: a"; !strings.HasPrefix(got, want) || strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
}
