package store

import (
	"context"
	"errors"
	"fmt"
)

// long makes a call that may take long: it ends when ctx is done, and when the store is
// closed. name says which in errors.
func (s *Store) long(ctx context.Context, name string, f func(context.Context) error) error {
	end, err := s.begin()
	if err == nil {
		defer end()
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(s.background.ctx, func() { cancel(ErrClosed) })()
		err = f(ctx)
		if err != nil && errors.Is(context.Cause(ctx), ErrClosed) {
			err = fmt.Errorf("%w: %w", ErrClosed, err)
		}
	}
	if err != nil {
		return fmt.Errorf("store: %s: %w", name, err)
	}
	return nil
}
