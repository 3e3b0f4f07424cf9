package generatortest

import (
	"context"
	"fmt"
	"math"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Fault is an error in an answer of a [Script]. The zero value is no fault. Each
// fault happens once, after a number of steps. If the answer has fewer tokens, it
// happens in place of the last step.
type Fault struct {
	kind  faultKind
	after int
	err   error
}

type faultKind uint8

const (
	noFault faultKind = iota
	failFault
	stallFault
	truncateFault
	badProbFault
	badTextFault
	extraFault
	tooManyFault
)

// FailAfter ends the stream with err after n tokens. A nil err means an error that
// says that the script failed.
func FailAfter(n int, err error) Fault {
	if err == nil {
		err = fmt.Errorf("generatortest: the script fails after %d tokens", n)
	}
	return Fault{failFault, n, err}
}

// StallAfter waits, after n tokens, until the context is done, and then ends the
// stream with the context's error.
func StallAfter(n int) Fault { return Fault{kind: stallFault, after: n} }

// TruncateAfter ends the stream after n tokens, without a last step and without
// an error, as a lost connection may. It breaks the contract.
func TruncateAfter(n int) Fault { return Fault{kind: truncateFault, after: n} }

// BadProbAt makes the log-probability of token n, counted from 0, not a number. It
// breaks the contract.
func BadProbAt(n int) Fault { return Fault{kind: badProbFault, after: n} }

// BadTextAt makes the text of token n, counted from 0, invalid UTF-8. It breaks the
// contract.
func BadTextAt(n int) Fault { return Fault{kind: badTextFault, after: n} }

// StepsAfterLast continues after the last step. It breaks the contract.
func StepsAfterLast() Fault { return Fault{kind: extraFault, after: math.MaxInt} }

// TooManyTokens gives all scripted tokens, and at least one more than
// Request.MaxTokens, and continues after tokens of Request.Stop. It breaks the
// contract.
func TooManyTokens() Fault { return Fault{kind: tooManyFault, after: math.MaxInt} }

// unbounded reports whether the limits of the request are ignored.
func (f Fault) unbounded() bool { return f.kind == tooManyFault }

// play yields steps with the fault applied.
func (f Fault) play(ctx context.Context, req generator.Request, steps []generator.Step, yield func(generator.Step, error) bool) {
	if f.unbounded() {
		steps = overlong(req, steps)
	}
	struck := false
	for i, s := range steps {
		if err := ctx.Err(); err != nil {
			yield(generator.Step{}, err)
			return
		}
		if !struck && (i == f.after || s.Finish != generator.Running) {
			struck = true
			switch f.kind {
			case failFault:
				yield(generator.Step{}, f.err)
				return
			case stallFault:
				<-ctx.Done()
				yield(generator.Step{}, ctx.Err())
				return
			case truncateFault:
				return
			case badProbFault:
				s.LogProb = reflection.ExactLog(math.NaN())
			case badTextFault:
				s = generator.Step{Text: "\xff\xfe"}
			case extraFault:
				if !yield(s, nil) {
					return
				}
				s = generator.Step{Text: "more"}
			}
		}
		if !yield(s, nil) {
			return
		}
	}
}

// overlong returns steps without a limit, padded to exceed the limit of req, and
// a last step.
func overlong(req generator.Request, steps []generator.Step) []generator.Step {
	var out []generator.Step
	for _, s := range steps {
		if s.Finish == generator.Running {
			out = append(out, s)
		}
	}
	for len(out) <= req.MaxTokens {
		out = append(out, generator.Step{Text: " more", LogProb: reflection.ExactLog(0)})
	}
	req.Stop, req.MaxTokens = nil, len(out)+1
	return answer(req, out)
}
