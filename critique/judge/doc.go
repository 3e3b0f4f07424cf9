// Package judge has the critic and decider for models without reflection tokens:
// [Judge] asks a model that follows instructions, such as a chat model, for labels.
//
//	j, err := judge.New(model, judge.Templates{})
//	…
//	engine, err := selfrag.New(model, index, selfrag.WithCritic(j), selfrag.WithDecider(j))
//
// # Two ways to ask
//
// A model that gives log-probabilities is asked one question per group, each
// answered with one token: a letter, or a digit for utility. The distribution of
// the group is read from the likeliest tokens at that position (level
// prompted-probs). Any other model is asked for labels as JSON, without
// probabilities (level prompted-labels), and once more if the reply is something
// else. A model that declares log-probabilities but gives none, or that does not
// answer with a label, is asked for JSON, too, and the level of that judgment says
// so. Groups without an answer in any of these ways stay unknown.
//
// Scores from labels are not comparable with those of a model trained on reflection
// tokens: the threshold and the weights need values of their own.
//
// # Inputs of the questions
//
//   - IsREL: the question and the passage.
//   - IsSUP: the passage and the segment.
//   - IsUSE: the question and the answer so far.
//   - The decision to retrieve: the question, the answer so far and the current
//     passage.
//
// All prompts are task templates that can be replaced ([Templates]).
package judge
