// Package langchain makes a retriever of a vector store of langchaingo: pgvector, Qdrant,
// Weaviate, Chroma and others.
//
//	docs, err := qdrant.New(qdrant.WithURL(*u), qdrant.WithCollectionName("docs"), qdrant.WithEmbedder(e))
//	…
//	r, err := langchain.New(docs, langchain.Options{ID: "id", Title: "title", Scores: retriever.Cosine})
//
// A document of langchaingo has no id of its own: one must stand in its metadata. Add
// documents with it, and give each piece of a text that was cut an id of its own.
//
// What a store must do:
//
//   - It heeds its context: it is called in the goroutine that calls Retrieve, which
//     cannot return before it does.
//   - It may be used from several goroutines at once.
//   - It gives its documents best first, equal ones always in the same order, and as many
//     as it is asked for if it has them. A score threshold counts as not having them.
//   - It makes a text that stands in a filter of its own harmless. langchaingo 0.1.14
//     does not do so for pgvector: it puts the keys and values of a filter into SQL as
//     they are. Leave Options.Filter out there, unless nothing in a filter comes from
//     outside.
//
// Options.Scores says what the scores of the store mean. Few stores document it, and some
// give distances, which are smaller for better documents (Redis, in langchaingo 0.1.14):
// without it only the order counts.
//
// langchaingo has no store that runs without a server. The tests use one in memory, and
// the client of Qdrant against a server that answers as Qdrant documents.
package langchain
