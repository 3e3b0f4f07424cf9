package embedcache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/internal/boltfile"
)

// bucket has the values by their keys: a checksum and the vector.
var bucket = []byte("vectors/1")

// allocBytes is by how much a file grows at once.
const allocBytes = 1 << 20

// database is one file.
type database struct {
	*bolt.DB
	path string
	file *os.File // that of DB
	// mu is held for writing by the one that writes. bbolt has such a lock, but may keep it
	// for good after a panic.
	mu      sync.RWMutex
	broken  bool
	checked bool
	is      fs.FileInfo // of file after the last change by this process
}

// changed returns an error that wraps errChanged if something else has changed the file. On
// Windows the time of an open file may change later than the file.
func (db *database) changed() error {
	is, err := db.file.Stat()
	if err == nil && (is.Size() != db.is.Size() || runtime.GOOS != "windows" && !is.ModTime().Equal(db.is.ModTime())) {
		err = errChanged
	}
	return err
}

// begin opens a database, whose file may have to be made.
func (f *files) begin(path string) (d *database, err error) {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		if err := boltfile.Check(path); errors.Is(err, boltfile.ErrCorrupt) {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		} else if err != nil {
			return nil, err
		}
	}
	d = &database{path: path}
	err = guarded(func() error {
		open := func(name string, flag int, perm fs.FileMode) (f *os.File, err error) {
			f, err = os.OpenFile(name, flag, perm)
			d.file = f
			return f, err
		}
		// A file that a power failure leaves damaged costs less than to sync each change.
		db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Millisecond, NoSync: true, OpenFile: open})
		if err != nil {
			return err
		}
		db.AllocSize = allocBytes
		if err := f.prepare(db, path); err != nil {
			return errors.Join(err, db.Close())
		}
		d.DB = db
		d.is, err = d.file.Stat()
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// prepare checks that a file has as many pages as it says and is not larger than it may be.
func (f *files) prepare(db *bolt.DB, path string) error {
	return db.Update(func(tx *bolt.Tx) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		switch size := info.Size(); {
		case size < tx.Size():
			return fmt.Errorf("%w: it has %d bytes of %d", errDamaged, size, tx.Size())
		case size > f.max:
			return fmt.Errorf("%w: it has %d bytes of at most %d", errTooLarge, size, f.max)
		}
		_, err = tx.CreateBucketIfNotExists(bucket)
		return err
	})
}

// guarded calls work and returns a panic, or a fault while a mapped file is read, as an
// error that wraps errDamaged.
func guarded(work func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", errDamaged, v)
		}
	}()
	return work()
}

// get adds the vectors that are not found yet.
func (db *database) get(keys []key, found map[key][]float32) error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if err := db.changed(); err != nil {
		return err
	}
	return guarded(func() error {
		return db.View(func(tx *bolt.Tx) error { return readVectors(tx, keys, found) })
	})
}

func readVectors(tx *bolt.Tx, keys []key, found map[key][]float32) (err error) {
	b := tx.Bucket(bucket)
	if b == nil {
		return fmt.Errorf("%w: it has no embeddings", errDamaged)
	}
	for _, k := range keys {
		value := b.Get(k[:])
		if value == nil || found[k] != nil {
			continue
		}
		if v := decode(k, value); v != nil {
			found[k] = v
		} else {
			err = fmt.Errorf("%w: an embedding has another checksum", errDamaged)
		}
	}
	return err
}

// put keeps vectors unless the file has more than so many bytes.
func (db *database) put(keys []key, vectors [][]float32, most int64) (full bool, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.broken {
		return false, nil
	}
	if err := db.changed(); err != nil {
		return false, err
	}
	err = guarded(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			if full = tx.Size() > most; full {
				return nil
			}
			if !db.checked {
				if err := checkPages(tx); err != nil {
					return err
				}
				db.checked = true
			}
			b := tx.Bucket(bucket)
			if b == nil {
				return fmt.Errorf("%w: it has no embeddings", errDamaged)
			}
			for i, k := range keys {
				if usable(vectors[i]) {
					if err := b.Put(k[:], encode(k, vectors[i])); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
	db.broken = errors.Is(err, errDamaged)
	if is, e := db.file.Stat(); e == nil {
		db.is = is
	}
	return full, err
}
