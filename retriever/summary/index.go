package summary

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"sync"

	"github.com/goselfrag/goselfrag/retriever"
)

// Store is where summaries are searched. The index of package dense is one. Nobody else
// changes it.
type Store interface {
	retriever.Retriever
	// Add adds passages, all or none. An id that is there already is an error.
	Add(ctx context.Context, passages ...retriever.Passage) error
	// Delete removes the passages with these ids. With an error they may be there or not.
	Delete(ids ...string) error
}

// Summarizer shortens a passage.
type Summarizer interface {
	// Summarize returns a text that says what p is about. An empty text stands for a
	// passage that has no summary; its own text is indexed then. It is safe for
	// concurrent use and, when ctx is done, returns promptly with an error that wraps
	// ctx.Err().
	Summarize(ctx context.Context, p retriever.Passage) (string, error)
}

// Errors, wrapped with what was wrong.
var (
	ErrOption      = errors.New("summary: bad option")
	ErrEmptyID     = errors.New("summary: empty passage id")
	ErrDuplicateID = errors.New("summary: duplicate passage id")
	ErrUnknownID   = errors.New("summary: unknown passage id")
)

// Options are the options of an Index. The zero value is ready to use.
type Options struct {
	// Concurrency is how many passages are summarised at the same time; 0 means 1, which
	// it also is as long as limits hold for the context (account.Bounded).
	Concurrency int
	// Progress, if set, is called after each summary by the goroutine that called New,
	// Add or Update, with the number of passages summarised and of all there are to
	// summarise.
	Progress func(done, total int)
}

// Index is a [retriever.Retriever] of passages that are searched by their summaries. A
// summary has the id, the title and the metadata of its passage, so that filters hold as
// they do for passages. Searches and changes may be made from several goroutines at
// once; a change waits for another.
type Index struct {
	store      Store
	summarizer Summarizer
	o          Options
	writing    chan struct{} // holds a value while somebody changes the index

	mu       sync.RWMutex
	passages map[string]entry
	strays   map[string]bool // ids of deleted passages whose summaries the store may hold
}

// entry is a passage and what the store holds in its place.
type entry struct{ passage, summary retriever.Passage }

// New adds passages, which may be none, to an empty store. Errors are those of Add, or
// wrap ErrOption.
func New(ctx context.Context, store Store, s Summarizer, passages []retriever.Passage, o Options) (*Index, error) {
	if isNil(store) {
		return nil, fmt.Errorf("%w: the store is nil", ErrOption)
	}
	if used, ok := store.(interface{ Len() int }); ok && used.Len() > 0 {
		return nil, fmt.Errorf("%w: the store holds %d passages: want an empty one", ErrOption, used.Len())
	}
	if isNil(s) {
		return nil, fmt.Errorf("%w: the summarizer is nil", ErrOption)
	}
	if o.Concurrency < 0 {
		return nil, fmt.Errorf("%w: Concurrency is %d: want at least 1, or 0 for 1", ErrOption, o.Concurrency)
	}
	ix := &Index{store: store, summarizer: s, o: o, writing: make(chan struct{}, 1), passages: map[string]entry{}, strays: map[string]bool{}}
	if err := ix.Add(ctx, passages...); err != nil {
		return nil, err
	}
	return ix, nil
}

// isNil also finds a nil pointer or function inside an interface.
func isNil(i any) bool {
	v := reflect.ValueOf(i)
	return !v.IsValid() || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil()
}

// Len returns the number of passages.
func (ix *Index) Len() int {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return len(ix.passages)
}

// Summary returns what is searched in place of a passage, and whether there is such a
// passage.
func (ix *Index) Summary(id string) (string, bool) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	e, ok := ix.passages[id]
	return e.summary.Text, ok
}

// Retrieve searches the summaries and returns their passages. Order and scores are
// those of the store. A passage that is deleted while the search runs, or updated so that
// the filter does not hold any more, is left out.
func (ix *Index) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	if err := q.Check(); err != nil {
		return retriever.Result{}, err
	}
	wanted := q.K
	ix.mu.RLock()
	q.K = min(q.K, math.MaxInt-len(ix.strays)) + len(ix.strays)
	ix.mu.RUnlock()
	res, err := ix.store.Retrieve(ctx, q)
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	var hits []retriever.Hit
	for _, h := range res.Hits {
		if len(hits) == wanted {
			break
		}
		if e, ok := ix.passages[h.Passage.ID]; ok && retriever.Match(q.Filter, e.passage.Metadata) {
			h.Passage = e.passage
			hits = append(hits, h)
		}
	}
	res.Hits = hits
	return res, err
}

// Add summarises passages and adds them, all or, if there is an error, none: to keep the
// summaries made before a summarizer fails, add in parts. The error wraps ErrEmptyID,
// ErrDuplicateID, ctx.Err(), or that of the summarizer for the first passage for which
// it fails, or of the store.
func (ix *Index) Add(ctx context.Context, passages ...retriever.Passage) error {
	return ix.change(ctx, passages, func(id string, known bool) error {
		if known {
			return fmt.Errorf("%w: %q is in the index already: use Update", ErrDuplicateID, id)
		}
		return nil
	})
}

