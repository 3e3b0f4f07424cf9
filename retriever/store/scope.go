package store

import (
	"context"
	"fmt"
	"iter"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Scoped is the passages of a store for which a filter holds, such as those of one tenant.
// Nothing else is reached through it: other passages are not found, read, counted, replaced
// or deleted, and their ids are unknown. What the scores of words are made of are the
// statistics of the whole store.
type Scoped struct {
	s      *Store
	filter filter.Expr
	hybrid retriever.Retriever
}

// Scope returns the passages for which f holds. The error wraps retriever.ErrOption: f is nil
// or malformed. Nobody may change f afterwards.
func (s *Store) Scope(f filter.Expr) (*Scoped, error) {
	r, err := retriever.Scope(s, f)
	if err != nil {
		return nil, err
	}
	return &Scoped{s, f, r}, nil
}

// Retrieve implements [retriever.Retriever]; see Store.Retrieve.
func (c *Scoped) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	return c.hybrid.Retrieve(ctx, q)
}

// MostCost implements budget.Declarer: that of the store.
func (c *Scoped) MostCost(int) (budget.Cost, bool) { return c.s.MostCost(1) }

// Generation implements [retriever.Changing]: that of the store.
func (c *Scoped) Generation() uint64 { return c.s.Generation() }

// Words returns a Retriever that finds passages by their words.
func (c *Scoped) Words() retriever.Retriever { return c.side(c.s.Words()) }

// Vectors returns a Retriever that finds passages by their vectors.
func (c *Scoped) Vectors() retriever.Retriever { return c.side(c.s.Vectors()) }

func (c *Scoped) side(r retriever.Retriever) retriever.Retriever {
	scoped, err := retriever.Scope(r, c.filter)
	if err != nil { // the filter passed the same check before
		return retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) { return retriever.Result{}, err })
	}
	return scoped
}

// Put is Store.Put for passages for which the filter holds. The error wraps ErrScope if it
// does not, or if an id is that of a passage outside.
func (c *Scoped) Put(ctx context.Context, passages ...retriever.Passage) error {
	return c.s.change(ctx, "put", edit{put: passages, scope: c.filter})
}

// Delete is Store.Delete. The ids of passages outside are unknown.
func (c *Scoped) Delete(ctx context.Context, ids ...string) error {
	return c.s.change(ctx, "delete", edit{remove: ids, scope: c.filter})
}

// Get is Store.Get. The ids of passages outside are unknown.
func (c *Scoped) Get(ctx context.Context, ids ...string) ([]retriever.Passage, error) {
	return c.s.get(ctx, c.filter, ids)
}

// All is Store.All. Passages outside are passed over. The vocabulary of a scope is
// rewrite.NewVocabulary of them.
func (c *Scoped) All(ctx context.Context) iter.Seq2[retriever.Passage, error] {
	return c.s.all(ctx, c.filter)
}

// Count returns the number of passages. The error is as with Store.Stats.
func (c *Scoped) Count(ctx context.Context) (n int, err error) {
	end, err := c.s.begin()
	if err == nil {
		defer end()
		n, err = c.count(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("store: count: %w", err)
	}
	return n, nil
}

func (c *Scoped) count(ctx context.Context) (n int, err error) {
	v, err := c.s.acquire()
	if err != nil {
		return 0, err
	}
	defer func() { v.release() }()
	for v.words == nil {
		if v, err = c.s.awaitWords(ctx, v); err != nil {
			return 0, err
		}
	}
	err = v.words.Matching(ctx, c.filter, func([]byte) bool { n++; return true })
	return n, err
}
