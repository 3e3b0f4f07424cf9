package foldersync

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/retriever/ingest"
)

func write(tb testing.TB, name, text string) {
	tb.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		tb.Fatal(err)
	}
}

// A folder on disk: links to files within it are followed, other links and folders with the
// name of a file are not read, and what a link led to is removed only when the link is gone.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside.md")
	write(t, outside, "Outside.")
	write(t, filepath.Join(dir, "a.md"), "A.")
	write(t, filepath.Join(dir, "d/b.md"), "B.")
	write(t, filepath.Join(dir, "f.md/c.md"), "C.")
	for to, name := range map[string]string{"a.md": "link.md", "d": "folder", outside: "out.md"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	m := newMemory(t)
	rep, err := Sync(t.Context(), m, dir, Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"docs/a.md", "docs/d/b.md", "docs/f.md/c.md", "docs/link.md"}
	if got := slices.Sorted(maps.Keys(m.docs)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if len(rep.Skipped) != 1 || rep.Skipped[0].Path != "folder" || !errors.Is(rep.Skipped[0], ingest.ErrNotFile) || len(rep.Unreadable) != 1 || rep.Unreadable[0].Path != "out.md" {
		t.Errorf("%+v", rep)
	}
	if err := os.Remove(filepath.Join(dir, "a.md")); err != nil {
		t.Fatal(err)
	}
	if rep, err = Sync(t.Context(), m, dir, Options{Root: root}); err != nil || !slices.Equal(rep.Removed, []string{"a.md"}) || len(rep.Unreadable) != 2 {
		t.Errorf("%v, %+v", err, rep)
	}
	if err := os.Remove(filepath.Join(dir, "link.md")); err != nil {
		t.Fatal(err)
	}
	if rep, err = Sync(t.Context(), m, dir, Options{Root: root}); err != nil || !slices.Equal(rep.Removed, []string{"link.md"}) {
		t.Errorf("%v, %+v", err, rep)
	}
}

// BenchmarkUnchanged syncs a folder of 10,000 files that has not changed.
func BenchmarkUnchanged(b *testing.B) {
	dir := b.TempDir()
	old := time.Now().Add(-time.Hour)
	for i := range 10_000 {
		name := filepath.Join(dir, fmt.Sprintf("%02d", i/100), fmt.Sprintf("%04d.md", i))
		write(b, name, fmt.Sprintf("# File %d\n\nText of file %d. It is short.\n", i, i))
		if err := os.Chtimes(name, old, old); err != nil {
			b.Fatal(err)
		}
	}
	m := newMemory(nil)
	if _, err := Sync(b.Context(), m, dir, Options{Root: root}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		rep, err := Sync(b.Context(), m, dir, Options{Root: root})
		if err != nil || rep.Unchanged != 10_000 {
			b.Fatalf("%v, %d are unchanged", err, rep.Unchanged)
		}
	}
}
