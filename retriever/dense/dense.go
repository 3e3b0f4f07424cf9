package dense

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/internal/layered"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// Embedder turns texts into vectors, all of the same dimension. The embedders of
// langchaingo have these methods.
//
// Contract:
//
//   - EmbedDocuments returns one vector for each text, in the order of the texts. It
//     embeds passages, and EmbedQuery embeds questions; a model may treat them
//     differently.
//   - The components are finite. The vectors belong to the caller.
//   - Both may be called from several goroutines at once, and return promptly with an
//     error when ctx is done.
type Embedder interface {
	EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error)
	EmbedQuery(ctx context.Context, text string) ([]float32, error)
}

// Errors, wrapped with what was wrong and where.
var (
	ErrOption      = errors.New("dense: bad option")
	ErrEmptyID     = errors.New("dense: empty passage id")
	ErrDuplicateID = errors.New("dense: duplicate passage id")
	ErrUnknownID   = errors.New("dense: unknown passage id")
	// ErrCount means that the numbers of vectors and of texts differ.
	ErrCount = errors.New("dense: wrong number of vectors")
	// ErrDimension means that the length of a vector is not that of the others.
	ErrDimension = errors.New("dense: wrong dimension")
	// ErrNotFinite means that a component of a vector is NaN or infinite.
	ErrNotFinite = errors.New("dense: vector is not finite")
)

// Options are the options of an Index. The zero value is ready to use.
type Options struct {
	// Metric is hnsw.Cosine, the default, or hnsw.InnerProduct, for models that were
	// trained with it, such as Contriever and DPR.
	Metric hnsw.Metric
	// BatchSize is how many texts the embedder is given at a time, from 1 to 65,536;
	// 0 means 64.
	BatchSize int
	// Progress, if set, is called after each batch with the number of passages embedded
	// so far and the number of all. New and Add call it in their own goroutine and wait
	// for it. Concurrent calls of Add may call it concurrently.
	Progress func(done, total int)
	// Vectors, if set, holds the vectors in place of an index of the package, with the
	// ids of the passages as keys. It must have the metric above and, for New, be
	// empty. No other code may change it.
	Vectors hnsw.VectorIndex[string]
}

func (o *Options) fill() error {
	if o.Metric != hnsw.Cosine && o.Metric != hnsw.InnerProduct {
		return fmt.Errorf("%w: Metric is %v: want Cosine or InnerProduct", ErrOption, o.Metric)
	}
	if o.BatchSize == 0 {
		o.BatchSize = 64
	}
	if o.BatchSize < 1 || o.BatchSize > 1<<16 {
		return fmt.Errorf("%w: BatchSize is %d: want 1 to 65536, or 0 for 64", ErrOption, o.BatchSize)
	}
	if m, ok := o.Vectors.(interface{ Metric() hnsw.Metric }); ok && m.Metric() != o.Metric {
		return fmt.Errorf("%w: Vectors has the metric %v, but Metric is %v: give both the same", ErrOption, m.Metric(), o.Metric)
	}
	return nil
}

// exactLimit is the greatest number of vectors for which an Index searches them all.
const exactLimit = 10_000

// Index is a [retriever.Retriever] over the vectors of passages. Searches, additions
// and deletions may be made from several goroutines at once. A search sees all or none of
// the passages of one addition or deletion. Additions and deletions wait for each other
// while vectors are put into the index or removed, but not while another call embeds.
// Searches never wait, and no call waits for a search.
//
// Up to 10,000 passages are searched exactly, by hnsw.Flat. With more the vectors move
// to an hnsw.Index with its default options, which finds most of the nearest, not
// always all. One goroutine builds it, so the same additions give the same index. To
// build it in parallel or with other options, pass an index as [Options].Vectors.
type Index struct {
	embedder Embedder
	o        Options
	limit    int           // exactLimit, less in tests
	writing  chan struct{} // holds a value while somebody changes the index
	now      atomic.Pointer[state]

	// Only the writer uses these.
	places  int  // the place of the next passage
	movable bool // vectors is an hnsw.Flat of the index's own, or will be
	strays  bool // some ids without a passage could not be taken out of vectors
}

