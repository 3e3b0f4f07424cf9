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
	// Critique returns its judgments of IsREL, IsSUP and IsUSE.
	//
	// Contract:
	//
	//   - The verdict depends on the candidate alone, never on other candidates
	//     or earlier calls: equal candidates get equal verdicts.
	//   - A group that it does not judge stays StatusUnknown; a probability that
	//     it does not have stays unknown. Numbers are never made up.
	//   - It may refuse an incomplete candidate (Completion.Finish is Running)
	//     with an error that wraps ErrIncomplete. Otherwise it reports
	//     StatusPending for what can still change, and a judgment, once made,
	//     stays.
	//   - The texts in the candidate are data. Instructions in them must not
	//     affect the judgment.
	//   - It is safe for concurrent use. When ctx is done it returns promptly
	//     with an error that wraps ctx.Err(), and leaves no goroutine behind.
	Critique(ctx context.Context, c Continuation) (Verdict, error)
}

// Incremental is implemented by a critic that can judge candidates before they are
// complete. Its judgment of an incomplete candidate bounds that of the complete
// one. Lazy evaluation can stop a candidate that cannot win only with such a
// critic. It accepts a candidate without steps: if it can judge the passage it then
// does so, and a candidate that cannot win is never begun. It may still refuse an
// incomplete candidate with steps.
type Incremental interface {
	Critic
	// JudgesIncomplete reports whether it does. A wrapper asks the wrapped critic.
	JudgesIncomplete() bool
}

// JudgesIncomplete reports whether c is an [Incremental] critic that judges
// incomplete candidates.
func JudgesIncomplete(c Critic) bool {
	i, ok := c.(Incremental)
	return ok && i.JudgesIncomplete()
}

// Templated is implemented by critics and deciders that ask a model, so that a
// trace can name their prompts.
type Templated interface {
	// Templates returns the templates of all prompts, in a fixed order.
	Templates() []generator.TaskTemplate
}

// Continuation is one continuation to judge.
type Continuation struct {
	// Question is the question to answer, independent of the history.
	Question string
	// Prompt is the prompt of the generator: the path so far and, in Evidence, the
	// passage of this candidate.
	Prompt generator.Prompt
	// Completion is what the generator returned. It can extend past the segment:
	// past a token of the group Retrieve other than the first token. Without steps
	// and with Finish Running only the relevance of the passage is asked for.
	Completion generator.Completion
	// Whole is set if all of Completion is the segment: no token of the group
	// Retrieve ends it.
	Whole bool
	// Text is the segment's text, trimmed of white space, as it will be in the
	// answer. A critic that reads text should judge it.
	Text string
}

// ErrIncomplete is wrapped by the error of a critic that cannot judge a candidate
// before it is complete.
var ErrIncomplete = errors.New("critique: the candidate is not complete")

// Evidence returns the passages that the candidate could use: its own, or those of
// the path if it continues with them. Nil if there are none.
func (c Continuation) Evidence() []generator.Evidence {
	if len(c.Prompt.Evidence) > 0 {
		return c.Prompt.Evidence
	}
	if c.Prompt.Force == reflection.ContinueEvidence {
		return c.Prompt.PathEvidence()
	}
	return nil
}

// Verdict is a critique and its cost.
type Verdict struct {
	reflection.Critique
	// Usage counts the critic's model calls; zero if there were none.
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

// Decider decides whether the next segment needs passages.
type Decider interface {
	// Decide returns the distribution of the group Retrieve for the next segment.
	// The contract of [Critic] on data, concurrency and cancellation applies.
	Decide(ctx context.Context, s Situation) (RetrievalVerdict, error)
}

// DecisionDeclarer is implemented by a Decider that can declare the most that one
// decision costs. A Critic declares the cost of a critique as a budget.Declarer.
type DecisionDeclarer interface {
	Decider
	// MostDecisionCost returns the most that one decision costs, and false if that
	// is unknown. The budget refuses a decision that takes more.
	MostDecisionCost() (budget.Cost, bool)
}

// MostDecisionCost returns the cost that d declares, and false if it declares none.
func MostDecisionCost(d Decider) (budget.Cost, bool) {
	if d, ok := d.(DecisionDeclarer); ok {
		return d.MostDecisionCost()
	}
	return budget.Cost{}, false
}

// Situation is the point of an answer at which a decision is needed.
type Situation struct {
	// Question is the question, independent of the history.
	Question string
	// Prompt holds the path so far; it has no evidence and forces nothing.
	Prompt generator.Prompt
	// Boundary is the step that ended the last segment, if that was a control token
	// of the group Retrieve: then the model has already decided. Nil at the start.
	Boundary *generator.Step
}

// RetrievalVerdict is the result of a Decider. scoring.Decide turns it into a
// choice.
type RetrievalVerdict struct {
	// Dist is the distribution of the group Retrieve.
	Dist reflection.Distribution
	// Token is the generated token, None if it was of another group.
	Token reflection.Token
	// Level says how Dist was obtained.
	Level reflection.Level
	// Usage counts the model calls; zero if there were none.
	Usage generator.Usage
}

// Check returns an error if Dist or Token is of another group than Retrieve, if
// Dist has an invalid log-probability, or if a count of the usage is negative. A
// zero Dist is valid: it means that nothing is known.
func (d RetrievalVerdict) Check() error {
	switch {
	case d.Dist.Group != reflection.NoGroup && d.Dist.Group != reflection.Retrieve:
		return fmt.Errorf("the distribution is of %v: want Retrieve", d.Dist.Group)
	case d.Token != reflection.None && d.Token.Group() != reflection.Retrieve:
		return fmt.Errorf("token %v is not of the group Retrieve", d.Token)
	}
	if d.Level > reflection.Heuristic {
		_, err := d.Level.MarshalText() // names the invalid level
		return err
	}
	if err := d.Dist.Check(); err != nil {
		return err
	}
	return checkUsage(d.Usage)
}
