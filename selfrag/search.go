package selfrag

import (
	"cmp"
	"context"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
)

// expander supplies the search with candidates, from models or from a stored trace.
type expander interface {
	// expand returns one expansion per open path, in the same order. The done paths
	// compete with their candidates. Candidates have all fields but those that the
	// search itself fills in. With an error it returns what it has, nil for paths
	// not reached.
	expand(ctx context.Context, segment int, open, done []*path) ([]*Expansion, error)
	// scored is called when the candidates of a segment have scores and statuses.
	// kept holds the paths that go on, best first. An error ends the search before
	// the segment.
	scored(k contest, kept []*path) error
}

// path is a beam: a sequence of chosen candidates.
type path struct {
	steps []step
	// segments is what a prompt shows of the steps, set when the path is opened.
	segments []generator.PathSegment
	score    float64
	// done is set if the path cannot be continued; then stop says why.
	done bool
	stop StopReason
	// declined is the model's text if it declined to continue.
	declined string
}

// step is one chosen candidate and where it came from.
type step struct {
	expansion *Expansion
	candidate *Candidate
}

// node is the number of the path's last candidate, 0 at the start.
func (p *path) node() int {
	if len(p.steps) == 0 {
		return 0
	}
	return p.last().candidate.Node
}

func (p *path) last() step { return p.steps[len(p.steps)-1] }

// passage returns the passage that a continuation of the path would use.
func (p *path) passage() (*retriever.Passage, bool) {
	for i := len(p.steps) - 1; i >= 0; i-- {
		if h := p.steps[i].hit(); h != nil {
			return &h.Passage, true
		}
	}
	return nil, false
}

// relevance returns the judgment of that passage, nil if there is none.
func (p *path) relevance() *reflection.Judgment {
	for i := len(p.steps) - 1; i >= 0; i-- {
		if p.steps[i].hit() != nil {
			return &p.steps[i].candidate.Critique.IsREL
		}
	}
	return nil
}

// hit returns the step's own passage, nil if it has none.
func (s step) hit() *retriever.Hit {
	if i := s.candidate.Passage; i >= 0 && i < len(s.expansion.Passages) {
		return &s.expansion.Passages[i]
	}
	return nil
}

// found is the outcome of a search.
type found struct {
	best *path // nil if there is no answer
	stop StopReason
	// declined is the model's text if it declined to answer.
	declined string
	// root is the first expansion. Closed sets are decided in it.
	root  *Expansion
	label *scoring.ClosedResult
}

// search is segment beam search (paper, section 3.3). At every segment it expands
// each path that is not done, scores the candidates, and keeps the best width
// paths. Done paths keep their places and compete until the end.
func search(ctx context.Context, s *settings, ex expander) (found, error) {
	width, depth := s.beam()
	// Room for the paths of most searches, in one piece.
	var rooms struct {
		first      path
		pool, open [4]*path
		next       [2][8]*path // that of a segment becomes the pool of the next
	}
	pool := append(rooms.pool[:0], &rooms.first)
	var out found
	for segment := 1; segment <= depth; segment++ {
		var done []*path
		open := rooms.open[:0]
		for _, p := range pool {
			if p.done {
				done = append(done, p)
			} else {
				p.segments = p.shown()
				open = append(open, p)
			}
		}
		if len(open) == 0 {
			break
		}
		expansions, err := ex.expand(ctx, segment, open, done)
		if segment == 1 {
			out.root = expansions[0]
		}
		if err != nil {
			out = out.pickBest(pool, s)
			out.stop = StopFailed
			return out, err
		}
		room := len(pool)
		for _, e := range expansions {
			room += len(e.Candidates)
		}
		next := slices.Grow(rooms.next[segment%2][:0], room)
		at := 0 // index in open, which has the order of the pool
		for _, p := range pool {
			if p.done {
				next = append(next, p)
				continue
			}
			before := len(next)
			next = s.appendChildren(next, p, expansions[at])
			at++
			if len(next) == before {
				// The path ends here, with the segments it has, or none.
				p.done = true
				next = append(next, p)
			}
		}
		// Stable: equal scores keep the order of paths and of candidates.
		slices.SortStableFunc(next, func(a, b *path) int { return cmp.Compare(b.score, a.score) })
		for i, p := range next {
			if len(p.steps) == segment {
				p.last().candidate.Status = Pruned
				if i < width {
					p.last().candidate.Status = Kept
				}
			}
		}
		kept := next[:min(width, len(next))]
		if err := ex.scored(contest{s, done, open, expansions}, kept); err != nil {
			out = out.pickBest(pool, s)
			out.stop = StopFailed
			return out, err
		}
		pool = kept
	}
	return out.pickBest(pool, s), nil
}

// beam returns the number of paths kept and the greatest number of segments.
func (s *settings) beam() (width, depth int) {
	if !s.long {
		return 1, 1
	}
	return s.width, s.depth
}

// pickBest chooses among the remaining paths.
func (f found) pickBest(pool []*path, s *settings) found {
	best := pool[0]
	f.stop, f.declined = best.stop, best.declined
	if len(best.steps) == 0 {
		return f
	}
	f.best = best
	if !best.done {
		f.stop = StopDepth
	}
	if len(s.labels) > 0 {
		f.label = s.closedSet(f.root)
	}
	return f
}

