package run_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestMeterKeepsTheContract(t *testing.T) {
	m, err := run.NewMeter(budget.Limits{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	generatortest.TestGenerator(t, m.Wrap(&generatortest.Random{Seed: 3}), generatortest.Seeded(), generatortest.MaxTokens(8))
}

var request = generator.Request{MaxTokens: 4, Prompt: generator.Prompt{Instruction: "Who?"}}

// However many goroutines ask, no call beyond the limits reaches the model.
func TestMeterBounds(t *testing.T) {
	for name, c := range map[string]struct {
		limits budget.Limits
		most   int64
	}{"calls": {budget.Limits{Calls: 5}, 5}, "tokens": {budget.Limits{Tokens: 20}, 5}} {
		m, err := run.NewMeter(c.limits, 0)
		if err != nil {
			t.Fatal(err)
		}
		var reached atomic.Int64
		script := &generatortest.Script{Rules: []generatortest.Rule{{Steps: generatortest.Words(1, "one two three four")}}}
		model := m.Wrap(generator.Wrap(script, func(ctx context.Context, r generator.Request) steps {
			reached.Add(1)
			return script.Generate(ctx, r)
		}))
		var refused atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				_, err := generator.Complete(t.Context(), model, request)
				if errors.Is(err, budget.ErrExceeded) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := reached.Load(); n < 1 || n > c.most || n+refused.Load() != 20 {
			t.Errorf("%s: %d calls reached the model, %d were refused", name, n, refused.Load())
		}
		if u := m.Usage(); int64(u.Calls) != reached.Load() {
			t.Errorf("%s: %+v for %d calls", name, u, reached.Load())
		}
	}
}

type steps = iter.Seq2[generator.Step, error]

// So many calls a second begin, and no more; a context that ends meanwhile ends the wait.
func TestMeterPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := run.NewMeter(budget.Limits{}, 2)
		if err != nil {
			t.Fatal(err)
		}
		model := m.Wrap(&generatortest.Random{Seed: 1})
		start := time.Now()
		for range 4 {
			if _, err := generator.Complete(t.Context(), model, request); err != nil {
				t.Fatal(err)
			}
			if _, err := generator.GroupProbs(t.Context(), model, request, nil, reflection.Retrieve); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 3500*time.Millisecond {
			t.Errorf("8 calls at 2 a second took %v, the first at once: want 3.5 s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := generator.Complete(ctx, model, request); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	if _, err := run.NewMeter(budget.Limits{}, -1); !errors.Is(err, run.ErrOption) {
		t.Error(err)
	}
	if _, err := run.NewMeter(budget.Limits{Time: 1}, 0); !errors.Is(err, run.ErrOption) {
		t.Error(err)
	}
}

// An unknown price is not 0.
func TestPrices(t *testing.T) {
	two, ten := 2.0, 10.0
	used := budget.Usage{PromptTokens: 3_000_000, GeneratedTokens: 500_000}
	for name, c := range map[string]struct {
		prices run.Prices
		usage  budget.Usage
		want   float64
		known  bool
	}{
		"both":             {run.Prices{&two, &ten}, used, 11, true},
		"one is missing":   {run.Prices{Prompt: &two}, used, 6, false},
		"none":             {run.Prices{}, used, 0, false},
		"nothing was used": {run.Prices{}, budget.Usage{Calls: 3}, 0, true},
		"not all is told":  {run.Prices{&two, &ten}, budget.Usage{PromptTokens: 1_000_000, Partial: true}, 2, false},
	} {
		if got, known := c.prices.Of(c.usage); got != c.want || known != c.known {
			t.Errorf("%s: %v %v: want %v %v", name, got, known, c.want, c.known)
		}
	}
}
