package selfrag

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// assess fills in c from a completion, whole or partial. It leaves the critic's
// verdict in v.
func (l *live) assess(ctx context.Context, p *path, req *generator.Request, done *generator.Completion, v *critique.Verdict, c *Candidate) error {
	c.setOutput(&req.Prompt, done, &l.settings)
	if l.settings.trace == TraceFull {
		c.Tokens = slices.Clone(done.Steps)
	}
	if err := l.judge(ctx, &req.Prompt, done, v, c); err != nil {
		return fmt.Errorf("the critic: %w", err)
	}
	if c.Branch == scoring.ChooseContinue && c.Critique.IsREL.Status == reflection.StatusAbsent {
		if rel := p.relevance(); rel != nil && rel.Status == reflection.StatusJudged {
			// Same question, same passage: the judgment of the segment that brought
			// the passage still holds.
			c.Critique.IsREL = *rel
			c.Critique.IsREL.Inherited = true
		}
	}
	return nil
}

// announce passes a stream on and calls f with each piece of the segment's text.
func (s *settings) announce(seq iter.Seq2[generator.Step, error], f func(text string)) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		at, over := 0, false
		for st, err := range seq {
			over = over || s.endsSegment(at, &st)
			if at++; st.Text != "" && !over {
				f(st.Text)
			}
			if !yield(st, err) {
				return
			}
		}
	}
}

// endsSegment reports whether the step at a position is the model's own boundary.
// Text after a boundary is not part of the segment.
func (s *settings) endsSegment(at int, st *generator.Step) bool {
	if at == 0 || st.Token.Group() != reflection.Retrieve {
		return false
	}
	return !s.wholeOutput || s.long && st.Token == reflection.Retrieval
}

// setOutput fills in c from what the model generated for it.
func (c *Candidate) setOutput(p *generator.Prompt, done *generator.Completion, set *settings) {
	c.Finish, c.Declined = done.Finish, done.Declined
	own := *done // the segment with the token that ends it, without later steps
	c.segment = generator.PathSegment{Evidence: p.Evidence, Retrieve: p.Force}
	if len(p.Evidence) > 0 {
		c.segment.Retrieve = reflection.Retrieval
	}
	for i := range done.Steps {
		s := &done.Steps[i]
		if set.endsSegment(i, s) {
			// After a utility the answer was complete, whatever follows.
			if c.segment.Utility == reflection.None {
				c.boundary, c.Boundary = *s, s.Token
			}
			if own.Steps = done.Steps[:i+1]; i+1 < len(done.Steps) {
				own.Finish = generator.FinishStop // the end token belongs to another segment
			}
			if c.Finish == generator.FinishLength {
				c.Finish = generator.FinishStop // the limit cut a later segment
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
	c.LogProb, c.Counted = own.LogProb(set.count)
	c.segment.Text = own.Text()
	c.Text = strings.TrimSpace(c.segment.Text)
}

// judge asks the critic for a judgment of a candidate. The call has its own
// time-out.
func (l *live) judge(ctx context.Context, p *generator.Prompt, done *generator.Completion, v *critique.Verdict, c *Candidate) (err error) {
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	c.judging = true
	*v, err = l.critique(ctx, critique.Continuation{Question: l.question, Prompt: *p, Completion: *done, Text: c.Text, Whole: l.wholeOutput})
	c.judging = false
	c.Usage = c.Usage.Add(v.Usage)
	if err != nil {
		return explain(ctx, err)
	}
	c.Critique = v.Critique
	if l.critic == critique.Critic(l.engine.tokens) {
		// The form of a distribution does not show how it was obtained.
		for _, j := range []*reflection.Judgment{&c.Critique.IsREL, &c.Critique.IsSUP, &c.Critique.IsUSE} {
			if j.Status == reflection.StatusJudged {
				j.Level = max(j.Level, l.trace.Model.Level)
			}
		}
	}
	return nil
}

// critique asks the critic. It counts what the critic spends even if the critic
// does not report it, or calls its models without package generator.
func (l *live) critique(ctx context.Context, c critique.Continuation) (v critique.Verdict, err error) {
	ctx, step := observe.Start(ctx, observe.Critique, "critique")
	if step != nil {
		defer step.EndWith(&err)()
		defer func() { step.Spend(v.Usage) }()
	}
	if l.critic == critique.Critic(l.engine.tokens) {
		return l.critic.Critique(ctx, c)
	}
	under, spent := budget.Open(ctx, "critique", budget.Limits{})
	defer spent.Close()
	v, err = l.critic.Critique(under, c)
	if wrong := v.Check(); err == nil && wrong != nil {
		err = fmt.Errorf("%w (%w)", wrong, ErrCritic)
	}
	budget.Charge(ctx, v.Usage.Beyond(spent.Usage()))
	v.Usage = v.Usage.Max(spent.Usage())
	return v, err
}
