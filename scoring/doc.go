// Package scoring turns judgments into numbers: the score of a candidate segment,
// of a path of segments, of a label in a closed set, and the decision whether to
// retrieve. It consists of pure functions: no I/O, no state, no randomness. All
// values are safe to copy and to use from several goroutines.
//
// The formulas are those of Asai et al., "Self-RAG: Learning to Retrieve, Generate,
// and Critique through Self-Reflection" (arXiv 2310.11511), Equations 3 and 4 and
// Appendix A.3:
//
//	score   = w_seq·q + w_rel·rel + w_sup·sup + w_use·use
//	rel     = p(Relevant) / (p(Relevant) + p(Irrelevant))
//	sup     = (p(Fully) + 0.5·p(Partially)) / (p(Fully) + p(Partially) + p(No support))
//	use     = Σ scale_i·p(Utility:i) / Σ p(Utility:i)
//	retrieve iff p(Retrieval) / (p(Retrieval) + p(No Retrieval)) > threshold
//
// p is a probability that the model or a critic gave to a token (package
// reflection), and q the sequence term, made from the log-probability of the
// segment ([Sequence]). The weights w are [Weights], scale_i is
// Config.UtilityScale, and threshold is an argument of [Decide]. The engine of
// package selfrag calls this package. Call it directly to compute scores of your
// own, from [DefaultConfig].
//
// # Intervals
//
// A probability may be exact, bounded from above, or unknown ([reflection.Prob]).
// So every score is a [Term]: a value for sums, and an interval that encloses the
// true value. The interval holds up to rounding in the last digits, provided that
// the exact probabilities are right: what they leave of 1 bounds all others
// together.
//
// # Arithmetic
//
// Ratios are computed from logarithms with the largest one subtracted. So a group
// whose probabilities all underflow, for example with natural logarithms of -800,
// has its true ratio. The released research code divides zero by zero there. Sums
// run left to right in the order of [reflection.Group.Tokens]. Every product is
// rounded before it is added, so that no compiler can fuse the two.
//
// # Missing tokens
//
// The released code takes -100 as the log-probability of every token that it was
// not given. Here such a token is left out of the value and widens the interval.
// Set [Config.MissingLogProb] to -100 for the other behavior.
package scoring
