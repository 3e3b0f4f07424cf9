package selfrag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/steproom"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// job is a candidate to be generated.
type job struct {
	path      *path
	expansion *Expansion
	candidate *Candidate
	// paid is the context of a candidate whose cost was set aside in lease.
	paid  context.Context
	lease *budget.Budget
	step  *observe.Span
}

// generateAll is the third wave.
func (l *live) generateAll(ctx context.Context, paths []*path, expansions []*Expansion) {
	for i, e := range expansions {
		if e.stop == "" {
			l.prepare(paths[i], e, i)
		}
	}
	jobs := l.jobs(ctx, paths, expansions)
	defer func() {
		for _, j := range jobs {
			j.lease.Close()
		}
	}()
	if l.lazyPlan.waits != "" {
		l.generateLazily(ctx, contest{&l.settings, l.done, paths, expansions}, jobs)
	} else {
		w := wave{
			n: len(jobs),
			do: func(ctx context.Context, i int, emit func(Event)) error {
				return l.candidate(ctx, &jobs[i], emit, nil)
			},
		}
		if observe.Observed(ctx) {
			w.start = func(ctx context.Context, i int) context.Context { return jobs[i].begin(ctx) }
		}
		if l.bounded && !l.freeCritic() {
			w.most = func(int) (budget.Cost, bool) { return l.candidateCost() }
		} else if l.cold(paths, jobs) {
			w.do = afterFirst(func(ctx context.Context, i int, emit func(Event), started func()) error {
				return l.candidate(ctx, &jobs[i], emit, started)
			})
		}
		endedBy(l.run(ctx, w), jobs)
	}
	for i := range jobs {
		l.setStatus(ctx, &jobs[i])
	}
	for _, e := range expansions {
		if len(e.Candidates) > 0 && !slices.ContainsFunc(e.Candidates, func(c Candidate) bool { return c.Status != Skipped }) {
			e.stop = StopBudget
		}
	}
}

// jobs lists the candidates to generate. Those of the branches that were decided on
// come first. Those that only a full trace asks for get what is left, and only if
// no segment can follow: they must not cut an answer short. If a candidate costs no
// more than its generation, the generations of all of them are set aside before any
// starts. Candidates that the budget forbids are skipped.
func (l *live) jobs(ctx context.Context, paths []*path, expansions []*Expansion) []job {
	_, depth := l.beam()
	reserve := l.bounded && l.freeCritic()
	n := 0
	for _, e := range expansions {
		n += len(e.Candidates)
	}
	jobs := make([]job, 0, n)
	for _, own := range []bool{true, false} {
		for i, e := range expansions {
			for k := range e.Candidates {
				c := &e.Candidates[k]
				if (c.Branch == e.Decision.branch()) != own {
					continue
				}
				j := job{path: paths[i], expansion: e, candidate: c}
				allowed := own || !l.bounded || e.Segment == depth
				if allowed && reserve {
					var err error
					j.paid, j.lease, err = budget.SetAside(ctx, "candidate", l.generationCost())
					allowed = err == nil
				}
				if !allowed {
					c.Status, c.Reason = Skipped, skipped
					l.spent = l.spent || own
					continue
				}
				jobs = append(jobs, j)
			}
		}
	}
	return jobs
}

// begin begins the step of a candidate.
func (j *job) begin(ctx context.Context) context.Context {
	if j.paid != nil {
		ctx = j.paid
	}
	ctx, j.step = observe.Start(ctx, observe.Candidate, "candidate")
	j.paid = nil
	return ctx
}

// candidate generates and judges a candidate, and ends its step.
func (l *live) candidate(ctx context.Context, j *job, emit func(Event), started func()) error {
	if j.paid != nil {
		ctx = j.paid
	}
	failed := fanout.ErrNoReturn // unless the call returns
	if j.step != nil {
		defer func() {
			j.step.Spend(j.candidate.Usage)
			j.step.End(failed)
		}()
	}
	failed = l.generate(ctx, j.path, j.expansion, j.candidate, emit, started)
	if refused(ctx, failed) {
		j.candidate.Status, j.candidate.Reason = Skipped, skipped
		return nil
	}
	if failed == nil && l.stream {
		emit(j.expansion.candidateEvent(j.candidate))
	}
	return failed
}

// endedBy stores the errors of a wave in its candidates.
func endedBy(errs []error, jobs []job) {
	for i, err := range errs {
		c := jobs[i].candidate
		switch {
		case errors.Is(err, fanout.ErrGoexit) && c.judging:
			err = fmt.Errorf("%w: %w", ErrCritic, err)
		case errors.Is(err, fanout.ErrGoexit):
			err = fmt.Errorf("%w: %w", generator.ErrIncomplete, err)
		}
		c.err = cmp.Or(c.err, err)
	}
}

// setStatus records the failure or the skipping of a candidate after its wave.
func (l *live) setStatus(ctx context.Context, j *job) {
	c := j.candidate
	if c.Status == Skipped && c.Branch == j.expansion.Decision.branch() {
		l.spent = true
	}
	if c.err == nil {
		return
	}
	c.Status, c.Reason = Failed, strings.ToValidUTF8(c.err.Error(), "\ufffd")
	if timeIsUp(ctx) && errors.Is(c.err, context.DeadlineExceeded) {
		l.timeUp = true
		c.err, c.Reason = nil, "the time budget of the question is used up"
		j.expansion.stop = StopTime
	} else {
		l.failed++
	}
}

