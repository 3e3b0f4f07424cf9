package lexical

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

// file is the file that a segment was read from. It is closed when no used snapshot
// refers to it.
type file struct {
	path  string
	info  os.FileInfo
	users atomic.Int64 // snapshots
}

// acquire returns the current snapshot, which must be released. It fails if the
// index is closed.
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
		// By now there is another one.
	}
}

// retain marks s as used by the index.
func (s *snapshot) retain() {
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
			p.Close() // if closing fails, the mapping stays
		}
	}
}

// guarded calls f, which may read files. It returns ErrCorrupt if their content
// makes f panic, or if reading a mapped file fails.
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
