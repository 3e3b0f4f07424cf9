package selfrag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/prefix"
	"github.com/goselfrag/goselfrag/reflection"
)

// live expands paths with the model, the retriever and the critic. It works on a
// segment in three waves: decisions, retrievals, candidates. Results are stored by
// index, so that nothing depends on the order in which calls return.
type live struct {
	engine *Engine
	settings
	question string           // independent of the history
	yield    func(Event) bool // nil once the reader has gone; this goroutine only
	stream   bool             // there was a reader at the start
	told     int              // bytes of the answer's text that the reader has received
	cancel   context.CancelFunc
	whole    context.Context // of the question
	outside  context.Context // whole without its budget
	start    time.Time
	budget   *budget.Budget // of the question
	bounded  bool           // calls or tokens are limited
	trace    *Trace
	nodes    int
	fixedSet *Expansion // the passages of WithFixedPassages, once fetched
	timeUp   bool       // the time budget ended a call
	spent    bool       // the call or token budget forbade a call
	failed   int        // candidates that failed
	affinity int        // the first Request.Affinity of this question
	done     []*path    // the finished beams of this segment

	list [4]*Expansion // room for the expansions of a wave

	mu    sync.Mutex
	calls []CallTiming
}

// expand implements expander.
func (l *live) expand(ctx context.Context, segment int, paths, done []*path) ([]*Expansion, error) {
	l.done = done
	all := []*Expansion(nil)
	if l.settings.trace != TraceOff {
		all = l.trace.Expansions
	}
	before := len(all)
	all = slices.Grow(all, len(paths))
	for _, p := range paths {
		all = append(all, &Expansion{Segment: segment, Parent: p.node(), Candidates: []Candidate{}})
	}
	if l.settings.trace != TraceOff {
		l.trace.Expansions = all
	}
	expansions := all[before:len(all):len(all)]
	if err := l.failure(ctx, nil); err != nil {
		return expansions, err
	}
	l.decideAll(ctx, paths, expansions)
	if err := l.failure(ctx, expansions); err != nil {
		return expansions, err
	}
	l.retrieveAll(ctx, paths, expansions)
	if err := l.failure(ctx, expansions); err != nil {
		return expansions, err
	}
	l.generateAll(ctx, paths, expansions)
	return expansions, l.failure(ctx, expansions)
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
	if len(l.labels) == 0 { // a label is the text of no path
		texts := make([]string, len(kept))
		for i, p := range kept {
			texts[i] = p.text()
		}
		l.emitDelta(prefix.Common(texts))
	}
	return nil
}

// emitDelta passes on the part of an answer's text that the reader has not received.
// text begins with everything passed on before: every possible answer continues one
// of the paths kept after a segment.
func (l *live) emitDelta(text string) {
	if len(text) > l.told {
		delta := text[l.told:]
		l.told = len(text)
		l.event(Event{Kind: EventDelta, Text: delta})
	}
}

// event passes an event to the reader, from the goroutine of the question.
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
				// A failure of what only a full trace asked for decides nothing.
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

// forgiveTime turns a failure that the time budget caused into a stop.
func (l *live) forgiveTime(ctx context.Context, e *Expansion) {
	if timeIsUp(ctx) && errors.Is(e.failed, context.DeadlineExceeded) {
		e.failed, e.stop = nil, StopTime
		l.timeUp = true
	}
}

// prompt returns the prompt of the path so far, with no forced token.
func (l *live) prompt(p *path) generator.Prompt {
	out := l.instruction.Prompt(l.question)
	out.Path = p.segments
	return out
}

// boundary returns the step in which the model itself decided what comes after the
// path, nil if it did not.
func (p *path) boundary() *generator.Step {
	if len(p.steps) == 0 || p.last().candidate.Boundary == reflection.None {
		return nil
	}
	return &p.last().candidate.boundary
}

// callContext bounds one call.
func (s *settings) callContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.callTimeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, s.callTimeout, fmt.Errorf("no answer within the call timeout of %v", s.callTimeout))
}

// explain adds the cause to an error that comes from a context.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// now returns the time since the question began.
func (l *live) now() time.Duration { return time.Since(l.start) }

