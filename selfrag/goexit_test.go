package selfrag_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// quits is a model that ends its goroutine, as a fake that calls t.FailNow does. It
// does so after some steps of the requests that when accepts.
type quits struct {
	generator.Generator
	after int
	when  func(generator.Request) bool
}

func (m quits) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	seq := m.Generator.Generate(ctx, req)
	if !m.when(req) {
		return seq
	}
	return func(yield func(generator.Step, error) bool) {
		n := 0
		for s, err := range seq {
			if n == m.after {
				runtime.Goexit()
			}
			if n++; !yield(s, err) {
				return
			}
		}
	}
}

func (m quits) Describe(ctx context.Context) (generator.Capabilities, error) {
	return generator.Describe(ctx, m.Generator)
}

// A backend that ends its goroutine instead of its stream or its call breaks its
// contract: the question fails promptly, with an error that names the backend.
func TestBackendEndsGoroutine(t *testing.T) {
	decision := func(r generator.Request) bool { return r.MaxTokens == 1 }
	candidate := func(r generator.Request) bool { return r.MaxTokens > 1 }
	second := func(r generator.Request) bool {
		return len(r.Prompt.Evidence) > 0 && r.Prompt.Evidence[0].Title == "B"
	}
	model := script(on(generatortest.Decision(0.9), generatortest.Decides()), on(said("One two three.")))
	random := &generatortest.Random{Seed: 3, MaxSegments: 3}
	never := func(generator.Request) bool { return false }
	gone := func() { runtime.Goexit() }
	for name, tt := range map[string]struct {
		model   generator.Generator
		found   retriever.Retriever
		options []selfrag.Option
		is      error
	}{
		"generator at once":   {quits{model, 0, candidate}, nil, nil, generator.ErrIncomplete},
		"generator midway":    {quits{model, 2, candidate}, nil, nil, generator.ErrIncomplete},
		"one candidate":       {quits{model, 2, second}, nil, nil, generator.ErrIncomplete},
		"lazily, at once":     {quits{random, 0, candidate}, nil, []selfrag.Option{selfrag.WithLazy(1)}, generator.ErrIncomplete},
		"lazily, midway":      {quits{random, 2, candidate}, nil, []selfrag.Option{selfrag.WithLazy(1)}, generator.ErrIncomplete},
		"lazily, one of them": {quits{random, 0, second}, nil, []selfrag.Option{selfrag.WithLazy(2), always}, generator.ErrIncomplete},
		"lazily, long":        {quits{random, 1, candidate}, nil, []selfrag.Option{selfrag.WithLazy(1), selfrag.WithLongForm(2, 3)}, generator.ErrIncomplete},
		"decision":            {quits{model, 0, decision}, nil, nil, selfrag.ErrCritic},
		"retriever": {quits{model, 0, never}, retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
			gone()
			return retriever.Result{}, nil
		}), nil, selfrag.ErrRetriever},
		"retriever, eager": {quits{model, 0, never}, retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
			gone()
			return retriever.Result{}, nil
		}), []selfrag.Option{selfrag.WithEagerRetrieval(true)}, selfrag.ErrRetriever},
		"retriever, for all": {quits{model, 0, never}, retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
			gone()
			return retriever.Result{}, nil
		}), []selfrag.Option{selfrag.WithFixedPassages(true)}, selfrag.ErrRetriever},
		"critic": {quits{model, 0, never}, nil, []selfrag.Option{selfrag.WithCritic(judge(func(context.Context, critique.Continuation) (critique.Verdict, error) {
			gone()
			return critique.Verdict{}, nil
		}))}, selfrag.ErrCritic},
		"decider": {quits{model, 0, never}, nil, []selfrag.Option{selfrag.WithDecider(decider(func(critique.Situation) (critique.RetrievalVerdict, error) {
			gone()
			return critique.RetrievalVerdict{}, nil
		}))}, selfrag.ErrCritic},
		"part of a fusion":    {quits{model, 0, never}, fusedWith(t, gone), nil, nil},
		"exact probabilities": {quitsExactly{script(on(generatortest.Words(1, "x"), generatortest.Decides()), on(said("Yes.")))}, nil, nil, generator.ErrIncomplete},
		"description":         {quitsDescribing{model}, nil, nil, nil},
		"rewriter": {quits{model, 0, never}, nil, []selfrag.Option{selfrag.WithHistory(talk...), selfrag.WithRewriter(rewrites(func(context.Context, generator.Conversation) (generator.Rewriting, error) {
			gone()
			return generator.Rewriting{}, nil
		}))}, nil},
		"model of the rewriter": {quits{model, 0, never}, nil, []selfrag.Option{selfrag.WithHistory(talk...), selfrag.WithRewriter(rewriter(t, quits{model, 1, candidate}))}, nil},
		"generator, one by one": {quits{model, 2, candidate}, nil, []selfrag.Option{selfrag.WithConcurrency(1)}, generator.ErrIncomplete},
	} {
		found := tt.found
		if found == nil {
			found = finds(hits("A", "B", "C")...)
		}
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %v", name, stream), func(t *testing.T) {
				e := newEngine(t, tt.model, found, tt.options...)
				var a *selfrag.Answer
				var err error
				done := make(chan struct{})
				go func() { // must not end
					defer close(done)
					if !stream {
						a, err = e.Answer(t.Context(), "q")
						return
					}
					for ev, failed := range e.Stream(t.Context(), "q") {
						a, err = ev.Answer, failed
					}
				}()
				<-done
				if err == nil || a == nil || a.Text != "" || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), "Goexit") && !errors.Is(err, generator.ErrIncomplete) {
					t.Errorf("error %v, answer %+v", err, a)
				}
			})
		}
	}
}

