package ctxerr

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestWrap(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	broken := errors.New("broken")
	if err := Wrap(ctx, broken); err != broken {
		t.Errorf("before the end: %v", err)
	}
	cancel()
	if err := Wrap(ctx, broken); !errors.Is(err, broken) || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if err := fmt.Errorf("call: %w", ctx.Err()); Wrap(ctx, err) != err {
		t.Errorf("an error of ctx became %v", Wrap(ctx, err))
	}
}
