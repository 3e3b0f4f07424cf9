// Package extractive is the embedded default model: it answers by quoting a
// sentence of what it is shown. It needs no server, no key, no network and no
// files. It is a baseline that quotes, not a language model: it cannot put
// things into words of its own, join facts, count, reason or do a
// [generator.Task]. It serves to start without a server, to test, and to measure
// others against. A program that holds its model as a [generator.Generator]
// swaps it for a server by changing the one line that makes it:
//
//	var model generator.Generator = extractive.New()
//
// It is a real probability model all the same. Every continuation has a finite
// probability, the probabilities at every position sum to one, and what
// [Model.Generate], [Model.Score], [Model.Next] and [Model.GroupProbs] say of the
// same continuation agrees. Its parameters are fitted to questions in English, Chinese,
// German, Hindi and Thai; words, stems and stop words are those of keyword search, by
// the language of the passage. docs/extractive.md says how well it does in each, and how to
// fit it to other data for [Load].
//
// # The tree
//
// A request stands for a tree of token strings.
//
//   - With evidence: [Relevant] or [Irrelevant]; a sentence of the evidence; after
//     [Relevant] an IsSUP token; what follows a segment.
//   - Forced to continue with the path's evidence: the same without the IsREL
//     token.
//   - Forced to do without retrieval, at the start: a sentence of a text inside the
//     question, if there is one ("Rewrite: …", "In the text “…”, who …"), and a
//     utility; else [Abstention] and [Utility:1], which [Model.Generate] marks as declined.
//     After a segment: a utility, no text.
//   - Free to choose, at the start: [Retrieval] and the end, or [No Retrieval] and
//     what follows it. The first has nearly all of the probability unless the prompt
//     itself holds the text to work on: a model that can only quote has to search, also
//     where it finds nothing, as after a greeting. After a segment also [Continue to Use Evidence], if the
//     path has evidence.
//
// What follows a segment is a utility and the end. If Request.Stop holds a token
// of Retrieve, which is how a long answer is decoded, it can instead be
// [Continue to Use Evidence] or [Retrieval], and the end after these.
//
// Let s_i be a weighted sum of features of the question, sentence i and its
// passage, held to ±30, and r the probability that the passage answers at all, by
// a logistic regression of its own. In each passage z_i = s_i + c with the c that
// makes Σ exp(z_i) the odds r / (1-r), and z_0 = 0 stands for "nothing here
// answers". With π = softmax(z_0, z_1, …), so that 1 - π_0 = r for one passage:
//
//	P([Relevant])                 = 1 - π_0
//	P(sentence i | [Relevant])    = π_i / (1 - π_0)
//	P(sentence i | [Irrelevant])  = π_i, and π_0 for no text at all
//	P([Utility:k])                = Binomial(k-1; 4, u)
//
// A sentence that was wrapped over several lines is quoted on one, code, tables and the
// items of lists apart.
//
// u is the probability that the sentence answers the question, fitted to s_i, 0.01 where
// there is no text after [Irrelevant]. IsSUP is a function of sentence and passage,
// never of the question: a whole sentence quoted as it stands is fully supported
// by construction, one that opens with a pronoun or was cut is partially so. What
// follows a segment depends on the greatest u of an unused sentence, the share of
// the question not covered yet, the number of segments and whether the question
// asks for a short answer.
//
// Sentences said before, or nearly so (Jaccard similarity of word trigrams of 0.8
// or more with a segment of the path), are masked before the softmax. If none is
// left, or the evidence holds no words, the tree is [Irrelevant] and the end,
// without text, or, where the answer was to continue, the utility and the end.
//
// # Off the tree
//
//	P(token | history) = (1-ε)·P_tree + ε·P_bg   on the tree, ε = 0.001
//	P(token | history) = P_bg                    once the history has left it
//
// P_bg interpolates trigrams, bigrams and unigrams of question and evidence with
// a base that gives every byte string, the end and every control token a
// positive probability and sums to one.
//
// # Tokens
//
// A token is a word, a number, another character, each with the space before it,
// or white space; joined they give the text back. Steps given to Score, Next and
// GroupProbs may be cut in any way: neighboring text is joined and cut anew, and
// a text that ends inside a word counts as ending there. Bytes in a prompt that
// are not UTF-8 become U+FFFD. Reserved strings in a prompt are text.
//
// Temperature 0 gives the likeliest control token at each place and the likeliest
// whole sentence, which is not always what the likeliest tokens spell, and also
// after [Irrelevant], where no text may be likelier; whether to
// end the answer counts as one choice, however the utility is spread. Ties go to
// the token first in vocabulary order and to the sentence that comes first.
//
// The mean log-probability of such tokens measures length, so that
// [generator.Capabilities] has Quotes set: score with the probability of the
// whole sequence.
//
// Limits: the first 64 different content words of a question count; a passage
// is read anew for every call, which costs most of the time of one.
package extractive
