// Package feature computes what the fitted models of package extractive look at:
// features of a question and a sentence, of a passage and a text, of a prompt,
// and of the place after a segment. The model and the program that fits it use
// the same functions, which are pure: equal input gives equal vectors.
//
// A [Lexicon] may be used by one goroutine at a time while words are added to it;
// everything else is read-only once made.
package feature
