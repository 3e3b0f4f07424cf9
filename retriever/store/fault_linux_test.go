package store

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// A database that cannot be written makes changes errors that leave the store as it was. When
// it can be written again, so can the store.
func TestDatabaseWriteFails(t *testing.T) {
	dir := tempDir(t)
	s := openAt(t, dir, options(), small)
	c := newScript()
	for range 20 {
		no(t, c.step(t.Context(), s))
	}
	s.background.stop() // so that it does not write meanwhile
	s.background.ctx = t.Context()
	path := filepath.Join(dir, "store.db")
	exchange := func(flag int) {
		t.Helper()
		f, err := os.OpenFile(path, flag, 0)
		no(t, err)
		defer f.Close()
		no(t, unix.Dup3(int(f.Fd()), descriptor(t, path, int(f.Fd())), unix.O_CLOEXEC))
	}
	for range 3 {
		exchange(os.O_RDONLY)
		for range 3 {
			if err := c.step(t.Context(), s); err == nil || errors.Is(err, ErrFailed) {
				t.Fatalf("a change without a database: %v", err)
			}
			no(t, c.differs(t.Context(), s))
			no(t, checkSearch(t.Context(), s, &c.model))
		}
		exchange(os.O_RDWR)
		for range 5 {
			no(t, c.step(t.Context(), s))
		}
		no(t, errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model)))
	}
	no(t, s.Verify(t.Context()))
}

// descriptor returns the number under which a file is open, but for one.
func descriptor(t *testing.T, path string, not int) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	no(t, err)
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		no(t, err)
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == path && n != not {
			return n
		}
	}
	t.Fatal("the database is not open")
	return 0
}
