// Package ctxerr makes errors wrap the error of a context that is done.
package ctxerr

import (
	"context"
	"errors"
	"fmt"
)

// Wrap returns err, the error of a failed call with ctx. If ctx is done the returned error
// also wraps ctx.Err(), which some libraries and servers do not do.
func Wrap(ctx context.Context, err error) error {
	if done := ctx.Err(); done != nil && !errors.Is(err, done) {
		return fmt.Errorf("%w: %w", done, err)
	}
	return err
}
