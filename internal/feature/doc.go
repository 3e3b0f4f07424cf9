// Package feature computes the features for the fitted models of packages
// extractive and rerank/learned: of a question and a sentence, of a passage and a
// text, of the ways to part a prompt, of the place after a segment, and of a
// question and a passage among others. The models and the program that fits them
// use the same functions, which are pure: equal input gives equal vectors.
//
// A [lexicon.Lexicon] and a [Collection] may be used by one goroutine at a time
// while words or passages are added to them; everything else is read-only once
// made.
package feature
