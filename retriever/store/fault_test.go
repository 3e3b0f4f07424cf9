package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

var errDisk = errors.New("no room on the disk")

// faults makes operations of a disk fail.
type faults struct {
	mu     sync.Mutex
	n      int
	first  int  // fails
	always bool // and all after it
	synced map[string]int64
	failed []string
}

func (f *faults) fail(operation, path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.n == f.first || f.always && f.n > f.first {
		f.failed = append(f.failed, operation+" "+filepath.Base(path))
		return errDisk
	}
	if operation == "sync" {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			f.synced[path] = info.Size()
		}
	}
	return nil
}

// steps is how many changes are made with faults.
const steps = 40

// faultless returns how many operations the script has.
func faultless(t *testing.T) int {
	f := &faults{synced: map[string]int64{}}
	dir := tempDir(t)
	s, err := open(t.Context(), dir, options(), &disk{noSync: true, fail: f.fail}, small)
	no(t, err)
	c := newScript()
	for range steps {
		no(t, c.step(t.Context(), s))
	}
	no(t, s.Compact(t.Context()))
	no(t, s.Close())
	return f.n
}

func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(fastDir(), "store-")
	no(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "store")
}

// A write, sync, rename or commit that fails makes a change an error that leaves the store as
// it was, or is not noticed: then it was of an index, and searches answer all the same. When
// the disk works again, so does the store.
func TestFaultOnce(t *testing.T) {
	total := faultless(t)
	for first := 1; first <= total; first += testsize.Raced(max(total/10, 1), testsize.Long(max(total/25, 1), max(total/60, 1), 1)) {
		f := &faults{first: first, synced: map[string]int64{}}
		if err := faultOnce(t, f); err != nil {
			t.Fatalf("operation %d of %d, %q, failed: %v", first, total, f.failed, err)
		}
	}
}

func faultOnce(t *testing.T, f *faults) error {
	dir := tempDir(t)
	s, err := open(t.Context(), dir, options(), &disk{noSync: true, fail: f.fail}, small)
	if errors.Is(err, errDisk) {
		s, err = open(t.Context(), dir, options(), &disk{noSync: true, fail: f.fail}, small)
	}
	if err != nil {
		return err
	}
	c := newScript()
	for c.next < steps {
		if err := c.step(t.Context(), s); err == nil {
			continue
		} else if !errors.Is(err, errDisk) {
			return errors.Join(err, s.Close())
		}
		if err := c.differs(t.Context(), s); err != nil {
			return fmt.Errorf("after an error: %w", errors.Join(err, s.Close()))
		}
	}
	if err := s.Compact(t.Context()); err != nil && !errors.Is(err, errDisk) {
		return errors.Join(err, s.Close())
	}
	if err := errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model)); err != nil {
		return errors.Join(err, s.Close())
	}
	if err := s.Close(); err != nil && !errors.Is(err, errDisk) {
		return err
	}
	if s, err = open(t.Context(), dir, options(), &disk{noSync: true}, small); err != nil {
		return err
	}
	return errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model), s.Verify(t.Context()), s.Close())
}

// When the machine stops at any operation, with some of the bytes that were not synced in the
// files of the vectors, no acknowledged change is lost and there are no others.
func TestCrashPoints(t *testing.T) {
	total := faultless(t)
	for first := 2; first <= total; first += testsize.Raced(max(total/5, 1), testsize.Long(max(total/12, 1), max(total/30, 1), 1)) {
		for _, kept := range []int64{0, 50, 100} {
			f := &faults{first: first, always: true, synced: map[string]int64{}}
			if err := crashAt(t, f, kept); err != nil {
				t.Fatalf("operation %d of %d, %q, was the last, %d %% kept: %v", first, total, f.failed[:min(1, len(f.failed))], kept, err)
			}
		}
	}
}

func crashAt(t *testing.T, f *faults, kept int64) error {
	dir := tempDir(t)
	c := newScript()
	s, err := open(t.Context(), dir, options(), &disk{noSync: true, fail: f.fail}, small)
	for err == nil && c.next < steps {
		err = c.step(t.Context(), s)
	}
	if err == nil {
		err = s.Compact(t.Context())
	}
	if err != nil && !errors.Is(err, errDisk) {
		return err
	}
	if s != nil {
		if err := s.Close(); err != nil && !errors.Is(err, errDisk) {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := e.Info(); err == nil && strings.HasSuffix(path, ".rows") {
			if extra := info.Size() - f.synced[path]; extra > 0 {
				if err := os.Truncate(path, f.synced[path]+extra*kept/100); err != nil {
					return err
				}
			}
		}
	}
	if s, err = open(t.Context(), dir, options(), &disk{noSync: true}, small); err != nil {
		return err
	}
	return errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model), s.Verify(t.Context()), s.Close())
}
