package selfrag_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// breaks is an observer that panics, or ends its goroutine, at the start or the end
// of the step with a given number among those of a kind.
type breaks struct {
	kind   observe.Kind
	number int64
	atEnd  bool
	exits  bool
	seen   atomic.Int64
}

func (b *breaks) Start(ctx context.Context, s observe.Step) (context.Context, func(observe.End)) {
	hit := s.Kind == b.kind && b.seen.Add(1) == b.number
	if hit && !b.atEnd {
		b.breakNow()
	}
	return ctx, func(observe.End) {
		if hit {
			b.breakNow()
		}
	}
}

func (b *breaks) breakNow() {
	if b.exits {
		runtime.Goexit()
	}
	panic("the observer is broken")
}

// did reports whether the observer broke.
func (b *breaks) did() bool { return b.seen.Load() >= b.number }

// tally counts how often each step ends.
type tally struct {
	mu    sync.Mutex
	ended []int
}

func (a *tally) Start(ctx context.Context, _ observe.Step) (context.Context, func(observe.End)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := len(a.ended)
	a.ended = append(a.ended, 0)
	return ctx, func(observe.End) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.ended[i]++
	}
}

// brokenRuns calls run for every way in which an observer can break, and every way
// to ask.
func brokenRuns(t *testing.T, exits bool, run func(t *testing.T, b *breaks, ask func(ctx context.Context) error)) {
	model := hesitant(script(on(generatortest.Decision(1), generatortest.Decides()), on(said("Yes."))))
	found, err := retriever.Fuse([]retriever.Part{{Name: "a", Retriever: listed("A", "B")}, {Name: "b", Retriever: finds(hits("C")...)}}, retriever.FuseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	kept := judge(func(context.Context, critique.Continuation) (critique.Verdict, error) { return critique.Verdict{}, nil })
	unsure := exactlyNo{deciding(open())}
	for name, way := range map[string]struct {
		model   generator.Generator
		options []selfrag.Option
	}{
		"plain":  {model, nil},
		"lazy":   {model, []selfrag.Option{selfrag.WithLazy(1)}},
		"critic": {model, []selfrag.Option{selfrag.WithCritic(kept)}},
		"eager":  {model, []selfrag.Option{selfrag.WithEagerRetrieval(true)}},
		"full":   {model, []selfrag.Option{selfrag.WithTrace(selfrag.TraceFull), selfrag.WithLongForm(2, 2)}},
		"fixed":  {model, []selfrag.Option{selfrag.WithFixedPassages(true)}},
		"exact":  {unsure, []selfrag.Option{selfrag.WithThreshold(0.6)}},
	} {
		e := newEngine(t, way.model, found, append(way.options, selfrag.WithHistory(talk...), selfrag.WithRewriter(rewriter(t, model)))...)
		for how, ask := range map[string]func(context.Context) error{
			"answer": func(ctx context.Context) error { _, err := e.Answer(ctx, "q"); return err },
			"stream": func(ctx context.Context) (err error) {
				for _, err = range e.Stream(ctx, "q") {
				}
				return err
			},
			"all": func(ctx context.Context) (all error) {
				n := 0
				for _, err := range e.AnswerAll(ctx, questions(3), 2) {
					n++
					all = errors.Join(all, err)
				}
				if n != 3 {
					t.Errorf("%d answers", n)
				}
				return all
			},
		} {
			for _, kind := range []observe.Kind{observe.Question, observe.Decision, observe.Retrieval, observe.Part, observe.Rewriting, observe.Critique, observe.Candidate, observe.Generation} {
				for _, number := range []int64{1, 2, 4} {
					for _, atEnd := range []bool{false, true} {
						t.Run(fmt.Sprintf("%s, %s, %s %d, at the end %v", name, how, kind, number, atEnd), func(t *testing.T) {
							run(t, &breaks{kind: kind, number: number, atEnd: atEnd, exits: exits}, ask)
						})
					}
				}
			}
		}
	}
}

// A panic of an observer, wherever it is, continues in the goroutine of the caller.
// All other observers see one end of each step, and nothing stays reserved.
func TestObserverPanics(t *testing.T) {
	brokenRuns(t, false, func(t *testing.T, b *breaks, ask func(context.Context) error) {
		for _, limits := range []budget.Limits{{}, {Calls: 100, Tokens: 1e6}} {
			b.seen.Store(0)
			var steps tally
			outer, spent := budget.Open(t.Context(), "outer", limits)
			func() {
				defer func() {
					if p := recover(); b.did() && !strings.Contains(fmt.Sprint(p), "the observer is broken") {
						t.Errorf("recovered %v", p)
					}
				}()
				if err := ask(observe.With(observe.With(outer, &steps), b)); err != nil || b.did() {
					t.Errorf("it returned, with the error %v", err)
				}
			}()
			for i, n := range steps.ended {
				if n != 1 {
					t.Errorf("step %d of %d ended %d times", i, len(steps.ended), n)
				}
			}
			if left(outer) != leave(limits, spent.Usage()) {
				t.Errorf("%+v is left of %+v after %+v", left(outer), limits, spent.Usage())
			}
		}
	})
}

// If an observer ends the goroutine there is no answer. If the goroutine is the
// caller's, it ends.
func TestObserverEndsGoroutine(t *testing.T) {
	brokenRuns(t, true, func(t *testing.T, b *breaks, ask func(context.Context) error) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := ask(observe.With(t.Context(), b)); (err != nil) != b.did() {
				t.Errorf("error %v, broke %v", err, b.did())
			}
		}()
		<-done
	})
}

