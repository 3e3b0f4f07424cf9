// Package analysis turns text into the words, tokens and terms that are counted and
// compared. All analyzers of the module are in this package and in package keyword.
// They differ because their users were fitted or measured with them:
//
//   - [Words]: Unicode's word boundaries. [LowerWords] are those of the
//     vocabulary of package rewrite.
//   - [Count], [Starts] and [Pieces]: the units of length limits, in packages
//     sentence and ingest. Package clean compares [PlainPieces], and texts
//     brought into one form by [Fold].
//   - [TokenLen]: the tokens of the extractive generator. Package learned counts
//     [RankWords], by Porter's stems, forms, grams and roots.
//   - [Runs]: the words that package hashed makes features from.
//   - token.Scanner and keyword.Reader: the words and terms of package lexical,
//     in every script and by language, with the stemmers and stop words of bleve
//     and Snowball. A lexicon.Lexicon holds properties of each of these words,
//     from which package feature computes the features of the embedded generator.
//
// The features of the learned reranker were fitted with [RankWords]: these must not
// change by a byte until they are fitted again.
//
// Package sentence cuts sentences: it finds places in a text that is kept, and its
// data for English stays out of programs that only count words.
//
// Everything may be called from several goroutines at once, and equal input gives
// equal output.
package analysis