func (e *Expansion) candidateEvent(c *Candidate) Event {
	snapshot := *c
	return Event{Kind: EventCandidate, Segment: e.Segment, Parent: e.Parent, Node: c.Node, Candidate: &snapshot}
}

// prepare lists the candidates of an expansion: those of the branch decided on, and
// in a full trace those of the other branches, too. The order does not depend on
// the decision. So two full traces differ only where the runs do. rank is the
// path's place in the beam.
func (l *live) prepare(p *path, e *Expansion, rank int) {
	_, canContinue := p.passage()
	branches, n := make([]scoring.Choice, 0, 3), 0
	for _, b := range []scoring.Choice{scoring.ChooseRetrieval, scoring.ChooseNoRetrieval, scoring.ChooseContinue} {
		if b == e.Decision.branch() || l.settings.trace == TraceFull && (b != scoring.ChooseContinue || canContinue) {
			branches = append(branches, b)
			if n++; b == scoring.ChooseRetrieval {
				n += len(e.Passages) - 1
			}
		}
	}
	e.Candidates = make([]Candidate, 0, n)
	evidence := make([]generator.Evidence, len(e.Passages))
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
		if passage >= 0 {
			h := &e.Passages[passage].Passage
			evidence[passage] = generator.Evidence{Title: h.Title, Text: h.Text}
			e.Candidates[len(e.Candidates)-1].segment.Evidence = evidence[passage : passage+1 : passage+1]
		}
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

// mix returns a well-spread number made of two (the finalizer of SplitMix64).
func mix(a, b uint64) uint64 {
	z := a + 0x9e3779b97f4a7c15*(b+1)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

var (
	watched  = []reflection.Group{reflection.IsREL, reflection.IsSUP, reflection.IsUSE, reflection.Retrieve}
	boundary = reflection.Retrieve.Tokens()
	// retrieval is the boundary with [WithWholeOutput].
	retrieval = []reflection.Token{reflection.Retrieval}
)

// request fills req with the call that makes a candidate.
func (l *live) request(req *generator.Request, p *path, e *Expansion, c *Candidate) {
	*req = generator.Request{
		Prompt:      l.prompt(p),
		MaxTokens:   l.maxTokens,
		Temperature: l.temperature,
		Seed:        mix(l.seed, c.key),
		Watch:       watched,
		Affinity:    l.affinity + c.line,
	}
	switch c.Branch {
	case scoring.ChooseRetrieval:
		req.Prompt.Evidence = c.segment.Evidence
		req.Prompt.Queries = e.Queries
	case scoring.ChooseNoRetrieval:
		req.Prompt.Force = reflection.NoRetrieval
	case scoring.ChooseContinue:
		req.Prompt.Force = reflection.ContinueEvidence
	}
	switch {
	case l.long && l.wholeOutput:
		req.Stop = retrieval
	case l.long:
		req.Stop = boundary
	}
}

// generate fills in one candidate. It calls started, if not nil, at the first step.
func (l *live) generate(ctx context.Context, p *path, e *Expansion, c *Candidate, emit func(Event), started func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer l.timed("candidate", e.Parent, c.Node, l.now())
	w := rooms.Get().(*room)
	l.request(&w.req, p, e, c)
	err := l.collect(ctx, w, e, c, emit, started)
	if err == nil {
		err = l.assess(ctx, p, &w.req, &w.done, &w.verdict, c)
	}
	if l.critic == critique.Critic(l.engine.tokens) { // another critic could read them again later
		steproom.Keep(w.done.Steps)
	}
	*w = room{}
	rooms.Put(w)
	return err
}

// room is the memory that one candidate needs while it is made. It is not on the
// stack of the candidate's goroutine. That stack begins with 2 KB, and growing it
// once more would cost as much as most of the engine's work for the candidate.
type room struct {
	req     generator.Request
	done    generator.Completion
	verdict critique.Verdict
}

var rooms = sync.Pool{New: func() any { return new(room) }}

// collect makes the call in w.req.
func (l *live) collect(ctx context.Context, w *room, e *Expansion, c *Candidate, emit func(Event), started func()) (err error) {
	ctx, step := observe.Start(ctx, observe.Generation, "answer")
	if step != nil {
		defer func() { step.End(err) }()
	}
	reserved, err := budget.Reserve(ctx, "candidate", l.generationCost())
	if err != nil {
		return err
	}
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	defer func() {
		c.Usage = w.done.Spent()
		reserved.Settle(c.Usage)
		if step != nil {
			step.Note(w.done.Text())
			step.Spend(c.Usage)
		}
	}()
	seq := l.engine.model.Generate(l.detached(ctx), w.req)
	if started != nil || l.stream {
		seq = l.announced(&w.req, seq, e, c, emit, started)
	}
	err = fanout.ErrNoReturn // unless the call returns
	if err = w.done.Collect(w.req, seq); err != nil {
		return explain(ctx, err)
	}
	return nil
}

// announced passes a stream on, calls started at the first step and emits the text.
func (l *live) announced(req *generator.Request, seq iter.Seq2[generator.Step, error], e *Expansion, c *Candidate, emit func(Event), started func()) iter.Seq2[generator.Step, error] {
	if started != nil {
		seq = onFirst(generator.Checked(*req, seq), started)
	}
	if l.stream {
		seq = l.announce(generator.Checked(*req, seq), func(text string) {
			emit(Event{Kind: EventText, Segment: e.Segment, Parent: e.Parent, Node: c.Node, Text: text})
		})
	}
	return seq
}
