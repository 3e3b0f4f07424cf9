package selfrag_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// phases is everything an engine calls. The call to the phase named stop blocks
// until its context is done.
type phases struct {
	stop    string
	reached chan struct{}

	mu    sync.Mutex
	calls []string
}

func (p *phases) enter(ctx context.Context, phase string) error {
	p.mu.Lock()
	p.calls = append(p.calls, phase)
	p.mu.Unlock()
	if phase == p.stop {
		p.reached <- struct{}{}
		<-ctx.Done()
	}
	return ctx.Err()
}

func (p *phases) Describe(ctx context.Context) (generator.Capabilities, error) {
	return generator.Capabilities{Model: "phases", LogProbs: true}, p.enter(ctx, "describe")
}

func (p *phases) Rewrite(ctx context.Context, c generator.Conversation) (generator.Rewriting, error) {
	return generator.Rewriting{Question: c.Question}, p.enter(ctx, "rewrite")
}

func (p *phases) GroupProbs(ctx context.Context, _ generator.Request, _ []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	return reflection.NewDistribution(g, 0, 1, 0), p.enter(ctx, "exact")
}

func (p *phases) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	inner := script(
		on([]generator.Step{open()}, generatortest.Decides()),
		on(more(said("One."), 0, 1, 0), generatortest.Depth(0)),
		on(said("Two.")),
	)
	return func(yield func(generator.Step, error) bool) {
		phase := "generate"
		switch {
		case generatortest.Decides()(req):
			phase = "decide"
		case len(req.Prompt.Path) > 0:
			phase = "generate later"
		}
		if err := p.enter(ctx, phase); err != nil {
			yield(generator.Step{}, err)
			return
		}
		inner.Generate(ctx, req)(yield)
	}
}

func (p *phases) Retrieve(ctx context.Context, _ retriever.Query) (retriever.Result, error) {
	return retriever.Result{Hits: hits("A", "B")}, p.enter(ctx, "retrieve")
}

func (p *phases) Critique(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	if err := p.enter(ctx, "critique"); err != nil {
		return critique.Verdict{}, err
	}
	return critique.NewTokens(nil).Critique(ctx, c)
}

func (p *phases) options() []selfrag.Option {
	return []selfrag.Option{
		selfrag.WithRewriter(p), selfrag.WithHistory(selfrag.Turn{Question: "a", Answer: "b"}),
		selfrag.WithCritic(p), selfrag.WithThreshold(0.6), selfrag.WithLongForm(2, 3),
	}
}

func TestCanceledInEveryPhase(t *testing.T) {
	for _, phase := range []string{"describe", "rewrite", "decide", "exact", "retrieve", "generate", "critique", "generate later"} {
		t.Run(phase, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			p := &phases{stop: phase, reached: make(chan struct{}, 10)}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-p.reached
				cancel()
			}()
			a, err := newEngine(t, p, p, p.options()...).Answer(ctx, "q")
			if !errors.Is(err, context.Canceled) || a == nil || a.Question != "q" {
				t.Errorf("%+v, error %v", a, err)
			}
			last := p.calls[len(p.calls)-1]
			if last != phase && !(phase == "generate" && last == "critique") && !(phase == "critique" && last == "generate") {
				t.Errorf("calls %q, want none in the phases after %s", p.calls, phase)
			}
			if want := phase == "generate later"; (a.Text == "One.") != want {
				t.Errorf("answer %q", a.Text)
			}
		})
	}
}

func TestCanceledBefore(t *testing.T) {
	p := &phases{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := newEngine(t, p, p, p.options()...)
	if a, err := e.Answer(ctx, "q"); !errors.Is(err, context.Canceled) || a.Text != "" {
		t.Errorf("%q, error %v", a.Text, err)
	}
	n := 0
	for ev, err := range e.Stream(ctx, "q") {
		if n++; ev.Kind != selfrag.EventAnswer || !errors.Is(err, context.Canceled) {
			t.Errorf("event %s, error %v", ev.Kind, err)
		}
	}
	for a, err := range e.AnswerAll(ctx, []string{"q", "r", "s"}, 2) {
		if n++; !errors.Is(err, context.Canceled) || a == nil {
			t.Errorf("%v, error %v", a, err)
		}
	}
	if n != 4 || len(p.calls) > 0 {
		t.Errorf("%d results and the calls %q, want 4 and none", n, p.calls)
	}
}

// With calls that wait for their turn, none of the waiting ones begins after the
// context is done.
func TestCanceledWhileWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := counting(script(on(said("Yes."))))
	stopping := judge(func(ctx context.Context, _ critique.Continuation) (critique.Verdict, error) {
		cancel()
		return critique.Verdict{}, ctx.Err()
	})
	a, err := newEngine(t, m, finds(hits("A", "B", "C")...)).Answer(ctx, "q", always, selfrag.WithConcurrency(1), selfrag.WithCritic(stopping))
	if !errors.Is(err, context.Canceled) || m.calls != 1 || a.Usage.Calls != 1 {
		t.Errorf("error %v, %d calls, %d counted; want 1", err, m.calls, a.Usage.Calls)
	}
}

func TestCheck(t *testing.T) {
	p := &phases{}
	e := newEngine(t, p, p)
	if err := e.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := e.Check(t.Context()); err != nil || len(p.calls) != 1 {
		t.Errorf("error %v, calls %q: want the capabilities to be asked for once", err, p.calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newEngine(t, p, p).Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := newEngine(t, checked{p}, p).Check(t.Context()); !errors.Is(err, errAny) {
		t.Errorf("error %v, want that of the model's own check", err)
	}
	if err := newEngine(t, generatortest.Bare(p), p).Check(t.Context()); err != nil {
		t.Errorf("error %v for a model that can check nothing", err)
	}
}

type checked struct{ *phases }

func (checked) Check(context.Context) error { return errAny }
