package selfrag

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// draft is a candidate while it is generated.
type draft struct {
	job
	live *live
	req  generator.Request // for the whole candidate
	// next reads the open stream; nil if none is open.
	next  func() (generator.Step, error, bool)
	stop  func()
	begun time.Duration        // when the call began
	done  generator.Completion // what was generated so far, over all calls
	from  int                  // the first of its steps that came from the open stream
	call  context.Context      // of the open stream
	// calling is the step of the open stream.
	calling *observe.Span
	spent   generator.Usage // by the calls before, and by the critic
	over    bool            // the segment's text is complete
	ctx     context.Context // of the candidate's step
	step    *observe.Span
}

// end closes the draft for good, once.
func (d *draft) end() {
	step := d.step
	d.step = nil
	defer func() {
		step.Spend(d.candidate.Usage)
		step.End(d.candidate.err)
	}()
	d.close()
}

// generateLazily makes the candidates in waves. Everything is decided between
// waves, in candidate order, so that the answer and the trace do not depend on
// timing.
func (l *live) generateLazily(ctx context.Context, k contest, jobs []job) {
	open := make([]*draft, len(jobs))
	returned := false
	for i, j := range jobs {
		d := &draft{job: j, live: l}
		l.request(&d.req, j.path, j.expansion, j.candidate)
		d.ctx, d.step = observe.Start(ctx, observe.Candidate, "candidate")
		open[i] = d
		defer func() {
			if !returned {
				d.candidate.err = cmp.Or(d.candidate.err, fanout.ErrNoReturn)
			}
			d.end()
		}()
	}
	cold := l.cold(k.open, jobs)
	begun := open
	if len(k.done) == 0 && len(open) <= l.lazy && l.lazyPlan.waits != waitsUnread {
		// One wave completes all candidates: nothing is decided before it and none
		// waits. A first token is requested only to warm the server's cache.
		if begun = open[:0]; cold {
			begun = open[:1]
		}
	}
	first := wave{n: len(begun), do: func(_ context.Context, i int, emit func(Event)) error {
		return l.begin(open[i].ctx, open[i], emit)
	}}
	if cold {
		do := first.do
		first.do = afterFirst(func(ctx context.Context, i int, emit func(Event), _ func()) error { return do(ctx, i, emit) })
	}
	errs := l.run(ctx, first)
	endedBy(errs, jobs)
	for now := open; ctx.Err() == nil && !l.fatal(now) && len(open) > 0; {
		open = slices.DeleteFunc(open, (*draft).isOver)
		beaten := k.beaten()
		open = slices.DeleteFunc(open, func(d *draft) bool {
			if beaten[d.candidate] {
				d.end()
			}
			return beaten[d.candidate]
		})
		// Stable: of equally relevant passages the one ranked higher comes first.
		slices.SortStableFunc(open, func(a, b *draft) int {
			return cmp.Compare(b.candidate.Terms.Relevance.Value, a.candidate.Terms.Relevance.Value)
		})
		now = open[:min(l.lazy, len(open))]
		errs := l.run(ctx, wave{n: len(now), do: func(_ context.Context, i int, emit func(Event)) error {
			return l.complete(now[i].ctx, now[i], emit)
		}})
		ended := make([]job, len(now))
		for i, d := range now {
			ended[i] = d.job
		}
		endedBy(errs, ended)
	}
	returned = true
}

// isOver reports whether there is nothing more to read.
func (d *draft) isOver() bool {
	return d.candidate.err != nil || d.candidate.Status == Rejected || !d.candidate.incomplete()
}

// fatal reports whether a failure in a wave fails the question. Then the rest is
// not needed.
func (l *live) fatal(wave []*draft) bool {
	return l.need == 0 && slices.ContainsFunc(wave, func(d *draft) bool { return d.candidate.err != nil })
}

// open opens a stream for a draft.
func (l *live) open(ctx context.Context, d *draft, req generator.Request) {
	d.begun = l.now()
	d.from = len(d.done.Steps)
	d.call = ctx
	ctx, d.calling = observe.Start(ctx, observe.Generation, "answer")
	d.next, d.stop = iter.Pull2(generator.Checked(req, l.engine.model.Generate(l.detached(ctx), req)))
}

// close stops the stream, if one is open, and adds up its cost.
func (d *draft) close() {
	if d.next == nil {
		return
	}
	d.next = nil
	defer func() { // even if the stream panics
		d.live.timed("candidate", d.expansion.Parent, d.candidate.Node, d.begun)
		cost := d.callCost()
		budget.Charge(d.call, cost)
		d.spent = d.spent.Add(cost)
		d.calling.Spend(cost)
		d.calling.End(d.candidate.err)
	}()
	d.stop()
}

// cost returns the cost of the draft so far.
func (d *draft) cost() generator.Usage {
	if d.next == nil {
		return d.spent
	}
	return d.spent.Add(d.callCost())
}

// callCost returns the cost of the open call so far.
func (d *draft) callCost() generator.Usage {
	call := d.done
	call.Steps = call.Steps[d.from:]
	return call.Spent()
}

