package lexical

import (
	"context"
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/retriever"
)

// Add adds passages. With equal scores they rank after earlier ones. All are added
// or, with an error, none. Add checks ctx between passages. The error wraps
// ErrEmptyID, ErrDuplicateID or, when ctx is done, ctx.Err(). The time depends on
// the number of added passages, not on the size of the index.
func (ix *Index) Add(ctx context.Context, passages ...retriever.Passage) error {
	return ix.addOrReplace(ctx, passages, false)
}

// Replace adds passages in place of those with the same ids, if there are any. It
// is one change: a search finds either the old passages or the new ones. Otherwise
// it is like Add, but never returns ErrDuplicateID for an id that is in the index.
func (ix *Index) Replace(ctx context.Context, passages ...retriever.Passage) error {
	return ix.addOrReplace(ctx, passages, true)
}

// Delete removes the passages with some ids: all or, with an error, none. The error
// wraps ErrUnknownID or ctx.Err(). An id may be repeated.
func (ix *Index) Delete(ctx context.Context, ids ...string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("lexical: %w", err)
	}
	ix.writing.Lock()
	defer ix.writing.Unlock()
	gone, err := ix.holding(ctx, ids, func(id string, found bool) error {
		if !found {
			return fmt.Errorf("%w: %q", ErrUnknownID, id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	ix.change(gone, nil)
	return nil
}

// addOrReplace adds passages, in place of those with the same ids or only if there are none.
func (ix *Index) addOrReplace(ctx context.Context, passages []retriever.Passage, replace bool) error {
	ids := make([]string, len(passages))
	seen := make(map[string]bool, len(passages))
	for i, p := range passages {
		switch {
		case p.ID == "":
			return fmt.Errorf("%w: passage %d of %d: give every passage an id", ErrEmptyID, i+1, len(passages))
		case seen[p.ID]:
			return fmt.Errorf("%w: %q is duplicated among the passages to add", ErrDuplicateID, p.ID)
		}
		seen[p.ID] = true
		ids[i] = p.ID
	}
	fresh, err := ix.build(ctx, passages)
	if err != nil {
		return fmt.Errorf("lexical: %w", err)
	}
	ix.writing.Lock()
	defer ix.writing.Unlock()
	gone, err := ix.holding(ctx, ids, func(id string, found bool) error {
		if found && !replace {
			return fmt.Errorf("%w: %q is in the index already", ErrDuplicateID, id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if fresh != nil {
		ix.change(gone, fresh)
	}
	return nil
}

// holding returns the live documents with some ids, each once, by part. It calls
// check with every id. The caller holds writing.
func (ix *Index) holding(ctx context.Context, ids []string, check func(id string, found bool) error) (map[int][]uint32, error) {
	now := ix.now.Load()
	if now == nil {
		return nil, ErrClosed
	}
	docs := map[int][]uint32{}
	err := now.guarded(func() error {
		for _, id := range ids {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("lexical: %w", err)
			}
			i, doc, found, err := now.find(id)
			if err != nil {
				return fmt.Errorf("lexical: %w", fileError(err))
			}
			if err := check(id, found); err != nil {
				return err
			}
			if found {
				docs[i] = append(docs[i], doc)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, list := range docs {
		slices.Sort(list)
		docs[i] = slices.Compact(list)
	}
	return docs, nil
}

// change removes documents, by part, and adds a part unless it is nil. The caller
// holds writing.
func (ix *Index) change(gone map[int][]uint32, fresh *part) {
	now := ix.now.Load().clone()
	for i, docs := range gone {
		p := now.parts[i]
		for _, doc := range docs {
			now.count(p, doc, -1)
		}
		now.parts[i] = p.without(docs)
	}
	now.parts = slices.DeleteFunc(now.parts, func(p *part) bool { return p.Live() == 0 })
	if fresh != nil {
		now.parts = append(now.parts, fresh)
		for doc := range uint32(fresh.Docs()) {
			now.count(fresh, doc, 1)
		}
	}
	ix.store(now)
	ix.mergeParts()
}
