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
//   - It returns when its context is done. Retrieve calls it in its own goroutine and
//     cannot return earlier.
//   - It is safe for concurrent use.
//   - It returns its documents best first, equal ones always in the same order, and as
//     many as requested if it has them. Documents below a score threshold may be missing.
//   - It escapes text in its filters, or Options.Filter does.
//
// Options.Scores says what the scores of the store mean; without it only the order counts.
// Few stores document their scores. Some return distances, which are smaller for better
// documents (Redis, in langchaingo 0.1.14).
//
// # pgvector
//
// The store for PostgreSQL is tested with a real server, which .ci/postgres starts. Its
// scores are cosines: set Options.Scores to retriever.Cosine. About langchaingo 0.1.14:
//
//   - WithConnectionURL makes one connection. It fails during concurrent searches, and
//     after a canceled search every later one fails. Give WithConn a pgxpool.Pool.
//   - The keys and values of a filter, and the namespace, go into SQL without escaping.
//     Options.Filter must double every ' in its result, and return errors.ErrUnsupported
//     for a filter with a NUL. Never take a namespace from outside.
//   - A filter compares texts: the number 1901 equals "1901", and a list its JSON text. So
//     Options.Filter is exact only for equality in fields that hold only texts.
//   - AddDocuments never replaces. A document that is added again is duplicated, and
//     Retrieve refuses its duplicate id.
//   - The order of documents with equal scores depends on Query.K and on updates.
//   - A search reads every vector of the table, also those of other collections, with or
//     without WithHNSWIndex. So it is exact, and its time grows with the table.
//   - Documents with vectors of another dimension than the query's are skipped without an
//     error.
//   - Metadata is kept as JSON. An int comes back as a float, rounded beyond 2^53. A time
//     comes back as a string, unless it was a filter.Time. Bytes that are not UTF-8 come
//     back as U+FFFD.
//   - AddDocuments refuses all documents of a call if a text has a NUL or is not UTF-8
//     (SQLSTATE 22021). It accepts metadata with a NUL, and then every search with a
//     filter fails (22P05).
//
// The other stores are not tested with a server of theirs. The tests use one in memory, and
// the client of Qdrant against a server that answers as Qdrant documents.
package langchain
