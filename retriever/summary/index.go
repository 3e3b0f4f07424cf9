package summary

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/internal/layered"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Store holds the summaries and searches them. The indexes of packages dense and
// lexical are Stores. Only the Index may change it.
//
// Add and Delete may be called from several goroutines at once, but an Index calls
// them for one id at a time only. When ctx is done, they return promptly with an
// error that wraps ctx.Err().
type Store interface {
	retriever.Retriever
	// Add adds passages, all or none. An existing id is an error.
	Add(ctx context.Context, passages ...retriever.Passage) error
	// Delete removes the passages with these ids. With an error they may be there
	// or not.
	Delete(ctx context.Context, ids ...string) error
}

// Summarizer shortens a passage.
type Summarizer interface {
	// Summarize returns a text about the subject of p. An empty text means that the
	// passage has no summary; then its own text is indexed. It is safe for
	// concurrent use and, when ctx is done, returns promptly with an error that
	// wraps ctx.Err().
	Summarize(ctx context.Context, p retriever.Passage) (string, error)
}

// Errors, wrapped with the details.
var (
	ErrOption      = errors.New("summary: bad option")
	ErrEmptyID     = errors.New("summary: empty passage id")
	ErrDuplicateID = errors.New("summary: duplicate passage id")
	ErrUnknownID   = errors.New("summary: unknown passage id")
)

// Options are the options of an Index. The zero value is ready to use.
type Options struct {
	// Concurrency is how many passages one call of New, Add or Update summarizes at
	// the same time; 0 means 1. Under a budget a summarizer that does not declare
	// its cost (budget.Declarer) is asked one passage after another.
	Concurrency int
	// Progress, if not nil, is called after each summary with the number of
	// passages summarized and the number of all passages of the call. One call of
	// New, Add or Update calls it from one goroutine at a time; concurrent calls
	// may call it at the same time.
	Progress func(done, total int)
}

// Index is a [retriever.Retriever] of passages that are searched by their
// summaries. A summary has the id, the title and the metadata of its passage, so
// that filters work as for passages.
//
// Searches and changes may be made from several goroutines at once. A change waits
// for other changes of the same passages while the store applies them, never for a
// summarizer that works for another call. Until then a change in preparation is not
// visible: two calls of Add with the same id both ask the summarizer, and the one
// that reaches the store second fails.
type Index struct {
	store      Store
	summarizer Summarizer
	o          Options

	// passages is immutable; a change replaces it. Searches read it and strayed
	// without a lock.
	passages atomic.Pointer[layered.Map[string, *entry]]
	strayed  atomic.Int64 // the number of strays

	// mu guards the following fields, and changes of the above. It is not held
	// while the store or the summarizer works.
	mu     sync.RWMutex
	strays map[string]bool // ids of deleted passages whose summaries the store may hold
	doubts map[string]bool // ids of passages whose summaries the store may have lost
	// claims has the ids that a call is changing in the store, in passages or in
	// strays, each with a channel that is closed at the end. No other call changes
	// them meanwhile.
	claims map[string]chan struct{}
}

// entry is a passage and what the store holds in its place. It is immutable.
type entry struct{ passage, summary retriever.Passage }

// New adds passages, possibly none, to an empty store. Errors are those of Add, or
// wrap ErrOption.
func New(ctx context.Context, store Store, s Summarizer, passages []retriever.Passage, o Options) (*Index, error) {
	if isnil.Value(store) {
		return nil, fmt.Errorf("%w: the store is nil", ErrOption)
	}
	if used, ok := store.(interface{ Len() int }); ok && used.Len() > 0 {
		return nil, fmt.Errorf("%w: the store holds %d passages: want an empty one", ErrOption, used.Len())
	}
	if isnil.Value(s) {
		return nil, fmt.Errorf("%w: the summarizer is nil", ErrOption)
	}
	if o.Concurrency < 0 {
		return nil, fmt.Errorf("%w: Concurrency is %d: want at least 1, or 0 for 1", ErrOption, o.Concurrency)
	}
	ix := &Index{store: store, summarizer: s, o: o, strays: map[string]bool{}, doubts: map[string]bool{}, claims: map[string]chan struct{}{}}
	ix.passages.Store(new(layered.Map[string, *entry]))
	if err := ix.Add(ctx, passages...); err != nil {
		return nil, err
	}
	return ix, nil
}

