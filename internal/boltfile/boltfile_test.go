package boltfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

const (
	pageSize = 1024
	entries  = 200 // of the large tree
)

// made returns the bytes of a database with two trees, one of three levels, that has free pages.
func made(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made")
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, PageSize: pageSize})
	if err != nil {
		t.Fatal(err)
	}
	db.AllocSize = 16 * pageSize
	for round := range 3 {
		err := db.Update(func(tx *bolt.Tx) error {
			for name, n := range map[string]int{"large": entries, "small": 3} {
				b, err := tx.CreateBucketIfNotExists([]byte(name))
				if err != nil {
					return err
				}
				for i := range n {
					if err := b.Put(fmt.Appendf(nil, "%0100d", i), make([]byte, 100+round)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// checked checks a file with its leaves and without, and returns both errors.
func checked(t *testing.T, path string, data []byte) (deep, shallow error) {
	t.Helper()
	_ = os.Remove(path) // bbolt may hold the lock of the one before for good
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	deep, shallow = checkFile(path, math.MaxUint64), checkFile(path, 0)
	for _, err := range []error{deep, shallow} {
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("an error of another kind: %v", err)
		}
	}
	if shallow == nil {
		walk(t, path)
	}
	return deep, shallow
}

// walk reads and changes all of a file that passed. It may panic, but neither hang nor end
// the process.
func walk(t *testing.T, path string) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { _ = recover() }()
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, Timeout: 1})
	if err != nil {
		t.Fatalf("it passed, and cannot be opened: %v", err)
	}
	db.AllocSize = 16 * pageSize
	_ = db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
			for i := range entries {
				b.Get(fmt.Appendf(nil, "%0100d", i))
			}
			return b.ForEach(func(_, _ []byte) error { return nil })
		})
	})
	_ = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("large")).Put(fmt.Appendf(nil, "%0100d", entries/2), nil)
	})
	_ = db.Close()
}

// pages returns the numbers of the pages with some flags that are in use by flags alone.
func pages(data []byte, flags uint16) (list []uint64) {
	for id := range uint64(len(data) / pageSize) {
		if p := data[id*pageSize:]; binary.LittleEndian.Uint64(p) == id && binary.LittleEndian.Uint16(p[8:]) == flags {
			list = append(list, id)
		}
	}
	return list
}

// Inner pages that lead to a page above, to themselves or out of the file are found.
func TestLoops(t *testing.T) {
	data, path := made(t), filepath.Join(t.TempDir(), "db")
	if deep, shallow := checked(t, path, data); deep != nil || shallow != nil {
		t.Fatal(deep, shallow)
	}
	branches := pages(data, flagBranch)
	if len(branches) < 4 {
		t.Fatalf("inner pages %d", branches)
	}
	t.Logf("%d bytes, %d inner pages", len(data), len(branches))
	r, found := rand.New(rand.NewPCG(1, 1)), 0
	for _, from := range branches {
		for _, to := range []uint64{from, branches[r.IntN(len(branches))], branches[r.IntN(len(branches))], 0, uint64(len(data)), math.MaxUint64} {
			for _, element := range []int{0, int(binary.LittleEndian.Uint16(data[from*pageSize+10:])) - 1} {
				bad := slices.Clone(data)
				binary.LittleEndian.PutUint64(bad[int(from)*pageSize+pageHeader+element*elementSize+8:], to)
				if deep, _ := checked(t, path, bad); deep != nil {
					found++
				}
			}
		}
	}
	if found < len(branches) { // some are free pages
		t.Errorf("%d of them were found", found)
	}
}

// A file that is cut is found. Any changed byte is found, or does bbolt no harm.
func TestDamage(t *testing.T) {
	data, path := made(t), filepath.Join(t.TempDir(), "db")
	used := inUse(data)
	for n := 0; n < used; n += pageSize / 2 {
		if deep, shallow := checked(t, path, data[:n]); deep == nil || shallow == nil {
			t.Errorf("cut to %d of %d bytes: %v, %v", n, used, deep, shallow)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	var places []int
	for _, flags := range []uint16{flagBranch, flagFree, flagLeaf, 4} {
		for _, id := range pages(data, flags) {
			for range testsize.Of(1, 20) {
				places = append(places, int(id)*pageSize+r.IntN(48), int(id)*pageSize+r.IntN(pageSize))
			}
		}
	}
	for _, at := range places {
		bad := slices.Clone(data)
		bad[at] ^= 1 << r.IntN(8)
		checked(t, path, bad)
	}
	for _, other := range [][]byte{nil, make([]byte, 10_000), []byte("no database"), slices.Repeat([]byte{0xff}, 1<<16)} {
		if deep, _ := checked(t, path, other); deep == nil {
			t.Errorf("%d bytes passed", len(other))
		}
	}
	if err := Check(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// inUse returns the bytes that the newest header says are in use.
func inUse(data []byte) (used int) {
	newest := uint64(0)
	for _, at := range []int{0, pageSize} {
		b := data[at+pageHeader:]
		if tx := binary.LittleEndian.Uint64(b[48:]); tx >= newest {
			newest, used = tx, int(binary.LittleEndian.Uint64(b[40:]))*pageSize
		}
	}
	return used
}
