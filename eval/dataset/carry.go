package dataset

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
)

type carried struct{}

// Carry returns a context under which the retriever of [Own] gives the passages of an item.
func Carry(ctx context.Context, it Item) context.Context {
	return context.WithValue(ctx, carried{}, retriever.List(it.Passages...))
}

// Own returns a retriever that gives the passages of the item that the context carries, in the
// order of the file, whatever is asked: one engine can then answer the questions of a file
// without an index. It is retriever.List for each item. Do not put it behind a cache, which
// does not see the context. Without [Carry] its error wraps retriever.ErrQuery.
func Own() retriever.Retriever {
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		list, ok := ctx.Value(carried{}).(retriever.Retriever)
		if !ok {
			return retriever.Result{}, fmt.Errorf("%w: the context carries no item: want one that Carry made", retriever.ErrQuery)
		}
		return list.Retrieve(ctx, q)
	})
}
