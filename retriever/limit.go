package retriever

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
)

// LimitOptions changes what [Limit] does. The zero value is ready to use.
type LimitOptions struct {
	// AllowMissing returns what was found within the limits if the limits ended the
	// search, and names "budget" in Result.Missing. Without it this is an error.
	AllowMissing bool
}

// Limit returns a Retriever that asks r within l for each query. Parts of r that
// find nothing left in the limits fail. If r allows that (AllowMissing), r
// continues without them. The cost of r never exceeds the limits, and equal queries
// give equal results; only a limit of time can make results differ. If the limits
// ended a query, the error wraps budget.ErrExceeded, and context.DeadlineExceeded
// if it was the time.
//
// The error of Limit wraps ErrOption: r is nil, or l bounds nothing, has a negative
// bound, or bounds Retrievals: a query is one retrieval.
func Limit(r Retriever, l budget.Limits, o LimitOptions) (Retriever, error) {
	switch {
	case isnil.Value(r):
		return nil, fmt.Errorf("%w: Limit: the retriever is nil", ErrOption)
	case l.Calls < 0 || l.Tokens < 0 || l.Time < 0:
		return nil, fmt.Errorf("%w: Limit: %d calls, %d tokens, %v: want none below 0", ErrOption, l.Calls, l.Tokens, l.Time)
	case l.Retrievals != 0:
		return nil, fmt.Errorf("%w: Limit: Retrievals is %d: want 0, since a query is one retrieval", ErrOption, l.Retrievals)
	case l == budget.Limits{}:
		return nil, fmt.Errorf("%w: Limit: the budget bounds nothing: set Calls, Tokens or Time", ErrOption)
	}
	return &limited{r, l, o}, nil
}

type limited struct {
	inner  Retriever
	limits budget.Limits
	o      LimitOptions
}

// Retrieve implements Retriever.
func (l *limited) Retrieve(outer context.Context, q Query) (Result, error) {
	ctx, step := observe.Start(outer, observe.Part, "budget")
	failed := fanout.ErrNoReturn // unless r returns; later the error of the limits, also where it is allowed
	defer func() { step.End(failed) }()
	ctx, spent := budget.Open(ctx, "budget", l.limits)
	defer spent.Close()
	res, err := Ask(ctx, l.inner, q)
	if late := context.Cause(ctx); err != nil && errors.Is(err, context.DeadlineExceeded) && spent.Exceeded(late) && !spent.Exceeded(err) {
		err = fmt.Errorf("%w: %w", late, err)
	}
	failed = err
	if err == nil || outer.Err() != nil || !spent.Exceeded(err) {
		return res, err
	}
	failed = fmt.Errorf("retriever: the limits of the query: %w", err)
	if l.o.AllowMissing {
		res.Missing = append(res.Missing, Missing{Part: "budget", Reason: failed.Error()})
		return res, nil
	}
	return res, failed
}

// MostCost implements budget.Declarer: the cost of r, cut at the limits.
func (l *limited) MostCost(int) (budget.Cost, bool) {
	c, ok := budget.MostCost(l.inner, 1)
	if !ok {
		c = budget.Cost{Calls: l.limits.Calls, Tokens: l.limits.Tokens}
		return c, c.Calls > 0 && c.Tokens > 0
	}
	if l.limits.Calls > 0 {
		c.Calls = min(c.Calls, l.limits.Calls)
	}
	if l.limits.Tokens > 0 {
		c.Tokens = min(c.Tokens, l.limits.Tokens)
	}
	return c, true
}
