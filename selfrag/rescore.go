package selfrag

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// Diverged is the error of [Rescore] if the new settings need results that the
// stored run does not have.
type Diverged struct {
	Segment int    // from 1
	Reason  string // what the trace lacks
}

// Error implements error.
func (d *Diverged) Error() string {
	return fmt.Sprintf("selfrag: re-scoring leaves the trace at segment %d: %s", d.Segment, d.Reason)
}

// Rescore answers the question of a trace again with other settings, without any
// model call. It can change weights, scoring, sequence term, threshold, mode,
// policies, path score, constraints, labels, abstention, and the width and depth of
// a long answer. Any other change is an *[OptionError].
//
// The answer is that of a new run, with two exceptions: the cost, and decisions
// where the stored run asked for exact probabilities and a new one would not need
// them. If the trace lacks what is needed, the error is a *[Diverged] and the
// answer holds the segments before that place. A trace made with TraceFull holds
// both branches of every decision. For a one-segment answer it is sufficient,
// unless the run abstained because nothing was found. The trace is not changed; the
// answer has its own.
//
// A trace that no run produces, with a duplicate node number or a node continued
// twice at one segment, is an error. So is a trace of another kind, a *[KindError].
func Rescore(t *Trace, options ...Option) (*Answer, error) {
	if t == nil {
		return nil, errors.New("selfrag: re-scoring: the trace is nil")
	}
	if !t.engine() {
		return nil, &KindError{t.Kind}
	}
	s, err := rescoreSettings(t, options)
	if err != nil {
		return nil, err
	}
	r := &replay{settings: s, stored: t}
	if r.at, err = t.index(); err != nil {
		return nil, err
	}
	answer := &Answer{Question: t.Question, Segments: []Segment{}, Citations: []Citation{}, Stop: StopFailed}
	found, err := search(context.Background(), &s, r)
	s.assemble(answer, found)
	c := *t
	c.Settings, c.Expansions, c.Path, c.Timing = s.traced(), r.expansions, answer.path, nil
	c.Settings.Instruction = t.Settings.Instruction
	answer.Trace = &c
	return answer, err
}

// rescoreSettings applies the options to the trace's settings and rejects those
// that need a new run.
func rescoreSettings(t *Trace, options []Option) (settings, error) {
	base, err := t.Settings.settings()
	if err != nil {
		return base, fmt.Errorf("selfrag: the trace's settings: %w", err)
	}
	s, err := base.apply(options)
	if err != nil {
		return s, err
	}
	if err := s.resolve(t.Model, t.Model != generator.Capabilities{}); err != nil {
		return s, err
	}
	for _, o := range [...]struct {
		name    string
		changed bool
	}{
		{"WithK", s.k != base.k},
		{"WithFilter", s.filterText != base.filterText},
		{"WithFixedPassages", s.fixed != base.fixed},
		// The two forms stop at different tokens.
		{"WithLongForm", s.long && !base.long},
		{"WithShortForm", !s.long && base.long},
		{"WithInstruction", s.instruction != generator.Instruction{}},
		{"WithMaxTokens", s.maxTokens != base.maxTokens},
		{"WithSampling", s.temperature != base.temperature || s.seed != base.seed},
		{"WithMinCandidates", s.need != 0},
		{"WithHistory", s.history != nil},
		{"WithRewriter", s.rewriter != nil},
		{"WithBudget", s.budget != base.budget},
		{"WithCallTimeout", s.callTimeout != 0},
		{"WithConcurrency", s.concurrency != 0},
		{"WithTrace", s.trace != base.trace},
		{"WithCritic", s.critic != nil},
		{"WithDecider", s.decider != nil},
		{"WithSequence", s.count != base.count},
		{"WithLazy", s.lazy != base.lazy},
		{"WithEagerRetrieval", s.eager != base.eager},
		{"WithWholeOutput", s.wholeOutput != base.wholeOutput},
	} {
		if o.changed {
			return s, optionError(o.name, "re-scoring makes no model call and cannot change this: ask again instead")
		}
	}
	return s, nil
}

// place is the place of an expansion in the search: its segment, and the last node
// of its path.
type place struct{ segment, parent int }

