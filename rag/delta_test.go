package rag_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/rag"
	"github.com/goselfrag/goselfrag/selfrag"
)

// deltas returns the deltas of a stream and its last event.
func deltas(t *testing.T, d *rag.Decoder, options ...rag.Option) (parts []string, a *selfrag.Answer, err error) {
	t.Helper()
	for e, failed := range d.Stream(t.Context(), "question?", options...) {
		if e.Kind == selfrag.EventDelta {
			parts = append(parts, e.Text)
		}
		a, err = e.Answer, failed
	}
	return parts, a, err
}

// fails is a model that fails, or ends its goroutine, from call number n on.
type fails struct {
	*tiny
	n      int64
	calls  atomic.Int64
	goexit bool
}

func (m *fails) fail() error {
	if m.calls.Add(1) <= m.n {
		return nil
	}
	if m.goexit {
		runtime.Goexit()
	}
	return errors.New("the server is away")
}

func (m *fails) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	if err := m.fail(); err != nil {
		return generator.NextDistribution{}, err
	}
	return m.tiny.Next(ctx, req, after)
}

// Generate fails at step n.
func (m *fails) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		for s, err := range m.tiny.Generate(ctx, req) {
			if failed := m.fail(); failed != nil {
				yield(generator.Step{}, failed)
				return
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// The deltas of every decoder are the text of its answer, in order, however it
// ends.
func TestDeltasAreTheAnswer(t *testing.T) {
	several, failed, short := map[string]int{}, map[string]int{}, map[string]int{}
	see := func(where, name string, d *rag.Decoder, options ...rag.Option) {
		t.Helper()
		parts, a, err := deltas(t, d, options...)
		if got := strings.Join(parts, ""); got != a.Text {
			t.Errorf("%s: deltas %q, the answer (%s, error %v) is %q", where, parts, a.Stop, err, a.Text)
		}
		if len(parts) > 1 {
			several[name]++
		}
		if len(parts) > 0 && err != nil {
			failed[name]++
		}
		if len(parts) > 0 && a.Stop == selfrag.StopBudget {
			short[name]++
		}
	}
	for seed := range uint64(30) {
		for name, f := range variants(&tiny{seed: seed}) {
			for calls := range 30 {
				d, err := f(rag.WithBudget(budget.Limits{Calls: calls}), rag.WithMaxTokens(1+calls%5))
				if err != nil {
					t.Fatal(err)
				}
				see(fmt.Sprintf("%s, seed %d, %d calls", name, seed, calls), name, d)
			}
		}
		for name, f := range constructors {
			for n := range int64(12) {
				for _, goexit := range []bool{false, true} {
					m := &fails{tiny: &tiny{seed: seed}, n: n, goexit: goexit}
					where := fmt.Sprintf("%s, seed %d, fails at %d (%v)", name, seed, n, goexit)
					if see(where, name, decoder(t, f, m, three)); name == "token" {
						see(where+", 3 beams", name, decoder(t, f, m, three), rag.WithBeams(3))
					}
				}
			}
		}
	}
	t.Log(several, failed, short)
	for _, name := range []string{"standard", "token", "top"} {
		if several[name] == 0 {
			t.Errorf("%s: no answer came in parts", name)
		}
	}
	for _, name := range []string{"standard", "token"} {
		if failed[name] == 0 {
			t.Errorf("%s: no failure came after a delta", name)
		}
	}
	if short["token"] == 0 {
		t.Error("no budget ended a stream after a delta")
	}
}

// Marks and thinking are in no delta.
func TestDeltasOfMarks(t *testing.T) {
	parts, a, err := deltas(t, decoder(t, rag.NewStandard, mark("<think>[1]?</think> Rome fell [1]. It rose [2]."), three))
	if err != nil || a.Text != "Rome fell. It rose." || strings.Join(parts, "") != a.Text {
		t.Errorf("%q of %q, %v", parts, a.Text, err)
	}
}
