package contracttest

import (
	"errors"
	"fmt"
	"testing"
)

// recorder replaces testing.T.
type recorder struct{ skipped, failed []any }

func (r *recorder) Skip(args ...any)  { r.skipped = append(r.skipped, args...) }
func (r *recorder) Error(args ...any) { r.failed = append(r.failed, args...) }

func TestReport(t *testing.T) {
	var r recorder
	report(&r, nil)
	report(&r, NotApplicable("why"))
	report(&r, fmt.Errorf("because: %w", NotApplicable("so")))
	report(&r, errors.New("wrong"))
	if got := fmt.Sprint(r.skipped, r.failed); got != "[why so] [wrong]" {
		t.Errorf("skipped and failed: %s", got)
	}
}
