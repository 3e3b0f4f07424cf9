// Package store keeps passages on disk together with their words and vectors: documents come
// and go, a restart is instant, and nothing that was acknowledged is lost.
//
//	s, err := store.Open(ctx, "data", store.Options{})
//	…
//	defer s.Close()
//	err = s.ReplaceDocument(ctx, "manual.md", passages, nil)
//	…
//	res, err := s.Retrieve(ctx, retriever.Query{Text: "How is it cleaned?", K: 5})
//
// A [Store] is a [retriever.Retriever] that searches words (package lexical) and vectors
// (packages dense and hnsw) and fuses the two; [Store.Words] and [Store.Vectors] are its
// sides. Use [Store.ReplaceDocument] for the passages of a document that can change, and
// [Store.Put] for passages of their own; package ingest makes passages of files, and package
// ingest/foldersync keeps a store equal to a folder. [Store.Scope] is a view of some of the passages, such as those of one tenant.
//
// # What a change promises
//
// When Put, Delete or ReplaceDocument returns without an error, the change is on disk and
// every search that begins later sees it. A search sees all or nothing of each change, on
// both sides and in the passages that it returns. With an error nothing has changed. A
// passage that is put again with the same content is left as it is. Passages are embedded
// before anything is written, while others read and write. Caches ([retriever.Cache]) that
// are anywhere above the store give no result again that was found before a change.
//
// # The folder
//
// A store is one folder, open in one process at a time, or read-only in several.
//
//   - store.db is an embedded database (bbolt): passages, documents, notes, the log of
//     changes, where each vector is, and what the store was made with.
//   - vectors-*.rows hold the vectors, once. They only grow, and are synced before the
//     database names what was added. [Store.Compact] gives the room of removed ones back.
//   - words/ and graph-*.hnsw are indexes, made of the above. One that is damaged or missing
//     is made anew in the background. Meanwhile vectors are searched exactly and slower, and
//     searches by words wait: to look through the texts would take as long. [Store.Stats]
//     says so.
//
// The newest vectors, some thousands, are searched exactly in memory. A change never waits for
// the graph.
package store
