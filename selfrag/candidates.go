package selfrag

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// job is a candidate to be generated.
type job struct {
	path      *path
	expansion *Expansion
	candidate *Candidate
}

// generateAll is the third wave.
func (l *live) generateAll(ctx context.Context, paths []*path, expansions []*Expansion) {
	var jobs []job
	for i, e := range expansions {
		if e.stop == "" {
			l.prepare(paths[i], e, i)
		}
	}
	// All that decides is paid for first, and what only a full trace asks for out of
	// what is left when nothing can follow: it must not cut an answer short.
	_, depth := l.beam()
	launched := make([]int, len(expansions))
	for _, own := range []bool{true, false} {
		for i, e := range expansions {
			for j := range e.Candidates {
				switch c := &e.Candidates[j]; {
				case (c.Branch == e.Decision.branch()) != own:
				case (own || e.Segment == depth || l.budget.unlimited()) && l.budget.reserve(l.maxTokens):
					jobs = append(jobs, job{paths[i], e, c})
					launched[i]++
				default:
					c.Status, c.Reason = Skipped, "the budget does not allow the call"
					l.spent = l.spent || own
				}
			}
		}
	}
	for i, e := range expansions {
		if launched[i] == 0 && len(e.Candidates) > 0 {
			e.stop = StopBudget
		}
	}
	if l.lazyPlan.waits != "" {
		l.generateLazily(ctx, contest{l.settings, l.done, paths, expansions}, jobs)
	} else {
		l.afterFirst(ctx, l.cold(paths, jobs), len(jobs), func(ctx context.Context, i int, emit func(Event), started func()) {
			j := jobs[i]
			e, c := j.expansion, j.candidate
			c.err = l.generate(ctx, j.path, e, c, emit, started)
			if c.err == nil {
				emit(e.candidateEvent(c))
			}
		})
	}
	for _, j := range jobs {
		c := j.candidate
		l.budget.settle(l.maxTokens, c.Usage)
		l.usage = l.usage.Add(c.Usage)
		if c.err == nil {
			continue
		}
		c.Status, c.Reason = Failed, strings.ToValidUTF8(c.err.Error(), "\ufffd")
		if timeIsUp(ctx) && errors.Is(c.err, context.DeadlineExceeded) {
			l.timeUp = true
			c.err, c.Reason = nil, errTimeBudget.Error()
			j.expansion.stop = StopTime
		} else {
			l.failed++
		}
	}
}

func (e *Expansion) candidateEvent(c *Candidate) Event {
	return Event{Kind: EventCandidate, Segment: e.Segment, Parent: e.Parent, Node: c.Node, Candidate: c}
}

// prepare lists the candidates of an expansion: those of the branch decided on,
// and in a full trace those of the others as well. The order does not depend on
// the decision, so that two full traces differ only where the runs do. rank is the
// path's place in the beam.
func (l *live) prepare(p *path, e *Expansion, rank int) {
	_, canContinue := p.passage()
	var branches []scoring.Choice
	for _, b := range []scoring.Choice{scoring.ChooseRetrieval, scoring.ChooseNoRetrieval, scoring.ChooseContinue} {
		if b == e.Decision.branch() || l.settings.trace == TraceFull && (b != scoring.ChooseContinue || canContinue) {
			branches = append(branches, b)
		}
	}
	key := uint64(0)
	if len(p.steps) > 0 {
		key = p.last().candidate.key
	}
	add := func(b scoring.Choice, passage int) {
		l.nodes++
		e.Candidates = append(e.Candidates, Candidate{
			Node: l.nodes, Branch: b, Passage: passage, line: rank*l.k + max(passage, 0),
			key: mix(key, uint64(b)<<32|uint64(passage+1)),
		})
	}
	for _, b := range branches {
		if b != scoring.ChooseRetrieval {
			add(b, -1)
			continue
		}
		for i := range e.Passages {
			add(b, i)
		}
	}
}

