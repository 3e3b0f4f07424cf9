package lexical

import (
	"context"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/retriever"
)

// Snapshot is an index at one moment: a [retriever.Retriever] that later changes do
// not affect. It may be used by several goroutines at once.
type Snapshot struct {
	ix    *Index
	now   *snapshot
	fetch Fetch
}

// Snapshot returns the current state of the index. It does not wait and takes no
// memory of its own. Until Close is called, it keeps files and the memory of
// passages that are deleted later.
//
// If fetch is not nil it gets the passages that are found, in place of
// Options.Fetch or of those that the index keeps: a store passes one that reads its
// own snapshot. The error is ErrClosed.
func (ix *Index) Snapshot(fetch Fetch) (*Snapshot, error) {
	now, err := ix.acquire()
	if err != nil {
		return nil, err
	}
	if fetch == nil {
		fetch = ix.fetch
	}
	return &Snapshot{ix, now, fetch}, nil
}

// Close ends the use of a snapshot. Call it once, when no search in it is running.
func (s *Snapshot) Close() { s.now.release() }

// Len returns the number of passages.
func (s *Snapshot) Len() int { return s.now.live }

// MostCost implements budget.Declarer: no model is called.
func (*Snapshot) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

// Retrieve is Index.Retrieve in the snapshot.
func (s *Snapshot) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	return s.search(ctx, q, false)
}

// IDs is Retrieve without fetching passages: hits have only the id of their
// passage.
func (s *Snapshot) IDs(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	return s.search(ctx, q, true)
}

func (s *Snapshot) search(ctx context.Context, q retriever.Query, bare bool) (res retriever.Result, err error) {
	if err := q.Check(); err != nil {
		return retriever.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return retriever.Result{}, err
	}
	err = s.now.guarded(func() error {
		res, err = s.retrieve(ctx, q, bare)
		return err
	})
	if err != nil {
		return retriever.Result{}, fileError(err)
	}
	return res, nil
}
