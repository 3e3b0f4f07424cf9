package adapt

import (
	"errors"
	"fmt"
)

// Errors, wrapped with what was wrong and what to change.
var (
	// ErrOption is about an option out of its range.
	ErrOption = errors.New("adapt: bad option")
	// ErrData is about examples or passages that cannot be trained on.
	ErrData = errors.New("adapt: bad data")
	// ErrEmbedder is about an embedder that an adapter was not trained for.
	ErrEmbedder = errors.New("adapt: another embedder")
	// ErrFile is about a file that is no adapter or no file of scores, is damaged, or is of
	// a newer version.
	ErrFile = errors.New("adapt: bad file")
	// ErrDiverged is about a training in which a number became infinite or NaN.
	ErrDiverged = errors.New("adapt: training diverged")
)

// RefusedError says that an adapter was trained and is not better than none on questions
// held out: the interval of the difference does not lie above 0. Go on without one, or train
// on more questions.
type RefusedError struct {
	// Result is what was trained, for a closer look.
	Result *Result
}

// Error implements error.
func (e *RefusedError) Error() string {
	r := &e.Result.Report
	if worse := r.Labels; r.worse() {
		return fmt.Sprintf("adapt: refused: on %d held-out questions the mean reciprocal rank changes by %+.4f [%+.4f, %+.4f]: do without an adapter, or train on more questions",
			r.Test, worse.Value, worse.Low, worse.High)
	}
	return fmt.Sprintf("adapt: refused: on %d held-out questions the %s changes by %+.4f [%+.4f, %+.4f], which is not above 0: do without an adapter, or train on more questions",
		r.Test, r.Figure, r.Gain.Value, r.Gain.Low, r.Gain.High)
}