// Len returns the number of passages.
func (ix *Index) Len() int { return ix.passages.Load().Len() }

// Summary returns what is searched in place of a passage, and whether the passage
// exists.
func (ix *Index) Summary(id string) (string, bool) {
	e, ok := ix.passages.Load().Get(id)
	if !ok {
		return "", false
	}
	return e.summary.Text, true
}

// MostCost implements budget.Declarer: the cost of a search in the store.
func (ix *Index) MostCost(int) (budget.Cost, bool) { return budget.MostCost(ix.store, 1) }

// Retrieve searches the summaries and returns their passages. Order and scores are
// those of the store. A passage that is deleted during the search, or updated so
// that it does not match the filter any more, is left out.
func (ix *Index) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	if err := q.Check(); err != nil {
		return retriever.Result{}, err
	}
	scan, err := filter.NewScan(ctx, q.Filter)
	if err != nil {
		return retriever.Result{}, err
	}
	wanted, strays := q.K, int(ix.strayed.Load())
	q.K = min(q.K, math.MaxInt-strays) + strays
	res, err := retriever.Ask(ctx, ix.store, q)
	passages := ix.passages.Load()
	var hits []retriever.Hit
	for _, h := range res.Hits {
		if len(hits) == wanted {
			break
		}
		if e, ok := passages.Get(h.Passage.ID); ok && scan.Match(e.passage.Metadata) {
			h.Passage = e.passage
			hits = append(hits, h)
		}
	}
	res.Hits = hits
	if err == nil {
		err = scan.Err()
	}
	return res, err
}

// Add summarizes passages and adds all of them or, with an error, none. To keep the
// summaries made before a summarizer fails, add in parts. The error wraps
// ErrEmptyID, ErrDuplicateID, ctx.Err(), the summarizer's error for the first
// passage that failed, or the error of the store.
//
// For a passage that is already in the index Add fails before the summarizer is
// asked. If another call adds one while the summarizer works, it fails afterwards.
func (ix *Index) Add(ctx context.Context, passages ...retriever.Passage) error {
	return ix.change(ctx, passages, func(id string, known bool) error {
		if known {
			return fmt.Errorf("%w: %q is in the index already: use Update", ErrDuplicateID, id)
		}
		return nil
	})
}

// Update summarizes passages and replaces those with the same ids. All are changed
// or, with an error, none. While it runs, a search may not find them. The error
// wraps ErrEmptyID, ErrDuplicateID, ErrUnknownID, ctx.Err(), or the error of the
// summarizer, as for Add, or of the store. If the store then rejects the old
// summaries, too, those passages are gone from the index, and the error says so.
//
// A passage that is deleted while the summarizer works stays deleted, and Update
// fails. Of two concurrent updates of a passage, the one whose summaries are ready
// later wins.
func (ix *Index) Update(ctx context.Context, passages ...retriever.Passage) error {
	return ix.change(ctx, passages, func(id string, known bool) error {
		if !known {
			return fmt.Errorf("%w: %q: use Add", ErrUnknownID, id)
		}
		return nil
	})
}

// change adds passages, and first removes those with the same ids.
func (ix *Index) change(ctx context.Context, passages []retriever.Passage, allow func(id string, known bool) error) error {
	if len(passages) == 0 {
		return ctx.Err()
	}
	ids, err := idsOf(passages)
	if err != nil {
		return err
	}
	if err := ix.allowed(ids, allow); err != nil {
		return err
	}
	entries, err := ix.summarize(ctx, passages)
	if err != nil {
		return err
	}
	release, err := ix.claim(ctx, ids)
	if err != nil {
		return err
	}
	defer release()
	if err := ix.allowed(ids, allow); err != nil { // others changed the index meanwhile
		return err
	}
	return ix.replaceEntries(ctx, ids, entries)
}

// idsOf returns the ids of passages, or an error unless all are different and not
// empty.
func idsOf(passages []retriever.Passage) ([]string, error) {
	ids := make([]string, len(passages))
	seen := make(map[string]bool, len(passages))
	for i, p := range passages {
		switch {
		case p.ID == "":
			return nil, fmt.Errorf("%w: passage %d of %d: give every passage an id", ErrEmptyID, i+1, len(passages))
		case seen[p.ID]:
			return nil, fmt.Errorf("%w: %q is duplicated among the passages", ErrDuplicateID, p.ID)
		}
		ids[i], seen[p.ID] = p.ID, true
	}
	return ids, nil
}

