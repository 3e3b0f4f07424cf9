// Package extractive is the embedded default model: it answers by quoting a
// sentence from the given texts. It needs no server, no key, no network and no
// files. It is a baseline that quotes, not a language model: it cannot paraphrase,
// join facts, count, reason or do a [generator.Task]. Use it to start without a
// server, to test, and as a reference for other models. A program that holds its
// model as a [generator.Generator] replaces it by a server in the one line that
// makes it:
//
//	var model generator.Generator = extractive.New()
//
// It is a real probability model nevertheless. Every continuation has a finite
// probability, the probabilities at every position sum to one, and
// [Model.Generate], [Model.Score], [Model.Next] and [Model.GroupProbs] agree on the
// same continuation. Its parameters are fitted to questions in English, Chinese,
// German, Hindi and Thai. Words, stems and stop words are those of keyword search,
// by the language of the passage. docs/extractive.md reports the quality in each
// language, and how to fit it to other data for [Load].
//
// # The tree
//
// The possible continuations of a request are a tree of tokens.
//
//   - With evidence: [Relevant] or [Irrelevant]; a sentence of the evidence;
//     after [Relevant] an IsSUP token; the end of a segment.
//   - Forced to continue with the path's evidence: the same without the IsREL
//     token.
//   - Forced to do without retrieval, at the start: a sentence of a text inside
//     the question, if there is one ("Rewrite: …", "In the text “…”, who …"), and
//     a utility; else [Abstention] and [Utility:1], which [Model.Generate] marks
//     as declined. After a segment: a utility, no text.
//   - Free to choose, at the start: [Retrieval] and the end, or [No Retrieval]
//     and its continuation. The first has nearly all of the probability unless
//     the prompt itself holds the text to work on: a model that can only quote
//     has to search, even if that finds nothing, as after a greeting. After a
//     segment also [Continue to Use Evidence], if the path has evidence.
//
// The end of a segment is a utility and the end. If Request.Stop holds a token of
// Retrieve, as for a long answer, it can instead be [Continue to Use Evidence] or
// [Retrieval], followed by the end.
//
// Let s_i be a weighted sum of features of the question, sentence i and its
// passage, clipped to ±30, and r the probability that the passage answers at all,
// by a separate logistic regression. In each passage z_i = s_i + c, with c such
// that Σ exp(z_i) is the odds r / (1-r). z_0 = 0 means "nothing here answers". With
// π = softmax(z_0, z_1, …), so that 1 - π_0 = r for one passage:
//
//	P([Relevant])                 = 1 - π_0
//	P(sentence i | [Relevant])    = π_i / (1 - π_0)
//	P(sentence i | [Irrelevant])  = π_i, and π_0 for no text at all
//	P([Utility:k])                = Binomial(k-1; 4, u)
//
// A sentence wrapped over several lines is quoted on one line, except in code,
// tables and list items.
//
// u is the probability that the sentence answers the question, fitted to s_i; it is
// 0.01 if there is no text after [Irrelevant]. IsSUP is a function of sentence and
// passage, never of the question. A whole sentence, quoted unchanged, is fully
// supported by construction; one that opens with a pronoun or was cut is partially
// supported. The end of a segment depends on the greatest u of an unused sentence,
// the share of the question not covered yet, the number of segments and whether the
// question asks for a short answer.
//
// Sentences that repeat a segment of the path, exactly or nearly (Jaccard
// similarity of word trigrams of 0.8 or more), are masked before the softmax. If
// none is left, or the evidence holds no words, the tree is [Irrelevant] and the
// end, without text, or, if the answer was to continue, the utility and the end.
//
// # Off the tree
//
//	P(token | history) = (1-ε)·P_tree + ε·P_bg   on the tree, ε = 0.001
//	P(token | history) = P_bg                    once the history has left it
//
// P_bg interpolates trigrams, bigrams and unigrams of question and evidence with a
// base distribution. The base gives every byte string, the end and every control
// token a positive probability and sums to one.
//
// # Tokens
//
// A token is a word, a number or another character, each with the space before it,
// or white space. The joined tokens are the text. Steps given to Score, Next and
// GroupProbs may be cut in any way: adjacent text is joined and cut again, and a
// text that ends inside a word counts as ending there. Bytes in a prompt that are
// not UTF-8 become U+FFFD. Reserved strings in a prompt are text.
//
// Temperature 0 gives the likeliest control token at each place and the likeliest
// whole sentence. That is not always the sequence of the likeliest tokens. A
// sentence is given even after [Irrelevant], where no text may be likelier. Ending
// the answer counts as one choice, whatever the probabilities of the utilities.
// Ties go to the token first in vocabulary order and to the sentence that comes
// first.
//
// The mean log-probability of such tokens measures length. Therefore
// [generator.Capabilities] has Quotes set: score with the probability of the whole
// sequence.
//
// Limits: only the first 64 different content words of a question count. Every call
// reads the passage again, which takes most of its time.
package extractive
