package critique

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Tokens is the critic of a Self-RAG model: it reads the reflection tokens that the
// generator produced while it wrote the candidate. A critique makes no model call.
// Tokens is also a [Decider]. Make one with [NewTokens].
//
// IsREL is read at the first position of a candidate with evidence, whatever its
// token. IsSUP and IsUSE are read at the first generated token of their group;
// later ones are ignored. An IsSUP after the token of the group Retrieve that ends
// the segment belongs to another segment and does not count, unless the candidate
// is Whole. A group that did not come is StatusAbsent. If a token came without a
// distribution, the judgment is a hard label, and its level says so.
type Tokens struct {
	model generator.Generator
}

// NewTokens returns the token critic of model. Only Decide calls it.
func NewTokens(model generator.Generator) *Tokens { return &Tokens{model} }

// Critique implements [Critic]. Incomplete candidates are judged as far as they go.
func (k *Tokens) Critique(ctx context.Context, c Continuation) (v Verdict, err error) {
	if err := ctx.Err(); err != nil {
		return v, err
	}
	steps, finish := c.Completion.Steps, c.Completion.Finish
	if len(c.Prompt.Evidence) > 0 && len(steps) > 0 {
		readStep(&v.IsREL, &steps[0], reflection.IsREL)
	} else {
		// A candidate without evidence of its own need not carry the group, and its
		// position 0 has no meaning.
		readFirst(&v.IsREL, steps, finish, reflection.IsREL)
	}
	readFirst(&v.IsUSE, steps, finish, reflection.IsUSE)
	for i := 1; i < len(steps) && !c.Whole; i++ {
		if steps[i].Token.Group() == reflection.Retrieve {
			steps, finish = steps[:i], generator.FinishStop // the model ended the segment
			break
		}
	}
	readFirst(&v.IsSUP, steps, finish, reflection.IsSUP)
	return v, nil
}

// retrieve lists the groups to watch for a decision.
var retrieve = []reflection.Group{reflection.Retrieve}

// MostCost implements budget.Declarer: a critique costs nothing.
func (k *Tokens) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

// MostDecisionCost implements [DecisionDeclarer]: one call for one token.
func (k *Tokens) MostDecisionCost() (budget.Cost, bool) {
	return budget.Cost{Calls: 1, Tokens: 1}, true
}

// JudgesIncomplete implements [Incremental].
func (k *Tokens) JudgesIncomplete() bool { return true }

// readFirst fills in j, which is zero, from the first generated token of g in steps.
// finish is why the steps ended.
func readFirst(j *reflection.Judgment, steps []generator.Step, finish generator.Finish, g reflection.Group) {
	for i := range steps {
		if steps[i].Token.Group() == g {
			readStep(j, &steps[i], g)
			return
		}
	}
	j.Status = reflection.StatusAbsent
	if finish == generator.Running {
		j.Status = reflection.StatusPending
	}
}

// readStep fills in j, which is zero, with the judgment of g in one step.
func readStep(j *reflection.Judgment, s *generator.Step, g reflection.Group) {
	if s.Token.Group() == g {
		j.Token = s.Token
	}
	for i := range s.Watched {
		if d := &s.Watched[i]; d.Group == g {
			if level := levelOf(d); level != reflection.LevelUnstated {
				j.Status, j.Dist, j.Level = reflection.StatusJudged, *d, level
				return
			}
			break
		}
	}
	if j.Token != reflection.None {
		j.Status, j.Dist, j.Level = reflection.StatusJudged, reflection.OneHot(j.Token), reflection.HardLabels
	}
}

// levelOf returns how well a distribution is known. It is LevelUnstated if no
// member is exact, since bounds alone do not distinguish the members.
func levelOf(d *reflection.Distribution) reflection.Level {
	if d.Exact() {
		return reflection.ExactIDs
	}
	for i := range d.Group.Size() {
		if d.Probs[i].Known == reflection.Exact {
			return reflection.TopN
		}
	}
	return reflection.LevelUnstated
}

// Decide implements [Decider]. At a boundary it reads the decision from the step
// that made it; otherwise it asks the model for one token.
func (k *Tokens) Decide(ctx context.Context, s Situation) (RetrievalVerdict, error) {
	if err := ctx.Err(); err != nil {
		return RetrievalVerdict{}, err
	}
	if s.Boundary != nil {
		var j reflection.Judgment
		readStep(&j, s.Boundary, reflection.Retrieve)
		return RetrievalVerdict{Dist: j.Dist, Token: j.Token, Level: j.Level}, nil
	}
	c, err := generator.Complete(ctx, k.model, generator.Request{
		Prompt:    s.Prompt,
		MaxTokens: 1,
		Watch:     retrieve,
	})
	d := RetrievalVerdict{Dist: reflection.Distribution{Group: reflection.Retrieve}}
	if !budget.Refused(err) { // otherwise no call was made
		d.Usage = c.Spent()
	}
	if err != nil {
		return d, fmt.Errorf("critique: deciding on retrieval: %w", err)
	}
	if len(c.Steps) > 0 {
		var j reflection.Judgment
		if readStep(&j, &c.Steps[0], reflection.Retrieve); j.Status == reflection.StatusJudged {
			d.Dist, d.Token, d.Level = j.Dist, j.Token, j.Level
		}
	}
	return d, nil
}
