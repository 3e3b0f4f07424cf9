// Package dense searches by meaning: an [Embedder] turns passages and questions into
// vectors, and an [Index] finds the passages whose vectors are nearest to that of a
// question. The index is a [retriever.Retriever].
//
//	index, err := dense.New(ctx, embedder, passages, dense.Options{})
//	…
//	res, err := index.Retrieve(ctx, retriever.Query{Text: "Who built it?", K: 5})
//
// Package dense/openai has an Embedder for model servers, any embedder of langchaingo
// is one, and so is anything else with the two methods. Package dense/hashed has one
// that needs no model; it knows spelling, not meaning.
//
// What is embedded for a passage is [Text]: its title, a line break, its text. The
// vectors are kept in memory by package hnsw; [Options].Vectors puts an index of one's
// own in its place, which is also how vectors are saved and read again ([Restore]).
//
// A call of Add embeds its passages first and changes the index afterwards. Other calls do
// not wait for that: meanwhile passages may be found, added and deleted. Before the change,
// the ids are checked once more. A deletion waits while vectors are put into the index; its
// context ends the wait.
//
// For most collections, fusing dense search with keyword search finds more than
// either alone; see [retriever.Fuse].
package dense
