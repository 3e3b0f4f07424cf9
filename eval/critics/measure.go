package critics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/reflection"
)

// ErrOption is wrapped by errors about an argument of [Measure] other than a pair, and about
// a [Model] without a generator.
var ErrOption = errors.New("critics: bad option")

// PairError says which pair is invalid, or for which pair a critic failed.
type PairError struct {
	Pair string // its ID
	Err  error
}

// Error implements error.
func (e *PairError) Error() string { return fmt.Sprintf("critics: pair %q: %v", e.Pair, e.Err) }

// Unwrap returns the reason.
func (e *PairError) Unwrap() error { return e.Err }

// Options changes how [Measure] works. The zero value is ready for use.
type Options struct {
	// Concurrency is how many pairs are judged at the same time; 0 means 1. The report
	// does not depend on it.
	Concurrency int
	// Progress, unless nil, is called after each pair with the number of pairs done and
	// that of all, by one goroutine at a time. It must not block.
	Progress func(done, total int)
	// Seed is that of the intervals.
	Seed uint64
}

// Measure asks critic about the pairs that expect IsREL, IsSUP or IsUSE and decider about
// those that expect Retrieve, and reports how well they do. Either may be nil if no pair
// needs it. A critic gets the text of a pair as a complete candidate of one step. Without a
// text it gets a candidate without steps and is asked only for the relevance of the
// passage. Critics that read generated tokens, such as critique.Tokens, find none there:
// use [Model].
//
// Measure stops at the first error of a critic, in the order of the pairs, and returns it
// in a *[PairError]. A budget of ctx holds for all pairs together; a refusal of the budget
// is such an error. Errors about options wrap [ErrOption].
func Measure(ctx context.Context, critic critique.Critic, decider critique.Decider, pairs []Pair, o Options) (Report, error) {
	if err := checkArguments(critic, decider, pairs, o); err != nil {
		return Report{}, err
	}
	m := measurement{critic: critic, decider: decider, pairs: pairs, results: make([]result, len(pairs)), progress: o.Progress}
	n, limit := len(pairs), max(o.Concurrency, 1)
	errs := budget.Each(ctx, n, limit, m.mostCost, fanout.UntilError(n, limit, budget.Exceeded, func(ctx context.Context, i int) func() error {
		return func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := m.measurePair(ctx, i); err != nil {
				return err
			}
			m.count()
			return nil
		}
	}))
	for i, err := range errs {
		if err != nil {
			return Report{}, &PairError{pairs[i].ID, err}
		}
	}
	return m.report(o.Seed)
}

func checkArguments(critic critique.Critic, decider critique.Decider, pairs []Pair, o Options) error {
	if o.Concurrency < 0 {
		return fmt.Errorf("%w: Concurrency is %d: want at least 1, or 0 for 1", ErrOption, o.Concurrency)
	}
	if len(pairs) == 0 {
		return fmt.Errorf("%w: there is no pair", ErrOption)
	}
	ids := map[string]bool{}
	for _, p := range pairs {
		err := p.Check()
		if err == nil && ids[p.ID] {
			err = errors.New("an earlier pair has the same id")
		}
		if err != nil {
			return &PairError{p.ID, err}
		}
		ids[p.ID] = true
		if p.asksCritic() && isnil.Value(critic) {
			return fmt.Errorf("%w: the critic is nil, but pair %q expects what one judges", ErrOption, p.ID)
		}
		if p.asksDecider() && isnil.Value(decider) {
			return fmt.Errorf("%w: the decider is nil, but pair %q expects a token of Retrieve", ErrOption, p.ID)
		}
	}
	return nil
}

func (p Pair) asksDecider() bool {
	_, ok := p.Expect[reflection.Retrieve]
	return ok
}

func (p Pair) asksCritic() bool { return len(p.Expect) > 1 || !p.asksDecider() }

// continuation returns the candidate for a critic.
func (p Pair) continuation() critique.Continuation {
	c := critique.Continuation{Question: p.Question, Prompt: generator.Prompt{Instruction: p.Question}, Text: p.Text}
	if p.Passage.Text != "" {
		c.Prompt.Evidence = []generator.Evidence{p.Passage}
	} else {
		c.Prompt.Force = reflection.NoRetrieval
	}
	if p.Text != "" {
		c.Completion = generator.Completion{Steps: []generator.Step{{Text: p.Text}}, Finish: generator.FinishEnd}
	}
	return c
}

