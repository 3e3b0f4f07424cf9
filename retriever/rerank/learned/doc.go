// Package learned is a reranker without a language model: a [Scorer] for package
// retriever/rerank that was fitted to questions with known passages. It takes well
// below a millisecond for a passage, needs no server, and is deterministic.
//
//	scorer, err := learned.New(ctx, passages)
//	…
//	r, err := rerank.New(index, scorer, rerank.Options{})
//
// The score of a passage P for a question Q is Σ weight · feature over seven
// features. The weights are fitted so that the softmax of the scores of ten
// candidates is the probability that each is the right one (a conditional logit,
// the listwise loss of Cao et al., "Learning to Rank: From Pairwise Approach to
// Listwise Approach", ICML 2007, with one right passage). Let
//
//	idf(t) = ln(1 + (N − n + 0.5) / (n + 0.5)) / ln(1 + (N + 0.5) / 0.5)
//
// be the rarity, from 0 to 1, of a term that n of the N passages of the collection
// hold, and
//
//	bm25(Q, P) = Σ idf(t)^power · f · (k1 + 1) / (f + k1 · (1 − 0.75 + 0.75 · |P| / mean))
//
// a sum over the terms t of Q with repetition. f is the number of occurrences of t
// in P, |P| the number of terms of P, and mean that of all passages; a term of the
// title counts twice (Robertson and Zaragoza, "The Probabilistic Relevance
// Framework: BM25 and Beyond", 2009). The features are
//
//   - stems: bm25 over content words without their endings (Porter, "An algorithm
//     for suffix stripping", 1980), with k1 1.2 and power 1.5;
//   - forms: bm25 over all words in lower case, with k1 1.2 and power 1;
//   - grams: bm25 over the sequences of four characters of all words, with the
//     ends of a word as characters (McNamee and Mayfield, "Character N-Gram
//     Tokenization for European Language Text Retrieval", 2004), with k1 2 and
//     power 1;
//   - text: the share of Q in the text of P: Σ idf over the different roots of Q
//     that occur there, divided by that over all roots of Q. A root is the first
//     four characters of a content word;
//   - passage: the same for title and text together. There two neighboring words
//     of Q are also found as one compound word, and a word of Q of six bytes or
//     more as two: "gall bladder" is "gallbladder";
//   - title: the share of the title that Q holds, by the idf of roots, 0 without
//     a title;
//   - order: the share of the pairs of neighboring words of Q whose roots are
//     neighbors in the text, in the same order.
//
// Content words are all words but English stop words. The stems and the stop words
// are English; for other languages they help less, and the other features still
// work. The weights were fitted to English questions about encyclopedia articles
// (docs/retrieval-techniques.md has the figures). tools/fit fits them to other
// questions, and [Load] reads its output.
package learned
