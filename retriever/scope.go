package retriever

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Scope returns a Retriever that finds only passages of r that match f, such as
// those of one tenant. A query's own filter narrows that further and cannot widen
// it: r is asked with the And of both.
//
// If r is made of others, f is checked directly after each retriever that holds
// passages (see [Ask]). So no reranker, model or error sees a passage outside the
// scope. Caches within r keep scopes apart, and rewrite.Spelling uses only words of
// passages inside. What r shows without passages is unchanged: the names of parts,
// the statistics behind scores, the errors of an external store.
//
// A query whose filter is well formed but too large together with f (see
// [filter.Check]) is rejected with an error that wraps ErrQuery. If a passage
// outside the scope is left out because a store ignores filters, the error wraps
// ErrOption: put PostFilter around the store.
//
// The error of Scope wraps ErrOption: r is nil, or f is malformed or nil, which
// would bound nothing. Do not change f afterwards.
func Scope(r Retriever, f filter.Expr) (Retriever, error) {
	if isnil.Value(r) {
		return nil, fmt.Errorf("%w: Scope: the retriever is nil", ErrOption)
	}
	if f == nil {
		return nil, fmt.Errorf("%w: Scope: the filter is nil, which allows all: give the one that must hold", ErrOption)
	}
	if err := filter.Check(f); err != nil {
		return nil, fmt.Errorf("%w: Scope: %w", ErrOption, err)
	}
	return &scoped{r, f}, nil
}

type scoped struct {
	inner  Retriever
	filter filter.Expr
}

// Retrieve implements Retriever.
func (s *scoped) Retrieve(ctx context.Context, q Query) (Result, error) {
	if err := q.Check(); err != nil {
		return Result{}, err
	}
	if q.Filter == nil {
		q.Filter = s.filter
	} else {
		q.Filter = filter.And{s.filter, q.Filter}
	}
	if err := filter.Check(q.Filter); err != nil {
		return Result{}, fmt.Errorf("%w: together with the filter of its scope: %w", ErrQuery, err)
	}
	return Ask(Confine(ctx, s.filter), s.inner, q)
}

// MostCost implements budget.Declarer: the cost of r.
func (s *scoped) MostCost(int) (budget.Cost, bool) { return budget.MostCost(s.inner, 1) }
