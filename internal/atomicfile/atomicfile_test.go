package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func text(s string) func(*os.File) error {
	return func(f *os.File) error {
		_, err := f.WriteString(s)
		return err
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	// The longest name that file systems allow has room for what is added to it.
	for _, name := range []string{"file", strings.Repeat("n", 255)} {
		path := filepath.Join(dir, name)
		for _, want := range []string{"one", "two"} {
			must(t, Write(path, text(want)))
			got, err := os.ReadFile(path)
			must(t, err)
			if string(got) != want {
				t.Errorf("%.10s: got %q: want %q", name, got, want)
			}
		}
		full := errors.New("disk full")
		err := Write(path, func(f *os.File) error { return errors.Join(text("half")(f), full) })
		if got, _ := os.ReadFile(path); !errors.Is(err, full) || string(got) != "two" {
			t.Errorf("%.10s: after %v it holds %q: want the error and what it held before", name, err, got)
		}
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("the folder holds %q: want the two files", got)
	}
	if err := Write(filepath.Join(dir, "missing", "file"), text("")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}

// Nothing is left of a write that panics.
func TestWritePanics(t *testing.T) {
	dir := t.TempDir()
	func() {
		defer func() { _ = recover() }()
		_ = Write(filepath.Join(dir, "file"), func(*os.File) error { panic("no") })
	}()
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("the folder holds %q: want nothing", got)
	}
}

// What another process of this kind is writing is left alone, and so is what only looks
// like it.
func TestSweepLeavesOthers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	f, err := Create(path)
	must(t, err)
	alike := []string{".file.goselfrag-", ".file.goselfrag-xyz", ".file.goselfrag-0123456789abcdeg", ".file2.goselfrag-0123456789abcdef", "file.123.tmp"}
	for _, name := range alike {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	sweep(path)
	must(t, Write(path, text("first")))
	must(t, text("second")(f.File))
	must(t, f.Commit())
	must(t, f.Discard())
	if got, err := os.ReadFile(path); err != nil || string(got) != "second" {
		t.Errorf("got %q, %v: want what was written last", got, err)
	}
	want := append(alike, "file")
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("the folder holds %q: want %q", got, want)
	}
}

func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "file"))
	must(t, err)
	must(t, f.Discard())
	must(t, f.Discard())
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("the folder holds %q: want nothing", got)
	}
}
