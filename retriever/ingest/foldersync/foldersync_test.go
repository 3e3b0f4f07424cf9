package foldersync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// folderOf is a folder of files that were written an hour ago.
func folderOf(files map[string]string) *tree {
	f := newTree()
	for name, text := range files {
		f.write(name, text)
	}
	return f
}

func (f *tree) write(name, text string) {
	f.MapFS[name] = &fstest.MapFile{Data: []byte(text), ModTime: time.Now().Add(-time.Hour)}
}

// numbered is n files of one passage each.
func numbered(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("%02d.md", i)] = fmt.Sprintf("# File %d\n\nText of file %d.\n", i, i)
	}
	return files
}

func must(t *testing.T, m *memory, f fs.FS, o Options) Report {
	t.Helper()
	rep, err := syncFS(t.Context(), m, f, o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestMassDeletion(t *testing.T) {
	m, f := newMemory(t), folderOf(numbered(10))
	must(t, m, f, Options{Root: "d/"})
	before := maps.Clone(m.docs)
	for i := range 6 {
		delete(f.MapFS, fmt.Sprintf("%02d.md", i))
	}
	f.write("new.md", "New.")
	m.calls = nil
	for _, dry := range []bool{true, false} {
		rep, err := syncFS(t.Context(), m, f, Options{Root: "d/", DryRun: dry})
		var mass *MassDeletionError
		if !errors.As(err, &mass) || mass.Removed != 6 || mass.Documents != 10 {
			t.Fatalf("dry run %v: %v", dry, err)
		}
		if dry && (len(rep.Removed) != 6 || len(rep.Added) != 1) || !dry && len(rep.Removed)+len(rep.Added) > 0 {
			t.Errorf("dry run %v: %+v", dry, rep)
		}
		if len(m.calls) > 0 || !reflect.DeepEqual(m.docs, before) {
			t.Errorf("%q was changed", m.calls)
		}
	}
	// Half is allowed.
	f.write("05.md", "Back.")
	if rep := must(t, m, f, Options{Root: "d/"}); len(rep.Removed) != 5 || len(m.docs) != 6 {
		t.Errorf("%+v", rep)
	}
	clear(f.MapFS)
	if rep := must(t, m, f, Options{Root: "d/", AllowMassDeletion: true}); len(rep.Removed) != 6 || len(m.docs) != 0 {
		t.Errorf("%+v, %v", rep, m.docs)
	}
}

// A folder that was moved is no mass deletion.
func TestMoved(t *testing.T) {
	m, f := newMemory(t), folderOf(numbered(10))
	must(t, m, f, Options{})
	moved := newTree()
	for name, file := range f.MapFS {
		moved.MapFS["new/"+name] = file
	}
	m.fail = func(step int) (error, error) {
		if len(m.docs) < 10 {
			t.Errorf("documents are removed before the others are in: %q", m.calls)
		}
		return nil, nil
	}
	rep := must(t, m, moved, Options{firstBatch: 1})
	if len(rep.Added) != 10 || len(rep.Removed) != 10 || len(m.docs) != 10 || len(m.steps) < 12 {
		t.Errorf("%+v, steps %d", rep, m.steps)
	}
	// Each of the removed wants a file of its own.
	same := folderOf(map[string]string{"a.md": "Same.", "b.md": "Same.", "c.md": "Same."})
	m = newMemory(t)
	must(t, m, same, Options{})
	var mass *MassDeletionError
	if _, err := syncFS(t.Context(), m, folderOf(map[string]string{"d.md": "Same."}), Options{}); !errors.As(err, &mass) || mass.Removed != 2 {
		t.Errorf("%v", err)
	}
}

func TestFolderMissing(t *testing.T) {
	m := newMemory(t)
	must(t, m, folderOf(numbered(3)), Options{})
	before := maps.Clone(m.docs)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	allow := Options{AllowMassDeletion: true}
	for _, dir := range []string{filepath.Join(t.TempDir(), "none"), file, ""} {
		if _, err := Sync(t.Context(), m, dir, allow); !errors.Is(err, ErrFolder) {
			t.Errorf("%q: %v", dir, err)
		}
	}
	for _, closed := range []string{".", ".goselfragignore"} {
		f := folderOf(numbered(1))
		f.write(".goselfragignore", "")
		f.closed[closed] = true
		if _, err := syncFS(t.Context(), m, f, allow); !errors.Is(err, ErrFolder) || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", closed, err)
		}
	}
	if !reflect.DeepEqual(m.docs, before) {
		t.Error("documents were changed")
	}
}

func TestOptions(t *testing.T) {
	f := folderOf(numbered(1))
	for _, o := range []Options{{Root: "docs"}, {Root: "\xff/"}} {
		if _, err := syncFS(t.Context(), newMemory(t), f, o); !errors.Is(err, ErrOption) {
			t.Errorf("Root %q: %v", o.Root, err)
		}
	}
	if _, err := syncFS(t.Context(), newMemory(t), f, Options{Ingest: ingest.Options{MaxBytes: -1}}); !errors.Is(err, ingest.ErrOption) {
		t.Errorf("%v", err)
	}
	if _, err := Sync[storeDocument](t.Context(), (*memory)(nil), t.TempDir(), Options{}); !errors.Is(err, ErrOption) {
		t.Errorf("without a store: %v", err)
	}
}

// Roots do not touch each other's documents, nor what something else has put in.
func TestRoots(t *testing.T) {
	m := newMemory(t)
	must(t, m, folderOf(map[string]string{"a.md": "A.", "sub/b.md": "B."}), Options{Root: "x/"})
	must(t, m, folderOf(map[string]string{"c.md": "C."}), Options{Root: "x/sub/"})
	must(t, m, folderOf(map[string]string{"d.md": "D."}), Options{})
	rep := must(t, m, folderOf(map[string]string{"a.md": "A.", "sub/c.md": "Mine."}), Options{Root: "x/"})
	if len(rep.Unreadable) != 1 || rep.Unreadable[0].Path != "sub/c.md" || !errors.Is(rep.Unreadable[0], ErrForeign) || !slices.Equal(rep.Removed, []string{"sub/b.md"}) {
		t.Errorf("%+v", rep)
	}
	if got := slices.Sorted(maps.Keys(m.docs)); !slices.Equal(got, []string{"d.md", "x/a.md", "x/sub/c.md"}) || m.docs["x/sub/c.md"].passages[0].Text != "C." {
		t.Errorf("%q", got)
	}
}

// Files without text are told by every sync and read by one.
func TestRemembered(t *testing.T) {
	f := folderOf(map[string]string{"a.md": "A.", "binary.txt": "\x89PNG\x00\xff", "empty.md": "", "large.txt": strings.Repeat("word ", 50), "bad.csv": "id,text\n1\n", "half.csv": "id,text\n1\n2,Two\n"})
	m := newMemory(t)
	o := Options{Ingest: ingest.Options{MaxBytes: 100}}
	for i := range 2 {
		clear(f.opens)
		rep := must(t, m, f, o)
		got := map[string]error{}
		for _, e := range rep.Skipped {
			got[e.Path] = e.Err
		}
		for name, want := range map[string]error{"binary.txt": ingest.ErrBinary, "empty.md": ingest.ErrNoText, "large.txt": ingest.ErrTooLarge, "bad.csv": ingest.ErrRecord} {
			if !errors.Is(got[name], want) {
				t.Errorf("sync %d: %s: %v", i, name, got[name])
			}
		}
		if i == 1 && (len(f.opened()) > 0 || rep.Unchanged != 6) {
			t.Errorf("%q was opened, %+v", f.opened(), rep)
		}
	}
	f.write("large.txt", "Short.")
	f.write("a.md", "\x89PNG\x00\xff")
	if rep := must(t, m, f, o); !slices.Equal(rep.Added, []string{"large.txt"}) || !slices.Equal(rep.Removed, []string{"a.md"}) {
		t.Errorf("%+v", rep)
	}
}

// reader reads files of a format whose text may not be had.
type reader struct{ err error }

func (r *reader) Read(context.Context, []byte) (ingest.Text, error) {
	return ingest.Text{Body: "Text."}, r.err
}

// What a Reader cannot read now it may be able to later, unless it says otherwise.
func TestReaderFails(t *testing.T) {
	r := &reader{}
	o := Options{Ingest: ingest.Options{Formats: map[string]ingest.Reader{".x": r}}}
	m, f := newMemory(t), folderOf(map[string]string{"a.x": "1"})
	must(t, m, f, o)
	r.err = errors.New("busy")
	f.write("a.x", "22")
	for range 2 {
		if rep := must(t, m, f, o); len(rep.Unreadable) != 1 || len(m.passages()) != 1 {
			t.Errorf("%+v", rep)
		}
	}
	r.err = fmt.Errorf("a picture: %w", ingest.ErrNoText)
	if rep := must(t, m, f, o); len(rep.Unreadable) > 0 || len(rep.Skipped) != 1 || len(m.passages()) != 0 {
		t.Errorf("%+v", rep)
	}
	clear(f.opens)
	if must(t, m, f, o); len(f.opened()) > 0 {
		t.Errorf("%q was opened", f.opened())
	}
}

// Other options read every file again, also those that a sync cannot see by itself.
func TestSettings(t *testing.T) {
	m, f := newMemory(t), folderOf(numbered(4))
	for _, o := range []Options{
		{}, {Version: "tokenizer 2"}, {Version: "tokenizer 2", Ingest: ingest.Options{NFC: true}}, {Ingest: ingest.Options{Split: ingest.Split{Size: 5}}},
	} {
		if rep := must(t, m, f, o); len(rep.Added)+len(rep.Changed) != 4 {
			t.Errorf("%+v: %+v", o, rep)
		}
		if rep := must(t, m, f, o); rep.Unchanged != 4 {
			t.Errorf("%+v, again: %+v", o, rep)
		}
	}
	// Notes of a later version of this package are not understood.
	for uri, e := range m.docs {
		m.docs[uri] = entry{e.passages, []byte(strings.Replace(string(e.note), `"foldersync":1`, `"foldersync":9`, 1))}
	}
	if rep := must(t, m, f, Options{}); len(rep.Changed) != 4 {
		t.Errorf("notes of another version: %+v", rep)
	}
}

// A file of the future is hashed by every sync, and its note is not written again.
func TestFuture(t *testing.T) {
	m, f := newMemory(t), newTree()
	f.MapFS["a.md"] = &fstest.MapFile{Data: []byte("A."), ModTime: time.Now().Add(time.Hour)}
	must(t, m, f, Options{})
	for range 2 {
		clear(f.opens)
		if rep := must(t, m, f, Options{}); rep.Unchanged != 1 || len(f.opened()) != 1 || m.noteCalls > 0 {
			t.Errorf("%+v, opened %q, notes set %d times", rep, f.opened(), m.noteCalls)
		}
	}
}

func TestProgress(t *testing.T) {
	m, f := newMemory(t), folderOf(numbered(4))
	f.write("z.md", "Old.")
	must(t, m, f, Options{})
	delete(f.MapFS, "z.md")
	f.write("00.md", "A longer text than before, which takes its time to read.")
	f.write("02.md", "Short.")
	var seconds atomic.Int64
	var got []Progress
	must(t, m, f, Options{
		now:      func() time.Time { return time.Unix(seconds.Add(1), 0) },
		Progress: func(p Progress) { got = append(got, p) },
	})
	if len(got) != 3 || got[0].Path != "00.md" || got[0].Done != 1 || got[0].Total != 3 || got[2].Path != "z.md" || got[2].Done != 3 {
		t.Fatalf("%+v", got)
	}
	p := got[0]
	left := p.Left.Seconds()
	if p.Bytes != 56 || p.TotalBytes != 62 || p.Rate <= 0 || left < 6/p.Rate-1e-6 || left > 6/p.Rate+1e-6 || got[1].Left != 0 {
		t.Errorf("%+v", got)
	}
}

// Notes about files reach the caller by their paths.
func TestNotes(t *testing.T) {
	var notes []string
	o := Options{Root: "r/", Ingest: ingest.Options{Note: func(n ingest.Note) { notes = append(notes, n.Path+" "+string(n.Kind)) }}}
	f := folderOf(map[string]string{"a.html": `<p hidden>No.</p><p>Yes.</p>`, "b.csv": "id,text\n1\n2,Two\n"})
	rep := must(t, newMemory(t), f, o)
	if !slices.Equal(notes, []string{"a.html hidden"}) || len(rep.Skipped) != 1 || rep.Skipped[0].Path != "b.csv" || rep.Skipped[0].Line != 2 {
		t.Errorf("%q, %+v", notes, rep)
	}
}

func TestNamesThatAreNoText(t *testing.T) {
	rep := must(t, newMemory(t), folderOf(map[string]string{"a.md": "A.", "\xff.md": "B."}), Options{})
	if len(rep.Skipped) != 1 || !errors.Is(rep.Skipped[0], ingest.ErrNotUTF8) || len(rep.Added) != 1 {
		t.Errorf("%+v", rep)
	}
}
