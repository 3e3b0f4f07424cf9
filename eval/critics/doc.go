// Package critics measures critics: how often the tokens that a [critique.Critic] or a
// [critique.Decider] finds likeliest are those that labeled pairs expect, and whether its
// probabilities mean what they say.
//
// [Measure] asks for each [Pair] and returns a [Report] with the figures of each group:
// accuracy, balanced accuracy and macro-F1 with intervals, the confusion matrix,
// calibration and log loss. Beside them are three rules without a model: always the
// commonest token, a threshold on a length, a threshold on the share of words in common. A
// critic that does not beat all three has not been shown to judge anything.
//
// Pairs are read from a file of one's own by [Read], or made of public sets by [CLAPnq],
// [HaluEval] and [PubMedQA], which say how their labels come about.
//
// # What counts as right
//
// The label of a judgment is the likeliest token of its distribution; of equally likely
// ones that which was generated, else the first in vocabulary order. If the distribution
// does not tell which token is the likeliest, because probabilities are unknown or only
// bounded, it is the token that was generated. Partially supported counts as wrong where
// fully supported is expected, and where no support is: the confusion matrix shows how often,
// and the AUC does not depend on it.
//
// A pair of which the critic gives no label is not wrong and not right: [Missing] counts
// it, and the figures are those of the judged pairs alone, the rules beside them included.
// Read Judged beside Pairs: a critic that judges easy pairs only can look good.
package critics