// index returns the expansions by place. It rejects duplicate places and nodes,
// with which a short trace from a file could mean a search without end.
func (t *Trace) index() (map[place]*Expansion, error) {
	at := make(map[place]*Expansion, len(t.Expansions))
	nodes := make(map[int]bool)
	for _, e := range t.Expansions {
		if e == nil {
			continue
		}
		p := place{e.Segment, e.Parent}
		if at[p] != nil {
			return nil, fmt.Errorf("selfrag: re-scoring: the trace continues node %d at segment %d twice", e.Parent, e.Segment)
		}
		at[p] = e
		for i := range e.Candidates {
			n := e.Candidates[i].Node
			if n < 1 || nodes[n] {
				return nil, fmt.Errorf("selfrag: re-scoring: the trace has a candidate with the node number %d: want numbers from 1, each once", n)
			}
			nodes[n] = true
		}
	}
	return at, nil
}

// replay expands paths out of a trace.
type replay struct {
	settings
	stored     *Trace
	at         map[place]*Expansion
	expansions []*Expansion
}

// expand implements expander.
func (r *replay) expand(_ context.Context, segment int, paths, _ []*path) ([]*Expansion, error) {
	out := make([]*Expansion, len(paths))
	for i, p := range paths {
		stored := r.at[place{segment, p.node()}]
		if stored == nil {
			return out, &Diverged{segment, fmt.Sprintf("node %d was not continued", p.node())}
		}
		e := *stored
		e.Candidates = slices.Clone(e.Candidates)
		if err := r.decideAgain(p, &e); err != nil {
			return out, err
		}
		out[i] = &e
		r.expansions = append(r.expansions, &e)
	}
	return out, nil
}

// decideAgain repeats the decision and checks that the trace holds what follows.
func (r *replay) decideAgain(p *path, e *Expansion) error {
	d := &e.Decision
	was := *d
	d.Ratio, d.Empty, d.Policy = nil, false, false
	if !r.asks() {
		*d = Decision{}
	} else if d.Dist.Group == reflection.NoGroup {
		return &Diverged{e.Segment, "it was not asked whether to retrieve"}
	}
	_, canContinue := p.passage()
	if !r.decide(d, e.Segment, canContinue) {
		// A run would ask for exact probabilities here. Their outcome is known only
		// if the stored run asked, too.
		if r.mode == Adaptive && !(was.Policy && r.stored.Settings.Mode == Adaptive) {
			return &Diverged{e.Segment, "the probabilities do not settle whether to retrieve"}
		}
		if err := r.giveUp(d); err != nil {
			return err
		}
	}
	if d.Choice == scoring.ChooseRetrieval {
		// Without a candidate and without the mark Empty, the retrieval did not
		// finish.
		if e.Query == "" || e.Eager == EagerUnused && r.trace != TraceFull || len(e.Passages) == 0 && len(e.Candidates) == 0 && !was.Empty {
			return &Diverged{e.Segment, "nothing was retrieved"}
		}
		if d.Empty = len(e.Passages) == 0; d.Empty && r.abstain {
			e.stop = StopAbstained
			return nil
		}
	}
	known := 0
	for i := range e.Candidates {
		switch c := &e.Candidates[i]; {
		case c.Branch != d.branch():
		case c.Status == Skipped || c.Status == Failed:
			return &Diverged{e.Segment, fmt.Sprintf("candidate %d was not completed: %s", c.Node, c.Reason)}
		default:
			known++
		}
	}
	if known == 0 {
		return &Diverged{e.Segment, fmt.Sprintf("the branch %v was not run", d.branch())}
	}
	return nil
}

// scored implements expander. It checks that a candidate that lazy evaluation
// stopped still cannot change the answer.
func (r *replay) scored(k contest, _ []*path) error {
	beaten := k.beaten()
	for _, e := range k.expansions {
		for i := range e.Candidates {
			if c := &e.Candidates[i]; c.Status == Stopped && !beaten[c] {
				return &Diverged{e.Segment, fmt.Sprintf("candidate %d was stopped before it was complete, and could win now", c.Node)}
			}
		}
	}
	return nil
}
