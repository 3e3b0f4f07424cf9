package completion

import (
	"context"
	"sync/atomic"
)

// once keeps the first value that could be got. One caller at a time tries; the
// others wait for it, but no longer than their contexts allow.
type once[T any] struct {
	value atomic.Pointer[T]
	turn  chan struct{} // holds one element while nobody tries
}

func newOnce[T any]() *once[T] {
	o := &once[T]{turn: make(chan struct{}, 1)}
	o.turn <- struct{}{}
	return o
}

func (o *once[T]) get(ctx context.Context, load func(context.Context) (*T, error)) (*T, error) {
	if v := o.value.Load(); v != nil {
		return v, nil
	}
	select {
	case <-o.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { o.turn <- struct{}{} }()
	if v := o.value.Load(); v != nil {
		return v, nil
	}
	v, err := load(ctx)
	if err != nil {
		return nil, err
	}
	o.value.Store(v)
	return v, nil
}
