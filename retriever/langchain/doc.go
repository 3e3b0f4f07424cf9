// Package langchain makes a retriever of a vector store of langchaingo: pgvector, Qdrant,
// Weaviate, Chroma and others.
//
//	docs, err := qdrant.New(qdrant.WithURL(*u), qdrant.WithCollectionName("docs"), qdrant.WithEmbedder(e))
//	…
//	r, err := langchain.New(docs, langchain.Options{ID: "id", Title: "title", Scores: retriever.Cosine})
//
// A document of langchaingo has no field for an id: its metadata must hold one. Add
// documents with it, and give each piece of a split text an id of its own.
//
// What a store must do:
//
//   - It heeds its context: it is called in the goroutine that calls Retrieve, which
//     cannot return before it does.
//   - It may be used from several goroutines at once.
//   - It gives its documents best first, equal ones always in the same order, and as many
//     as it is asked for if it has them. A score threshold counts as not having them.
//   - It escapes text in its filters, or Options.Filter does.
//
// Options.Scores says what the scores of the store mean. Few stores document it, and some
// give distances, which are smaller for better documents (Redis, in langchaingo 0.1.14):
// without it only the order counts.
//
// # pgvector
//
// The store for PostgreSQL is tested with a real server, which .ci/postgres starts. Its
// scores are cosines: set Options.Scores to retriever.Cosine. Of langchaingo 0.1.14 know
// that:
//
//   - WithConnectionURL makes one connection. It fails when two search at the same time,
//     and for good once a search was canceled. Give WithConn a pgxpool.Pool.
//   - The keys and values of a filter, and the namespace, go into SQL as they are. Double
//     every ' in what Options.Filter returns, give a filter with a NUL back as
//     errors.ErrUnsupported, and let no namespace come from outside.
//   - A filter compares texts: the number 1901 equals "1901", and a list its JSON text. So
//     Options.Filter is exact only for equality in fields that hold nothing but texts.
//   - AddDocuments never replaces: a document that is added again is there twice, and so is
//     its id, which Retrieve refuses.
//   - The order of documents with equal scores depends on Query.K and on updates.
//   - A search reads every vector of the table, those of other collections, too, with or
//     without WithHNSWIndex. So it is exact, and as slow as the table is large.
//   - Documents with vectors of another dimension than the query's are passed over without
//     an error.
//   - Metadata is kept as JSON. An int comes back as a float, rounded beyond 2^53; a time
//     as a string, unless filter.Time was put in; what is not UTF-8 as U+FFFD.
//   - AddDocuments refuses a text with a NUL or one that is not UTF-8 (SQLSTATE 22021), and
//     with it all the documents of the call. It takes metadata with a NUL, and then every
//     search with a filter fails (22P05).
//
// The other stores are not tested with a server of theirs. The tests use one in memory, and
// the client of Qdrant against a server that answers as Qdrant documents.
package langchain
