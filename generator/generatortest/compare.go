package generatortest

import (
	"context"
	"fmt"
	"iter"
	"math"
	"runtime"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// event is one element of a stream.
type event struct {
	generator.Step
	err error
}

// record reads a stream to its end, but stops far beyond what req allows. It calls
// after, if not nil, after each event.
func record(req generator.Request, seq iter.Seq2[generator.Step, error], after func(n int)) []event {
	var list []event
	for s, err := range seq {
		list = append(list, event{s, err})
		if after != nil {
			after(len(list))
		}
		if len(list) > req.MaxTokens+10 {
			break
		}
	}
	return list
}

// written writes steps out with their control tokens marked, so that two divisions
// of one text compare equal.
func written(steps []generator.Step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.Text)
		if s.Token != reflection.None {
			fmt.Fprintf(&b, "\x00%v\x00", s.Token)
		}
	}
	return b.String()
}

// near reports whether two numbers agree within the tolerance.
func (s *suite) near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= s.tolerance*max(1, math.Abs(a), math.Abs(b))
}

// sameProb reports whether two probabilities agree in value and in kind.
func (s *suite) sameProb(a, b reflection.Prob) bool {
	return a.Known == b.Known && (a.Known == reflection.Unknown || s.near(a.Log, b.Log))
}

// same returns an error that says where two continuations differ.
func (s *suite) same(a, b generator.Completion) error {
	if len(a.Steps) != len(b.Steps) || a.Finish != b.Finish {
		return fmt.Errorf("%q (%v) and %q (%v) differ", written(a.Steps), a.Finish, written(b.Steps), b.Finish)
	}
	for i, x := range a.Steps {
		y := b.Steps[i]
		if x.Text != y.Text || x.Token != y.Token {
			return fmt.Errorf("step %d: %q and %q differ", i, written(a.Steps[i:i+1]), written(b.Steps[i:i+1]))
		}
		if !s.sameProb(x.LogProb, y.LogProb) {
			return fmt.Errorf("step %d: log-probabilities %v and %v differ", i, x.LogProb, y.LogProb)
		}
		if len(x.Watched) != len(y.Watched) {
			return fmt.Errorf("step %d: %d and %d distributions", i, len(x.Watched), len(y.Watched))
		}
		for _, d := range x.Watched {
			e, _ := y.Group(d.Group)
			for k := range d.Probs {
				if !s.sameProb(d.Probs[k], e.Probs[k]) {
					return fmt.Errorf("step %d: distributions of %v differ: %v and %v", i, d.Group, d.Probs, e.Probs)
				}
			}
		}
	}
	if !s.sameProb(a.End, b.End) {
		return fmt.Errorf("log-probabilities of the end %v and %v differ", a.End, b.End)
	}
	return nil
}

// regenerate generates once more and compares.
func (s *suite) regenerate(ctx context.Context, x sample) error {
	c, err := generator.Complete(ctx, s.g, x.req)
	if err != nil {
		return err
	}
	return s.same(x.Completion, c)
}

// shares returns the probabilities of d divided by their sum, and false if one
// is not exact or all are 0.
func shares(d reflection.Distribution) ([]float64, bool) {
	out := make([]float64, d.Group.Size())
	sum := 0.0
	for i := range out {
		v, exact := d.Probs[i].Value()
		if !exact {
			return nil, false
		}
		out[i] = v
		sum += v
	}
	for i := range out {
		out[i] /= sum
	}
	return out, sum > 0
}

// leaks runs f several times and returns an error if about as many goroutines are
// left. A few more or less can have other reasons.
func leaks(f func()) error {
	const runs = 16
	f() // what a first call sets up may remain, such as idle connections
	limit := runtime.NumGoroutine() + runs/2
	for range runs {
		f()
	}
	// An ending goroutine needs the processor, not time.
	for range 200_000 {
		if runtime.NumGoroutine() <= limit {
			return nil
		}
		runtime.Gosched()
	}
	return fmt.Errorf("%d calls left %d goroutines behind", runs, runtime.NumGoroutine()-limit+runs/2)
}
