// Package retriever holds the nouns of retrieval - [Retriever], [Query],
// [Passage], [Filter] - and the composition of retrievers that needs no model.
//
// A [Retriever] takes a [Query] and returns passages, best first. Anything that
// can do that can be plugged in: the keyword index of package lexical, a vector
// store, a search service, a list.
//
// Metadata is typed ([Value]), and filters over it are a small language with a
// Go form (And, Or, Not, Compare, In, Range, Exists, Prefix), a text form
// ([ParseFilter]) and one reference evaluation ([Eval]) that every
// implementation must agree with.
//
// Retrievers are made of retrievers: [Fuse] merges the lists of several, [Route] chooses
// among them, [PostFilter] filters the hits of one that cannot, [MMR] spreads hits that
// repeat each other, [Reorder] puts the best at both ends, [NewCache] remembers.
// Packages rerank and rewrite hold what asks a model or a critic.
//
// Package retrievertest has fakes for tests of code that uses a Retriever, and
// the contract suite for code that is one.
package retriever
