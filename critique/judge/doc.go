// Package judge is the critic and the decider for models that have never seen a
// reflection token: [Judge] asks a model that follows instructions, such as a
// chat model, for labels.
//
// # Two ways to ask
//
// A model that gives log-probabilities is asked one question per group, each
// answered with one token: a letter, or a digit for utility. The distribution of
// the group is read from the likeliest tokens at that place (level
// prompted-probs). Any other model is asked for labels as JSON, without
// probabilities (level prompted-labels), and once more if its reply is something
// else. A model that is said to give log-probabilities and does not, or that does
// not answer with a label, is asked for JSON too, and the level of that judgment
// says so. What a model does not say in any of these ways stays unknown.
//
// Scores from labels are not comparable with those of a model that was trained on
// reflection tokens: the threshold and the weights need values of their own.
//
// # What is asked
//
// IsREL depends on the question and the passage alone, IsSUP on the passage and
// the segment, IsUSE on the question and the answer so far, the decision to
// retrieve on the question, the answer so far and the passage at hand. All prompts
// are task templates that can be replaced ([Templates]).
package judge
