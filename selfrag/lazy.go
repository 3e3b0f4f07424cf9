package selfrag

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// WithLazy stops candidates that cannot win any more, so that fewer tokens are
// generated. The answer's text, score and citations are those of a full run. It
// completes width candidates at a time, at least 1; a smaller width saves more
// tokens and takes more steps one after another. 0, the default, completes every
// candidate.
//
// The first token of every candidate of a segment is read, in which a Self-RAG
// model judges the relevance of the passage. Then the candidates are completed,
// those of the most relevant passages first. After each wave those are stopped
// whose best possible path score is below the score of the last place in the
// beam, by more than rounding can explain; a tie never stops one. Under a hard
// constraint a candidate is stopped, too, as soon as it breaks it, unless
// FallbackBest could still use it. The trace shows stopped candidates with the
// bounds they had, and [Rescore] returns a *[Diverged] error if one of them could
// win under the new settings.
//
// With [WithLabels] only the label is that of a full run: once no candidate can
// change it the others are stopped, and score and citations are those of the
// completed ones.
//
// It is off, and the trace's settings say why, in a full trace, with a budget or a
// call timeout, and with a critic that cannot judge incomplete candidates (see
// [critique.Incremental]). The rule supposes that a candidate's numbers do not
// depend on what else the model works on at the time, which some servers with
// batching do not guarantee, and that a model that samples honours the seed, which
// is another one for every path and passage. A failure that a stopped candidate would have met
// later is not met.
//
// The streams of all candidates of a segment are open at the same time, whatever
// [WithConcurrency] says: it bounds those that are read. A backend that admits
// fewer calls at a time than a segment has candidates must not be used with it:
// the first would wait for the others for ever. A stopped candidate's
// stream is broken off, and one that waits is not read. Tokens are saved where the
// model works only while it is read from, as models in the same process do; a
// server that goes on writing meanwhile saves only what was not yet written when
// its stream is broken off.
func WithLazy(width int) Option {
	return func(s *settings) error {
		if width < 0 {
			return optionError("WithLazy", "%d: want the number of candidates to complete at a time, or 0 to complete all", width)
		}
		s.lazy = width
		return nil
	}
}

// whyNotLazy returns the reason for which lazy evaluation is off though the
// options ask for it, empty if there is none.
func (s settings) whyNotLazy() string {
	switch {
	case s.lazy == 0:
		return ""
	case s.trace == TraceFull:
		return "a full trace holds every candidate whole"
	case s.budget != Budget{}:
		return "a budget may end a run at another place when its calls cost less"
	case s.callTimeout > 0:
		return "a call timeout would count the time in which a candidate waits"
	case !critique.JudgesIncomplete(s.critic):
		return "the critic does not judge incomplete candidates"
	}
	return ""
}

// draft is a candidate in the making. Between waves it is not read, and so its
// model waits.
type draft struct {
	job
	req   generator.Request
	next  func() (generator.Step, error, bool)
	stop  func()
	ended func() // notes the time of the call
	done  generator.Completion
	spent generator.Usage // by the critic
	over  bool            // the segment's text is complete
}

// generateLazily reads the candidates in waves. Everything is decided between
// waves, in candidate order, so that no timing gets into the answer or the trace.
func (l *live) generateLazily(ctx context.Context, k contest, jobs []job) {
	if len(jobs) == 0 {
		return
	}
	open := make([]*draft, len(jobs))
	for i, j := range jobs {
		req := l.request(j.path, j.expansion, j.candidate)
		d := &draft{job: j, req: req, ended: func() {}}
		d.next, d.stop = iter.Pull2(generator.Checked(req, l.engine.model.Generate(ctx, req)))
		defer d.close()
		open[i] = d
	}
	for wave := open; len(wave) > 0; {
		atStart := len(wave[0].done.Steps) == 0
		l.parallel(ctx, len(wave), func(ctx context.Context, i int, emit func(Event)) {
			wave[i].candidate.err = l.read(ctx, wave[i], atStart, emit)
		})
		if ctx.Err() != nil || l.fatal(wave) {
			return
		}
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
	}
}

// isOver reports whether nothing more is to be read.
func (d *draft) isOver() bool {
	return d.candidate.err != nil || d.candidate.Status == Rejected || !d.candidate.incomplete()
}

// close breaks the stream off, if it has not ended.
func (d *draft) close() {
	d.stop()
	d.ended()
	d.ended = func() {}
}

// fatal reports whether a failure in a wave fails the question, so that there is
// no use in going on.
func (l *live) fatal(wave []*draft) bool {
	return l.need == 0 && slices.ContainsFunc(wave, func(d *draft) bool { return d.candidate.err != nil })
}

// read reads a draft: its first token only, or up to its end or to where a hard
// constraint rejects it.
func (l *live) read(ctx context.Context, d *draft, first bool, emit func(Event)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e, c := d.expansion, d.candidate
	if first {
		d.ended = l.timed("candidate", e.Parent, c.Node)
	}
	for d.done.Finish == generator.Running {
		s, err, _ := d.next() // a checked stream does not end without a finish
		if err != nil {
			c.Usage = costOf(d.done).Add(d.spent)
			return explain(ctx, err)
		}
		d.over = d.over || endsSegment(len(d.done.Steps), s)
		if s.Text != "" && !d.over {
			emit(Event{Kind: EventText, Segment: e.Segment, Parent: e.Parent, Node: c.Node, Text: s.Text})
		}
		d.done.Append(s)
		if first {
			break
		}
		if l.breaks(d, s) {
			if err := l.assessDraft(ctx, d); err != nil {
				return err
			}
			if status, reason := l.score(d.path, e, c); status == Rejected {
				c.Status, c.Reason = status, reason
				d.close()
				return nil
			}
		}
	}
	if err := l.assessDraft(ctx, d); err != nil {
		return err
	}
	if !c.incomplete() {
		d.close()
		emit(e.candidateEvent(c))
	}
	return nil
}

// breaks reports whether a hard constraint may have come to reject a draft with
// its latest step: a token of support, or, if [Irrelevant] does already, the first
// text.
func (l *live) breaks(d *draft, s generator.Step) bool {
	if d.done.Finish != generator.Running || l.constraints == (scoring.Constraints{}) || l.fallback == FallbackBest {
		return false
	}
	return s.Token.Group() == reflection.IsSUP || s.Text != "" && d.candidate.Text == ""
}

// assessDraft brings the candidate up to what was read.
func (l *live) assessDraft(ctx context.Context, d *draft) error {
	c := d.candidate
	c.Usage = generator.Usage{}
	err := l.assess(ctx, d.path, d.req, d.done, c)
	d.spent = d.spent.Add(c.Usage)
	c.Usage = costOf(d.done).Add(d.spent)
	return err
}
