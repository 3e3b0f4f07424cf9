// Package vectors reads embeddings that were made elsewhere: shards of two files, a
// text with one id on each line, and a NumPy array (.npy) with the vector of each id
// in the same row. [Load] puts them into an index of package hnsw, from which
// dense.Restore makes a retriever.
//
//	index, err := hnsw.New[string](768, hnsw.Options{Metric: hnsw.InnerProduct})
//	…
//	n, err := vectors.Load(ctx, os.DirFS("embeddings"), index,
//		vectors.Shard{IDs: "00.ids", Vectors: "00.npy"})
//
// Arrays are of float32 or float16 ("<f4", "<f2"), two-dimensional, in C order. They
// are read row by row, so that a shard may be larger than memory. Vectors are taken
// as they are: whether they are normalized is for the index's metric to say.
//
// docs/published-embeddings.md converts the published files of Contriever.
package vectors
