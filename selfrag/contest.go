package selfrag

import (
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// contest is one segment of the search: the paths that compete for the places in
// the beam.
type contest struct {
	*settings
	done       []*path      // finished beams: they occupy places like all others
	open       []*path      // the paths to expand
	expansions []*Expansion // one per open path
}

// incomplete reports whether the candidate was not read to its end. It must not be
// called for a failed candidate.
func (c *Candidate) incomplete() bool { return c.Finish == generator.Running }

// logBound returns a log-probability and a number of tokens. Their sequence term is
// an upper bound of that of the complete candidate: log-probabilities only fall,
// and the mean is over at most the token limit.
func (s *settings) logBound(c *Candidate) (reflection.Prob, int) {
	log := c.LogProb
	if log.Known == reflection.Exact {
		log.Known = reflection.Bounded
	}
	return log, s.maxTokens
}

// rejectsAtOnce reports whether a constraint that an incomplete candidate breaks
// already rejects it for good. It must have text, since the reason for rejecting
// depends on that, and rejected candidates must not be ranked.
func (s *settings) rejectsAtOnce(c *Candidate) bool {
	return c.Text != "" && s.fallback != FallbackBest
}

// interim describes an expansion with incomplete candidates.
type interim struct {
	accepted []*Candidate // complete
	waiting  []*Candidate // incomplete, and not rejected
	// secure is set when the accepted ones compete whatever the waiting ones
	// become.
	secure bool
	// coupled is set if, until secure is set, one candidate can decide over others.
	coupled bool
}

func (k contest) interim(i int) interim {
	p, e := k.open[i], k.expansions[i]
	abstains := k.abstain && e.Decision.branch() == scoring.ChooseRetrieval
	st := interim{coupled: abstains || k.fallback == FallbackBest || len(k.labels) > 0}
	for j := range e.Candidates {
		c := &e.Candidates[j]
		if c.err != nil || c.Status == Failed || c.Status == Skipped {
			continue
		}
		switch status, _ := k.score(p, e, c); status {
		case "":
			st.accepted = append(st.accepted, c)
			st.secure = st.secure || !abstains || c.Terms.Relevance.Hi >= k.abstainAt
		case Stopped:
			st.waiting = append(st.waiting, c)
		}
	}
	return st
}

// beaten returns the incomplete candidates that cannot change the answer any more.
//
// The path of such a candidate cannot reach the score of the last place in the
// beam, the width-th best among the paths that are certain to compete. A tie is not
// below it, since the order of the candidates decides a tie. And no other candidate
// may depend on it: while an expansion has no accepted candidate, the path that it
// continues could end and compete itself, the fallback could use rejected
// candidates, and the engine could abstain.
func (k contest) beaten() map[*Candidate]bool {
	out := make(map[*Candidate]bool)
	all := make([]interim, len(k.expansions))
	var finished, fresh []float64
	for _, p := range k.done {
		finished = append(finished, p.score)
	}
	for i := range all {
		all[i] = k.interim(i)
		if all[i].secure {
			for _, c := range all[i].accepted {
				fresh = append(fresh, c.PathScore)
			}
		}
	}
	width, _ := k.beam()
	theta := nth(append(slices.Clone(finished), fresh...), width)
	for i, st := range all {
		if len(k.labels) > 0 {
			if st.secure && k.labelSettled(st) {
				for _, c := range st.waiting {
					out[c] = true
				}
			}
			continue
		}
		if p := k.open[i]; !st.secure && (st.coupled || !scoring.Below(p.score, theta)) {
			continue
		}
		for _, c := range st.waiting {
			if scoring.Below(k.path.Bounds(k.open[i].scores(nil), c.Terms.Total.Interval()).Hi, theta) {
				out[c] = true
			}
		}
	}
	return out
}

// nth returns the n-th best score, counted from 1; minus infinity if there are
// fewer.
func nth(scores []float64, n int) float64 {
	if n < 1 || len(scores) < n {
		return math.Inf(-1)
	}
	slices.Sort(scores)
	return scores[len(scores)-n]
}

// labelSettled reports whether the waiting candidates cannot change the label of a
// closed set.
func (k contest) labelSettled(st interim) bool {
	texts, scores := make([]string, len(st.accepted)), make([]float64, len(st.accepted))
	for i, c := range st.accepted {
		texts[i], scores[i] = c.Text, c.Score
	}
	open := make([]scoring.Interval, len(st.waiting))
	for i, c := range st.waiting {
		open[i] = c.Terms.Total.Interval()
	}
	return scoring.ClosedSet(k.labels, texts, scores).Settled(open)
}
