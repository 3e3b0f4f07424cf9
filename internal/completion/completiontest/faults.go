package completiontest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// outcome is an allowed result of a fault.
type outcome uint8

const (
	right  outcome = iota // the answer without the fault
	failed                // an error
	either                // one of these
	bound                 // the right answer, known less well, or an error
	other                 // any answer or an error: no client can detect the fault
)

// key must not appear in any error.
const key = "sk-very-secret"

// faults lists those that every family must handle, by outcome.
func faults() map[outcome][]faulthttp.Fault {
	return map[outcome][]faulthttp.Fault{
		right: {
			faulthttp.Fault{}, faulthttp.Split(), faulthttp.Trickle(time.Millisecond), faulthttp.ContentType(""),
		},
		failed: {
			faulthttp.Refuse(), faulthttp.Reset(0), faulthttp.Reset(1), faulthttp.Hang(-1), faulthttp.Hang(0), faulthttp.Trickle(5 * time.Second),
			faulthttp.Cut(0), faulthttp.Cut(1), faulthttp.Cut(100), faulthttp.ContentType("text/html"), faulthttp.HugeLine(40 << 20),
			faulthttp.Status(200, `{"error":"out of memory"}`), faulthttp.Status(200, `{"object":"error","message":"x","code":400}`),
			faulthttp.Status(200, `<html>sign in</html>`), faulthttp.Status(200, ``), faulthttp.Status(200, `null`),
			faulthttp.Status(400, `{"error":{"message":"too long","code":400}}`), faulthttp.Status(401, `wrong key `+key), faulthttp.Status(404, ``),
			faulthttp.Status(408, ``), faulthttp.Status(429, ``, "Retry-After", "1"), faulthttp.Status(429, ``, "Retry-After-Ms", "5"),
			faulthttp.Status(429, ``, "Retry-After", "Sat, 01 Jan 2000 00:00:03 GMT"), faulthttp.Status(429, ``, "Retry-After", "1e300"),
			faulthttp.Status(429, ``, "Retry-After", "NaN"), faulthttp.Status(500, ``), faulthttp.Status(503, ``, "Retry-After", "-1"),
			faulthttp.NaN(), faulthttp.Null(), faulthttp.Positive(),
			faulthttp.Edited("events of another form", func(any) any { return []any{"x"} }),
			faulthttp.Edited("events are numbers", func(any) any { return 1 }),
		},
		either: {faulthttp.Hang(500), faulthttp.Cut(-1), faulthttp.Cut(-20), faulthttp.Reset(600), faulthttp.Reversed()},
		bound:  {faulthttp.Missing()},
		other:  {faulthttp.Swapped()},
	}
}

// Request is a question with a passage, all groups watched.
func Request() generator.Request {
	return generator.Request{
		Prompt: generator.Prompt{
			Instruction: "Which planet is nearest?", Evidence: []generator.Evidence{{Title: "Mercury", Text: "It is near."}},
		},
		MaxTokens: 20, Watch: reflection.Groups(),
	}
}

// Faults exposes a model to every fault, each time after a first contact with the
// server. good is a stub, and open makes the model. The result must be the right
// answer or an error of a known kind, in time, without unnecessary tries.
func Faults[M generator.Generator](t *testing.T, good http.Handler, open func(completions.Config) (M, error)) {
	for want, list := range faults() {
		for _, f := range list {
			t.Run(f.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { askTwice(t, good, open, f, want) })
			})
		}
	}
}

// askTwice asks once without the fault and once with it.
func askTwice[M generator.Generator](t *testing.T, good http.Handler, open func(completions.Config) (M, error), f faulthttp.Fault, want outcome) {
	const deadline = 30 * time.Second
	s := faulthttp.New(good)
	defer s.Close()
	m, err := open(completions.Config{Server: modelserver.Config{URLs: []string{faulthttp.URL}, Client: s.Client(), Model: "tiny", APIKey: modelserver.NewKey(key)}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := generator.Complete(t.Context(), m, Request())
	if err != nil {
		t.Fatal(err)
	}
	before := s.Requests()
	s.Next(slices.Repeat([]faulthttp.Fault{f}, 20)...)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	start := time.Now()
	got, err := generator.Complete(ctx, m, Request())
	if took := time.Since(start); took > deadline+50*time.Millisecond {
		t.Errorf("it took %v, the deadline was after %v", took, deadline)
	}
	if n := s.Requests() - before; n > 3 {
		t.Errorf("%d tries: want at most 3", n)
	}
	var known *modelserver.Error
	switch {
	case err == nil && want == failed:
		t.Errorf("%s came as an answer", text(got))
	case err != nil && want == right:
		t.Errorf("error %v: want the answer", err)
	case err == nil && want == bound:
		if text(got) != text(answer) {
			t.Errorf("%s came in place of %s", text(got), text(answer))
		}
	case err == nil && want != other:
		if want == either {
			got.Usage = answer.Usage // may be lost with the end of the answer
		}
		got.Usage.CachedTokens = answer.Usage.CachedTokens // may come too late
		if d := cmp.Diff(answer, got); d != "" {
			t.Errorf("another answer: %s", d)
		}
	case err != nil && !errors.As(err, &known) && !errors.Is(err, context.DeadlineExceeded):
		t.Errorf("error %v (%T): want one of the server or of the context", err, err)
	}
	if err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, known), key) {
		t.Errorf("the error holds the key: %v", err)
	}
}

func text(c generator.Completion) string {
	var b strings.Builder
	for _, s := range c.Steps {
		b.WriteString(s.Text + s.Token.String())
	}
	return fmt.Sprintf("%q (%v)", b.String(), c.Finish)
}
