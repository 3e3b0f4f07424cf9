package embedcache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/gofrs/flock"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// files are the two databases of a cache: embeddings go into the new one. When it has half
// of the size that the cache may have, it becomes the old one, and the one that was old is
// removed. What is found in the old one is put into the new one again. A database
// that turns out to be damaged is given up and replaced.
type files struct {
	path string
	max  int64
	lock *flock.Flock // of a file of its own: the databases are read before bbolt locks them

	mu       sync.RWMutex // held for reading while a database is used
	new, old *database    // nil if there is none

	state sync.Mutex
	stat  Stats
}

func (f *files) oldPath() string { return f.path + ".old" }

// openFiles opens the databases. The error wraps ErrLocked or that of the file system.
func openFiles(path string, limit int64) (*files, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("embedcache: %w", &fs.PathError{Op: "open", Path: path, Err: regular.ErrNotFile})
	}
	f := &files{path: path, max: limit, lock: flock.New(path + ".lock")}
	ok, err := f.lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("embedcache: %w", err)
	case !ok:
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	}
	if f.new, err = f.open(path); err != nil {
		return nil, errors.Join(err, f.close())
	}
	if _, err := os.Lstat(f.oldPath()); err == nil {
		if f.old, err = f.open(f.oldPath()); err != nil {
			return nil, errors.Join(err, f.close())
		}
	}
	return f, nil
}

// open opens a database, or begins a new one in place of what is damaged.
func (f *files) open(path string) (*database, error) {
	db, err := f.begin(path)
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("embedcache: %w", err)
	}
	if db, err = f.replace(path, err); err != nil {
		return nil, fmt.Errorf("embedcache: %w", err)
	}
	return db, nil
}

// replace sets a damaged file aside, or removes one that is too large, and begins a new one.
func (f *files) replace(path string, why error) (*database, error) {
	f.failed(0, why)
	var err error
	if errors.Is(why, errTooLarge) {
		err = os.Remove(path)
	} else {
		err = os.Rename(path, path+".damaged")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f.state.Lock()
	f.stat.Replaced++
	f.state.Unlock()
	return f.begin(path)
}

var (
	errDamaged  = errors.New("embedcache: the file is damaged")
	errChanged  = errors.New("embedcache: something else has changed the file")
	errTooLarge = errors.New("embedcache: the file is too large") // MaxBytes was more
)

// failed notes that so many embeddings could not be read or written.
func (f *files) failed(count int, err error) {
	f.state.Lock()
	defer f.state.Unlock()
	f.stat.Failed += count
	f.stat.Err = err
}

// repair replaces a database after an error about it that wraps errDamaged, and opens it anew
// after one that wraps errChanged. A damaged one is not closed: after a panic its locks may be
// held for good.
func (f *files) repair(db *database, count int, err error) {
	f.failed(count, err)
	changed := errors.Is(err, errChanged)
	if !changed && !errors.Is(err, errDamaged) {
		return // such as a full disk
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	next := &f.new
	if db == f.old {
		next = &f.old
	}
	if *next != db {
		return // somebody else was faster
	}
	*next = nil
	var fresh *database
	if changed && !db.broken {
		if err = guarded(db.Close); err == nil {
			fresh, err = f.open(db.path)
		}
	} else {
		fresh, err = f.replace(db.path, err)
	}
	if err != nil {
		f.failed(0, err)
		return
	}
	*next = fresh
}

func (f *files) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, db := range []*database{f.new, f.old} {
		if db != nil {
			errs = append(errs, guarded(db.Sync), guarded(db.Close))
		}
	}
	f.new, f.old = nil, nil
	return errors.Join(append(errs, f.lock.Close())...)
}

// get returns the vectors that there are. Those of the old file are put into the new one.
func (f *files) get(keys []key) map[key][]float32 {
	found := make(map[key][]float32, len(keys))
	f.getFrom(&f.new, keys, found)
	var rest []key
	for _, k := range keys {
		if found[k] == nil {
			rest = append(rest, k)
		}
	}
	if len(rest) == 0 {
		return found
	}
	f.getFrom(&f.old, rest, found)
	var again []key
	var vectors [][]float32
	for _, k := range rest {
		if v := found[k]; v != nil {
			again, vectors = append(again, k), append(vectors, v)
		}
	}
	f.put(again, vectors)
	return found
}

// getFrom adds the vectors of one database that are not found yet.
func (f *files) getFrom(from **database, keys []key, found map[key][]float32) {
	f.mu.RLock()
	db := *from
	var err error
	if db != nil {
		err = db.get(keys, found)
	}
	f.mu.RUnlock()
	if err != nil {
		f.repair(db, len(keys), err)
	}
}

// put keeps vectors.
func (f *files) put(keys []key, vectors [][]float32) {
	for len(keys) > 0 {
		n, need := f.batch(vectors)
		if need < f.max/4 {
			f.putBatch(keys[:n], vectors[:n], need)
		}
		keys, vectors = keys[n:], vectors[n:]
	}
}

// batch returns how many of the vectors, at least 1, go into one transaction, and how many
// bytes the file may grow by them: pages are copied before the old ones are free.
func (f *files) batch(vectors [][]float32) (n int, need int64) {
	const pages = 4 * 4096
	for _, v := range vectors {
		size := 4*int64(4*len(v)) + pages // a page has at least two values
		if n > 0 && need+size > f.max/32 {
			break
		}
		n, need = n+1, need+size
	}
	return n, need
}

func (f *files) putBatch(keys []key, vectors [][]float32, need int64) {
	f.mu.RLock()
	db := f.new
	var err error
	full := false
	if db != nil {
		full, err = db.put(keys, vectors, f.max/2-allocBytes-need)
	}
	f.mu.RUnlock()
	if err != nil {
		f.repair(db, len(keys), err)
		return
	}
	if full && f.rotate(db) {
		f.putBatch(keys, vectors, need)
	}
}

// rotate makes the new file, which is full, the old one. It reports whether there is another
// new one.
func (f *files) rotate(full *database) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.new != full {
		return f.new != nil // somebody else was faster
	}
	err := guarded(func() error {
		if f.old != nil {
			if err := f.old.Close(); err != nil {
				return err
			}
			f.old = nil
		}
		f.new = nil
		if err := full.Close(); err != nil {
			return err
		}
		return os.Rename(f.path, f.oldPath())
	})
	if err == nil {
		f.old, err = f.begin(f.oldPath())
	}
	if err == nil {
		f.new, err = f.begin(f.path)
	}
	if err != nil {
		f.failed(0, err)
	}
	return err == nil
}

func (f *files) stats() Stats {
	f.state.Lock()
	s := f.stat
	f.state.Unlock()
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, db := range []*database{f.new, f.old} {
		if db == nil {
			continue
		}
		if info, err := os.Stat(db.path); err == nil {
			s.Bytes += info.Size()
		}
	}
	return s
}