// failures keeps the names of the steps that failed.
type failures struct {
	mu    sync.Mutex
	names []string
	errs  []error
}

func (f *failures) Start(ctx context.Context, s observe.Step) (context.Context, func(observe.End)) {
	return ctx, func(e observe.End) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if e.Err != nil {
			f.names, f.errs = append(f.names, s.Name), append(f.errs, e.Err)
		}
	}
}

// A step that a budget ended has an error, and so have the steps around it.
func TestObserversHearOfRefusals(t *testing.T) {
	decides, yes := on(generatortest.Decision(1), generatortest.Decides()), on(said("Yes."))
	unsure := exactlyNo{deciding(open())}
	asks := func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		_, err := generator.Complete(ctx, script(yes), generator.Request{Prompt: generator.Prompt{Instruction: "x"}, MaxTokens: 300})
		return retriever.Result{Hits: hits("A")}, err
	}
	for name, tt := range map[string]struct {
		model   generator.Generator
		found   retriever.Retriever
		limits  budget.Limits
		options []selfrag.Option
		want    string
	}{
		"decision":  {script(decides, yes), listed("A"), budget.Limits{Tokens: 1}, []selfrag.Option{selfrag.WithDecider(greedy{})}, "answer decision question"},
		"exact":     {unsure, listed("A"), budget.Limits{Calls: 1}, []selfrag.Option{selfrag.WithThreshold(0.6)}, "Retrieve exact probabilities decision question"},
		"retrieval": {script(decides, yes), retriever.Func(asks), budget.Limits{Tokens: 400}, nil, "answer retrieval question"},
		"candidate": {script(decides, yes), listed("A"), budget.Limits{Calls: 1}, []selfrag.Option{selfrag.WithCritic(greedy{})}, "answer candidate question"},
		"critique":  {script(decides, yes), listed("A"), budget.Limits{Calls: 2}, []selfrag.Option{selfrag.WithCritic(greedy{})}, "answer critique candidate question"},
	} {
		t.Run(name, func(t *testing.T) {
			var f failures
			_, err := newEngine(t, tt.model, tt.found).Answer(observe.With(t.Context(), &f), "q", append(tt.options, selfrag.WithBudget(tt.limits))...)
			if got := strings.Join(f.names, " "); got != tt.want || !errors.Is(err, budget.ErrExceeded) {
				t.Errorf("%s, want %s; %v", got, tt.want, err)
			}
			for i, err := range f.errs {
				if !errors.Is(err, budget.ErrExceeded) {
					t.Errorf("%s: %v", f.names[i], err)
				}
			}
		})
	}
}

// greedy is a critic and decider that asks for more tokens than a tight budget has.
type greedy struct{}

func (greedy) call(ctx context.Context) error {
	_, err := generator.Complete(ctx, script(on(said("Yes."))), generator.Request{Prompt: generator.Prompt{Instruction: "x"}, MaxTokens: 50})
	return err
}

func (g greedy) Critique(ctx context.Context, _ critique.Continuation) (critique.Verdict, error) {
	return critique.Verdict{}, g.call(ctx)
}

func (g greedy) Decide(ctx context.Context, _ critique.Situation) (critique.RetrievalVerdict, error) {
	return critique.RetrievalVerdict{}, g.call(ctx)
}

// A step whose work panics ends with an error.
func TestPanicsEndStepsWithErrors(t *testing.T) {
	model := script(on(generatortest.Decision(1), generatortest.Decides()), on(said("Yes.")))
	broken := generator.Wrap(model, func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		if req.MaxTokens == 1 {
			return model.Generate(ctx, req)
		}
		return func(func(generator.Step, error) bool) { panic("broken") }
	})
	for name, tt := range map[string]struct {
		model   generator.Generator
		options []selfrag.Option
		want    []string
	}{
		"critic": {model, []selfrag.Option{selfrag.WithCritic(judge(func(context.Context, critique.Continuation) (critique.Verdict, error) { panic("broken") }))}, []string{"critique", "candidate", "question"}},
		"lazily": {broken, []selfrag.Option{selfrag.WithLazy(1)}, []string{"answer", "candidate", "question"}},
		"exact":  {panicsExactly{script(on(generatortest.Words(1, "x"), generatortest.Decides()), on(said("Yes.")))}, nil, []string{"Retrieve", "exact probabilities", "decision", "question"}},
	} {
		t.Run(name, func(t *testing.T) {
			var f failures
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				_, _ = newEngine(t, tt.model, listed("A"), tt.options...).Answer(observe.With(t.Context(), &f), "q")
			}()
			if got := strings.Join(f.names, " "); got != strings.Join(tt.want, " ") {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// panicsExactly panics when it is asked for exact probabilities.
type panicsExactly struct{ generator.Generator }

func (panicsExactly) GroupProbs(context.Context, generator.Request, []generator.Step, reflection.Group) (reflection.Distribution, error) {
	panic("broken")
}

// exactlyNo is a model whose exact probabilities are against retrieval.
type exactlyNo struct{ generator.Generator }

func (exactlyNo) GroupProbs(context.Context, generator.Request, []generator.Step, reflection.Group) (reflection.Distribution, error) {
	return reflection.NewDistribution(reflection.Retrieve, 1, 0, 0), nil
}