func fusedWith(t *testing.T, gone func()) retriever.Retriever {
	t.Helper()
	r, err := retriever.Fuse([]retriever.Part{
		{Name: "good", Retriever: finds(hits("A")...)},
		{Name: "gone", Retriever: retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
			gone()
			return retriever.Result{}, nil
		})},
	}, retriever.FuseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// quitsExactly ends its goroutine when it is asked for exact probabilities.
type quitsExactly struct{ generator.Generator }

func (m quitsExactly) GroupProbs(context.Context, generator.Request, []generator.Step, reflection.Group) (reflection.Distribution, error) {
	runtime.Goexit()
	return reflection.Distribution{}, nil
}

// quitsDescribing ends its goroutine when it is asked for its capabilities.
type quitsDescribing struct{ generator.Generator }

func (m quitsDescribing) Describe(context.Context) (generator.Capabilities, error) {
	runtime.Goexit()
	return generator.Capabilities{}, nil
}

// Tokens that came before a goroutine ended count.
func TestGoexitCounts(t *testing.T) {
	kept := judge(func(context.Context, critique.Continuation) (critique.Verdict, error) { return critique.Verdict{}, nil })
	model := script(on(generatortest.Decision(0.9), generatortest.Decides()), on(said("One two three.")))
	second := func(r generator.Request) bool {
		return len(r.Prompt.Evidence) > 0 && r.Prompt.Evidence[0].Title == "B"
	}
	for name, options := range map[string][]selfrag.Option{
		"tokens":   nil,
		"critic":   {selfrag.WithCritic(kept)},
		"lazily":   {selfrag.WithLazy(1)},
		"rewriter": {selfrag.WithHistory(talk...)},
	} {
		m := counting(quits{model, 2, second})
		if name == "rewriter" {
			m = counting(quits{model, 2, func(r generator.Request) bool { return r.Task != nil }})
			options = append(options, selfrag.WithRewriter(rewriter(t, m)))
		}
		limits := budget.Limits{Calls: 100, Tokens: 1e6}
		if name == "lazily" {
			limits = budget.Limits{}
		}
		ctx, b := budget.Open(t.Context(), "all", limits)
		_, err := newEngine(t, m, finds(hits("A", "B", "C")...), selfrag.WithMinCandidates(1)).Answer(ctx, "q", options...)
		if u := b.Usage(); (err == nil) != (name != "rewriter") || u.Calls != m.calls || u.GeneratedTokens != m.tokens || left(ctx) != leave(limits, u) {
			t.Errorf("%s: the model counted %d calls and %d tokens, the budget %+v and %+v left, %v", name, m.calls, m.tokens, u, left(ctx), err)
		}
	}
}

// With a failure policy a candidate whose backend ended its goroutine counts as
// failed.
func TestGoexitOfOneCandidate(t *testing.T) {
	model := script(on(generatortest.Decision(0.9), generatortest.Decides()), on(said("One two three.")))
	m := quits{model, 1, func(r generator.Request) bool { return len(r.Prompt.Evidence) > 0 && r.Prompt.Evidence[0].Title == "B" }}
	for _, lazy := range []int{0, 1} {
		a, err := newEngine(t, m, finds(hits("A", "B", "C")...), selfrag.WithMinCandidates(1), selfrag.WithLazy(lazy)).Answer(t.Context(), "q")
		if err != nil || a.Text != "One two three." || a.Trace.Expansions[0].Candidates[1].Status != selfrag.Failed {
			t.Errorf("lazy %d: %v, %+v", lazy, err, a)
		}
	}
}

// Among many questions only the question of the backend fails.
func TestGoexitAmongQuestions(t *testing.T) {
	model := script(on(generatortest.Decision(0.9), generatortest.Decides()), on(said("Yes.")))
	m := quits{model, 0, func(r generator.Request) bool { return r.MaxTokens > 1 && r.Prompt.Instruction == "q2" }}
	i := 0
	for a, err := range newEngine(t, m, finds(hits("A")...)).AnswerAll(t.Context(), []string{"q1", "q2", "q3"}, 2) {
		if i++; (err != nil) != (i == 2) || errors.Is(err, generator.ErrIncomplete) != (i == 2) || a == nil {
			t.Errorf("question %d: %v, %v", i, a, err)
		}
	}
}
