package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// Errors, wrapped with what was wrong and where. Those of an embedder's vectors wrap errors
// of package dense.
var (
	// ErrOption is about a value of Options that cannot be used.
	ErrOption = errors.New("store: bad option")
	// ErrPassage is about a passage that cannot be stored: it has no id, or one or a URI of
	// more than 32,000 bytes, its metadata is invalid, or its id comes twice.
	ErrPassage = errors.New("store: bad passage")
	// ErrUnknownID is about an id that no passage has.
	ErrUnknownID = errors.New("store: unknown passage id")
	// ErrScope is about a passage that a Scope must not put: its filter does not hold for it,
	// or its id is taken.
	ErrScope = errors.New("store: outside the scope")
	// ErrLocked is about a folder whose store is open, in this process or another.
	ErrLocked = errors.New("store: locked")
	// ErrReadOnly is about a change of a store that was opened read-only.
	ErrReadOnly = errors.New("store: read-only")
	// ErrCorrupt is about a file that is damaged and cannot be made anew from others: restore
	// a backup.
	ErrCorrupt = errors.New("store: file is damaged")
	// ErrVersion is about a store or a backup of a newer format: update the library.
	ErrVersion = errors.New("store: newer version")
	// ErrEmbedder is about an embedder that is not the one that the store was made with.
	ErrEmbedder = errors.New("store: another embedder")
	// ErrClosed is about a store that was used after Close.
	ErrClosed = errors.New("store: closed")
	// ErrFailed is about a change whose last sync failed, so that it may be on disk or not, and
	// about all changes after it: open the store again.
	ErrFailed = errors.New("store: a write failed half-way")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// Options says what a store is made with. The zero value is ready to use.
type Options struct {
	// Embedding is how passages become vectors. A store keeps the one that it was made with:
	// another Name, Metric or dimension is ErrEmbedder; see Store.Reembed.
	Embedding Embedding
	// Words is how words are found and ranked. Fetch must be nil. A zero field means what the
	// store was made with. With another value the words are indexed anew, in the background.
	Words lexical.Options
	// ReadOnly opens a store that is there already, and changes nothing in its folder. Several
	// processes may do so at the same time while none has it open for writing.
	ReadOnly bool
}

// Embedding is a named embedder. The zero Embedding is that of package dense/hashed, which
// needs no model: it is fitted once to the first 10,000 passages and kept in the store. A
// smaller store finds passages by words only, until [Store.Reembed] with a zero Embedding fits
// it to the passages that there are.
//
// A store that was made with a named embedder may be opened with the zero Embedding: it then
// finds passages by words, and takes in none.
type Embedding struct {
	// Name says which model it is, such as "nomic-embed-text-v1.5": the store refuses another
	// name. It is needed if Embedder is set.
	Name string
	// Embedder embeds passages and queries.
	Embedder dense.Embedder
	// Metric is hnsw.Cosine, the default, or hnsw.InnerProduct.
	Metric hnsw.Metric
}

// hashedName is the name of the zero Embedding.
const hashedName = "hashed"

// check returns an error that wraps ErrOption if e cannot be used.
func (e Embedding) check() error {
	none := isnil.Value(e.Embedder)
	switch {
	case e.Metric != hnsw.Cosine && e.Metric != hnsw.InnerProduct:
		return fmt.Errorf("%w: Embedding.Metric is %v: want Cosine or InnerProduct", ErrOption, e.Metric)
	case none && (e.Embedder != nil || e.Name != "" || e.Metric != hnsw.Cosine):
		return fmt.Errorf("%w: Embedding.Embedder is nil: set it, or leave all of Embedding zero", ErrOption)
	case !none && e.Name == "":
		return fmt.Errorf("%w: Embedding.Name is empty: say which model it is", ErrOption)
	case e.Name == hashedName:
		return fmt.Errorf("%w: Embedding.Name %q is that of the zero Embedding: choose another", ErrOption, hashedName)
	}
	return nil
}

// zero reports whether e is the zero Embedding.
func (e Embedding) zero() bool { return e.Embedder == nil }

func (o Options) check() error {
	if o.Words.Fetch != nil {
		return fmt.Errorf("%w: Words.Fetch is set: the store fetches passages itself", ErrOption)
	}
	w := o.Words
	if _, err := lexical.New(context.Background(), nil, w); err != nil {
		return fmt.Errorf("%w: Words: %w", ErrOption, err)
	}
	return o.Embedding.check()
}
