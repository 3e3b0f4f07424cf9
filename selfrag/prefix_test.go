package selfrag_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/selfrag"
)

// gated counts the candidates that have begun; none gets a step before the gate is
// opened.
func gated(inner generator.Generator, begun *atomic.Int64, gate <-chan struct{}) generator.Generator {
	return generator.Wrap(inner, func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		return func(yield func(generator.Step, error) bool) {
			if len(req.Prompt.Evidence) > 0 {
				begun.Add(1)
				<-gate
			}
			inner.Generate(ctx, req)(yield)
		}
	})
}

// On a server that shares prefixes one candidate goes first where the prefix is
// long and the server has not seen it.
func TestColdPrefix(t *testing.T) {
	long := strings.Repeat("Which of the three is it? ", 50)
	tests := map[string]struct {
		question string
		shares   bool
		options  []selfrag.Option
		first    int64 // candidates begun before there is any step
	}{
		"cold":              {long, true, []selfrag.Option{always}, 1},
		"streamed":          {long, true, []selfrag.Option{always, selfrag.WithTrace(selfrag.TraceOff)}, 1},
		"two at a time":     {long, true, []selfrag.Option{always, selfrag.WithConcurrency(2)}, 1},
		"lazy":              {long, true, []selfrag.Option{always, selfrag.WithLazy(1)}, 1},
		"lazy, all at once": {long, true, []selfrag.Option{always, selfrag.WithLazy(3)}, 1},
		"instruction":       {"q", true, []selfrag.Option{always, selfrag.WithInstruction(generator.Instruction{Text: long})}, 1},
		"short":             {"Which is it?", true, []selfrag.Option{always}, 3},
		"nothing shared":    {long, false, []selfrag.Option{always}, 3},
		"after a decision":  {long, true, nil, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := gradedServer(func(c *generator.Capabilities) { c.SharedPrefix = tt.shares })
				m.Rules = append(m.Rules, on(generatortest.Decision(1), generatortest.Decides()))
				var begun atomic.Int64
				gate := make(chan struct{})
				e := newEngine(t, gated(m, &begun, gate), finds(hits("A", "B", "C")...), gradedWeights, noSequence())
				done := make(chan *selfrag.Answer)
				go func() {
					var a *selfrag.Answer
					if name == "streamed" {
						for ev := range e.Stream(context.Background(), tt.question, tt.options...) {
							a = ev.Answer
						}
					} else {
						a, _ = e.Answer(context.Background(), tt.question, tt.options...)
					}
					done <- a
				}()
				synctest.Wait()
				if got := begun.Load(); got != tt.first {
					t.Errorf("%d candidates begun, want %d", got, tt.first)
				}
				close(gate)
				if a := <-done; a == nil || a.Text != "Second of four words." || begun.Load() < 3 {
					t.Errorf("%+v after %d candidates", a, begun.Load())
				}
			})
		})
	}
}

// However the first candidate ends, the others do not wait forever.
func TestColdPrefixFails(t *testing.T) {
	long := strings.Repeat("Which of the three is it? ", 50)
	m := gradedServer(func(*generator.Capabilities) {})
	m.Rules[0].Err = errAny
	e := newEngine(t, m, finds(hits("A", "B", "C")...), always, gradedWeights, noSequence())
	if a, err := e.Answer(t.Context(), long, selfrag.WithMinCandidates(1)); err != nil || a.Text != "Second of four words." {
		t.Errorf("%+v, error %v", a, err)
	}
	if _, err := e.Answer(t.Context(), long); !errors.Is(err, errAny) {
		t.Errorf("error %v", err)
	}
	wild := generator.Wrap(m, func(context.Context, generator.Request) iter.Seq2[generator.Step, error] { panic("wild") })
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	_, _ = newEngine(t, wild, finds(hits("A", "B", "C")...), always).Answer(t.Context(), long)
}
