package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// Store is passages on disk, with their words and vectors. It is a [retriever.Retriever] that
// searches both. All methods may be called from several goroutines at once.
type Store struct {
	dir  string
	temp bool // dir is removed by Close
	o    Options
	disk *disk
	lock *flock.Flock
	id   string // manifest.ID
	// wordsWith is how the words are indexed.
	wordsWith lexical.Options
	db        *database

	now    atomic.Pointer[view]  // nil when closed
	saved  atomic.Uint64         // manifest.Saved
	failed atomic.Pointer[error] // nothing is written any more

	// writing holds a value while somebody has the right to change what follows.
	writing    chan struct{}
	m          manifest
	words      *lexical.Index // nil while it is made anew
	wordsReady chan struct{}  // closed when words is there again
	lost       []*lexical.Index
	space      *space // nil until there is an embedding
	dead       numbers
	stale      numbers
	retired    []retired
	views      []*view
	pending    *pending // the embedding that Reembed makes
	unsaved    int      // passages changed since the words were saved
	removed    int      // passages removed since a graph was made
	graphFiles int      // begun since one was named

	sizes       sizes
	reembedding chan struct{} // holds a value while an embedding is made

	background background

	ops struct {
		sync.Mutex
		n      int
		closed bool
		idle   chan struct{} // closed when n is 0 after closed
	}
}

// Open opens the store in a folder, or makes one there. The folder belongs to the store: no
// other files should be in it. Call Close when done.
//
// The error wraps ErrLocked, ErrCorrupt, ErrVersion, ErrEmbedder, ErrOption, ctx.Err() or is
// one of the file system. An index file that is damaged or missing is no error: it is made
// anew in the background, and searches answer meanwhile, only slower; see Stats.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	s, err := open(ctx, dir, o, &disk{}, standard)
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", dir, err)
	}
	return s, nil
}

// InMemory makes a store for tests: it is in a temporary folder, does not wait for the disk,
// and is gone after Close.
func InMemory(ctx context.Context, o Options) (*Store, error) {
	dir, err := os.MkdirTemp("", "goselfrag-store-")
	if err != nil {
		return nil, fmt.Errorf("store: in memory: %w", err)
	}
	s, err := open(ctx, dir, o, &disk{noSync: true}, standard)
	if err != nil {
		return nil, fmt.Errorf("store: in memory: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	s.temp = true
	return s, nil
}

func open(ctx context.Context, dir string, o Options, d *disk, sz sizes) (_ *Store, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, o: o, disk: d, writing: make(chan struct{}, 1), wordsReady: make(chan struct{}), sizes: sz, reembedding: make(chan struct{}, 1)}
	if err := s.lockFolder(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.abandon())
		}
	}()
	if s.db, err = openDatabase(filepath.Join(dir, "store.db"), o.ReadOnly, d.noSync); err != nil {
		return nil, err
	}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	if err := s.openSpace(ctx); err != nil {
		return nil, err
	}
	s.sweepFiles()
	if err := s.openWords(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if s.m.Seq > 0 {
			s.note("words", err)
		}
	}
	s.show()
	if s.words == nil && s.m.Count == 0 {
		if err := s.rebuildWords(ctx); err != nil {
			return nil, err
		}
	}
	s.startBackground()
	return s, nil
}

// lockFolder keeps others from opening the store.
func (s *Store) lockFolder() error {
	path := filepath.Join(s.dir, "lock")
	try := (*flock.Flock).TryRLock
	if s.o.ReadOnly {
		if _, err := os.Stat(filepath.Join(s.dir, "store.db")); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: ReadOnly: there is no store in the folder", ErrOption)
		}
		s.lock = flock.New(path, flock.SetFlag(os.O_RDONLY))
	} else {
		try = (*flock.Flock).TryLock
		if err := os.MkdirAll(s.dir, 0o755); err != nil {
			return err
		}
		s.lock = flock.New(path)
	}
	ok, err := try(s.lock)
	if err == nil && !ok {
		err = fmt.Errorf("%w: a store is open in one process at a time: close it there", ErrLocked)
	}
	return err
}

// abandon gives back what was opened.
func (s *Store) abandon() error {
	var err error
	if s.words != nil {
		err = s.words.Close()
	}
	if v := s.now.Swap(nil); v != nil {
		v.release()
	} else if s.space != nil {
		s.space.hold()
		s.space.release()
	}
	for _, ix := range s.lost {
		err = errors.Join(err, ix.Close())
	}
	if s.db != nil {
		err = errors.Join(err, s.db.close())
	}
	return errors.Join(err, s.lock.Close())
}

// load reads the manifest, or makes one, and what else is kept in memory.
func (s *Store) load(ctx context.Context) error {
	found := false
	err := s.db.view(func(tx *bolt.Tx) (err error) {
		for _, name := range buckets {
			if tx.Bucket(name) == nil {
				return damaged("%s has no bucket %q", s.db.path, name)
			}
		}
		if s.m, found, err = readManifest(tx); err != nil {
			return err
		}
		return s.loadNumbers(ctx, tx, found)
	})
	if err != nil {
		return err
	}
	if !found {
		if err := noOthers(s.db.path); err != nil {
			return err
		}
		if s.o.ReadOnly {
			return fmt.Errorf("%w: ReadOnly: there is no store in the folder", ErrOption)
		}
		s.m = manifest{Format: format, ID: rand.Text(), Sums: map[string]uint64{}}
		if e := s.o.Embedding; !e.zero() {
			s.m.LastGeneration = 1
			s.m.Embedding = &embeddingState{Generation: 1, Name: e.Name, Metric: uint8(e.Metric)}
		}
	} else if err := s.checkEmbedder(); err != nil {
		return err
	}
	m := s.m.clone()
	m.Words = wordsGiven(s.o.Words, m.Words)
	s.id, s.wordsWith = m.ID, wordsOptions(s.o.Words, m.Words, s.fetchNumbered)
	if s.o.ReadOnly {
		s.m = m
		return nil
	}
	return s.commit(m, s.dropLeftovers)
}

