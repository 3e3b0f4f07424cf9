package selfrag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/goselfrag/goselfrag/generator"
)

// live expands paths by asking the model, the retriever and the critic. A
// segment is worked on in three waves - decisions, retrievals, candidates - and
// results are put in place by index, so that nothing depends on who is first.
type live struct {
	engine *Engine
	settings
	question string           // stand-alone
	yield    func(Event) bool // nil once the reader has gone; this goroutine only
	stream   bool             // there was a reader at the start
	cancel   context.CancelFunc
	start    time.Time
	budget   *meter
	usage    generator.Usage
	trace    *Trace
	nodes    int
	fixedSet *Expansion // the passages of WithFixedPassages, once fetched
	timeUp   bool       // the time budget ended a call
	spent    bool       // the call or token budget forbade a call
	failed   int        // candidates that failed
	affinity int        // the first Request.Affinity of this question
	done     []*path    // the finished beams of this segment

	mu    sync.Mutex
	calls []CallTiming
}

// expand implements expander.
func (l *live) expand(ctx context.Context, segment int, paths, done []*path) ([]*Expansion, error) {
	l.done = done
	expansions := make([]*Expansion, len(paths))
	for i, p := range paths {
		expansions[i] = &Expansion{Segment: segment, Parent: p.node(), Candidates: []Candidate{}}
	}
	if l.trace != nil && l.settings.trace != TraceOff {
		l.trace.Expansions = append(l.trace.Expansions, expansions...)
	}
	if err := l.failure(ctx, nil); err != nil {
		return expansions, err
	}
	for _, wave := range []func(context.Context, []*path, []*Expansion){l.decideAll, l.retrieveAll, l.generateAll} {
		wave(ctx, paths, expansions)
		if err := l.failure(ctx, expansions); err != nil {
			return expansions, err
		}
	}
	return expansions, nil
}

// scored implements expander.
func (l *live) scored(k contest, kept []*path) error {
	if l.yield == nil {
		return nil
	}
	e := Event{Kind: EventSegment, Segment: k.expansions[0].Segment}
	for _, p := range kept {
		if len(p.steps) == e.Segment {
			e.Candidates = append(e.Candidates, *p.last().candidate)
		}
	}
	l.event(e)
	return nil
}

// event hands an event to the reader, from the goroutine of the question.
func (l *live) event(e Event) {
	if l.yield != nil && !l.yield(e) {
		l.yield = nil
		l.cancel()
	}
}

// failure returns the first failure, in the order of the expansions and of the
// candidates, that the failure policy does not allow.
func (l *live) failure(ctx context.Context, expansions []*Expansion) error {
	if err := ctx.Err(); err != nil && !timeIsUp(ctx) {
		return explain(ctx, err)
	}
	for _, e := range expansions {
		if e.failed != nil {
			return e.failed
		}
		var first error
		failed, good := 0, 0
		for i := range e.Candidates {
			switch c := &e.Candidates[i]; {
			case l.need > 0 && c.Branch != e.Decision.branch():
				// What only a full trace asked for decides nothing.
			case c.err != nil:
				failed++
				if first == nil {
					first = c.err
				}
			case c.Status != Failed && c.Status != Skipped:
				good++
			}
		}
		if failed > 0 && (l.need == 0 || good < l.need) {
			return fmt.Errorf("selfrag: segment %d: %d of %d candidates failed: %w", e.Segment, failed, len(e.Candidates), first)
		}
	}
	return nil
}

// timeIsUp reports whether the time budget has ended ctx.
func timeIsUp(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errTimeBudget) }

// forgiveTime turns a failure that the time budget caused into a stop.
func (l *live) forgiveTime(ctx context.Context, e *Expansion) {
	if timeIsUp(ctx) && errors.Is(e.failed, context.DeadlineExceeded) {
		e.failed, e.stop = nil, StopTime
		l.timeUp = true
	}
}

// prompt is the prompt of the path so far, nothing forced.
func (l *live) prompt(p *path) generator.Prompt {
	out := l.instruction.Prompt(l.question)
	for _, st := range p.steps {
		out.Path = append(out.Path, st.candidate.segment)
	}
	return out
}

// boundary is the step at which the model itself decided what comes after the
// path, nil if it did not.
func (p *path) boundary() *generator.Step {
	if len(p.steps) == 0 {
		return nil
	}
	return p.last().candidate.boundary
}

// callContext bounds one call.
func (s settings) callContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.callTimeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, s.callTimeout, fmt.Errorf("no answer within the call timeout of %v", s.callTimeout))
}

// explain adds the cause to an error that a context brought about.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// timed notes when a call ran.
func (l *live) timed(kind string, parent, node int) func() {
	at := time.Since(l.start)
	return func() {
		took := time.Since(l.start) - at
		l.mu.Lock()
		l.calls = append(l.calls, CallTiming{Kind: kind, Parent: parent, Node: node, At: at, Took: took})
		l.mu.Unlock()
	}
}

// parallel runs f for 0 to n-1, at most l.concurrency at a time, and returns when
// all have. Events are handed over to this goroutine, which passes them on.
func (l *live) parallel(ctx context.Context, n int, f func(ctx context.Context, i int, emit func(Event))) {
	var g errgroup.Group
	if l.concurrency > 0 {
		g.SetLimit(l.concurrency)
	}
	// A backend that panics does so here in the end, in the caller's goroutine,
	// where a server's recover can catch it.
	var caught any
	var once sync.Once
	guarded := func(i int, emit func(Event)) {
		defer func() {
			if p := recover(); p != nil {
				once.Do(func() { caught = fmt.Sprintf("%v\n\n%s", p, debug.Stack()) })
				l.cancel()
			}
		}()
		f(ctx, i, emit)
	}
	defer func() {
		if caught != nil {
			panic(caught)
		}
	}()
	if !l.stream {
		for i := range n {
			g.Go(func() error { guarded(i, func(Event) {}); return nil })
		}
		_ = g.Wait() // the functions return no errors
		return
	}
	events := make(chan Event)
	emit := func(e Event) { events <- e } // read to the end below
	read := false
	defer func() {
		if !read { // the loop body panicked or ended its goroutine
			l.cancel()
			for range events {
			}
		}
	}()
	go func() {
		defer close(events)
		for i := range n {
			g.Go(func() error { guarded(i, emit); return nil })
		}
		_ = g.Wait()
	}()
	for e := range events {
		l.event(e)
	}
	read = true
}

// finish writes the outcome into the answer.
func (l *live) finish(a *Answer, f found) {
	switch {
	case f.stop == StopFailed:
	case l.timeUp:
		f.stop = StopTime
	case l.spent:
		f.stop = StopBudget
	}
	a.Usage = l.usage
	l.assemble(a, f)
	if l.failed > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("%d candidates failed and were left out", l.failed))
	}
	a.Timing = Timing{Start: l.start, Total: time.Since(l.start), Calls: l.calls}
	slices.SortFunc(a.Timing.Calls, func(x, y CallTiming) int { return cmp.Compare(x.At, y.At) })
	if l.settings.trace != TraceOff {
		l.trace.Usage, l.trace.Path, l.trace.Timing = l.usage, a.path, &a.Timing
		a.Trace = l.trace
	}
}
