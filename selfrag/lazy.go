package selfrag

import (
	"strings"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
)

// DefaultLazyWidth is the width for [WithLazy] unless there is a reason for
// another. Of the widths measured, 1, 2, 5 and 10 (docs/lazy.md), 2 saves
// nearly as many tokens as 1 in less time.
const DefaultLazyWidth = 2

// WithLazy stops candidates that cannot win any more, which saves tokens. The text,
// score and citations of the answer are those of a full run. It completes width
// candidates at a time, at least 1; a smaller width saves more tokens and takes
// more steps in a row. [DefaultLazyWidth] is a good width. 0, the default,
// completes every candidate.
//
// First it reads the first token of every candidate of a segment, in which a
// Self-RAG model judges the relevance of the passage. It skips that if the critic
// judges relevance without a continuation, or if one wave completes all candidates.
// Then it completes the candidates in waves, the most relevant passages first.
// After each wave it stops every candidate whose best possible path score is below
// the score of the last place in the beam by more than rounding error; a tie never
// stops one. A candidate that breaks a hard constraint is stopped at once, unless
// FallbackBest could still use it. The trace shows stopped candidates with their
// bounds. [Rescore] returns a *[Diverged] error if one of them could win under the
// new settings.
//
// How a candidate waits for its turn depends on the model (see
// [generator.Capabilities]). The trace's settings name the way:
//
//   - If the model is paced, the stream stays open and is not read. The streams
//     of all candidates of a segment are open at the same time; [WithConcurrency]
//     bounds only those that are read.
//   - Other servers generate whether the stream is read or not. If the server
//     keeps prompts (SharedPrefix, or Slots for every candidate of a segment),
//     the first token is a call of its own. A second call continues the candidate
//     and takes the prompt from the cache. It continues after the first token if
//     the server resumes; otherwise, and with sampling, it begins again.
//   - With any other model, nothing is requested before a candidate's turn. This
//     needs a critic that judges a passage without a continuation. With
//     reflection tokens lazy evaluation is off.
//
// With [WithLabels] only the label is that of a full run: once no candidate can
// change it the others are stopped, and score and citations are those of the
// completed ones.
//
// It is off in these cases, and the trace's settings give the reason:
//
//   - in a full trace;
//   - with a budget of calls, tokens or time;
//   - with a critic that cannot judge incomplete candidates (see
//     [critique.Incremental]);
//   - with a model that cannot wait;
//   - with a call timeout, if streams stay open.
//
// With a server, the results of a candidate must not depend on the server's other
// work at the time, which some batching servers do not guarantee. With sampling,
// the model must honor the seed, which differs for every path and passage. The
// trace's settings name these assumptions. A failure that a stopped candidate would
// have met later does not occur.
func WithLazy(width int) Option {
	return func(s *settings) error {
		if width < 0 {
			return optionError("WithLazy", "%d: want the number of candidates to complete at a time, or 0 to complete all", width)
		}
		s.lazy = width
		return nil
	}
}

// waiting is how a candidate waits for its turn, in the words of traces.
type waiting string

const (
	waitsUnread  waiting = "unread"  // its stream is open and not read
	waitsCut     waiting = "cut"     // its first token was read; another call continues it
	waitsUnbegun waiting = "unbegun" // it was not requested
)

// lazyPlan is how lazy evaluation is done, or why it is not.
type lazyPlan struct {
	waits waiting
	off   string // why it is off although asked for; empty if it is on
	// supposes is what must hold for the answer to equal that of a full run, and
	// the engine cannot verify.
	supposes string
}

// planLazy plans lazy evaluation with a model. ownCritic is set if the model's
// reflection tokens are the critique, bounded if calls or tokens are limited.
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
