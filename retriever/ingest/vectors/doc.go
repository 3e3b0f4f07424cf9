// Package vectors reads embeddings made by other programs. A shard has two files: a text
// with one id on each line, and a NumPy array (.npy) with the vector of each id in the
// same row. [Load] puts them into an index of package hnsw. dense.Restore makes a
// retriever of that.
//
//	index, err := hnsw.New[string](768, hnsw.Options{Metric: hnsw.InnerProduct})
//	…
//	n, err := vectors.Load(ctx, os.DirFS("embeddings"), index,
//		vectors.Shard{IDs: "00.ids", Vectors: "00.npy"})
//
// Arrays are of float32 or float16 ("<f4", "<f2"), two-dimensional, in C order. They
// are read row by row, so that a shard may be larger than memory. Vectors are not changed;
// the metric of the index decides whether they must be normalized.
//
// docs/published-embeddings.md shows how to use the published files of Contriever.
package vectors
