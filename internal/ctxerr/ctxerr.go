// Package ctxerr makes errors tell that a context was done.
package ctxerr

import (
	"context"
	"errors"
	"fmt"
)

// Wrap returns err, of a call under ctx that failed. If ctx is done the error also wraps
// ctx.Err(): libraries and servers do not always pass that on.
func Wrap(ctx context.Context, err error) error {
	if done := ctx.Err(); done != nil && !errors.Is(err, done) {
		return fmt.Errorf("%w: %w", done, err)
	}
	return err
}
