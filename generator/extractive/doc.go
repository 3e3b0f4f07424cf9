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
// docs/extractive.md reports its quality in each language, what it is fitted to,
// and how to fit it to other data for [Load].
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
//     the prompt itself holds the text to work on. After a segment also
//     [Continue to Use Evidence], if the path has evidence.
//
// The end of a segment is a utility and the end. If Request.Stop holds a token of
// Retrieve, as for a long answer, it can instead be [Continue to Use Evidence] or
// [Retrieval], followed by the end.
//
// # Probabilities
//
// Every continuation has a finite probability, and the probabilities at every
// position sum to one. Let s_i be a weighted sum of features of the question,
// sentence i and its passage, clipped to ±30. Let r be the probability that the
// passage answers at all, by a separate logistic regression. In each passage
// z_i = s_i + c, with c such that Σ exp(z_i) is the odds r / (1-r). z_0 = 0 means
// "nothing here answers". With π = softmax(z_0, z_1, …):
//
//	P([Relevant])                 = 1 - π_0 (for one passage r)
//	P(sentence i | [Relevant])    = π_i / (1 - π_0)
//	P(sentence i | [Irrelevant])  = π_i, and π_0 for no text at all
//	P([Utility:k])                = Binomial(k-1; 4, u)
//	P(token | history)            = (1-ε)·P_tree + ε·P_bg on the tree, ε = 0.001
//	P(token | history)            = P_bg once the history has left the tree
//
// u is the probability that the sentence answers the question, fitted to s_i; it is
// 0.01 if there is no text after [Irrelevant]. P_bg interpolates trigrams, bigrams
// and unigrams of question and evidence with a base distribution, which gives every
// byte string, the end and every control token a positive probability. [Model] says
// which sentences can be quoted, and how support and the end of a segment are found.
package extractive
