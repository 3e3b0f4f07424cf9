package scoring

import (
	"math"
	"testing"

	"github.com/goselfrag/goselfrag/reflection"
)

// gone marks a token that the backend did not report.
var gone = math.NaN()

// logs returns the distribution of g with the given natural logarithms, in the
// order of g.Tokens(); gone ones stay unknown.
func logs(g reflection.Group, values ...float64) reflection.Distribution {
	d := reflection.Distribution{Group: g}
	for i, v := range values {
		if !math.IsNaN(v) {
			d.Probs[i] = reflection.ExactLog(v)
		}
	}
	return d
}

func judged(d reflection.Distribution) reflection.Judgment {
	return reflection.Judged(d, reflection.None, reflection.ExactIDs)
}

func judgedLogs(g reflection.Group, values ...float64) reflection.Judgment {
	return judged(logs(g, values...))
}

func wantNear(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.17g, want %.17g within %g", what, got, want, tolerance)
	}
}

func wantTerm(t *testing.T, got, want Term) {
	t.Helper()
	wantNear(t, "Value", got.Value, want.Value, 1e-12)
	wantNear(t, "Lo", got.Lo, want.Lo, 1e-12)
	wantNear(t, "Hi", got.Hi, want.Hi, 1e-12)
	if got.Kind != want.Kind {
		t.Errorf("Kind = %v, want %v", got.Kind, want.Kind)
	}
	if !(got.Lo <= got.Value && got.Value <= got.Hi) {
		t.Errorf("value %v outside [%v, %v]", got.Value, got.Lo, got.Hi)
	}
}
