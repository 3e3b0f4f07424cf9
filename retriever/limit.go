package retriever

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/goselfrag/goselfrag/account"
)

// Budget bounds what one query of a retriever may cost. A zero field is no bound.
type Budget struct {
	// Calls bounds the calls of models, Tokens what they generate; see package account.
	// Both hold for all parts of the retriever together.
	Calls, Tokens int
	// Time bounds how long the query takes.
	Time time.Duration
	// AllowMissing makes what was found within the budget the result where the budget
	// ended the search, and names "budget" in Result.Missing. Without it this is an error.
	AllowMissing bool
}

// ErrBudget is wrapped by the error about a query that its [Budget] ended. It wraps
// account.ErrLimit or context.DeadlineExceeded, too.
var ErrBudget = errors.New("retriever: the budget of the query is used up")

// Limit returns a Retriever that asks r within b, query by query. Parts of r that the
// budget leaves nothing for fail; if the policy of r allows that (AllowMissing), r goes on
// without them, and what it costs never exceeds the budget. Calls that could run at the
// same time are made one after the other if Calls or Tokens is set, so that the same
// query gives the same result.
//
// The error of Limit wraps ErrCompose: r is nil, or b bounds nothing or has a negative
// bound.
func Limit(r Retriever, b Budget) (Retriever, error) {
	switch {
	case isNil(r):
		return nil, fmt.Errorf("%w: Limit: the retriever is nil", ErrCompose)
	case b.Calls < 0 || b.Tokens < 0 || b.Time < 0:
		return nil, fmt.Errorf("%w: Limit: %d calls, %d tokens, %v: want none below 0", ErrCompose, b.Calls, b.Tokens, b.Time)
	case b.Calls == 0 && b.Tokens == 0 && b.Time == 0:
		return nil, fmt.Errorf("%w: Limit: the budget bounds nothing: set Calls, Tokens or Time", ErrCompose)
	}
	return &limited{r, b}, nil
}

type limited struct {
	inner Retriever
	b     Budget
}

// Retrieve implements Retriever.
func (l *limited) Retrieve(outer context.Context, q Query) (Result, error) {
	ctx, step := account.Open(outer, "budget", account.Limits{Calls: l.b.Calls, Tokens: l.b.Tokens})
	if l.b.Time > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.b.Time)
		defer cancel()
	}
	res, err := l.inner.Retrieve(ctx, q)
	late := errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil
	if err == nil || outer.Err() != nil || !late && !step.Forbade(err) {
		return res, err
	}
	if late {
		err = fmt.Errorf("%w: %v is over: %w", ErrBudget, l.b.Time, err)
	} else {
		err = fmt.Errorf("%w: %w", ErrBudget, err)
	}
	step.Fail(err)
	if l.b.AllowMissing {
		res.Missing = append(res.Missing, Missing{Part: "budget", Reason: err.Error()})
		return res, nil
	}
	return res, err
}
