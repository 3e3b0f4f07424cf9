package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/goselfrag/goselfrag/internal/boltfile"
)

// The buckets of the database. A number is that of a passage, 8 bytes, big-endian: each
// passage that is put gets a new one, so a record under a number never changes.
var (
	bucketMeta      = []byte("meta")      // "manifest"
	bucketHashed    = []byte("hashed")    // "embedder": of package dense/hashed
	bucketIDs       = []byte("ids")       // id to number
	bucketPassages  = []byte("passages")  // number to record
	bucketDocuments = []byte("documents") // URI to the number of passages, and the note
	bucketMembers   = []byte("members")   // length of URI, URI and number to nothing
	bucketChanges   = []byte("changes")   // generation to what was added and removed
	bucketDead      = []byte("dead")      // numbers of removed passages that something may have still to nothing, or to staleMark
	bucketRetired   = []byte("retired")   // numbers of removed passages whose records are there still

	buckets = [][]byte{bucketMeta, bucketHashed, bucketIDs, bucketPassages, bucketDocuments, bucketMembers, bucketChanges, bucketDead, bucketRetired}

	keyManifest = []byte("manifest")
	keyEmbedder = []byte("embedder")
)

// bucketVectors returns the bucket that has the places of the vectors of an embedding:
// number to segment and row.
func bucketVectors(generation uint64) []byte { return fmt.Appendf(nil, "vectors-%d", generation) }

func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// memberPrefix is what the keys of the members of a document begin with.
func memberPrefix(uri string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(uri))), uri...)
}

func memberKey(uri string, number uint64) []byte {
	return binary.BigEndian.AppendUint64(memberPrefix(uri), number)
}

// database is the file of the truth.
type database struct {
	path     string
	readOnly bool
	noSync   bool
	small    bool // when it was opened: then all of it was checked

	mu     sync.RWMutex // held for reading while the file is used, for writing when it is replaced
	bolt   *bolt.DB
	broken atomic.Pointer[error] // what was wrong with the file; it is not used any more
}

// openDatabase opens a file, after a look at its structure.
func openDatabase(path string, readOnly, noSync bool) (*database, error) {
	d := &database{path: path, readOnly: readOnly, noSync: noSync}
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		d.small = info.Size() <= boltfile.Small
		if err := boltfile.Check(path); errors.Is(err, boltfile.ErrCorrupt) {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		} else if err != nil {
			return nil, err
		}
	} else if err := noOthers(path); err != nil {
		return nil, err
	}
	if err := d.guarded(d.reopen); err != nil {
		return nil, err
	}
	if readOnly {
		return d, nil
	}
	return d, d.update(func(tx *bolt.Tx) error {
		if name, _ := tx.Cursor().First(); name != nil {
			return nil // they were made together: see load
		}
		for _, name := range buckets {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return nil
	})
}

// noOthers returns an error if there are files of a store beside a database in which nothing is.
func noOthers(path string) error {
	if others, err := filepath.Glob(filepath.Join(filepath.Dir(path), "[vgw]*")); err != nil || len(others) > 0 {
		return damaged("%s is missing or empty, and %s is there", path, others)
	}
	return nil
}

func (d *database) reopen() (err error) {
	d.bolt, err = bolt.Open(d.path, 0o644, &bolt.Options{
		Timeout: 1, ReadOnly: d.readOnly, FreelistType: bolt.FreelistMapType, NoSync: d.noSync, NoStatistics: true,
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%w: %s", ErrLocked, d.path)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, d.path, err)
	case err == nil:
		d.bolt.AllocSize = 1 << 20
	}
	return err
}

// guarded calls f, which reads the mapped file, and returns ErrCorrupt if what the file holds
// makes it panic or fault. The file is not used any more then: locks may be held in it.
func (d *database) guarded(f func() error) (err error) {
	if broken := d.broken.Load(); broken != nil {
		return *broken
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s: %v", ErrCorrupt, d.path, r)
			d.broken.Store(&err)
		}
	}()
	return f()
}

// view calls f in a transaction that reads. f must call nothing of the caller of the package.
func (d *database) view(f func(tx *bolt.Tx) error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.guarded(func() error { return d.bolt.View(f) })
}

// update is view in a transaction that writes.
func (d *database) update(f func(tx *bolt.Tx) error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.guarded(func() error { return d.bolt.Update(f) })
}

func (d *database) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken.Load() != nil {
		return nil // what it holds cannot be given back
	}
	return d.bolt.Close()
}

// manifest says what a store holds. It is stored with each change.
type manifest struct {
	Format int
	ID     string // of this store
	Words  wordsState
	Commit uint64 // the number of this commit
	Seq    uint64 // of the last change
	Next   uint64 // the number of the next passage
	Count  int    // passages
	Bytes  int64  // of their titles and texts
	// Saved is the change up to which the words are in files.
	Saved uint64
	// Sums are those of the entries of buckets. A store that was made before there were any has
	// none.
	Sums map[string]uint64
	// Embedding is nil until the hashed embedder is fitted.
	Embedding *embeddingState
	// LastGeneration is that of the embedding that was begun last.
	LastGeneration uint64
}

// format is that of the folder.
const format = 1

// wordsState is how words were found.
type wordsState struct {
	Analyzer string
	K1, B    float64
	Title    int
}

type embeddingState struct {
	Generation  uint64
	Name        string
	Metric      uint8
	Dim         int // 0 until there is a vector
	Count       int // vectors of passages that are there
	Segments    []segmentState
	NextSegment int
	Graphs      []graphState
	NextGraph   int
}

// segmentState is a file of vectors. The numbers in it rise.
type segmentState struct {
	File        int
	Rows        int
	First, Last uint64 // numbers
}

// graphState is a file of the graph of the vectors with numbers from From to before To.
type graphState struct {
	File     int
	From, To uint64
	Count    int
}

// clone returns a manifest that may be changed.
func (m manifest) clone() manifest {
	if m.Embedding != nil {
		e := *m.Embedding
		e.Segments = append([]segmentState(nil), e.Segments...)
		e.Graphs = append([]graphState(nil), e.Graphs...)
		m.Embedding = &e
	}
	m.Sums = maps.Clone(m.Sums)
	return m
}

func putManifest(tx *bolt.Tx, m manifest) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketMeta).Put(keyManifest, sealed(append(make([]byte, 4), text...)))
}

// readManifest returns the manifest, and false if the database is new.
func readManifest(tx *bolt.Tx) (m manifest, ok bool, err error) {
	record := tx.Bucket(bucketMeta).Get(keyManifest)
	if record == nil {
		return m, false, nil
	}
	text, err := opened(record)
	if err != nil {
		return m, false, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, false, fmt.Errorf("%w: manifest: %w", ErrCorrupt, err)
	}
	if m.Format > format {
		return m, false, fmt.Errorf("%w: the store has format %d, this library reads up to %d: update the library", ErrVersion, m.Format, format)
	}
	return m, true, nil
}
