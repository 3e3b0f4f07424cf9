package blockfile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var format = Format{Magic: [8]byte([]byte("TESTFILE")), Version: 3}

// write writes a file of sections of some sizes, and returns their contents.
func write(t *testing.T, path string, sizes ...int) (contents [][]byte) {
	t.Helper()
	var sections []func(io.Writer) error
	for i, n := range sizes {
		data := make([]byte, n)
		for k := range data {
			data[k] = byte(k*7 + k>>8 + i)
		}
		contents = append(contents, data)
		sections = append(sections, Bytes(data))
	}
	if err := Write(t.Context(), path, format, sections...); err != nil {
		t.Fatal(err)
	}
	return contents
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, sizes := range [][]int{{}, {0}, {1}, {0, 5, 0, 64, 65}, {blockSize, 1}, {3, 2*blockSize + 100, 0, 7}} {
		want := write(t, path, sizes...)
		for _, open := range []func() (*File, error){
			func() (*File, error) { return Load(t.Context(), path, format) },
			func() (*File, error) { return Open(path, format) },
		} {
			f, err := open()
			if err != nil {
				t.Fatalf("%v: %v", sizes, err)
			}
			if f.Sections() != len(sizes) {
				t.Fatalf("%v: %d sections", sizes, f.Sections())
			}
			for i, data := range want {
				if err := f.Check(i, 0, uint64(len(data))); err != nil || !bytes.Equal(f.Section(i), data) {
					t.Errorf("%v: section %d differs, %v", sizes, i, err)
				}
				if err := f.Check(i, 0, uint64(len(data))+1); !errors.Is(err, ErrCorrupt) {
					t.Errorf("%v: a check beyond section %d: %v", sizes, i, err)
				}
			}
			if err := errors.Join(f.Verify(t.Context()), f.Close()); err != nil {
				t.Error(err)
			}
		}
	}
}

// A byte that is changed is found by the check of its block and by no other.
func TestCheckOneBlock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, 4*blockSize)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[pageSize+2*blockSize+9] ^= 4
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(t.Context(), path, format); !errors.Is(err, ErrCorrupt) {
		t.Errorf("load: %v", err)
	}
	f, err := Open(path, format)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		for b := range uint64(4) {
			if err := f.Check(0, b*blockSize+5, b*blockSize+6); errors.Is(err, ErrCorrupt) != (b == 2) {
				t.Errorf("block %d: %v", b, err)
			}
		}
	}
	if err := f.Verify(t.Context()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("verify: %v", err)
	}
}

func TestOtherFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, 10)
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("some text that is no such file"), 0o644); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path   string
		format Format
		want   error
	}{
		"other kind": {path, Format{Magic: [8]byte([]byte("OTHERFIL")), Version: 3}, ErrKind},
		"text":       {text, format, ErrKind}, "empty": {empty, format, ErrKind}, "folder": {dir, format, ErrKind},
		"newer": {path, Format{Magic: format.Magic, Version: 2}, ErrVersion}, "none": {filepath.Join(dir, "none"), format, os.ErrNotExist},
	} {
		if _, err := Load(t.Context(), c.path, c.format); !errors.Is(err, c.want) {
			t.Errorf("load %s: %v, want %v", name, err, c.want)
		}
		if _, err := Open(c.path, c.format); !errors.Is(err, c.want) {
			t.Errorf("open %s: %v, want %v", name, err, c.want)
		}
	}
}

// What fails leaves what was there, and nothing else.
func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	want := write(t, path, 100)
	boom := errors.New("boom")
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"section":   Write(t.Context(), path, format, Bytes([]byte("x")), func(io.Writer) error { return boom }),
		"canceled":  Write(done, path, format, Bytes(make([]byte, blockSize))),
		"too many":  Write(t.Context(), path, format, slices.Repeat([]func(io.Writer) error{Bytes(nil)}, mostSections+1)...),
		"no folder": Write(t.Context(), filepath.Join(dir, "none", "file"), format),
	} {
		if err == nil || name == "section" && !errors.Is(err, boom) || name == "canceled" && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, err := Load(t.Context(), path, format)
	if err != nil || !bytes.Equal(f.Section(0), want[0]) {
		t.Errorf("what was there: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}
