package retriever

import (
	"context"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Confine returns a context under which every result must match f, besides the
// filters of ctx. [Scope] and [PostFilter] use it. Use it, with the filter of the
// query, before calling code that gets no [Query], such as an expander of package
// rewrite or an embedder. For a nil f the result is ctx. Do not change f
// afterwards.
func Confine(ctx context.Context, f filter.Expr) context.Context { return confine(ctx, f, 0) }

// Confined returns the filters that every result under ctx must match. Code that
// has passages and gets no [Query] must apply them: it must reveal nothing of a
// passage that does not match all of them. Do not change the result.
func Confined(ctx context.Context) []filter.Expr { return boundsOf(ctx).filters }

type boundsKey struct{}

// bounds holds filters that all apply.
type bounds struct {
	filters []filter.Expr
	depth   int // the greatest number of hits to examine for some that pass; 0 means not set
}

// confine is Confine. A depth above 0 replaces that of ctx.
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
