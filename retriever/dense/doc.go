// Package dense searches by meaning: an [Embedder] turns passages and questions into
// vectors, and an [Index] finds the passages whose vectors are nearest to that of a
// question. The index is a [retriever.Retriever].
//
//	index, err := dense.New(ctx, embedder, passages, dense.Options{})
//	…
//	res, err := index.Retrieve(ctx, retriever.Query{Text: "Who built it?", K: 5})
//
// An Embedder is any type with the two methods, such as the embedders of langchaingo.
// Package dense/openai has one for model servers. Package dense/hashed has one that needs
// no model; it compares spelling, not meaning.
//
// The embedded text of a passage is [Text]: its title, a line break, its text. Package hnsw
// keeps the vectors in memory. To save them, make an hnsw.Index, set it as
// [Options].Vectors, and call its Save. Later read it with hnsw.Load and give it to
// [Restore].
//
// Add embeds its passages first and changes the index afterwards. Other calls do not wait
// for the embedding: meanwhile passages may be found, added and deleted. Before the change,
// the ids are checked once more. A deletion waits while vectors are put into the index; its
// context ends the wait.
//
// For most collections, fusing dense search with keyword search finds more than
// either alone; see [retriever.Fuse].
package dense
