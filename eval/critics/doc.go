// Package critics measures critics. It compares the likeliest tokens of a
// [critique.Critic] or a [critique.Decider] with those that labeled pairs expect, and
// measures the calibration of its probabilities.
//
//	report, err := critics.Measure(ctx, critic, decider, pairs, critics.Options{})
//	…
//	err = report.WriteTable(os.Stdout)
//
// [Measure] asks for each [Pair] and returns a [Report] with the figures of each group:
// accuracy, balanced accuracy and macro-F1 with intervals, the confusion matrix,
// calibration and log loss. Beside them are three rules without a model: always the
// commonest token, a threshold on a length, a threshold on the share of words in common. A
// critic that does not beat all three has not been shown to judge anything.
//
// [Read] reads pairs from a file. [CLAPnq], [HaluEval] and [PubMedQA] make them from public
// sets; their comments say where the labels come from.
//
// # What counts as right
//
// The label of a judgment is the likeliest token of its distribution. Of equally likely
// ones it is the generated one, else the first in vocabulary order. If unknown or bounded
// probabilities leave the likeliest token open, it is the generated token. Partially
// supported counts as wrong where fully supported is expected, and where no support is. The
// confusion matrix shows how often; the AUC does not depend on it.
//
// A pair for which the critic gives no label is neither right nor wrong: [Missing] counts
// it. The figures, also those of the three rules, are over the judged pairs alone. Compare
// Judged with Pairs: a critic that judges only easy pairs can look good.
package critics
