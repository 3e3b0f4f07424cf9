// Package hashed is an embedder that needs no model: it turns a text into a vector by
// hashing its words and parts of words. It compares spelling, not meaning. "Harbor" is
// near "harbors" and "harbormaster", but not near "port".
//
// Use it where there is no model: in tests, offline and in examples. Fused with keyword
// search it finds a little more than that alone, because it also compares parts of words
// and the order of words. For search by meaning use a model.
//
//	embedder, err := hashed.Fit(ctx, dense.Texts(passages), hashed.Options{})
//	…
//	index, err := dense.New(ctx, embedder, passages, dense.Options{})
//
// # What it computes
//
// The features of a text are its words in lower case, their first 5 characters, all
// runs of 3 and of 4 characters in them (the ends of a word count as characters), and
// pairs of neighboring words. Nothing depends on a language; in scripts without spaces
// between words, such as Chinese, every two neighboring characters are taken for a
// word. The first line of a text, if others follow, counts twice, because it is where
// package dense puts the title.
//
// The inner product of the vectors of a question Q and a passage P estimates
//
//	Σ share(f) · idf(f)^1.5 · count(f, Q) · count(f, P) · (k1 + 1) / (count(f, P) + k1 · (1 − b + b · |P| / mean))
//
// over the features f of both, divided by a number that depends on Q and one that is
// the same for all passages. That is BM25 (see package lexical, where idf is defined)
// with k1 2, b 0.75, another power of idf, and shares of 0.5 for words and their
// beginnings and 0.15 for the rest; |P| is the number of words of P, and mean that of
// the texts given to [Fit]. [Fit] also computes idf from them.
//
// It is an estimate because there are far fewer components than features: each feature
// is added to 8 components that are drawn from its hash, with random signs (a sparse
// Johnson-Lindenstrauss projection; Kane and Nelson, "Sparser Johnson-Lindenstrauss
// Transforms", 2014). The error falls with the root of [Options].Dim.
//
// All vectors of passages have length 1, so that cosine and inner product rank alike.
// Equal texts, options and seed give equal vectors. Save the texts that were given to [Fit], or
// the embedder by its MarshalBinary. (Processors of different kinds may differ in the
// last digits.)
package hashed