// measurement is one use of Measure.
type measurement struct {
	critic  critique.Critic
	decider critique.Decider
	pairs   []Pair
	results []result // by pair

	mu       sync.Mutex
	progress func(done, total int)
	done     int
}

// result is what was found for a pair.
type result struct {
	answers map[reflection.Group]answer
	usage   generator.Usage
}

// count reports that one more pair is done.
func (m *measurement) count() {
	if m.progress == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done++
	m.progress(m.done, len(m.pairs))
}

// mostCost returns what pair i can cost at most.
func (m *measurement) mostCost(i int) (most budget.Cost, known bool) {
	if m.pairs[i].asksCritic() {
		if most, known = budget.MostCost(m.critic, 1); !known {
			return budget.Cost{}, false
		}
	}
	if m.pairs[i].asksDecider() {
		c, known := critique.MostDecisionCost(m.decider)
		if !known {
			return budget.Cost{}, false
		}
		most = most.Add(c)
	}
	return most, true
}

// measurePair fills in the result of pair i.
func (m *measurement) measurePair(ctx context.Context, i int) error {
	p := m.pairs[i]
	r := result{answers: map[reflection.Group]answer{}}
	if p.asksCritic() {
		v, err := m.critic.Critique(ctx, p.continuation())
		if err != nil {
			return err
		}
		if err := v.Check(); err != nil {
			return fmt.Errorf("the critic's verdict: %w", err)
		}
		r.usage = v.Usage
		r.answers[reflection.IsREL] = newAnswer(reflection.IsREL, v.IsREL)
		r.answers[reflection.IsSUP] = newAnswer(reflection.IsSUP, v.IsSUP)
		r.answers[reflection.IsUSE] = newAnswer(reflection.IsUSE, v.IsUSE)
	}
	if p.asksDecider() {
		v, err := m.decider.Decide(ctx, critique.Situation{Question: p.Question, Prompt: generator.Prompt{Instruction: p.Question}})
		if err != nil {
			return err
		}
		if err := v.Check(); err != nil {
			return fmt.Errorf("the decider's verdict: %w", err)
		}
		r.usage = r.usage.Add(v.Usage)
		j := reflection.Judgment{Token: v.Token, Dist: v.Dist, Level: v.Level}
		if v.Token != reflection.None || v.Level != reflection.LevelUnstated || v.Dist != (reflection.Distribution{Group: v.Dist.Group}) {
			j.Status = reflection.StatusJudged
		}
		r.answers[reflection.Retrieve] = newAnswer(reflection.Retrieve, j)
	}
	m.results[i] = r
	return nil
}

// answer is what was found for one group of one pair.
type answer struct {
	status reflection.Status
	label  reflection.Token // None if there is none
	level  reflection.Level
	// probs holds the probabilities of the group's labels, which sum to 1; nil if they are
	// not exact or only name a label.
	probs []float64
}

// newAnswer applies the rule in the comment of the package.
func newAnswer(g reflection.Group, j reflection.Judgment) answer {
	a := answer{status: j.Status, level: j.Level}
	if j.Status != reflection.StatusJudged {
		return a
	}
	labels := labelsOf(g)
	values := make([]float64, len(labels))
	best, sum, exact := -1, 0.0, true
	for i, t := range labels {
		v, is := j.Dist.Prob(t).Value()
		values[i] = v
		exact = exact && is
		sum += v
		switch {
		case !is || v == 0:
		case best < 0 || v > values[best] || v == values[best] && t == j.Token:
			best = i
		}
	}
	for i, t := range labels { // could a bound hide a likelier one?
		if best >= 0 && j.Dist.Prob(t).Known != reflection.Exact && values[i] > values[best] {
			best = -1
		}
	}
	switch {
	case best >= 0:
		a.label = labels[best]
	case slices.Contains(labels, j.Token):
		a.label = j.Token
	}
	if exact && sum > 0 && j.Level != reflection.HardLabels && j.Level != reflection.PromptedLabels {
		a.probs = values
		for i := range values {
			a.probs[i] = math.Min(1, values[i]/sum)
		}
	}
	return a
}