// step reads one step.
func (l *live) step(ctx context.Context, d *draft, emit func(Event)) (generator.Step, error) {
	s, err, ok := d.next()
	if err == nil && !ok { // a checked stream ends so only if its goroutine did
		err = generator.ErrIncomplete
	}
	if err != nil {
		d.candidate.Usage = d.cost()
		return s, explain(ctx, err)
	}
	d.over = d.over || l.endsSegment(len(d.done.Steps), &s)
	if s.Text != "" && !d.over {
		emit(Event{Kind: EventText, Segment: d.expansion.Segment, Parent: d.expansion.Parent, Node: d.candidate.Node, Text: s.Text})
	}
	d.done.Append(s)
	return s, nil
}

// begin finds the relevance of a draft's passage: from the critic or, if the critic
// needs the token with the model's judgment, from the first token.
func (l *live) begin(ctx context.Context, d *draft, emit func(Event)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.assessDraft(ctx, d); err != nil {
		return err
	}
	if d.candidate.Critique.IsREL.Status != reflection.StatusPending || len(d.req.Prompt.Evidence) == 0 {
		return nil
	}
	var err error
	switch l.lazyPlan.waits {
	case waitsUnbegun:
		return nil
	case waitsUnread:
		l.open(ctx, d, d.req)
		_, err = l.step(ctx, d, emit)
	case waitsCut:
		err = l.firstToken(ctx, d, emit)
	}
	if err != nil {
		return err
	}
	return l.bringUp(ctx, d, emit)
}

// firstToken requests the first token alone.
func (l *live) firstToken(ctx context.Context, d *draft, emit func(Event)) error {
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	req := d.req
	req.MaxTokens = 1
	l.open(ctx, d, req)
	var events []Event
	for d.done.Finish == generator.Running {
		if _, err := l.step(ctx, d, func(e Event) { events = append(events, e) }); err != nil {
			return err
		}
	}
	d.close()
	if d.done.Finish == generator.FinishLength && d.req.MaxTokens > 1 {
		d.done.Finish, d.done.Usage = generator.Running, generator.Usage{}
		return nil // text would come again with the rest
	}
	for _, e := range events {
		emit(e)
	}
	return nil
}

// complete reads a draft to its end, or to where a hard constraint rejects it.
func (l *live) complete(ctx context.Context, d *draft, emit func(Event)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := d.candidate
	call, cancel := l.callContext(ctx)
	defer cancel()
	if d.next == nil {
		l.open(call, d, l.rest(d))
	}
	for d.done.Finish == generator.Running {
		s, err := l.step(call, d, emit)
		if err != nil {
			return err
		}
		if l.breaks(d, s) {
			if err := l.assessDraft(ctx, d); err != nil {
				return err
			}
			if status, reason := l.score(d.path, d.expansion, c); status == Rejected {
				c.Status, c.Reason = status, reason
				d.end()
				return nil
			}
		}
	}
	return l.bringUp(ctx, d, emit)
}

// rest returns the call for the missing part of a draft. It continues after the
// token of IsREL, which no tokenizer joins with later text. After any other token
// it begins again, and also for a sample, whose random numbers cannot be resumed.
func (l *live) rest(d *draft) generator.Request {
	req := d.req
	if len(d.done.Steps) == 1 && d.done.Steps[0].Token.Group() == reflection.IsREL && l.trace.Model.Resumes && l.temperature == 0 {
		req.Prompt.Relevance = d.done.Steps[0].Token
		req.MaxTokens--
	} else {
		d.done.Steps, d.over = nil, false
	}
	return req
}

// breaks reports whether a hard constraint may reject a draft because of its latest
// step: a token of relevance or support or, after [Irrelevant], text.
func (l *live) breaks(d *draft, s generator.Step) bool {
	if d.done.Finish != generator.Running || l.constraints == (scoring.Constraints{}) || l.fallback == FallbackBest {
		return false
	}
	if g := s.Token.Group(); g == reflection.IsREL || g == reflection.IsSUP {
		return true
	}
	_, rejected := l.constraints.Reject(d.candidate.Critique)
	return rejected && s.Text != "" && d.candidate.Text == ""
}

// bringUp updates the candidate to what was read, and ends it if that is all.
func (l *live) bringUp(ctx context.Context, d *draft, emit func(Event)) error {
	if err := l.assessDraft(ctx, d); err != nil {
		return err
	}
	if !d.candidate.incomplete() {
		d.end()
		if l.stream {
			emit(d.expansion.candidateEvent(d.candidate))
		}
	}
	return nil
}

// assessDraft asks the critic to judge what was read.
func (l *live) assessDraft(ctx context.Context, d *draft) error {
	c := d.candidate
	c.Usage = generator.Usage{}
	var v critique.Verdict
	err := l.assess(ctx, d.path, &d.req, &d.done, &v, c)
	d.spent = d.spent.Add(c.Usage)
	c.Usage = d.cost()
	if d.done.Finish == generator.Running && len(d.done.Steps) > 0 && errors.Is(err, critique.ErrIncomplete) {
		return nil // the critic may refuse a partial text; its earlier judgment holds
	}
	return err
}
