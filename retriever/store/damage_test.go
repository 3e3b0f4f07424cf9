package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever"
)

// scripted returns a folder with a store that was closed, and its model.
func scripted(t *testing.T, n int) (string, *script) {
	t.Helper()
	dir := tempDir(t)
	s, err := open(t.Context(), dir, options(), &disk{noSync: true}, small)
	no(t, err)
	c := newScript()
	for range n {
		no(t, c.step(t.Context(), s))
	}
	settle(t, s)
	no(t, s.Close())
	return dir, c
}

// hurt opens a copy of a folder in which a file was changed. It must be refused, or be
// whole after what was lost was made anew.
func hurt(t *testing.T, dir, file string, c *script, change func(path string) error) error {
	t.Helper()
	to := tempDir(t)
	no(t, os.CopyFS(to, os.DirFS(dir)))
	no(t, change(filepath.Join(to, file)))
	defer os.RemoveAll(to)
	s, err := open(t.Context(), to, options(), &disk{noSync: true}, small)
	if err == nil {
		err = errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model))
		if err == nil {
			err = s.Put(t.Context(), retriever.Passage{ID: "new", Text: "dak"})
		}
		err = errors.Join(err, s.Close())
	}
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
		return err
	}
	return nil
}

// Every file cut short, gone, or with changed bytes in its head and elsewhere, is an error or
// made anew.
func TestDamage(t *testing.T) {
	dir, c := scripted(t, 60)
	var files []string
	no(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, rel)
		}
		return err
	}))
	if len(files) < 8 {
		t.Fatalf("files %q", files)
	}
	r := rand.New(rand.NewPCG(3, 3))
	for _, file := range files {
		info, err := os.Stat(filepath.Join(dir, file))
		no(t, err)
		size := info.Size()
		cuts := []int64{0, 1, size / 2, size - 1, size / 4096 * 4096 / 2, max(size-4096, 0)}
		for range testsize.Long(1, 3, 30) {
			cuts = append(cuts, r.Int64N(size))
		}
		for _, n := range cuts {
			if err := hurt(t, dir, file, c, func(path string) error { return os.Truncate(path, n) }); err != nil {
				t.Errorf("%s cut to %d of %d: %v", file, n, size, err)
			}
		}
		places := []int64{0, 8, 16, 20, 40, 64, 72, 80, size / 2, size - 1}
		if file == "store.db" {
			places = append(places, 4096, 4096+16, 4096+32, 4096+48, 8192, 8192+8, 8192+10, 8192+12)
		}
		for range testsize.Long(2, 10, 300) {
			places = append(places, r.Int64N(size))
		}
		for _, at := range places {
			if at >= size {
				continue
			}
			if err := hurt(t, dir, file, c, func(path string) error { return flip(path, at) }); err != nil {
				t.Errorf("%s, byte %d of %d: %v", file, at, size, err)
			}
		}
		if err := hurt(t, dir, file, c, os.Remove); err != nil {
			t.Errorf("%s is gone: %v", file, err)
		}
	}
}

func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= 0x55
	_, err = f.WriteAt(b[:], at)
	return err
}

// Files that are cut short while they are open do not end the process.
func TestTruncatedWhileOpen(t *testing.T) {
	dir, _ := scripted(t, 60)
	for _, pattern := range []string{"store.db", "*.rows", "*.hnsw", "words/*.segment"} {
		to := tempDir(t)
		no(t, os.CopyFS(to, os.DirFS(dir)))
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("GOSELFRAG_STORE_CHILD=truncate:%s:%s", pattern, to))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", pattern, err, out)
		}
	}
}

// runTruncated is the process of TestTruncatedWhileOpen.
func runTruncated(pattern, dir string) int {
	ctx := context.Background()
	s, err := open(ctx, dir, options(), &disk{noSync: true}, small)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		fmt.Println("no files", err)
		return 1
	}
	for _, f := range files {
		if err := os.Truncate(f, 100); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	var errs []error
	for _, r := range []retriever.Retriever{s, s.Words(), s.Vectors()} {
		_, err := r.Retrieve(ctx, retriever.Query{Text: "dak", K: 5})
		errs = append(errs, err)
	}
	for _, err := range s.All(ctx) {
		errs = append(errs, err)
	}
	_, err = s.Get(ctx, "p1")
	errs = append(errs, err, s.Verify(ctx), s.Put(ctx, retriever.Passage{ID: "q", Text: "dak hov"}), s.Close())
	fmt.Println(errors.Join(errs...))
	if truth := pattern == "store.db" || pattern == "*.rows"; truth && !slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, ErrCorrupt) }) {
		fmt.Println("no error says that a file is damaged")
		return 1
	}
	return 0
}