// mix makes a well-spread number of two (the finaliser of SplitMix64).
func mix(a, b uint64) uint64 {
	z := a + 0x9e3779b97f4a7c15*(b+1)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

var (
	watched  = []reflection.Group{reflection.IsREL, reflection.IsSUP, reflection.IsUSE, reflection.Retrieve}
	boundary = reflection.Retrieve.Tokens()
)

// request is the call that makes a candidate.
func (l *live) request(p *path, e *Expansion, c *Candidate) generator.Request {
	req := generator.Request{
		Prompt:      l.prompt(p),
		MaxTokens:   l.maxTokens,
		Temperature: l.temperature,
		Seed:        mix(l.seed, c.key),
		Watch:       watched,
		Affinity:    l.affinity + c.line,
	}
	switch c.Branch {
	case scoring.ChooseRetrieval:
		h := e.Passages[c.Passage].Passage
		req.Prompt.Evidence = []generator.Evidence{{Title: h.Title, Text: h.Text}}
		req.Prompt.Queries = e.Queries
	case scoring.ChooseNoRetrieval:
		req.Prompt.Force = reflection.NoRetrieval
	case scoring.ChooseContinue:
		req.Prompt.Force = reflection.ContinueEvidence
	}
	if l.long {
		req.Stop = boundary
	}
	return req
}

// generate fills in one candidate. It calls started, unless nil, at the first
// step.
func (l *live) generate(ctx context.Context, p *path, e *Expansion, c *Candidate, emit func(Event), started func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer l.timed("candidate", e.Parent, c.Node)()
	whole := ctx
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	req := l.request(p, e, c)
	seq := l.engine.model.Generate(ctx, req)
	if started != nil {
		seq = onFirst(generator.Checked(req, seq), started)
	}
	if l.stream {
		seq = announce(generator.Checked(req, seq), func(text string) {
			emit(Event{Kind: EventText, Segment: e.Segment, Parent: e.Parent, Node: c.Node, Text: text})
		})
	}
	done, err := generator.Collect(req, seq)
	c.Usage = done.Spent()
	if err != nil {
		return explain(ctx, err)
	}
	return l.assess(whole, p, req, done, c)
}

// assess fills in what a completion, whole or not, says.
func (l *live) assess(ctx context.Context, p *path, req generator.Request, done generator.Completion, c *Candidate) error {
	c.read(req.Prompt, done, l.count)
	if l.settings.trace == TraceFull {
		c.Tokens = done.Steps
	}
	if err := l.judge(ctx, req.Prompt, done, c); err != nil {
		return fmt.Errorf("the critic: %w", err)
	}
	if rel := p.relevance(); c.Branch == scoring.ChooseContinue && c.Critique.IsREL.Status == reflection.StatusAbsent && rel.Status == reflection.StatusJudged {
		// Same question, same passage: the judgement of the segment that brought
		// the passage still holds.
		c.Critique.IsREL = rel
		c.Critique.IsREL.Inherited = true
	}
	return nil
}

// announce passes a stream on and calls f with the pieces of the segment's text.
func announce(seq iter.Seq2[generator.Step, error], f func(text string)) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		at, over := 0, false
		for s, err := range seq {
			over = over || endsSegment(at, s)
			if at++; s.Text != "" && !over {
				f(s.Text)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// endsSegment reports whether the step at a position is the model's own boundary.
// What it writes past that is not part of the segment.
func endsSegment(at int, s generator.Step) bool {
	return at > 0 && s.Token.Group() == reflection.Retrieve
}

// read takes over what the candidate generated.
func (c *Candidate) read(p generator.Prompt, done generator.Completion, count generator.Count) {
	c.Finish = done.Finish
	own := done // the segment with the token that ends it, without what follows
	c.segment = generator.Segment{Evidence: p.Evidence, Retrieve: p.Force}
	if len(p.Evidence) > 0 {
		c.segment.Retrieve = reflection.Retrieval
	}
	for i := range done.Steps {
		s := &done.Steps[i]
		if endsSegment(i, *s) {
			// After a utility the answer was complete, whatever follows.
			if c.segment.Utility == reflection.None {
				c.boundary, c.Boundary = s, s.Token
			}
			if own.Steps = done.Steps[:i+1]; i+1 < len(done.Steps) {
				own.Finish = generator.FinishStop // its end token is another segment's
			}
			if c.Finish == generator.FinishLength {
				c.Finish = generator.FinishStop // the limit cut what follows
			}
			break
		}
		switch seg := &c.segment; s.Token.Group() {
		case reflection.IsREL:
			if i == 0 {
				seg.Relevance = s.Token
			}
		case reflection.IsSUP:
			if seg.Support == reflection.None {
				seg.Support = s.Token
			}
		case reflection.IsUSE:
			if seg.Utility == reflection.None {
				seg.Utility = s.Token
			}
		}
	}
	if c.Finish == generator.FinishStop && c.segment.Utility != reflection.None {
		c.Finish = generator.FinishEnd
	}
	c.LogProb, c.Counted = own.LogProb(count)
	c.segment.Text = own.Text()
	c.Text = strings.TrimSpace(c.segment.Text)
}

// judge has the critic judge a candidate. The call has a time-out of its own.
func (l *live) judge(ctx context.Context, p generator.Prompt, done generator.Completion, c *Candidate) error {
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	v, err := l.critic.Critique(ctx, critique.Candidate{Question: l.question, Prompt: p, Completion: done, Text: c.Text})
	c.Usage = c.Usage.Add(atLeast(v.Usage, generator.Usage{}))
	if err != nil {
		return explain(ctx, err)
	}
	if err := v.Check(); err != nil {
		return err
	}
	c.Critique = v.Critique
	if l.critic == critique.Critic(l.engine.tokens) {
		// What a distribution looks like does not tell how it was come by.
		for _, j := range []*reflection.Judgement{&c.Critique.IsREL, &c.Critique.IsSUP, &c.Critique.IsUSE} {
			if j.Status == reflection.StatusJudged {
				j.Level = max(j.Level, l.trace.Model.Level)
			}
		}
	}
	return nil
}
