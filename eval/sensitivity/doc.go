// Package sensitivity measures what a wrong critic costs. It works on stored full
// traces ([selfrag.TraceFull]): it changes the judgments in them, answers again without
// a model call, as [selfrag.Rescore] does, and measures the answers.
//
// A [Perturbation] says how judgments are changed: [Noise] and [Confusion] draw wrong
// labels, [Temper] makes the critic surer or less sure, [Drop] leaves groups out.
// [Apply] changes one trace. [Run] measures many questions under many perturbations,
// and gives each [Point] its bands. [MutualInformation] says how much the groups tell of
// each other, and [Attribute] which stage made each wrong answer wrong.
//
// # What the figures mean
//
// A point says how the system does if the critic's judgments go wrong in the stated way
// and nothing else changes. The stored critic is taken as right: a strength of 0 is the
// stored run, not a perfect critic, and what the stored critic gets wrong already is in
// the baseline. Where a critic agrees with the stored one in a share of its labels, that
// share is not its accuracy against people.
//
// Noise is uniform and independent, from candidate to candidate and from group to group.
// Real critics are wrong on hard passages, toward the neighboring label, and in several
// groups at once. Give [Confusion] a measured matrix for the second; nothing here shows
// the third. So the noise that matches a published accuracy ([PublishedCases]) says what that
// many wrong labels cost, not what that model would cost.
//
// At strength 1 the label that noise leaves is independent of the stored one. Three
// things still tell something: how sharp a distribution is, which noise keeps; whether a
// group was judged at all, as an irrelevant passage has no judgment of support; and the
// sequence term, which is the model's and not the critic's. Therefore noise of strength
// 1 and [Drop] are different points, and noise can be the worse one: a random judgment
// with weight is worse than none.
//
// # What a trace knows
//
// A full trace of one segment has a candidate for every passage and both branches of the
// decision, so that its points are exact. In a long answer a changed judgment can lead
// where the stored run has not been, a [selfrag.Diverged]. Such a question is counted
// neither as right nor left out: the point states the share, and its values under the
// worst and the best outcome ([Point]).
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
