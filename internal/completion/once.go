package completion

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// once keeps the first value that could be loaded. Callers that come during a load
// wait for it, as long as their contexts allow, and get its error if it fails; the
// next caller tries again. The context of the caller that began a load does not end
// it. It ends when no caller waits for it any longer.
type once[T any] struct {
	value atomic.Pointer[T]

	mu   sync.Mutex
	load *load[T] // in progress, nil if there is none
}

// load is one try to get a value. It is the context of its work. Its deadline is
// the latest of all waiting callers, so that the work does not begin what could not
// end in time.
type load[T any] struct {
	context.Context // ends when no caller waits
	cancel          context.CancelFunc
	done            chan struct{}

	mu       sync.Mutex
	waiting  int
	deadline time.Time // of the callers that wait or have waited
	endless  bool      // one of them has no deadline

	// The result, to be read when done is closed.
	value    *T
	err      error
	panicked any
}

// Deadline implements [context.Context].
func (l *load[T]) Deadline() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadline, !l.endless
}

// join adds a caller to those that wait.
func (l *load[T]) join(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting++
	if d, ok := ctx.Deadline(); !ok {
		l.endless = true
	} else if d.After(l.deadline) {
		l.deadline = d
	}
}

// run does the work, and then calls end.
func (l *load[T]) run(work func(context.Context) (*T, error), end func()) {
	l.err = errExit
	defer func() {
		l.panicked = recover()
		end()
		close(l.done)
		l.cancel()
	}()
	l.value, l.err = work(l)
}

// errExit is the error of work that ended its goroutine.
var errExit = errors.New("completion: the first call to the server ended its goroutine")

func (o *once[T]) get(ctx context.Context, work func(context.Context) (*T, error)) (*T, error) {
	if v := o.value.Load(); v != nil {
		return v, nil
	}
	l := o.join(ctx, work)
	if l == nil {
		return o.value.Load(), nil
	}
	defer o.leave(l)
	select {
	case <-l.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.panicked != nil {
		panic(l.panicked)
	}
	return l.value, l.err
}

// join returns the current load, which it begins if there is none; nil if there is
// a value.
func (o *once[T]) join(ctx context.Context, work func(context.Context) (*T, error)) *load[T] {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.value.Load() != nil {
		return nil
	}
	l := o.load
	if l != nil {
		l.join(ctx)
		return l
	}
	l = &load[T]{done: make(chan struct{})}
	l.Context, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.join(ctx)
	o.load = l
	go l.run(work, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if l.panicked == nil && l.err == nil {
			o.value.Store(l.value)
		}
		if o.load == l {
			o.load = nil
		}
	})
	return l
}

// leave ends the load if no other caller waits for it.
func (o *once[T]) leave(l *load[T]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting--; l.waiting == 0 {
		l.cancel()
		if o.load == l {
			o.load = nil
		}
	}
}
