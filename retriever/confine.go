package retriever

import (
	"context"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Confine returns a context under which f holds for all that is found, beside the filters of
// ctx. [Scope] and [PostFilter] ask under it. Whoever asks what gets no [Query], such as an
// expander of package rewrite or an embedder, does so with the filter of the query, too. For
// a nil f the result is ctx. Nobody may change f afterwards.
func Confine(ctx context.Context, f filter.Expr) context.Context { return confine(ctx, f, 0) }

// Confined returns the filters that hold for all that is found under ctx. What knows
// passages and gets no [Query] heeds them: it shows nothing of passages for which one of
// them does not hold. Nobody may change the result.
func Confined(ctx context.Context) []filter.Expr { return boundsOf(ctx).filters }

type boundsKey struct{}

// bounds are filters that all hold.
type bounds struct {
	filters []filter.Expr
	depth   int // how many hits are looked at, at most, for some that pass; 0 says nothing
}

// confine is Confine. A depth above 0 takes the place of that of ctx.
func confine(ctx context.Context, f filter.Expr, depth int) context.Context {
	if f == nil {
		return ctx
	}
	b := boundsOf(ctx)
	b.filters = append(b.filters[:len(b.filters):len(b.filters)], f)
	if depth > 0 {
		b.depth = depth
	}
	return context.WithValue(ctx, boundsKey{}, b)
}

func boundsOf(ctx context.Context) bounds {
	b, _ := ctx.Value(boundsKey{}).(bounds)
	return b
}
