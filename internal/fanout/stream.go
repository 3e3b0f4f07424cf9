package fanout

import (
	"context"
	"iter"
	"sync"
)

// Stream yields the results of functions for 0 to n-1, in this order, while later ones run.
// each runs them: it calls start as [Each] does, in a goroutine of its own, and returns when
// all functions have ended. The functions get ctx or one made from it. At most ahead results,
// at least 0, are under way or wait besides the one that the reader takes next, and start
// waits until there is room.
//
// Breaking out of the loop cancels the context, starts no more, and waits for what runs. A
// panic of start, of a function or of each comes out of the loop as text with its stack,
// where the caller can recover from it. If start or a function ends its goroutine the result
// is [ErrGoexit], and so it is for those that each never started.
func Stream[T any](
	ctx context.Context, n, ahead int,
	each func(ctx context.Context, start func(context.Context, int) func() error) []error,
	start func(ctx context.Context, i int) func() (T, error),
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		s := stream[T]{start: start, pending: make(chan chan result[T], ahead), left: make(chan struct{})}
		broken := "" // the panic of each
		var all sync.WaitGroup
		all.Go(func() {
			defer close(s.pending)
			defer func() {
				if v := recover(); v != nil {
					broken = withStack(v)
				}
			}()
			each(ctx, s.begin)
		})
		defer all.Wait()
		defer close(s.left)
		defer cancel()
		read := 0
		for done := range s.pending {
			read++
			r := <-done
			if r.panic != "" {
				panic(r.panic)
			}
			if !yield(r.value, r.err) {
				return
			}
		}
		if broken != "" {
			panic(broken)
		}
		for ; read < n; read++ {
			if !yield(*new(T), ErrGoexit) {
				return
			}
		}
	}
}

// stream is one use of Stream.
type stream[T any] struct {
	start func(ctx context.Context, i int) func() (T, error)
	// pending holds the places of results in their order. Its capacity bounds how far the
	// work is ahead.
	pending chan chan result[T]
	left    chan struct{} // closed when the reader has left
}

type result[T any] struct {
	value T
	err   error
	panic string
}

// begin makes room for the result of a function and starts it.
func (s *stream[T]) begin(ctx context.Context, i int) (work func() error) {
	done := make(chan result[T], 1)
	select {
	case s.pending <- done:
	case <-s.left:
	}
	select {
	case <-s.left: // it may have been left for a while, with room for more
		return nil
	default:
	}
	r := result[T]{err: ErrGoexit} // unless both return
	deliver := func(panicked any) {
		if panicked != nil {
			r.panic = withStack(panicked)
		}
		done <- r
	}
	defer func() {
		if work == nil {
			deliver(recover())
		}
	}()
	f := s.start(ctx, i)
	return func() error {
		defer func() { deliver(recover()) }()
		r.value, r.err = f()
		return nil
	}
}
