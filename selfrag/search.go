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

// expander supplies the search with candidates: by asking models, or out of a
// stored trace.
type expander interface {
	// expand returns one expansion per open path, in the same order; the done ones
	// compete with what comes of them. Candidates have everything but what the
	// search itself fills in. With an error it returns what it has, nil for paths
	// it did not get to.
	expand(ctx context.Context, segment int, open, done []*path) ([]*Expansion, error)
	// scored is called when the candidates of a segment have their scores and
	// their status, and kept are the paths that go on, best first. An error ends
	// the search before the segment.
	scored(k contest, kept []*path) error
}

// path is a beam: a sequence of chosen candidates.
type path struct {
	steps []step
	score float64
	// done is set when the path cannot be continued; stop then says why.
	done bool
	stop StopReason
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

// passage is the passage that a continuation of the path would go on using.
func (p *path) passage() (retriever.Passage, bool) {
	for i := len(p.steps) - 1; i >= 0; i-- {
		if h, ok := p.steps[i].hit(); ok {
			return h.Passage, true
		}
	}
	return retriever.Passage{}, false
}

// relevance is the judgement of that passage.
func (p *path) relevance() reflection.Judgement {
	for i := len(p.steps) - 1; i >= 0; i-- {
		if _, ok := p.steps[i].hit(); ok {
			return p.steps[i].candidate.Critique.IsREL
		}
	}
	return reflection.Judgement{}
}

func (s step) hit() (retriever.Hit, bool) {
	if i := s.candidate.Passage; i >= 0 && i < len(s.expansion.Passages) {
		return s.expansion.Passages[i], true
	}
	return retriever.Hit{}, false
}

// found is the outcome of a search.
type found struct {
	best *path // nil if there is no answer
	stop StopReason
	// root is the first expansion, in which closed sets are decided.
	root  *Expansion
	label *scoring.ClosedResult
}

// search is segment beam search (paper, section 3.3): at every segment each path
// that is not done is expanded, its candidates are scored, and the best width
// paths are kept. Done paths keep their slots and compete to the end.
func search(ctx context.Context, s settings, ex expander) (found, error) {
	width, depth := s.beam()
	pool := []*path{{}}
	var out found
	for segment := 1; segment <= depth; segment++ {
		var open, done []*path
		for _, p := range pool {
			if p.done {
				done = append(done, p)
			} else {
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
			out = out.settle(pool, s)
			out.stop = StopFailed
			return out, err
		}
		var next []*path
		at := 0 // in open, whose order is that of the pool
		for _, p := range pool {
			if p.done {
				next = append(next, p)
				continue
			}
			children := s.children(p, expansions[at])
			at++
			if len(children) == 0 {
				// The path ends here: with what it has, or with nothing at all.
				p.done = true
				children = []*path{p}
			}
			next = append(next, children...)
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
			out = out.settle(pool, s)
			out.stop = StopFailed
			return out, err
		}
		pool = kept
	}
	return out.settle(pool, s), nil
}

// beam returns the paths kept and the greatest number of segments.
func (s settings) beam() (width, depth int) {
	if !s.long {
		return 1, 1
	}
	return s.width, s.depth
}

// settle chooses among the paths that are left.
func (f found) settle(pool []*path, s settings) found {
	best := pool[0]
	f.stop = best.stop
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
func (s settings) closedSet(root *Expansion) *scoring.ClosedResult {
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

// children scores the candidates of an expansion and returns a path for each
// that is accepted, in candidate order. If there is none it sets p.stop.
func (s settings) children(p *path, e *Expansion) []*path {
	var accepted, rejected []*Candidate
	p.stop = e.stop
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
	} else if len(accepted) == 0 && p.stop == "" {
		// No candidate has text. After a segment that is how a model ends an answer,
		// unless the token limit did.
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
	if s.abstain && e.Decision.branch() == scoring.ChooseRetrieval && len(accepted) > 0 {
		// The upper end: what is not known to be below tau does not abstain.
		best := accepted[0].Terms.Relevance.Hi
		for _, c := range accepted {
			best = max(best, c.Terms.Relevance.Hi)
		}
		if best < s.abstainAt {
			for _, c := range accepted {
				c.Status, c.Reason = Rejected, "no passage is relevant enough"
			}
			accepted, p.stop = nil, StopAbstained
		}
	}
	children := make([]*path, 0, len(accepted))
	for _, c := range accepted {
		child := &path{steps: append(slices.Clip(p.steps), step{e, c}), score: c.PathScore}
		child.done, child.stop = s.ends(c)
		children = append(children, child)
	}
	return children
}

// score fills in a candidate's terms and scores. It returns the status that they
// and the rules give it, empty if it is accepted, and the reason.
func (s settings) score(p *path, e *Expansion, c *Candidate) (CandidateStatus, string) {
	log, n := c.LogProb, c.Counted
	if c.incomplete() {
		log, n = s.logBound(c)
	}
	c.Terms = s.scoring.Segment(c.Critique, log, n)
	c.Score = c.Terms.Total.Value
	c.PathScore = s.path.Score(append(p.scores(), c.Score))
	reason, rejected := s.constraints.Reject(c.Critique)
	switch {
	case c.Branch != e.Decision.branch():
		return Counterfactual, ""
	case c.incomplete() && !(rejected && s.rejectsAtOnce(c)):
		return Stopped, ""
	case c.Text == "":
		return Rejected, "no text"
	case rejected:
		return Rejected, reason
	}
	return "", ""
}

// ends says whether a path is done after a candidate, and why.
func (s settings) ends(c *Candidate) (bool, StopReason) {
	switch {
	case c.Finish == generator.FinishLength:
		return true, StopLength
	case !s.long, c.Finish == generator.FinishEnd:
		return true, StopEnd
	}
	return false, ""
}

func (p *path) scores() []float64 {
	out := make([]float64, len(p.steps), len(p.steps)+1)
	for i, st := range p.steps {
		out[i] = st.candidate.Score
	}
	return out
}
