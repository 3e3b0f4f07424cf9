package summary

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// claim waits until no other call changes these ids, and claims them all at once
// until release is called. The error wraps ctx.Err().
func (ix *Index) claim(ctx context.Context, ids []string) (release func(), err error) {
	for ctx.Err() == nil {
		release, other := ix.tryClaim(ids)
		if release != nil {
			return release, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
		}
	}
	return nil, fmt.Errorf("summary: %w", ctx.Err())
}

// tryClaim claims ids, or returns a channel that is closed when an id claimed by
// another call is free again.
func (ix *Index) tryClaim(ids []string) (release func(), other <-chan struct{}) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, id := range ids {
		if c, ok := ix.claims[id]; ok {
			return nil, c
		}
	}
	free := make(chan struct{})
	for _, id := range ids {
		ix.claims[id] = free
	}
	return func() {
		ix.mu.Lock()
		defer ix.mu.Unlock()
		for _, id := range ids {
			delete(ix.claims, id)
		}
		close(free)
	}, nil
}

// mark adds ids to strays or doubts, or removes them.
func (ix *Index) mark(set map[string]bool, in bool, ids ...string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, id := range ids {
		if delete(set, id); in {
			set[id] = true
		}
	}
	ix.strayed.Store(int64(len(ix.strays)))
}

// putBack adds summaries that the store may have lost. A rejected one stays in
// doubt: it may be there, or the store may have failed. The caller has claimed ids.
func (ix *Index) putBack(ctx context.Context, ids []string) {
	for _, id := range ids {
		ix.mu.RLock()
		e, ok := ix.passages.Load().Get(id)
		lost := ok && ix.doubts[id]
		ix.mu.RUnlock()
		if lost && ix.store.Add(ctx, e.summary) == nil {
			ix.mark(ix.doubts, false, id)
		}
	}
}

// sweep removes summaries that the store failed to delete before, and puts back
// those that it may have lost: for ids that the caller has claimed, and for
// unclaimed ones.
func (ix *Index) sweep(ctx context.Context, claimed []string) {
	ix.mu.RLock()
	others := slices.Sorted(maps.Keys(ix.strays))
	others = append(others, slices.Sorted(maps.Keys(ix.doubts))...)
	ix.mu.RUnlock()
	mend := func(id string) {
		ix.takeOut(ctx, id)
		ix.putBack(ctx, []string{id})
	}
	for _, id := range claimed {
		mend(id)
	}
	for _, id := range others {
		if release, _ := ix.tryClaim([]string{id}); release != nil {
			func() {
				defer release()
				mend(id)
			}()
		}
	}
}

// takeOut tries to delete a summary without a passage from the store. The caller
// has claimed id.
func (ix *Index) takeOut(ctx context.Context, id string) {
	ix.mu.RLock()
	stray := ix.strays[id] // it may have been added again before it was claimed
	ix.mu.RUnlock()
	if stray && ix.store.Delete(ctx, id) == nil {
		ix.mark(ix.strays, false, id)
	}
}