// closedSet sums the scores of the accepted candidates per label.
func (s *settings) closedSet(root *Expansion) *scoring.ClosedResult {
	var texts []string
	var scores []float64
	for i := range root.Candidates {
		if c := &root.Candidates[i]; c.Status == Kept || c.Status == Pruned {
			texts = append(texts, c.Text)
			scores = append(scores, c.Score)
		}
	}
	r := scoring.ClosedSet(s.labels, texts, scores)
	return &r
}

// appendChildren scores the candidates of an expansion and appends a path for each
// that is accepted, in candidate order. If there is none it sets p.stop.
func (s *settings) appendChildren(list []*path, p *path, e *Expansion) []*path {
	// Of constant size: a few candidates need no allocation.
	accepted, rejected := make([]*Candidate, 0, 16), make([]*Candidate, 0, 16)
	p.stop = e.stop
	declined := ""
	for i := range e.Candidates {
		c := &e.Candidates[i]
		if c.Status == Failed || c.Status == Skipped {
			continue
		}
		c.Fallback = false
		c.Status, c.Reason = s.score(p, e, c)
		switch {
		case c.Status == "":
			accepted = append(accepted, c)
		case c.Status == Rejected && c.Declined:
			declined = cmp.Or(declined, c.Text)
		case c.Status == Rejected && c.Text != "":
			rejected = append(rejected, c)
		}
	}
	if len(accepted) == 0 && len(rejected) > 0 {
		p.stop = StopRejected
		if s.fallback == FallbackBest {
			accepted = rejected
			for _, c := range accepted {
				c.Fallback = true
			}
		}
	} else if len(accepted) == 0 && p.stop == "" && declined != "" {
		p.stop, p.declined = StopAbstained, declined
	} else if len(accepted) == 0 && p.stop == "" {
		// No candidate has text. After a segment this is how a model ends an
		// answer, unless the token limit ended it.
		p.stop = StopEnd
		if len(p.steps) == 0 {
			p.stop = StopRejected
		}
		for i := range e.Candidates {
			if c := &e.Candidates[i]; c.Status == Rejected && c.Finish == generator.FinishLength {
				p.stop = StopLength
			}
		}
	}
	if s.abstains(e, accepted) {
		for _, c := range accepted {
			c.Status, c.Reason = Rejected, "no passage is relevant enough"
		}
		accepted, p.stop = nil, StopAbstained
	}
	// One allocation for all paths, and one for all their steps.
	children, n := make([]path, len(accepted)), len(p.steps)+1
	steps := make([]step, 0, len(accepted)*n)
	for i, c := range accepted {
		steps = append(append(steps, p.steps...), step{e, c})
		child := &children[i]
		child.steps, child.score = steps[i*n:len(steps):len(steps)], c.PathScore
		child.done, child.stop = s.ends(c)
		list = append(list, child)
	}
	return list
}

// abstains reports whether no passage of the accepted candidates is relevant
// enough. It abstains only if every upper bound is below tau.
func (s *settings) abstains(e *Expansion, accepted []*Candidate) bool {
	if !s.abstain || e.Decision.branch() != scoring.ChooseRetrieval || len(accepted) == 0 {
		return false
	}
	for _, c := range accepted {
		if !(c.Terms.Relevance.Hi < s.abstainAt) {
			return false
		}
	}
	return true
}

// score fills in a candidate's terms and scores. It returns the resulting status,
// empty if the candidate is accepted, and the reason.
func (s *settings) score(p *path, e *Expansion, c *Candidate) (CandidateStatus, string) {
	log, n := c.LogProb, c.Counted
	if c.incomplete() {
		log, n = s.logBound(c)
	}
	c.Terms = s.scoring.Segment(c.Critique, log, n)
	c.Score = c.Terms.Total.Value
	var room [maxDepth]float64
	c.PathScore = s.path.Score(append(p.scores(room[:0]), c.Score))
	reason, rejected := s.constraints.Reject(c.Critique)
	switch {
	case c.Branch != e.Decision.branch():
		return Counterfactual, ""
	case c.incomplete() && !(rejected && s.rejectsAtOnce(c)):
		return Stopped, ""
	case c.Text == "":
		return Rejected, "no text"
	case c.Declined:
		return Rejected, "the model declined to answer"
	case rejected:
		return Rejected, reason
	}
	return "", ""
}

// ends reports whether a path is done after a candidate, and why.
func (s *settings) ends(c *Candidate) (bool, StopReason) {
	switch {
	case c.Finish == generator.FinishLength:
		return true, StopLength
	case !s.long, c.Finish == generator.FinishEnd:
		return true, StopEnd
	}
	return false, ""
}

// scores appends the scores of the path's segments to list.
func (p *path) scores(list []float64) []float64 {
	for _, st := range p.steps {
		list = append(list, st.candidate.Score)
	}
	return list
}

// shown returns what a prompt shows of the path. It must not be written to: the
// requests of all candidates that continue the path share it.
func (p *path) shown() []generator.PathSegment {
	if len(p.steps) == 0 {
		return nil
	}
	out := make([]generator.PathSegment, len(p.steps))
	for i, st := range p.steps {
		out[i] = st.candidate.segment
	}
	return out
}