// timed records that a call ran from at until now.
func (l *live) timed(kind string, parent, node int, at time.Duration) {
	took := l.now() - at
	l.mu.Lock()
	if l.calls == nil {
		l.calls = make([]CallTiming, 0, 8)
	}
	l.calls = append(l.calls, CallTiming{Kind: kind, Parent: parent, Node: node, At: at, Took: took})
	l.mu.Unlock()
}

// detached returns the context of a generator call that is reserved as a whole. All
// calls under the context of the question itself share one.
func (l *live) detached(ctx context.Context) context.Context {
	if ctx == l.whole {
		return l.outside
	}
	return budget.Detach(ctx)
}

// wave is work on several parts of a question that run concurrently.
type wave struct {
	n int
	// most returns the greatest cost of a part; nil if the parts are paid for.
	most func(i int) (budget.Cost, bool)
	// start begins the step of a part for observers; nil if a part is no step. It
	// is called in the order of the parts, by one goroutine.
	start func(ctx context.Context, i int) context.Context
	// do does a part and passes events to emit.
	do func(ctx context.Context, i int, emit func(Event)) error
}

// run does the parts of a wave, at most l.concurrency at a time. It returns when
// all have ended, with their errors by index, or nil. Events are passed to this
// goroutine, which passes them on.
func (l *live) run(ctx context.Context, w wave) []error {
	if l.stream {
		return l.passOn(w.n, func(emit func(Event)) []error { return l.side(ctx, w, emit) })
	}
	return l.side(ctx, w, discard)
}

// discard discards events: there is no reader.
func discard(Event) {}

// side does the parts of a wave concurrently.
func (l *live) side(ctx context.Context, w wave, emit func(Event)) []error {
	bounded := l.bounded && w.most != nil
	if !bounded && w.start == nil {
		return fanout.Do(w.n, l.concurrency, func(i int) error {
			defer l.stopOnPanic()
			return w.do(ctx, i, emit)
		})
	}
	start := func(ctx context.Context, i int) func() error {
		if w.start != nil {
			ctx = w.start(ctx, i)
		}
		return func() error {
			defer l.stopOnPanic()
			return w.do(ctx, i, emit)
		}
	}
	if !bounded {
		return fanout.Each(w.n, l.concurrency, func(i int) func() error { return start(ctx, i) })
	}
	return budget.Each(ctx, w.n, l.concurrency, w.most, start)
}

// apart makes one call in a goroutine of its own. If a backend ends that goroutine
// the result is an error, and the caller's goroutine continues.
func apart(call func() error) error {
	for _, err := range fanout.Do(1, 0, func(int) error { return call() }) {
		return err
	}
	return nil
}

// stopOnPanic, deferred, stops the other parts of the question on a panic.
func (l *live) stopOnPanic() {
	if p := recover(); p != nil {
		l.cancel()
		panic(p)
	}
}

// passOn runs all n parts and passes the events to the reader, in this goroutine. A
// panic of a backend is raised again here in the end, so that a server can recover
// from it.
func (l *live) passOn(n int, all func(emit func(Event)) []error) []error {
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
	errs := slices.Repeat([]error{fanout.ErrGoexit}, n) // unless all returns
	var caught any
	go func() {
		defer close(events)
		defer func() { caught = recover() }()
		errs = all(emit)
	}()
	for e := range events {
		l.event(e)
	}
	read = true
	if caught != nil {
		panic(caught)
	}
	return errs
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
	a.Usage = l.budget.Usage()
	l.assemble(a, f)
	l.emitDelta(a.Text)
	if l.failed > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("%d candidates failed and were left out", l.failed))
	}
	a.Timing = Timing{Start: l.start, Total: time.Since(l.start), Calls: l.calls}
	slices.SortFunc(a.Timing.Calls, func(x, y CallTiming) int { return cmp.Compare(x.At, y.At) })
	if l.settings.trace != TraceOff {
		l.trace.Usage, l.trace.Path, l.trace.Timing = a.Usage, a.path, &a.Timing
		a.Trace = l.trace
	}
}
