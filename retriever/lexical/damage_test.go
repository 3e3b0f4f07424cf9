package lexical

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// use does everything that reads an index. It reports errors, and fails on a panic
// or on an error that is not about damage.
func use(t *testing.T, dir string, mapped bool) (damaged bool) {
	t.Helper()
	ix, err := Load(t.Context(), dir, Options{})
	if mapped {
		ix, err = Open(dir, Options{})
	}
	check := func(err error) {
		t.Helper()
		if err == nil {
			return
		}
		damaged = true
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNotIndex) && !errors.Is(err, ErrVersion) {
			t.Errorf("an error of another kind: %v", err)
		}
	}
	if check(err); err != nil {
		return true
	}
	defer ix.Close()
	for _, text := range []string{"bol dak", "fum guide", "the", "w1x w2x w700x"} {
		_, err := ix.Retrieve(t.Context(), retriever.Query{Text: text, K: 3, Filter: filter.Not{Filter: filter.Exists{Field: "x"}}})
		check(err)
	}
	if err := ix.Delete(t.Context(), "a"); !errors.Is(err, ErrUnknownID) {
		check(err)
	}
	check(ix.Save(t.Context(), t.TempDir()))
	return damaged
}

// small returns the files of a small index, by name, in a folder.
func small(t *testing.T) (dir string, files map[string][]byte) {
	t.Helper()
	dir = t.TempDir()
	ix, err := New(t.Context(), everything(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ix.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	names, _, _, err := generations(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, files
}

// Each file cut at every length, and with each byte changed, gives an error or the
// saved index, and never a panic.
func TestDamage(t *testing.T) {
	dir, files := small(t)
	for name, data := range files {
		path := filepath.Join(dir, name)
		try := func(what string, changed []byte) {
			t.Helper()
			if err := os.WriteFile(path, changed, 0o644); err != nil {
				t.Fatal(err)
			}
			for _, mapped := range []bool{false, true} {
				damaged := use(t, dir, mapped)
				if same := bytes.Equal(changed, data); damaged == same && !mapped {
					t.Errorf("%s, %s: damage seen: %v", name, what, damaged)
				}
			}
			for other := range files { // files that were saved meanwhile are elsewhere
				if _, err := os.Stat(filepath.Join(dir, other)); err != nil {
					t.Fatal(err)
				}
			}
		}
		step := testsize.Of(7, 1)
		for n := 0; n < len(data); n += step {
			try(fmt.Sprint("cut at ", n), data[:n])
		}
		used := []int{}
		for i := 0; i < len(data); i += step {
			if i < 400 || i >= 4092 {
				used = append(used, i) // the rest of the header is empty
			}
		}
		for _, i := range used {
			changed := slices.Clone(data)
			changed[i] ^= 1 << (i % 8)
			try(fmt.Sprint("changed at ", i), changed)
		}
		try("whole", data)
	}
}
