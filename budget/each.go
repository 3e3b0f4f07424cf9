package budget

import (
	"context"

	"github.com/goselfrag/goselfrag/internal/fanout"
)

// Declarer is implemented by parts of a composition, such as critics, retrievers,
// rerankers and embedders, that can declare the most that one use of them costs.
// Parts that run within the process cost nothing, and declare that.
type Declarer interface {
	// MostCost returns the most that one use costs, on n passages or texts where
	// that matters, else on 1. It reports false if that is unknown. The budget
	// refuses a use that takes more, so the cost must never be too low: it includes
	// the retrievals of an engine inside the part.
	MostCost(n int) (Cost, bool)
}

// MostCost returns the cost that part declares, and false if it declares none.
func MostCost(part any, n int) (Cost, bool) {
	if d, ok := part.(Declarer); ok {
		return d.MostCost(n)
	}
	return Cost{}, false
}

// Each runs n parts concurrently, at most limit at the same time; a limit below 1
// is none. It calls start for 0 to n-1, in this order and in the calling goroutine.
// The function that start returns runs in a goroutine of its own, under the context
// that start got. If start returns nil no more are started. Each returns when all
// have ended, with their errors by number, or nil if there is none.
//
// If limits of calls or tokens apply to ctx, the budget of a part does not depend
// on which part is faster. most returns the greatest cost of each, which is set
// aside for it before the next one starts. If that is unknown, or more than is
// left, the part waits until all before it have ended, and runs alone on what they
// left. The same applies to a limit of retrievals if a part can take some.
//
// If a part panics, Each panics in the calling goroutine once all have ended. If a
// part ends its goroutine (runtime.Goexit), the result is an error.
func Each(ctx context.Context, n, limit int, most func(i int) (Cost, bool), start func(ctx context.Context, i int) func() error) []error {
	if !Bounded(ctx) && !retrieves(ctx, n, most) {
		return fanout.Each(n, limit, func(i int) func() error { return start(ctx, i) })
	}
	q := queue{ended: make(chan struct{}, n)}
	return fanout.Each(n, limit, func(i int) func() error {
		ctx, lease := q.enter(ctx, i, most)
		entered := false
		defer func() {
			if !entered { // start panicked or ended the loop
				lease.Close()
			}
		}()
		work := start(ctx, i)
		if work == nil {
			return nil
		}
		entered = true
		q.running++
		return func() error {
			defer func() {
				lease.Close()
				q.ended <- struct{}{}
			}()
			return work()
		}
	})
}

// retrieves reports whether parts compete for retrievals.
func retrieves(ctx context.Context, n int, most func(i int) (Cost, bool)) bool {
	if Left(ctx).Retrievals == 0 {
		return false
	}
	for i := range n {
		if c, _ := most(i); c.Retrievals > 0 {
			return true
		}
	}
	return false
}

// queue starts parts in their order. All of it but its channel is used by one
// goroutine.
type queue struct {
	ended   chan struct{}
	running int
	alone   bool // the running part has nothing set aside
}

// enter waits until part i can begin.
func (q *queue) enter(ctx context.Context, i int, most func(i int) (Cost, bool)) (context.Context, *Budget) {
	c, known := most(i)
	for {
		if !q.alone || q.running == 0 {
			q.alone = false
			if known {
				if under, lease, err := SetAside(ctx, "part", c); err == nil {
					return under, lease
				}
			}
			if q.running == 0 {
				q.alone = true
				return ctx, nil
			}
		}
		<-q.ended
		q.running--
	}
}
