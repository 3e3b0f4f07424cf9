package critiquetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Rule says how a [Critic] answers some candidates, or a [Decider] some
// situations.
type Rule[In, Out any] struct {
	// When reports whether the rule is for an input; nil is for all. It is
	// called by one goroutine at a time and must not change its argument.
	When func(In) bool
	// Times is how often the rule may answer; 0 is no limit.
	Times int
	// Delay is how long to wait first. The wait ends early, with an error, when
	// the context is done.
	Delay time.Duration
	// Answer is the answer.
	Answer Out
	// Err, if set, is the answer instead.
	Err error
	// Stall, if set, waits until the context is done and returns its error.
	Stall bool
}

// CriticRule is a rule of a [Critic].
type CriticRule = Rule[critique.Continuation, critique.Verdict]

// DeciderRule is a rule of a [Decider].
type DeciderRule = Rule[critique.Situation, critique.RetrievalVerdict]

// Critic is a [critique.Critic] that answers by rules and records its candidates.
// The zero value has no rules and refuses every candidate. Rules must not change
// once it is in use; after that it is safe for concurrency.
type Critic struct {
	// Rules are tried in order; the first that matches answers.
	Rules []CriticRule

	log record[critique.Continuation]
}

// Critique implements [critique.Critic].
func (k *Critic) Critique(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	c.Completion.Steps = slices.Clone(c.Completion.Steps)
	c.Prompt = clone(c.Prompt)
	return answer(ctx, &k.log, k.Rules, c, func() error { return &UnscriptedError{Candidate: &c} })
}

// Candidates returns the candidates so far, in the order in which they came.
func (k *Critic) Candidates() []critique.Continuation { return k.log.all() }

// Decider is a [critique.Decider] that answers by rules and records its
// situations. The zero value has no rules and refuses every situation. Rules must
// not change once it is in use; after that it is safe for concurrency.
type Decider struct {
	// Rules are tried in order; the first that matches answers.
	Rules []DeciderRule

	log record[critique.Situation]
}

// Decide implements [critique.Decider].
func (d *Decider) Decide(ctx context.Context, s critique.Situation) (critique.RetrievalVerdict, error) {
	s.Prompt = clone(s.Prompt)
	return answer(ctx, &d.log, d.Rules, s, func() error { return &UnscriptedError{Situation: &s} })
}

// Situations returns the situations so far, in the order in which they came.
func (d *Decider) Situations() []critique.Situation { return d.log.all() }

func clone(p generator.Prompt) generator.Prompt {
	p.Queries, p.Path, p.Evidence = slices.Clone(p.Queries), slices.Clone(p.Path), slices.Clone(p.Evidence)
	return p
}

// UnscriptedError says that no rule is for what was asked. One field is set.
type UnscriptedError struct {
	Candidate *critique.Continuation
	Situation *critique.Situation
}

// Error describes what was asked so that a rule can be written for it.
func (e *UnscriptedError) Error() string {
	asked := "nothing"
	switch {
	case e.Candidate != nil:
		asked = fmt.Sprintf("the candidate %q for the question %q", e.Candidate.Completion.Text(), e.Candidate.Question)
		for _, p := range e.Candidate.Evidence() {
			asked += fmt.Sprintf(" with the passage %q %q", p.Title, p.Text)
		}
	case e.Situation != nil:
		asked = fmt.Sprintf("the decision on the question %q after %d segments", e.Situation.Question, len(e.Situation.Prompt.Path))
	}
	return "critiquetest: the script has no rule for " + asked + "; add a Rule whose When is true for it"
}

// record holds what a script was asked and how often its rules answered.
type record[In any] struct {
	mu    sync.Mutex
	asked []In
	used  map[int]int
}

func (r *record[In]) all() []In {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

// answer records in and gives the answer of the first rule for it.
func answer[In, Out any](ctx context.Context, r *record[In], rules []Rule[In, Out], in In, unscripted func() error) (Out, error) {
	var none Out
	rule, ok := find(r, rules, in)
	if !ok {
		return none, unscripted()
	}
	switch {
	case rule.Stall:
		<-ctx.Done()
	case rule.Delay > 0:
		timer := time.NewTimer(rule.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if rule.Err != nil {
		return none, rule.Err
	}
	return rule.Answer, nil
}

func find[In, Out any](r *record[In], rules []Rule[In, Out], in In) (Rule[In, Out], bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, in)
	if r.used == nil {
		r.used = make(map[int]int)
	}
	for i, rule := range rules {
		if (rule.When == nil || rule.When(in)) && (rule.Times == 0 || r.used[i] < rule.Times) {
			r.used[i]++
			return rule, true
		}
	}
	return Rule[In, Out]{}, false
}

// Uses matches candidates that can use a passage whose title is s or whose text
// contains s.
func Uses(s string) func(critique.Continuation) bool {
	return func(c critique.Continuation) bool {
		return slices.ContainsFunc(c.Evidence(), func(e generator.Evidence) bool { return e.Title == s || strings.Contains(e.Text, s) })
	}
}

// Says matches candidates whose text contains s.
func Says(s string) func(critique.Continuation) bool {
	return func(c critique.Continuation) bool { return strings.Contains(c.Completion.Text(), s) }
}

// Verdict returns a verdict with exact distributions of level Heuristic: rel is
// the probability of Relevant and 1-rel that of Irrelevant; sup and use are in the
// order of the groups' tokens. With all of sup or use 0 that group is absent.
func Verdict(rel float64, sup [3]float64, use [5]float64) critique.Verdict {
	return critique.Verdict{Critique: reflection.Critique{
		IsREL: judgment(reflection.IsREL, 1-rel, rel),
		IsSUP: judgment(reflection.IsSUP, sup[:]...),
		IsUSE: judgment(reflection.IsUSE, use[:]...),
	}}
}

// judgment judges g with the probabilities p and the likeliest token, the first
// of equals.
func judgment(g reflection.Group, p ...float64) reflection.Judgment {
	best := slices.Index(p, slices.Max(p))
	if p[best] <= 0 {
		return reflection.Judgment{Status: reflection.StatusAbsent}
	}
	return reflection.Judged(reflection.NewDistribution(g, p...), g.Tokens()[best], reflection.Heuristic)
}

// Decision returns a decision of level Heuristic: Retrieval has the probability
// pRetrieval and is the token from 0.5 up, NoRetrieval has the rest and
// ContinueEvidence none.
func Decision(pRetrieval float64) critique.RetrievalVerdict {
	token := reflection.NoRetrieval
	if pRetrieval >= 0.5 {
		token = reflection.Retrieval
	}
	return critique.RetrievalVerdict{
		Dist:  reflection.NewDistribution(reflection.Retrieve, 1-pRetrieval, pRetrieval, 0),
		Token: token,
		Level: reflection.Heuristic,
	}
}
