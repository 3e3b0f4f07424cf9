// Package retriever holds the basic types of retrieval, [Retriever], [Query] and
// [Passage], and the composition of retrievers that needs no model.
//
// A [Retriever] takes a [Query] and returns passages, best first. It can be the
// keyword index of package lexical, a vector store, a search service, a list.
// To begin, index the passages of a folder, which package ingest reads:
//
//	docs, err := ingest.Dir(ctx, "docs", ingest.Options{})
//	index, err := lexical.New(ctx, docs.Passages, lexical.Options{})
//	res, err := index.Retrieve(ctx, retriever.Query{Text: "How is it cleaned?", K: 5})
//
// Package dense searches by vectors, and package store keeps both on disk.
//
// Package filter has the typed metadata of a passage and the filters over it, which
// every Retriever applies.
//
// Retrievers can be composed:
//
//   - [Fuse] merges the lists of several, [Route] chooses among them.
//   - [PostFilter] filters the hits of one that cannot, [Scope] keeps every query
//     within a filter.
//   - [MMR] reduces repetition among hits, [Reorder] puts the best at both ends.
//   - [NewCache] caches results.
//
// Packages rerank and rewrite hold compositions that ask a model or a critic.
//
// Package retrievertest has fakes for tests of code that uses a Retriever, and the
// contract suite for implementations.
package retriever
