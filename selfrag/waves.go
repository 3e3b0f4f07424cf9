package selfrag

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// draft is a candidate in the making.
type draft struct {
	job
	req generator.Request // for the whole of it
	// next reads the stream that is open; nil if none is.
	next  func() (generator.Step, error, bool)
	stop  func()
	ended func()               // notes the time of the call
	done  generator.Completion // what was generated so far, over all calls
	from  int                  // the first of its steps that the open stream gave
	spent generator.Usage      // by the calls before, and by the critic
	over  bool                 // the segment's text is complete
}

// generateLazily makes the candidates in waves. Everything is decided between
// waves, in candidate order, so that no timing gets into the answer or the trace.
func (l *live) generateLazily(ctx context.Context, k contest, jobs []job) {
	open := make([]*draft, len(jobs))
	for i, j := range jobs {
		open[i] = &draft{job: j, req: l.request(j.path, j.expansion, j.candidate)}
		defer open[i].close()
	}
	cold := l.cold(k.open, jobs)
	begun := open
	if len(k.done) == 0 && len(open) <= l.lazy && l.lazyPlan.waits != waitsUnread {
		// One wave completes them all, so that nothing is decided before it and none
		// waits: a first token is asked for only to warm the server's cache.
		if begun = open[:0]; cold {
			begun = open[:1]
		}
	}
	l.afterFirst(ctx, cold, len(begun), func(ctx context.Context, i int, emit func(Event), _ func()) {
		open[i].candidate.err = l.begin(ctx, open[i], emit)
	})
	for wave := open; ctx.Err() == nil && !l.fatal(wave) && len(open) > 0; {
		open = slices.DeleteFunc(open, (*draft).isOver)
		beaten := k.beaten()
		open = slices.DeleteFunc(open, func(d *draft) bool {
			if beaten[d.candidate] {
				d.close()
			}
			return beaten[d.candidate]
		})
		// Stable: of equally relevant passages the one that the retriever ranked
		// higher comes first.
		slices.SortStableFunc(open, func(a, b *draft) int {
			return cmp.Compare(b.candidate.Terms.Relevance.Value, a.candidate.Terms.Relevance.Value)
		})
		wave = open[:min(l.lazy, len(open))]
		l.parallel(ctx, len(wave), func(ctx context.Context, i int, emit func(Event)) {
			wave[i].candidate.err = l.complete(ctx, wave[i], emit)
		})
	}
}

// isOver reports whether nothing more is to be read.
func (d *draft) isOver() bool {
	return d.candidate.err != nil || d.candidate.Status == Rejected || !d.candidate.incomplete()
}

// fatal reports whether a failure in a wave fails the question, so that there is
// no use in going on.
func (l *live) fatal(wave []*draft) bool {
	return l.need == 0 && slices.ContainsFunc(wave, func(d *draft) bool { return d.candidate.err != nil })
}

// open opens a stream for a draft.
func (l *live) open(ctx context.Context, d *draft, req generator.Request) {
	d.ended = l.timed("candidate", d.expansion.Parent, d.candidate.Node)
	d.from = len(d.done.Steps)
	d.next, d.stop = iter.Pull2(generator.Checked(req, l.engine.model.Generate(ctx, req)))
}

// close breaks the stream off, if one is open, and adds up what it cost.
func (d *draft) close() {
	if d.next == nil {
		return
	}
	d.stop()
	d.ended()
	d.spent = d.cost()
	d.next = nil
}

// cost is what the draft has cost so far.
func (d *draft) cost() generator.Usage {
	if d.next == nil {
		return d.spent
	}
	call := d.done
	call.Steps = call.Steps[d.from:]
	return d.spent.Add(call.Spent())
}

// step reads one step.
func (l *live) step(ctx context.Context, d *draft, emit func(Event)) (generator.Step, error) {
	s, err, _ := d.next() // a checked stream does not end without a finish
	if err != nil {
		d.candidate.Usage = d.cost()
		return s, explain(ctx, err)
	}
	d.over = d.over || endsSegment(len(d.done.Steps), s)
	if s.Text != "" && !d.over {
		emit(Event{Kind: EventText, Segment: d.expansion.Segment, Parent: d.expansion.Parent, Node: d.candidate.Node, Text: s.Text})
	}
	d.done.Append(s)
	return s, nil
}

// begin finds out how relevant a draft's passage is: from the critic or, if it
// needs the token in which the model says so, from the first token.
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
	return l.settle(ctx, d, emit)
}

// firstToken asks for the first token alone.
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
				d.close()
				return nil
			}
		}
	}
	return l.settle(ctx, d, emit)
}

// rest is the call for what a draft still lacks. It goes on after the token of
// IsREL, which no tokeniser joins with what follows; after anything else, and for
// a sample, whose random numbers cannot be taken up, it begins anew.
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

// breaks reports whether a hard constraint may come to reject a draft with its
// latest step: a token of relevance or support, or, if [Irrelevant] does already,
// text.
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

// settle brings the candidate up to what was read, and ends it if that is all.
func (l *live) settle(ctx context.Context, d *draft, emit func(Event)) error {
	if err := l.assessDraft(ctx, d); err != nil {
		return err
	}
	if !d.candidate.incomplete() {
		d.close()
		emit(d.expansion.candidateEvent(d.candidate))
	}
	return nil
}

// assessDraft has the critic judge what was read.
func (l *live) assessDraft(ctx context.Context, d *draft) error {
	c := d.candidate
	c.Usage = generator.Usage{}
	err := l.assess(ctx, d.path, d.req, d.done, c)
	d.spent = d.spent.Add(c.Usage)
	c.Usage = d.cost()
	if d.done.Finish == generator.Running && len(d.done.Steps) > 0 && errors.Is(err, critique.ErrIncomplete) {
		return nil // it may refuse half a text; what it said before holds
	}
	return err
}
