// Package reflection holds the vocabulary of Self-RAG: the fifteen control tokens
// (thirteen reflection tokens and the two around a passage), the groups they form,
// probabilities that say how well they are known, and the judgments from which
// package scoring computes scores.
//
// The tokens and their groups are those of Asai et al., "Self-RAG: Learning to
// Retrieve, Generate, and Critique through Self-Reflection" (arXiv 2310.11511),
// Table 1, spelled exactly as the published models were trained on them.
//
// A [Prob] is exact, bounded from above (the token was below the top N that a
// server reports), or unknown. Unknown is the zero value, so a missing probability
// never becomes a number by accident.
//
// The package has no dependencies and does no I/O. All values are safe to copy
// and to use from several goroutines.
package reflection
