// Package sensitivity measures what a wrong critic costs. It works on stored full
// traces ([selfrag.TraceFull]): it changes the judgments in them, answers again without
// a model call, as [selfrag.Rescore] does, and measures the answers.
//
//	cases := sensitivity.NoiseCases(0.1, 0.3, 1)
//	result, err := sensitivity.Run(ctx, questions, metric, cases, sensitivity.Options{})
//
// A [Perturbation] says how judgments are changed: [Noise] and [Confusion] draw wrong
// labels, [Temper] makes the critic surer or less sure, [Drop] leaves groups out.
// [Apply] changes one trace. [Run] measures many questions under many perturbations,
// and gives each [Point] its bands. [MutualInformation] returns how much information the
// groups share, and [Attribute] which stage caused each wrong answer.
//
// # What the figures mean
//
// A point gives the metric if the critic's judgments are wrong in the stated way and
// nothing else changes. The stored critic counts as right: a strength of 0 is the stored
// run, not a perfect critic. Errors of the stored critic are part of the baseline. So a
// critic's agreement with the stored one is not its accuracy against people.
//
// Noise is uniform and independent, from candidate to candidate and from group to group.
// Real critics err on hard passages, toward the neighboring label, and in several groups
// at once. Give [Confusion] a measured matrix for the second; nothing here models the
// third. So the noise that matches a published accuracy ([PublishedCases]) shows the cost
// of that many wrong labels, not the cost of that model.
//
// At strength 1 the new label is independent of the stored one. Three parts of a trace
// still carry information:
//
//   - the sharpness of a distribution, which noise keeps;
//   - whether a group was judged at all: an irrelevant passage has no judgment of support;
//   - the sequence term, which comes from the model and not from the critic.
//
// Therefore noise of strength 1 and [Drop] are different points. Noise can be the worse
// one: a random judgment with weight is worse than none.
//
// # Long answers
//
// A full trace of one segment has a candidate for every passage and both branches of the
// decision, so its points are exact. In a long answer a changed judgment can lead to a
// candidate that the stored run did not generate: a [selfrag.Diverged]. Such a question
// counts neither as right nor as wrong, and is not left out. The point gives their share,
// and its values under the worst and the best outcome ([Point]).
package sensitivity

import "fmt"

// InputError reports input that cannot be used.
type InputError struct {
	Name   string // what it is, such as Noise[IsREL] or question "q7"
	Reason string // what was given and what is wanted
}

// Error returns the name and the reason in one line.
func (e *InputError) Error() string { return "sensitivity: " + e.Name + ": " + e.Reason }

func inputError(name, format string, args ...any) error {
	return &InputError{name, fmt.Sprintf(format, args...)}
}
