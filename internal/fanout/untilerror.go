package fanout

import (
	"context"
	"sync"
)

// UntilError wraps a function for budget.Each that starts n parts, at most limit at the same
// time, so that no more are started after a failure. Part i is not started if one of the
// parts up to i-limit failed, or if final reports true for an earlier error, as
// budget.Exceeded does. So the parts that are not started do not depend on timing. The
// first error in the order of the parts is the same every time. The returned function is
// for one use of Each.
func UntilError(n, limit int, final func(context.Context, error) bool, start func(ctx context.Context, i int) func() error) func(ctx context.Context, i int) func() error {
	if limit < 1 {
		limit = n
	}
	u := untilError{ended: make([]chan struct{}, n), failed: n}
	return func(ctx context.Context, i int) func() error {
		if i >= limit {
			<-u.ended[i-limit]
		}
		if u.stops(i, limit) {
			return nil
		}
		work := start(ctx, i)
		if work == nil {
			return nil
		}
		u.ended[i] = make(chan struct{})
		return func() (err error) {
			err = ErrNoReturn // unless it returns
			defer func() { u.end(i, err, final(ctx, err)) }()
			return work()
		}
	}
}

// untilError keeps which parts have ended.
type untilError struct {
	ended []chan struct{}

	mu     sync.Mutex
	failed int  // the first part that failed
	final  bool // a part failed so that none may follow
}

func (u *untilError) stops(i, limit int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.final || u.failed <= i-limit
}

func (u *untilError) end(i int, err error, final bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		u.failed = min(u.failed, i)
	}
	u.final = u.final || final
	close(u.ended[i])
}