// allowed returns the first error of allow for ids.
func (ix *Index) allowed(ids []string, allow func(id string, known bool) error) error {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	for _, id := range ids {
		_, known := ix.passages.Load().Get(id)
		if err := allow(id, known); err != nil {
			return err
		}
	}
	return nil
}

// replaceEntries changes the store and the link to the passages together. A passage is linked
// before its summary is in the store and until it is removed: a search never finds
// a summary without its passage. The caller has claimed ids, which are those of
// entries.
func (ix *Index) replaceEntries(ctx context.Context, ids []string, entries []*entry) error {
	before := ix.linked(ids)
	var old, summaries []retriever.Passage
	var replaced []string
	for _, e := range before {
		replaced, old = append(replaced, e.passage.ID), append(old, e.summary)
	}
	for _, e := range entries {
		summaries = append(summaries, e.summary)
	}
	ix.sweep(ctx, ids)
	if len(replaced) > 0 {
		if err := ix.store.Delete(ctx, replaced...); err != nil {
			ix.mark(ix.doubts, true, replaced...) // some may still have been removed
			ix.putBack(context.WithoutCancel(ctx), replaced)
			return fmt.Errorf("summary: taking old summaries out: %w", err)
		}
	}
	ix.link(entries)
	err := ix.store.Add(ctx, summaries...)
	if err == nil {
		ix.mark(ix.strays, false, ids...)
		ix.mark(ix.doubts, false, ids...)
		return nil
	}
	err = fmt.Errorf("summary: adding summaries: %w", err)
	ix.unlink(entries)
	if len(old) == 0 {
		return err
	}
	ix.link(before)
	// The change failed, perhaps because ctx is done; the old entries must not be
	// lost.
	if back := ix.store.Add(context.WithoutCancel(ctx), old...); back != nil {
		ix.unlink(before)
		return fmt.Errorf("%w; the passages %q are gone, since the old summaries could not be put back: %w", err, replaced, back)
	}
	return err
}

// linked returns the existing entries of ids, in their order.
func (ix *Index) linked(ids []string) []*entry {
	var list []*entry
	for _, id := range ids {
		if e, ok := ix.passages.Load().Get(id); ok {
			list = append(list, e)
		}
	}
	return list
}

func (ix *Index) link(entries []*entry) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	next := ix.passages.Load().With(func(yield func(string, *entry) bool) {
		for _, e := range entries {
			if !yield(e.passage.ID, e) {
				return
			}
		}
	})
	ix.passages.Store(&next)
}

func (ix *Index) unlink(entries []*entry) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.passage.ID)
	}
	next := ix.passages.Load().Without(ids...)
	ix.passages.Store(&next)
}

// Delete removes passages and their summaries. If one is unknown, none is removed,
// and the error wraps ErrUnknownID; an id given twice is removed once. A passage
// that an Add is still summarizing is unknown; the Add continues.
//
// If ctx is done before the store is called, none is removed, and the error wraps
// ctx.Err(). After an error of the store, searches do not find the passages any
// more, whether or not the store still holds their summaries: the next change tries
// to remove them. Delete may be called again with the same ids after either error.
func (ix *Index) Delete(ctx context.Context, ids ...string) error {
	var keys []string
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !seen[id] {
			keys = append(keys, id)
		}
		seen[id] = true
	}
	if len(keys) == 0 {
		return ctx.Err()
	}
	release, err := ix.claim(ctx, keys)
	if err != nil {
		return err
	}
	defer release()
	if id, ok := ix.unknown(keys); ok {
		return fmt.Errorf("%w: %q", ErrUnknownID, id)
	}
	gone := ix.linked(keys)
	ix.putBack(ctx, keys) // or the store may not know them
	err = ix.store.Delete(ctx, keys...)
	ix.mark(ix.strays, err != nil, keys...)
	ix.mark(ix.doubts, false, keys...)
	ix.unlink(gone)
	if err != nil {
		return fmt.Errorf("summary: deleting summaries: %w", err)
	}
	ix.sweep(ctx, nil)
	return nil
}

// unknown returns the first of ids without a passage and without a summary that the
// store may still hold.
func (ix *Index) unknown(ids []string) (string, bool) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	for _, id := range ids {
		if _, ok := ix.passages.Load().Get(id); !ok && !ix.strays[id] {
			return id, true
		}
	}
	return "", false
}
