// Package retriever holds the nouns of retrieval - [Retriever], [Query],
// [Passage] - and the composition of retrievers that needs no model.
//
// A [Retriever] takes a [Query] and returns passages, best first. Anything that
// can do that can be plugged in: the keyword index of package lexical, a vector
// store, a search service, a list.
//
// Package filter has the typed metadata of a passage and the filters over it, which
// every Retriever applies.
//
// Retrievers are made of retrievers: [Fuse] merges the lists of several, [Route] chooses
// among them, [PostFilter] filters the hits of one that cannot, [Scope] keeps every query
// within a filter, [MMR] spreads hits that repeat each other, [Reorder] puts the best at
// both ends, [NewCache] remembers.
// Packages rerank and rewrite hold what asks a model or a critic.
//
// Package retrievertest has fakes for tests of code that uses a Retriever, and
// the contract suite for code that is one.
package retriever
