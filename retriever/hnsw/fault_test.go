//go:build unix

package hnsw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/edsrzf/mmap-go"
	"github.com/goselfrag/goselfrag/retriever/hnsw/internal/kernel"
)

// inChild runs a test in a process of its own, which it may end. It returns true in
// that process; in the first it returns false when the other has ended well.
func inChild(t *testing.T) bool {
	t.Helper()
	if os.Getenv("HNSW_CHILD") == t.Name() {
		return true
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), "HNSW_CHILD="+t.Name())
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("the process ended by %v: %.2000s", err, out)
	}
	return false
}

// The states of reusable slots are in Go's own memory, where the race detector sees
// that they order the writing of a key before its reading.
func TestStatesLeaveTheFile(t *testing.T) {
	_, path, queries := saved(t, Float32, 300)
	x, err := Open[int](path)
	must(t, err)
	defer func() { must(t, x.Close()) }()
	inFile := func() (n int) {
		v := x.view.Load()
		for slot := range v.limit {
			if x.mapped.holds(uintptr(v.meta.at(slot))) {
				n++
			}
		}
		return n
	}
	if n := inFile(); n == 0 {
		t.Fatal("no state is in the file at first")
	}
	must(t, x.Delete(50))
	must(t, x.Add(t.Context(), items(queries[:1])))
	if n := inFile(); n != 0 {
		t.Errorf("%d states are in the file: want none", n)
	}
}

// Reading a mapped file that was truncated returns ErrLost, whichever part is read
// first and whether it was checked before; the program continues.
func TestTruncatedWhileOpen(t *testing.T) {
	if !inChild(t) {
		return
	}
	_, path, queries := saved(t, Float32, 600)
	uses := map[string]func(x *Index[int]) error{
		"search": func(x *Index[int]) error {
			_, err := x.Search(t.Context(), nil, queries[0], Query[int]{K: 3})
			return err
		},
		"search all": func(x *Index[int]) error {
			_, err := x.Search(t.Context(), nil, queries[0], Query[int]{K: 600})
			return err
		},
		"search some": func(x *Index[int]) error {
			_, err := x.Search(t.Context(), nil, queries[0], Query[int]{K: 3, Where: func(key int) bool { return key%2 == 0 }})
			return err
		},
		"select": func(x *Index[int]) error { _, err := x.Select(func(int) bool { return true }); return err },
		"verify": func(x *Index[int]) error { return x.Verify(t.Context()) },
		"add":    func(x *Index[int]) error { return x.Add(t.Context(), items(queries)) },
		"delete": func(x *Index[int]) error { return x.Delete(50) },
		"save":   func(x *Index[int]) error { return x.Save(t.Context(), path) },
	}
	befores := map[string]func(x *Index[int]){
		"unread": func(*Index[int]) {},
		"read":   func(x *Index[int]) { must(t, uses["search all"](x)) },
		// An addition would copy small parts out of the file.
		"changed": func(x *Index[int]) { must(t, x.Delete(20, 21, 22, 23, 24)) },
	}
	for _, storage := range []Storage{Float32, Int8, Int8Only} {
		_, path, _ := saved(t, storage, 600)
		data, err := os.ReadFile(path)
		must(t, err)
		for before, prepare := range befores {
			for name, use := range uses {
				if before != "unread" && name == "verify" {
					continue // verified parts are not read again
				}
				if before == "changed" && (name == "select" || name == "delete") {
					continue // keys and states are in memory by then
				}
				must(t, os.WriteFile(path, data, 0o600))
				useTruncated(t, fmt.Sprintf("%v, %s, %s", storage, before, name), path, prepare, use, uses)
			}
		}
	}
}

