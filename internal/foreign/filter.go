package foreign

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Translate writes a filter in a store's own language. A nil filter is translated, too.
type Translate func(filter.Expr) (any, error)

// Search looks for the text of q by the filter that Translate made of q.Filter, nil
// without a Translate.
type Search func(ctx context.Context, q retriever.Query, native any) (retriever.Result, error)

// Retriever searches a store with its own filter. Without a Translate, or for a filter
// for which Translate returns an error that wraps errors.ErrUnsupported, the hits are
// filtered afterwards, by retriever.PostFilter.
type Retriever struct {
	name      string
	search    Search
	translate Translate
	post      retriever.Retriever
}

// New returns a retriever whose errors about Translate begin with name. The error of New
// wraps retriever.ErrOption.
func New(name string, search Search, translate Translate, o retriever.PostFilterOptions) (*Retriever, error) {
	r := &Retriever{name: name, search: search, translate: translate}
	var err error
	// It is called without a filter, and then r calls only search.
	r.post, err = retriever.PostFilter(retriever.Func(r.Retrieve), o)
	return r, err
}

// Retrieve implements retriever.Retriever.
func (r *Retriever) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	if err := q.Check(); err != nil {
		return retriever.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return retriever.Result{}, err
	}
	var native any
	var err error
	if r.translate != nil {
		native, err = r.translate(q.Filter)
	} else if q.Filter != nil {
		err = errors.ErrUnsupported
	}
	switch {
	case err == nil:
		return r.search(ctx, q, native)
	case q.Filter != nil && errors.Is(err, errors.ErrUnsupported):
		res, err := r.post.Retrieve(ctx, q)
		if res.Scores == retriever.RankOnly {
			_, _ = Rank(res.Hits, res.Scores) // as if the store had filtered
		}
		return res, err
	}
	return retriever.Result{}, fmt.Errorf("%s: translating the filter: %w", r.name, err)
}

// Hidden is why an error does not say more.
const Hidden = "a filter may hide what is wrong there: search without a filter to see it"

// Hides reports whether a store may return documents for q that a filter hides. Then no
// error may quote its answer.
func Hides(ctx context.Context, q retriever.Query) bool {
	return q.Filter != nil || len(retriever.Confined(ctx)) > 0
}