// Update summarises passages and puts them in the place of those with the same ids. All
// are changed or, if there is an error, none. While it runs, a search may not find them.
// The error wraps ErrEmptyID, ErrDuplicateID, ErrUnknownID, ctx.Err(), or that of the
// summarizer, as for Add, or of the store. If the store then refuses the old summaries,
// too, those passages are gone from the index, which the error says.
func (ix *Index) Update(ctx context.Context, passages ...retriever.Passage) error {
	return ix.change(ctx, passages, func(id string, known bool) error {
		if !known {
			return fmt.Errorf("%w: %q: use Add", ErrUnknownID, id)
		}
		return nil
	})
}

// change adds passages, and takes those with the same ids out first.
func (ix *Index) change(ctx context.Context, passages []retriever.Passage, allow func(id string, known bool) error) error {
	if len(passages) == 0 {
		return ctx.Err()
	}
	select {
	case ix.writing <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("summary: %w", ctx.Err())
	}
	defer func() { <-ix.writing }()
	fresh := make(map[string]bool, len(passages))
	for i, p := range passages {
		if p.ID == "" {
			return fmt.Errorf("%w: passage %d of %d: give every passage an id", ErrEmptyID, i+1, len(passages))
		}
		if fresh[p.ID] {
			return fmt.Errorf("%w: %q stands twice among the passages", ErrDuplicateID, p.ID)
		}
		fresh[p.ID] = true
		_, known := ix.passages[p.ID]
		if err := allow(p.ID, known); err != nil {
			return err
		}
	}
	entries, err := ix.summarize(ctx, passages)
	if err != nil {
		return err
	}
	return ix.put(ctx, entries)
}

// put changes the store and the link to the passages together. A passage is linked
// before its summary is in the store and until it is out: a search never meets a summary
// without its passage.
func (ix *Index) put(ctx context.Context, entries []entry) error {
	var ids, added []string
	var old, summaries []retriever.Passage
	before := make([]entry, 0, len(entries))
	for _, e := range entries {
		added, summaries = append(added, e.passage.ID), append(summaries, e.summary)
		if was, ok := ix.passages[e.passage.ID]; ok {
			ids, old, before = append(ids, e.passage.ID), append(old, was.summary), append(before, was)
		}
	}
	ix.sweep()
	if len(ids) > 0 {
		if err := ix.store.Delete(ids...); err != nil {
			for _, p := range old { // Some may be out all the same; the others are refused.
				_ = ix.store.Add(context.WithoutCancel(ctx), p)
			}
			return fmt.Errorf("summary: taking old summaries out: %w", err)
		}
	}
	ix.link(entries)
	err := ix.store.Add(ctx, summaries...)
	if err == nil {
		ix.stray(false, added)
		return nil
	}
	err = fmt.Errorf("summary: adding summaries: %w", err)
	ix.unlink(entries)
	if len(old) == 0 {
		return err
	}
	ix.link(before)
	// The change failed, perhaps because ctx is done; what there was must not be lost.
	if back := ix.store.Add(context.WithoutCancel(ctx), old...); back != nil {
		ix.unlink(before)
		return fmt.Errorf("%w; the passages %q are gone, since the old summaries could not be put back: %w", err, ids, back)
	}
	return err
}

func (ix *Index) link(entries []entry) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, e := range entries {
		ix.passages[e.passage.ID] = e
	}
}

func (ix *Index) unlink(entries []entry) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, e := range entries {
		delete(ix.passages, e.passage.ID)
	}
}

// stray says of ids whether the store may hold a summary without its passage.
func (ix *Index) stray(yes bool, ids []string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, id := range ids {
		if delete(ix.strays, id); yes {
			ix.strays[id] = true
		}
	}
}

// sweep takes summaries out of the store that it would not let go before.
func (ix *Index) sweep() {
	for _, id := range slices.Sorted(maps.Keys(ix.strays)) {
		if ix.store.Delete(id) == nil {
			ix.stray(false, []string{id})
		}
	}
}

// Delete removes passages and their summaries. If one is unknown, none is removed, and
// the error wraps ErrUnknownID; an id given twice is removed once. With an error of the
// store nothing finds the passages any more, either, and their summaries take no place in
// a result; the next change tries to take them out, and so does Delete with the same ids.
func (ix *Index) Delete(ids ...string) error {
	ix.writing <- struct{}{}
	defer func() { <-ix.writing }()
	var gone []entry
	var keys []string
	seen := make(map[string]bool)
	for _, id := range ids {
		e, ok := ix.passages[id]
		if !ok && !ix.strays[id] {
			return fmt.Errorf("%w: %q", ErrUnknownID, id)
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		keys = append(keys, id)
		if ok {
			gone = append(gone, e)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	err := ix.store.Delete(keys...)
	ix.stray(err != nil, keys)
	ix.unlink(gone)
	if err != nil {
		return fmt.Errorf("summary: deleting summaries: %w", err)
	}
	ix.sweep()
	return nil
}
