package pdf

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// fill puts the code of the shared reader into a folder: with the race detector the compiler,
// which is not ours, takes most of a minute, and TestCache runs it without.
func fill(t *testing.T, dir string) {
	t.Helper()
	if _, err := reader().Read(t.Context(), load(t, "pdflib")); err != nil {
		t.Fatal(err)
	}
	from, full := cacheFolder("")
	if !full {
		return // there is no folder for users
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// Compiled code is kept, said to be prepared once, and compiled anew if it is damaged or
// cannot be kept. A start that was interrupted can be tried again.
func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache[1]")
	prepared := 0
	o := Options{Cache: dir, Preparing: func() { prepared++ }}
	try := func(r *Reader, ctx context.Context) error {
		_, err := r.Read(ctx, load(t, "pdflib"))
		return err
	}
	r := New(o)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := try(r, ctx); err != context.DeadlineExceeded {
		t.Errorf("interrupted: %v", err)
	}
	if testsize.Racing {
		fill(t, dir)
	}
	if err := try(r, t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	r.Close()
	before := prepared
	r = New(o)
	if err := try(r, t.Context()); err != nil || prepared != before || before == 0 {
		t.Errorf("prepared %d and %d times, %v", before, prepared, err)
	}
	r.Close()
	if testsize.Of(0, 1) == 0 {
		return // what follows compiles twice more
	}
	files, err := filepath.Glob(filepath.Join(escape(dir), "*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if err := os.Truncate(f, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	r = New(o)
	if err := try(r, t.Context()); err != nil {
		t.Errorf("damaged: %v", err)
	}
	r.Close()
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r = New(Options{Cache: blocked})
	if err := try(r, t.Context()); err != nil {
		t.Errorf("no folder: %v", err)
	}
	r.Close()
}