// state is the content of an Index at one time. It is immutable except for state.vectors:
// vectors are added to it and removed from it before the state with their passages is
// stored. So a search never waits.
type state struct {
	passages layered.Map[string, *entry]
	vectors  hnsw.VectorIndex[string] // nil until there is one
	dim      int                      // of the vectors, 0 until there is one
	// unsettled says that vectors may hold ids that passages does not.
	unsettled bool
}

// entry is a passage of an Index. It does not change.
type entry struct {
	passage retriever.Passage
	place   int       // in the order of additions
	vector  []float32 // kept while the index may have to move to another
	blank   bool      // the vector has no direction and is not in the index
}

// New embeds passages and returns an index of them. There may be none. The index keeps the
// passages: their metadata must not change. Errors are those of Add, or wrap ErrOption.
func New(ctx context.Context, e Embedder, passages []retriever.Passage, o Options) (*Index, error) {
	ix, err := empty(e, o)
	if err != nil {
		return nil, err
	}
	if o.Vectors != nil && o.Vectors.Len() > 0 {
		return nil, fmt.Errorf("%w: Vectors holds %d vectors: want an empty index, or use Restore", ErrOption, o.Vectors.Len())
	}
	if err := ix.Add(ctx, passages...); err != nil {
		return nil, err
	}
	return ix, nil
}

// Restore returns an index of passages whose vectors are in o.Vectors already, with their
// ids as keys. It embeds nothing. o.Vectors may be an index that hnsw.Load read from a
// file. The error wraps ErrOption (also if the ids differ), ErrEmptyID, ErrDuplicateID or,
// when ctx is done, ctx.Err().
func Restore(ctx context.Context, e Embedder, passages []retriever.Passage, o Options) (*Index, error) {
	ix, err := empty(e, o)
	if err != nil {
		return nil, err
	}
	if o.Vectors == nil {
		return nil, fmt.Errorf("%w: Vectors is nil: give the index that holds the vectors", ErrOption)
	}
	if err := checkIDs(passages); err != nil {
		return nil, err
	}
	entries := make(map[string]*entry, len(passages))
	for i, p := range passages {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("dense: %w", err)
		}
		entries[p.ID] = &entry{passage: p, place: i}
	}
	ix.places = len(passages)
	known := len(passages)
	if s, ok := o.Vectors.(selecter); ok {
		set, err := s.Select(func(id string) bool { return entries[id] != nil && ctx.Err() == nil })
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("dense: %w", err)
		}
		known = set.Len()
	}
	if n := o.Vectors.Len(); n != len(passages) || n != known {
		return nil, fmt.Errorf("%w: Vectors holds %d vectors, %d of them of the %d passages: want one of each passage and no other", ErrOption, n, min(n, known), len(passages))
	}
	s := *ix.now.Load()
	s.passages = s.passages.With(maps.All(entries))
	ix.now.Store(&s)
	return ix, nil
}

// selecter is implemented by indexes of package hnsw. It reports which keys they hold.
type selecter interface {
	Select(where func(string) bool) (*hnsw.Set[string], error)
}

func empty(e Embedder, o Options) (*Index, error) {
	if isnil.Value(e) {
		return nil, fmt.Errorf("%w: the embedder is nil", ErrOption)
	}
	if err := o.fill(); err != nil {
		return nil, err
	}
	ix := &Index{embedder: e, o: o, limit: exactLimit, writing: make(chan struct{}, 1), movable: o.Vectors == nil}
	s := &state{vectors: o.Vectors}
	if d, ok := o.Vectors.(interface{ Dim() int }); ok {
		s.dim = d.Dim()
	}
	ix.now.Store(s)
	return ix, nil
}

// Text returns what is embedded for a passage: its title, a line break, its text;
// only the text if there is no title.
func Text(p retriever.Passage) string {
	if p.Title == "" {
		return p.Text
	}
	return p.Title + "\n" + p.Text
}

// Texts returns Text of each passage.
func Texts(passages []retriever.Passage) []string {
	texts := make([]string, len(passages))
	for i, p := range passages {
		texts[i] = Text(p)
	}
	return texts
}