// useTruncated truncates a file after it was opened and prepared, and uses it in
// one way and then in all.
func useTruncated(t *testing.T, what, path string, prepare func(*Index[int]), use func(*Index[int]) error, all map[string]func(*Index[int]) error) {
	t.Helper()
	x, err := Open[int](path)
	must(t, err)
	prepare(x)
	must(t, os.Truncate(path, pageSize))
	if err := use(x); !errors.Is(err, ErrLost) {
		t.Errorf("%s: got %v: want ErrLost", what, err)
	}
	for name, use := range all {
		if err := use(x); !errors.Is(err, ErrLost) {
			t.Errorf("%s, then %s: got %v: want ErrLost", what, name, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%s: %d files are left, %v: want one", what, len(entries), err)
	}
	x.Stats()
	must(t, x.Close())
	if err := use(x); !errors.Is(err, ErrClosed) {
		t.Errorf("%s, after Close: got %v: want ErrClosed", what, err)
	}
}

// Every kernel can be interrupted by a fault: with rows in a truncated file.
func TestFaultInKernel(t *testing.T) {
	if !inChild(t) {
		return
	}
	const dim, rows, stride = 64, 64, 512
	f, err := os.Create(filepath.Join(t.TempDir(), "rows"))
	must(t, err)
	defer f.Close()
	for _, set := range kernel.Available() {
		for name, measure := range map[string]func(*kernel.Batch, int){"dot": set.Dot, "l2": set.L2, "code": set.Code} {
			must(t, f.Truncate(rows*stride))
			data, err := mmap.Map(f, mmap.COPY, 0)
			must(t, err)
			m := &mapped{data: data}
			table := []unsafe.Pointer{unsafe.Pointer(&data[0])}
			query, ids, out := make([]float32, dim), make([]uint32, rows), make([]float32, rows)
			for i := range ids {
				ids[i] = uint32(i)
			}
			b := kernel.Batch{
				Table: unsafe.Pointer(&table[0]), Query: unsafe.Pointer(&query[0]), IDs: &ids[0], Out: &out[0],
				Shift: 6, Mask: rows - 1, Stride: stride, Blocks: 2,
			}
			run := func() error {
				return m.safely(func() error { measure(&b, rows); return nil })
			}
			must(t, run())
			must(t, f.Truncate(0))
			if err := run(); !errors.Is(err, ErrLost) {
				t.Errorf("%s %s: got %v: want ErrLost", set.Name, name, err)
			}
			must(t, data.Unmap())
		}
	}
}

// Panics without relation to the file continue, and those of a filter, too.
func TestOtherPanics(t *testing.T) {
	_, path, queries := saved(t, Float32, 300)
	x, err := Open[int](path)
	must(t, err)
	defer func() { must(t, x.Close()) }()
	closed, err := syscall.Mmap(-1, 0, 1, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	must(t, err)
	for name, where := range map[string]func(int) bool{
		"panic":     func(int) bool { panic("no") },
		"nil":       func(int) bool { var p *int; return *p == 1 },
		"elsewhere": func(int) bool { return closed[0] == 1 },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the panic of the filter was lost", name)
				}
			}()
			_, err := x.Search(t.Context(), nil, queries[0], Query[int]{K: 3, Where: where})
			t.Errorf("%s: the search returned %v", name, err)
		}()
	}
	if _, err := x.Search(t.Context(), nil, queries[0], Query[int]{K: 3}); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// A killed save leaves files only until the next save. Reading removes nothing.
func TestKilledSaves(t *testing.T) {
	x, err := New[int](2, Options{})
	must(t, err)
	if path := os.Getenv("HNSW_KILL"); path != "" {
		must(t, x.Add(t.Context(), []Item[int]{{1, []float32{1, 2}}}))
		_ = x.Save(killAfter{t.Context()}, path)
		t.Fatal("the process was not killed")
	}
	ctx := t.Context()
	for name, use := range map[string]struct {
		do   func(path string) error
		left int
	}{
		"save": {func(path string) error { return x.Save(ctx, path) }, 1},
		"load": {func(path string) error { _, err := Load[int](ctx, path); return err }, 2},
		"open": {func(path string) error {
			x, err := Open[int](path)
			if err == nil {
				err = x.Close()
			}
			return err
		}, 2},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "index")
		must(t, x.Save(ctx, path))
		child := exec.Command(os.Args[0], "-test.run=^TestKilledSaves$")
		child.Env = append(os.Environ(), "HNSW_KILL="+path)
		if out, err := child.CombinedOutput(); err == nil || strings.Contains(string(out), "FAIL") {
			t.Fatalf("the process was not killed: %v, %s", err, out)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
			t.Fatalf("%s: %d files after the kill, %v: want the old one and half a new one", name, len(entries), err)
		}
		must(t, use.do(path))
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != use.left {
			t.Errorf("%s: %d files are left, %v: want %d", name, len(entries), err, use.left)
		}
	}
}

// killAfter kills the process when its Err is called, which Save does while it
// writes.
type killAfter struct{ context.Context }

func (c killAfter) Err() error {
	for _, name := range c.written() {
		if strings.Contains(name, ".index.") {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	return nil
}

func (killAfter) written() (names []string) {
	entries, _ := os.ReadDir(filepath.Dir(os.Getenv("HNSW_KILL")))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A path that is no regular file is neither replaced nor waited for.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, syscall.Mkfifo(in("pipe"), 0o600))
	must(t, os.Symlink("pipe", in("link")))
	must(t, os.Symlink("nothing", in("dangling")))
	x, err := New[int](2, Options{})
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, path := range []string{in("pipe"), in("link"), in("dangling"), dir, os.DevNull} {
		before, err := os.Lstat(path)
		must(t, err)
		if err := x.Save(ctx, path); !errors.Is(err, ErrNotFile) {
			t.Errorf("Save to %s: got %v: want ErrNotFile", path, err)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("Save replaced %s: %v", path, err)
		}
		if path == in("dangling") {
			continue // reading it means reading a missing file
		}
		if _, err := Load[int](ctx, path); !errors.Is(err, ErrNotFile) {
			t.Errorf("Load of %s: got %v: want ErrNotFile", path, err)
		}
		if _, err := Open[int](path); !errors.Is(err, ErrNotFile) {
			t.Errorf("Open of %s: got %v: want ErrNotFile", path, err)
		}
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	if !slices.Equal(names, []string{"dangling", "link", "pipe"}) {
		t.Errorf("the folder holds %q", names)
	}
}
