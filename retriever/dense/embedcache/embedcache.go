package embedcache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/retriever/dense"
)

// Errors, wrapped with what was wrong.
var (
	ErrOption = errors.New("embedcache: bad options")
	// ErrLocked: another process, or another Cache of this one, has the file open.
	ErrLocked = errors.New("embedcache: the file is in use: close the other cache, or name another file")
)

// Options bounds a Cache. The zero value is ready to use.
type Options struct {
	// MaxBytes is how many bytes are kept on disk, at least 8 MiB; 0 means 1 GiB. When the
	// file has half of that, it is renamed to its name with ".old" added, in place of the
	// previous such file, and a new file begins. Embeddings that are found in the old file
	// are copied to the new one. So those that were not used for the longest time are
	// dropped first.
	MaxBytes int64
}

// Cache holds embeddings in files, of any number of models. It is safe for concurrent use.
type Cache struct {
	file         *files
	hits, misses atomic.Int64
}

// Stats says what a cache did since it was opened.
type Stats struct {
	Hits, Misses int64 // texts that were found, and those that had to be embedded
	Bytes        int64 // on disk
	// Replaced counts damaged files that were replaced; Failed counts embeddings that could
	// not be written or read, and Err is the last reason.
	Replaced, Failed int
	Err              error
}

// Open opens the cache in a file, or makes it. Until Close it holds a lock on the file of
// that name with ".lock" added. If the file is damaged or no cache, ".damaged" is added to
// its name, and a new one begins. A file larger than o allows is removed, and a new one
// begins. The error wraps ErrOption, ErrLocked or that of the file system.
func Open(path string, o Options) (*Cache, error) {
	const least = 8 << 20
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 30
	}
	if o.MaxBytes < least {
		return nil, fmt.Errorf("%w: MaxBytes is %d: want at least 8 MiB, or 0 for 1 GiB", ErrOption, o.MaxBytes)
	}
	f, err := openFiles(path, o.MaxBytes)
	if err != nil {
		return nil, err
	}
	return &Cache{file: f}, nil
}

// Close waits until no call uses the files, writes them to disk and closes them. The
// embedders work on without a cache.
func (c *Cache) Close() error { return c.file.close() }

// Stats returns what the cache did.
func (c *Cache) Stats() Stats {
	s := c.file.stats()
	s.Hits, s.Misses = c.hits.Load(), c.misses.Load()
	return s
}

// Embedder returns an embedder that looks texts up in the cache first: EmbedDocuments of
// e gets only texts that are not in the cache, each once. Two calls at the same time may
// both embed a text. EmbedQuery is that of e: questions are not kept. model names what
// the embeddings depend on: the model, and what else changes them, such as a prefix or a
// number of dimensions.
//
// The error wraps ErrOption: model is empty, or e is nil.
func (c *Cache) Embedder(model string, e dense.Embedder) (dense.Embedder, error) {
	switch {
	case model == "":
		return nil, fmt.Errorf("%w: the model has no name: name what its embeddings depend on", ErrOption)
	case isnil.Value(e):
		return nil, fmt.Errorf("%w: the embedder is nil", ErrOption)
	}
	return &embedder{Embedder: e, cache: c, model: model}, nil
}

// embedder is an embedder with a cache.
type embedder struct {
	dense.Embedder
	cache *Cache
	model string
}

// key is the hash of a model and a text.
type key [sha256.Size]byte

func (e *embedder) key(text string) key {
	h := sha256.New()
	h.Write(binary.AppendUvarint(nil, uint64(len(e.model))))
	h.Write([]byte(e.model))
	sum := sha256.Sum256([]byte(text))
	h.Write(sum[:])
	return key(h.Sum(nil))
}

// EmbedDocuments implements dense.Embedder.
func (e *embedder) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	keys := make([]key, len(texts))
	for i, text := range texts {
		keys[i] = e.key(text)
	}
	found := e.cache.file.get(keys)
	vectors, err := e.fill(ctx, texts, keys, found)
	if err != nil || sameLength(vectors) {
		return vectors, err
	}
	// The model is another one than the one that the name had before.
	return e.fill(ctx, texts, keys, map[key][]float32{})
}

// fill returns the vectors of texts: those found, and those of the embedder for the others,
// which it keeps.
func (e *embedder) fill(ctx context.Context, texts []string, keys []key, found map[key][]float32) ([][]float32, error) {
	var missing []string
	var order []key
	place := map[key]int{}
	for i, k := range keys {
		if _, ok := place[k]; !ok && found[k] == nil {
			place[k] = len(missing)
			missing, order = append(missing, texts[i]), append(order, k)
		}
	}
	e.cache.misses.Add(int64(len(missing)))
	e.cache.hits.Add(int64(len(texts) - len(missing)))
	var fresh [][]float32
	if len(missing) > 0 {
		var err error
		if fresh, err = e.Embedder.EmbedDocuments(ctx, missing); err != nil {
			return nil, err
		}
		if len(fresh) != len(missing) {
			return nil, fmt.Errorf("%w: the embedder gave %d vectors for %d texts", dense.ErrCount, len(fresh), len(missing))
		}
		e.cache.file.put(order, fresh)
	}
	vectors := make([][]float32, len(texts))
	used := map[key]bool{}
	for i, k := range keys {
		v := found[k]
		if v == nil {
			v = fresh[place[k]]
		}
		if used[k] { // each vector belongs to the caller
			v = append([]float32(nil), v...)
		}
		used[k] = true
		vectors[i] = v
	}
	return vectors, nil
}

func sameLength(vectors [][]float32) bool {
	for _, v := range vectors {
		if len(v) != len(vectors[0]) {
			return false
		}
	}
	return true
}

// usable reports whether a vector is worth keeping.
func usable(v []float32) bool {
	for _, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return false
		}
	}
	return len(v) > 0
}
