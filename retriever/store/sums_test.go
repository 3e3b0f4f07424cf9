package store

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/internal/boltfile"
	"github.com/goselfrag/goselfrag/internal/testsize"
)

// A changed or lost entry of a bucket is found when a small store is opened, and by Verify in
// a large one, whose entries Open does not read.
func TestChangedEntries(t *testing.T) {
	dir, _ := scripted(t, 60)
	change := func(bucket []byte, f func(b *bolt.Bucket, key, value []byte) error) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			db, err := bolt.Open(path, 0o644, nil)
			no(t, err)
			no(t, db.Update(func(tx *bolt.Tx) error {
				b := tx.Bucket(bucket)
				key, value := b.Cursor().Last()
				if key == nil { // one too many
					return b.Put(numberKey(1), nil)
				}
				return f(b, bytes.Clone(key), bytes.Clone(value))
			}))
			no(t, db.Close())
		}
	}
	lose := func(b *bolt.Bucket, key, _ []byte) error { return b.Delete(key) }
	rename := func(b *bolt.Bucket, key, value []byte) error {
		err := b.Delete(key)
		key[len(key)-1]++
		return errors.Join(err, b.Put(key, value))
	}
	for _, bucket := range summed {
		for name, f := range map[string]func(t *testing.T, path string){"lost": change(bucket, lose), "renamed": change(bucket, rename)} {
			t.Run(string(bucket)+" "+name, func(t *testing.T) {
				to := tempDir(t)
				no(t, os.CopyFS(to, os.DirFS(dir)))
				f(t, filepath.Join(to, "store.db"))
				_, err := open(t.Context(), to, options(), &disk{noSync: true}, small)
				wants(t, err, ErrCorrupt)

				// Large by a hole at the end.
				to = tempDir(t)
				no(t, os.CopyFS(to, os.DirFS(dir)))
				no(t, os.Truncate(filepath.Join(to, "store.db"), boltfile.Small+4096))
				s, err := open(t.Context(), to, options(), &disk{noSync: true}, small)
				no(t, err)
				settle(t, s)
				no(t, s.Verify(t.Context()))
				no(t, s.Close())
				f(t, filepath.Join(to, "store.db"))
				s, err = open(t.Context(), to, options(), &disk{noSync: true}, small)
				if err == nil {
					err = errors.Join(s.Verify(t.Context()), s.Close())
				}
				wants(t, err, ErrCorrupt)
			})
		}
	}
}

// In a large database, whose entries Open does not read, Verify finds each changed byte that
// makes a difference.
func TestDamageInLarge(t *testing.T) {
	dir, c := scripted(t, 60)
	no(t, os.Truncate(filepath.Join(dir, "store.db"), boltfile.Small+4096))
	db, err := bolt.Open(filepath.Join(dir, "store.db"), 0o644, nil)
	no(t, err)
	var used int64 // pages behind are a hole
	no(t, db.View(func(tx *bolt.Tx) error {
		used = tx.Size()
		return nil
	}))
	no(t, db.Close())
	found, want := 0, testsize.Long(2, 6, 180)
	r := rand.New(rand.NewPCG(4, 4))
	for tries := 0; found < want; tries++ {
		if tries == 200*want { // most bytes are of free pages
			t.Fatalf("%d of %d changed bytes were found", found, tries)
		}
		at := r.Int64N(used)
		to := tempDir(t)
		no(t, os.CopyFS(to, os.DirFS(dir)))
		no(t, flip(filepath.Join(to, "store.db"), at))
		s, err := open(t.Context(), to, options(), &disk{noSync: true}, small)
		if err == nil {
			err = s.Verify(t.Context())
			if e := errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model)); err == nil && e != nil {
				t.Errorf("byte %d of %d: Verify finds nothing: %v", at, used, e)
			}
			no(t, s.Close())
		}
		if err != nil {
			found++
			wants(t, err, ErrCorrupt)
		}
		no(t, os.RemoveAll(to))
	}
}
