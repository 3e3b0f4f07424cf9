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

// Store is where summaries are searched. The index of package dense is one. Nobody else
// changes it.
//
// Add and Delete may be called from several goroutines at once, but an Index calls them for
// one id at a time only. When ctx is done, they return promptly with an error that wraps
// ctx.Err().
type Store interface {
	retriever.Retriever
	// Add adds passages, all or none. An id that is there already is an error.
	Add(ctx context.Context, passages ...retriever.Passage) error
	// Delete removes the passages with these ids. With an error they may be there or not.
	Delete(ctx context.Context, ids ...string) error
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
	// Concurrency is how many passages one call of New, Add or Update summarizes at the
	// same time; 0 means 1. Under a budget a summarizer that does not declare its cost
	// (budget.Declarer) is asked one passage after the other.
	Concurrency int
	// Progress, if set, is called after each summary, by one goroutine of a call at a
	// time, with the number of passages summarized and of all there are to summarize. If
	// several calls of New, Add or Update run at once, so may Progress.
	Progress func(done, total int)
}

// Index is a [retriever.Retriever] of passages that are searched by their summaries. A
// summary has the id, the title and the metadata of its passage, so that filters hold as
// they do for passages.
//
// Searches and changes may be made from several goroutines at once. A change waits for
// others of the same passages while the store takes these in, never for a summarizer that
// works for another call. Until then, a change that is being prepared is not seen: two
// calls of Add with the same id both ask the summarizer, and the one that comes to the
// store second fails.
type Index struct {
	store      Store
	summarizer Summarizer
	o          Options

	// passages does not change; another one takes its place. Searches read it and strayed,
	// and take no lock.
	passages atomic.Pointer[layered.Map[string, *entry]]
	strayed  atomic.Int64 // the number of strays

	// mu guards what follows, and changes of the above. It is not held while the store or
	// the summarizer works.
	mu     sync.RWMutex
	strays map[string]bool // ids of deleted passages whose summaries the store may hold
	doubts map[string]bool // ids of passages whose summaries the store may have lost
	// claims has the ids that somebody changes in the store, in passages or in strays, each
	// with a channel that is closed at the end. Nobody else changes them meanwhile.
	claims map[string]chan struct{}
}

// entry is a passage and what the store holds in its place. It does not change.
type entry struct{ passage, summary retriever.Passage }

// New adds passages, which may be none, to an empty store. Errors are those of Add, or
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

// Summary returns what is searched in place of a passage, and whether there is such a
// passage.
func (ix *Index) Summary(id string) (string, bool) {
	e, ok := ix.passages.Load().Get(id)
	if !ok {
		return "", false
	}
	return e.summary.Text, true
}

// MostCost implements budget.Declarer: that of a search of the store.
func (ix *Index) MostCost(int) (budget.Cost, bool) { return budget.MostCost(ix.store, 1) }

// Retrieve searches the summaries and returns their passages. Order and scores are
// those of the store. A passage that is deleted while the search runs, or updated so that
// the filter does not hold any more, is left out.
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

// Add summarizes passages and adds them, all or, if there is an error, none: to keep the
// summaries made before a summarizer fails, add in parts. The error wraps ErrEmptyID,
// ErrDuplicateID, ctx.Err(), or that of the summarizer for the first passage for which
// it fails, or of the store.
//
// A passage that is in the index already fails before the summarizer is asked. One that
// another call adds while the summarizer works fails afterwards.
func (ix *Index) Add(ctx context.Context, passages ...retriever.Passage) error {
	return ix.change(ctx, passages, func(id string, known bool) error {
		if known {
			return fmt.Errorf("%w: %q is in the index already: use Update", ErrDuplicateID, id)
		}
		return nil
	})
}

// Update summarizes passages and puts them in the place of those with the same ids. All
// are changed or, if there is an error, none. While it runs, a search may not find them.
// The error wraps ErrEmptyID, ErrDuplicateID, ErrUnknownID, ctx.Err(), or that of the
// summarizer, as for Add, or of the store. If the store then refuses the old summaries,
// too, those passages are gone from the index, which the error says.
//
// A passage that is deleted while the summarizer works stays deleted, and Update fails. Of
// two updates of a passage at the same time, the one whose summaries are ready later stands.
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
	return ix.put(ctx, ids, entries)
}

// idsOf returns the ids of passages, or an error unless each has one of its own.
func idsOf(passages []retriever.Passage) ([]string, error) {
	ids := make([]string, len(passages))
	seen := make(map[string]bool, len(passages))
	for i, p := range passages {
		switch {
		case p.ID == "":
			return nil, fmt.Errorf("%w: passage %d of %d: give every passage an id", ErrEmptyID, i+1, len(passages))
		case seen[p.ID]:
			return nil, fmt.Errorf("%w: %q stands twice among the passages", ErrDuplicateID, p.ID)
		}
		ids[i], seen[p.ID] = p.ID, true
	}
	return ids, nil
}

// allowed returns the first error that allow has for ids.
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

// put changes the store and the link to the passages together. A passage is linked
// before its summary is in the store and until it is out: a search never meets a summary
// without its passage. The caller has claimed ids, which are those of entries.
func (ix *Index) put(ctx context.Context, ids []string, entries []*entry) error {
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
			ix.mark(ix.doubts, true, replaced...) // Some may be out all the same.
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
	// The change failed, perhaps because ctx is done; what there was must not be lost.
	if back := ix.store.Add(context.WithoutCancel(ctx), old...); back != nil {
		ix.unlink(before)
		return fmt.Errorf("%w; the passages %q are gone, since the old summaries could not be put back: %w", err, replaced, back)
	}
	return err
}

// linked returns the entries that there are of ids, in their order.
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

// Delete removes passages and their summaries. If one is unknown, none is removed, and
// the error wraps ErrUnknownID; an id given twice is removed once. A passage that an Add
// still summarizes is unknown; the Add goes on.
//
// If ctx is done before the store is called, none is removed, and the error wraps
// ctx.Err(). After an error of the store, searches do not find the passages any more,
// whether or not the store still holds their summaries: the next change tries to take them
// out. Delete may be called again with the same ids after either error.
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

// unknown returns the first of ids of which there is no passage, nor a summary that the
// store may hold still.
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
