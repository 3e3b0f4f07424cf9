package lexical

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

// file is the file that a segment was read from. It is closed when no snapshot is in use
// that has it.
type file struct {
	path  string
	info  os.FileInfo
	users atomic.Int64 // snapshots
}

// acquire returns the snapshot of now, to be released. It fails if the index is closed.
func (ix *Index) acquire() (*snapshot, error) {
	for {
		s := ix.now.Load()
		if s == nil {
			return nil, ErrClosed
		}
		for n := s.users.Load(); n > 0; n = s.users.Load() {
			if s.users.CompareAndSwap(n, n+1) {
				return s, nil
			}
		}
		// Another one is there by now.
	}
}

// hold makes s one that the index uses.
func (s *snapshot) hold() {
	s.users.Store(1)
	for _, p := range s.parts {
		if p.file != nil {
			p.file.users.Add(1)
		}
	}
}

// release ends a use of s.
func (s *snapshot) release() {
	if s.users.Add(-1) > 0 {
		return
	}
	for _, p := range s.parts {
		if p.file != nil && p.file.users.Add(-1) == 0 {
			p.Close() // what was mapped stays so if that fails
		}
	}
}

// guarded calls f, which may read files, and returns ErrCorrupt if what they hold makes it
// panic, or if reading a mapped file fails.
func (s *snapshot) guarded(f func() error) error {
	fromDisk := false
	for _, p := range s.parts {
		fromDisk = fromDisk || p.FromDisk()
	}
	return guarded(fromDisk, f)
}

func guarded(fromDisk bool, f func() error) (err error) {
	if !fromDisk {
		return f()
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(runtime.Error)
			if !ok {
				panic(r)
			}
			err = fmt.Errorf("%w: %w", ErrCorrupt, e)
		}
	}()
	return f()
}
