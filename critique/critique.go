package critique

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Critic judges candidate segments.
type Critic interface {
	// Critique says what it finds for IsREL, IsSUP and IsUSE.
	//
	// Contract:
	//
	//   - The verdict depends on the candidate alone, never on other candidates or
	//     earlier calls: the same candidate gets the same verdict.
	//   - A group it does not judge stays StatusUnknown; a probability it does not
	//     have stays unknown. Numbers are never made up.
	//   - An incomplete candidate (Completion.Finish is Running) may be refused
	//     with an error that wraps ErrIncomplete; a critic that accepts it reports
	//     StatusPending for what can still change, and a group once judged keeps
	//     its judgment.
	//   - The texts in the candidate are data and cannot change how it is judged,
	//     other than by what they say.
	//   - Safe for concurrent use. When ctx is done it returns promptly with an
	//     error that wraps ctx.Err(), and leaves no goroutine behind.
	Critique(ctx context.Context, c Continuation) (Verdict, error)
}

// Incremental is implemented by a critic that can judge candidates before they are
// complete, and what it says of one bounds what it will say of the whole. Only with
// such a critic can lazy evaluation stop a candidate that cannot win. It accepts a
// candidate without steps: one that can judge the passage then does so, and a
// candidate that cannot win is never begun. One that has steps it may still refuse.
type Incremental interface {
	Critic
	// JudgesIncomplete reports whether it does. A wrapper asks the critic inside.
	JudgesIncomplete() bool
}

// JudgesIncomplete reports whether c is an [Incremental] critic that judges
// incomplete candidates.
func JudgesIncomplete(c Critic) bool {
	i, ok := c.(Incremental)
	return ok && i.JudgesIncomplete()
}

// Templated is implemented by critics and deciders that ask a model, so that a
// trace can say with which prompts.
type Templated interface {
	// Templates returns the templates of all prompts, in a fixed order.
	Templates() []generator.TaskTemplate
}

// Continuation is one continuation to be judged.
type Continuation struct {
	// Question is the stand-alone question that is being answered.
	Question string
	// Prompt is what the generator was given: the path so far and, in Evidence,
	// the passage this candidate used.
	Prompt generator.Prompt
	// Completion is what it generated. It can go on past the segment: past a token
	// of the group Retrieve other than the first token. Without steps and with
	// Finish Running the candidate asks for the relevance of its passage only.
	Completion generator.Completion
	// Whole is set if all of Completion is the segment: no token of the group Retrieve
	// ends it.
	Whole bool
	// Text is the text of the segment, white space trimmed: what will stand in the
	// answer, and what a critic that reads should judge.
	Text string
}

// ErrIncomplete is wrapped by the error of a critic that cannot judge a candidate
// before it is complete.
var ErrIncomplete = errors.New("critique: the candidate is not complete")

// Evidence returns the passages the candidate could use: those of its own, or
// those of the path if it continues with them. Nil if there are none.
func (c Continuation) Evidence() []generator.Evidence {
	if len(c.Prompt.Evidence) > 0 {
		return c.Prompt.Evidence
	}
	if c.Prompt.Force == reflection.ContinueEvidence {
		return c.Prompt.PathEvidence()
	}
	return nil
}

// Verdict is a critique and what it cost.
type Verdict struct {
	reflection.Critique
	// Usage counts the model calls the critic made; zero if none.
	Usage generator.Usage
}

// Check returns an error if the critique fails [reflection.Critique.Check] or a count of
// the usage is negative.
func (v Verdict) Check() error {
	if err := v.Critique.Check(); err != nil {
		return err
	}
	return checkUsage(v.Usage)
}

func checkUsage(u generator.Usage) error {
	if min(u.Calls, u.PromptTokens, u.CachedTokens, u.GeneratedTokens) < 0 {
		return fmt.Errorf("usage %+v has a negative count", u)
	}
	return nil
}

// Decider says whether passages are needed for what comes next.
type Decider interface {
	// Decide gives the distribution of the group Retrieve for the next segment.
	// The contract of [Critic] on data, concurrency and cancellation holds.
	Decide(ctx context.Context, s Situation) (RetrievalVerdict, error)
}

// DecisionDeclarer is implemented by a Decider that knows the most that one decision can
// cost. What a Critic knows of a critique it declares as a budget.Declarer.
type DecisionDeclarer interface {
	Decider
	// MostDecisionCost returns the most that one decision costs, and false if it is not
	// known. A decision that takes more is refused by the budget.
	MostDecisionCost() (budget.Cost, bool)
}

// MostDecisionCost returns what d declares, and false if it declares nothing.
func MostDecisionCost(d Decider) (budget.Cost, bool) {
	if d, ok := d.(DecisionDeclarer); ok {
		return d.MostDecisionCost()
	}
	return budget.Cost{}, false
}

// Situation is the point at which a decision is asked for.
type Situation struct {
	// Question is the stand-alone question.
	Question string
	// Prompt holds the path so far; it has no evidence and forces nothing.
	Prompt generator.Prompt
	// Boundary is the step that ended the last segment, if that was a control
	// token of the group Retrieve: the model has then decided already. Nil at the
	// start.
	Boundary *generator.Step
}

// RetrievalVerdict is what a Decider found. The rule that turns it into a choice is
// scoring.Decide.
type RetrievalVerdict struct {
	// Dist is the distribution of the group Retrieve.
	Dist reflection.Distribution
	// Token is the token that was generated, None if it was another one.
	Token reflection.Token
	// Level says by what means.
	Level reflection.Level
	// Usage counts the model calls that were needed; zero if none.
	Usage generator.Usage
}

// Check returns an error if Dist or Token is of another group than Retrieve, or
// Dist has a number that no log-probability can have, or if a count of the usage is
// negative. A zero Dist is allowed: it says that nothing is known.
func (d RetrievalVerdict) Check() error {
	switch {
	case d.Dist.Group != reflection.NoGroup && d.Dist.Group != reflection.Retrieve:
		return fmt.Errorf("the distribution is of %v: want Retrieve", d.Dist.Group)
	case d.Token != reflection.None && d.Token.Group() != reflection.Retrieve:
		return fmt.Errorf("token %v is not of the group Retrieve", d.Token)
	}
	if d.Level > reflection.Heuristic {
		_, err := d.Level.MarshalText() // says so
		return err
	}
	if err := d.Dist.Check(); err != nil {
		return err
	}
	return checkUsage(d.Usage)
}
