// Package analysis turns text into the words, tokens and terms that are counted and
// compared. All analyzers of the module are here and in package keyword, side by side.
// They differ, since what is built on each was fitted or measured with it:
//
//   - [Words]: Unicode's word boundaries. [LowerWords] are those of the vocabulary of
//     package rewrite.
//   - [Count], [Starts] and [Pieces]: what limits of length count, in packages sentence
//     and ingest. [PlainPieces] are compared by package clean, as are texts brought into
//     one form by [Fold].
//   - [TokenLen]: the tokens of the extractive generator. [RankWords] are those that package
//     learned counts, by Porter's stems, forms, grams and roots.
//   - [Runs]: what package hashed makes features of.
//   - token.Scanner and keyword.Reader: the words and terms of package lexical, in every
//     script and by language, with the stemmers and stop words of bleve and Snowball.
//     A lexicon.Lexicon says what is known of each of these words: the features of the
//     embedded generator (package feature) are made of it.
//
// The features of the learned reranker were fitted with [RankWords]: they stay equal to
// the byte until they are fitted again.
//
// Sentences are cut by package sentence: it finds places in a text that is kept, and its
// data for English stays out of programs that only count words.
//
// Everything may be called from several goroutines at once, and equal input gives equal
// output.
package analysis
