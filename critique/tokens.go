package critique

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Tokens is the critic of a Self-RAG model: it reads the reflection tokens that
// the generator itself produced while it wrote the candidate, and makes no model
// call for a critique. It is a [Decider], too. Make one with [NewTokens].
//
// IsREL is read at the first position of a candidate with evidence, whatever
// token stands there; IsSUP and IsUSE at the first generated token of their
// group, later ones are ignored; an IsSUP past the token of the group Retrieve
// that ends the segment is about another segment and does not count. A group that
// did not come is StatusAbsent.
// Where a token came without a distribution the judgement is a hard label, and
// its level says so.
type Tokens struct {
	model generator.Generator
}

// NewTokens returns the token critic of model. Only Decide calls it.
func NewTokens(model generator.Generator) *Tokens { return &Tokens{model} }

// Critique implements [Critic]. Incomplete candidates are judged as far as they
// go.
func (k *Tokens) Critique(ctx context.Context, c Candidate) (Verdict, error) {
	var v Verdict
	if err := ctx.Err(); err != nil {
		return v, err
	}
	v.IsREL = relevance(c)
	v.IsSUP = first(segment(c.Completion), reflection.IsSUP)
	v.IsUSE = first(c.Completion, reflection.IsUSE)
	return v, nil
}

// JudgesIncomplete implements [Incremental].
func (k *Tokens) JudgesIncomplete() bool { return true }

// relevance reads IsREL. Without evidence of its own a candidate is not expected
// to carry the group, and position 0 means nothing.
func relevance(c Candidate) reflection.Judgement {
	steps := c.Completion.Steps
	if len(c.Prompt.Evidence) == 0 || len(steps) == 0 {
		return first(c.Completion, reflection.IsREL)
	}
	return read(steps[0], reflection.IsREL)
}

// segment cuts a completion where the model itself ended the segment.
func segment(c generator.Completion) generator.Completion {
	for i := 1; i < len(c.Steps); i++ {
		if c.Steps[i].Token.Group() == reflection.Retrieve {
			return generator.Completion{Steps: c.Steps[:i], Finish: generator.FinishStop}
		}
	}
	return c
}

// first reads the first generated token of g.
func first(c generator.Completion, g reflection.Group) reflection.Judgement {
	if _, i := c.First(g); i >= 0 {
		return read(c.Steps[i], g)
	}
	if c.Finish == generator.Running {
		return reflection.Judgement{Status: reflection.StatusPending}
	}
	return reflection.Judgement{Status: reflection.StatusAbsent}
}

// read takes the judgement of g from one step.
func read(s generator.Step, g reflection.Group) reflection.Judgement {
	token := s.Token
	if token.Group() != g {
		token = reflection.None
	}
	if d, ok := s.Group(g); ok {
		if level := levelOf(d); level != reflection.LevelUnstated {
			return reflection.Judged(d, token, level)
		}
	}
	if token != reflection.None {
		return reflection.Judged(reflection.OneHot(token), token, reflection.HardLabels)
	}
	return reflection.Judgement{Status: reflection.StatusUnknown}
}

// levelOf tells how well a distribution is known; LevelUnstated if no member is
// exact, since bounds alone tell the members apart in no way.
func levelOf(d reflection.Distribution) reflection.Level {
	if d.Exact() {
		return reflection.ExactIDs
	}
	for _, t := range d.Group.Tokens() {
		if d.Prob(t).Known == reflection.Exact {
			return reflection.TopN
		}
	}
	return reflection.LevelUnstated
}

// Decide implements [Decider]. At a boundary it takes the decision from the step
// that made it; otherwise it asks the model for one token.
func (k *Tokens) Decide(ctx context.Context, s Situation) (Decision, error) {
	if err := ctx.Err(); err != nil {
		return Decision{}, err
	}
	if s.Boundary != nil {
		j := read(*s.Boundary, reflection.Retrieve)
		return Decision{Dist: j.Dist, Token: j.Token, Level: j.Level}, nil
	}
	c, err := generator.Complete(ctx, k.model, generator.Request{
		Prompt:    s.Prompt,
		MaxTokens: 1,
		Watch:     []reflection.Group{reflection.Retrieve},
	})
	d := Decision{Dist: reflection.Distribution{Group: reflection.Retrieve}, Usage: c.Usage}
	if err != nil {
		// A call that was cut off reports no cost, but was made all the same.
		d.Usage = generator.Usage{Calls: 1, GeneratedTokens: len(c.Steps), Partial: true}
		return d, fmt.Errorf("critique: deciding on retrieval: %w", err)
	}
	if len(c.Steps) > 0 {
		if j := read(c.Steps[0], reflection.Retrieve); j.Status == reflection.StatusJudged {
			d.Dist, d.Token, d.Level = j.Dist, j.Token, j.Level
		}
	}
	return d, nil
}
