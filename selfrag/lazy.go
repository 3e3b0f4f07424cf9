package selfrag

import (
	"strings"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
)

// DefaultLazyWidth is the width to give to [WithLazy] unless there is a reason for
// another one. Of the widths measured, 1, 2, 5 and 10 (docs/lazy.md), 2 saves
// nearly as many tokens as 1 in less time.
const DefaultLazyWidth = 2

// WithLazy stops candidates that cannot win any more, so that fewer tokens are
// generated. The answer's text, score and citations are those of a full run. It
// completes width candidates at a time, at least 1; a smaller width saves more
// tokens and takes more steps one after another; [DefaultLazyWidth] is a good one.
// 0, the default, completes every candidate.
//
// The first token of every candidate of a segment is read, in which a Self-RAG
// model judges the relevance of the passage, unless the critic judges it without,
// or one wave completes all there are. Then the candidates are completed, those of
// the most relevant passages first. After each wave those are stopped whose best
// possible path score is below the score of the last place in the beam, by more
// than rounding can explain; a tie never stops one. Under a hard
// constraint a candidate is stopped, too, as soon as it breaks it, unless
// FallbackBest could still use it. The trace shows stopped candidates with the
// bounds they had, and [Rescore] returns a *[Diverged] error if one of them could
// win under the new settings.
//
// How a candidate waits for its turn depends on the model (see
// [generator.Capabilities]); the trace's settings say which way was taken.
//
//   - Of a model that is paced the stream stays open and is not read. The streams
//     of all candidates of a segment are open at the same time, whatever
//     [WithConcurrency] says: it bounds those that are read.
//   - A server generates on whether it is read or not. If it keeps prompts
//     (SharedPrefix, or Slots for every candidate of a segment), the first token is
//     a call of its own, and the candidate goes on in a second call, which reads
//     the prompt out of the cache. That call goes on after the token if the server
//     resumes; without that, and with sampling, it begins anew.
//   - With any other model nothing is asked for before a candidate's turn. This
//     needs a critic that judges a passage without a continuation: with reflection
//     tokens lazy evaluation is off.
//
// With [WithLabels] only the label is that of a full run: once no candidate can
// change it the others are stopped, and score and citations are those of the
// completed ones.
//
// It is off, and the trace's settings say why, in a full trace, with a budget of
// calls, tokens or time, with a critic that cannot judge incomplete candidates (see
// [critique.Incremental]), with a model that cannot wait, and with a call timeout
// if streams stay open. With a server the rule supposes that a candidate's numbers
// do not depend on what else the server works on at the time, which some with
// batching do not guarantee, and with sampling that the model honors the seed,
// which is another one for every path and passage; the trace's settings name what
// is supposed. A failure that a stopped candidate would have met later is not met.
func WithLazy(width int) Option {
	return func(s *settings) error {
		if width < 0 {
			return optionError("WithLazy", "%d: want the number of candidates to complete at a time, or 0 to complete all", width)
		}
		s.lazy = width
		return nil
	}
}

// waiting says how a candidate waits for its turn, as it stands in traces.
type waiting string

const (
	waitsUnread  waiting = "unread"  // its stream is open and not read
	waitsCut     waiting = "cut"     // its first token is there; another call will go on
	waitsUnbegun waiting = "unbegun" // it was not asked for
)

// lazyPlan is what becomes of the wish for lazy evaluation.
type lazyPlan struct {
	waits waiting
	off   string // why it is off though asked for; empty if it is on
	// supposes is what must hold for the answer to be that of a full run, and the
	// engine cannot know.
	supposes string
}

// planLazy says how lazy evaluation is done with a model. ownCritic is set if the
// model's reflection tokens are the critique, bounded if limits of calls or tokens hold.
func (s *settings) planLazy(c generator.Capabilities, ownCritic, bounded bool) lazyPlan {
	off := func(why string) lazyPlan { return lazyPlan{off: why} }
	switch {
	case s.lazy == 0:
		return lazyPlan{}
	case s.trace == TraceFull:
		return off("a full trace holds every candidate whole")
	case bounded || s.budget.Time > 0:
		return off("a budget may end a run at another place when its calls cost less")
	case !critique.JudgesIncomplete(s.critic):
		return off("the critic does not judge incomplete candidates")
	}
	width, _ := s.beam()
	plan := lazyPlan{waits: waitsUnbegun}
	switch {
	case c.Paced && s.callTimeout > 0:
		return off("a call timeout would count the time in which a candidate waits")
	case c.Paced:
		plan.waits = waitsUnread
	case c.SharedPrefix || c.Slots/s.k >= width:
		plan.waits = waitsCut
	case ownCritic:
		return off("the model generates on while a candidate waits, and keeps no prompts that would make a second call cheap")
	}
	var supposes []string
	if !c.Paced {
		supposes = append(supposes, "the model's numbers do not depend on what else it works on")
	}
	if s.temperature > 0 {
		supposes = append(supposes, "the model honors the seed")
	}
	plan.supposes = strings.Join(supposes, "; ")
	return plan
}