// loadNumbers reads which passages were removed, and checks the entries of the database: if it
// is small or has no manifest, all of them.
func (s *Store) loadNumbers(ctx context.Context, tx *bolt.Tx, found bool) error {
	switch e := s.m.Embedding; {
	case e != nil && e.Count > 0 && tx.Bucket(bucketVectors(e.Generation)) == nil:
		return damaged("%s has no bucket %q", s.db.path, bucketVectors(e.Generation))
	case found && s.m.Sums == nil:
		s.m.Sums = sumAll(tx) // the store is older than they are
	case !found || s.db.small: // of others Verify does it
		if err := s.m.checkSums(ctx, tx); err != nil {
			return err
		}
	}
	read := func(bucket []byte, f func(n uint64, value []byte)) error {
		sum := uint64(0)
		c := tx.Bucket(bucket).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if len(k) != 8 {
				return damaged("a key of %d bytes in %s", len(k), bucket)
			}
			f(binary.BigEndian.Uint64(k), v)
			sum += entryHash(k, v)
		}
		return s.m.checkSum(bucket, sum)
	}
	return cmp.Or(
		read(bucketDead, func(n uint64, value []byte) {
			if len(value) > 0 {
				s.stale.add(n)
			} else {
				s.dead.add(n)
			}
		}),
		read(bucketRetired, func(n uint64, _ []byte) { s.retired = append(s.retired, retired{0, n}) }),
	)
}

// dropLeftovers removes what an embedding that was not finished has left in the database.
func (s *Store) dropLeftovers(tx *bolt.Tx) error {
	current := ""
	if s.m.Embedding != nil {
		current = string(bucketVectors(s.m.Embedding.Generation))
	}
	var names [][]byte
	err := tx.ForEach(func(name []byte, _ *bolt.Bucket) error {
		if n := string(name); len(n) > 8 && n[:8] == "vectors-" && n != current {
			names = append(names, append([]byte(nil), name...))
		}
		return nil
	})
	for _, name := range names {
		err = errors.Join(err, tx.DeleteBucket(name))
	}
	return err
}

// checkEmbedder returns an error that wraps ErrEmbedder if the store was made with another
// embedder than that of the options.
func (s *Store) checkEmbedder() error {
	e, have := s.o.Embedding, s.m.Embedding
	name := hashedName
	if have != nil {
		name = have.Name
	}
	switch {
	case e.zero():
		return nil
	case e.Name != name:
		return fmt.Errorf("%w: the store was made with %q, Options.Embedding is %q: open it with the former, or with the zero Embedding, and call Reembed", ErrEmbedder, name, e.Name)
	case uint8(e.Metric) != have.Metric:
		return fmt.Errorf("%w: the store was made with another metric than %v: open it with that, and call Reembed", ErrEmbedder, e.Metric)
	}
	return nil
}

// openHashed returns the embedder that is kept in the store.
func (s *Store) openHashed() (*hashed.Embedder, error) {
	e := new(hashed.Embedder)
	return e, s.db.view(func(tx *bolt.Tx) error {
		if err := e.UnmarshalBinary(tx.Bucket(bucketHashed).Get(keyEmbedder)); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil
	})
}

// begin counts a call that Close waits for. end ends it.
func (s *Store) begin() (end func(), err error) {
	s.ops.Lock()
	defer s.ops.Unlock()
	if s.ops.closed {
		return nil, ErrClosed
	}
	s.ops.n++
	return s.end, nil
}

func (s *Store) end() {
	s.ops.Lock()
	defer s.ops.Unlock()
	s.ops.n--
	if s.ops.n == 0 && s.ops.closed {
		close(s.ops.idle)
	}
}

// Close waits for the calls under way and closes the store. Calls of Backup, Verify, Compact
// and Reembed, and searches that wait for words that are indexed anew, end with ErrClosed, and
// so do all later calls; a second Close does nothing. Close must not be called from within a
// loop over All or Documents. The error is about what could not be
// written or closed; everything that was acknowledged is on disk all the same.
func (s *Store) Close() error {
	s.ops.Lock()
	if s.ops.closed {
		s.ops.Unlock()
		return nil
	}
	s.ops.closed, s.ops.idle = true, make(chan struct{})
	if s.ops.n == 0 {
		close(s.ops.idle)
	}
	s.ops.Unlock()
	s.background.stop()
	<-s.ops.idle
	var err error
	if !s.o.ReadOnly && !s.temp && s.failed.Load() == nil {
		if e := s.saveWords(context.Background()); e != nil {
			err = fmt.Errorf("saving the words: %w", e)
		}
	}
	if old := s.now.Swap(nil); old != nil {
		old.release()
	}
	if s.words != nil {
		s.lost = append(s.lost, s.words)
	}
	for _, ix := range s.lost {
		err = errors.Join(err, ix.Close())
	}
	err = errors.Join(err, s.db.close(), s.lock.Close())
	if s.temp {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	if err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}
