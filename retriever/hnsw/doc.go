// Package hnsw finds the vectors nearest to a query. It stores float32 vectors
// under keys of any comparable type. It does not deal with text.
//
//	index, err := hnsw.New[string](384, hnsw.Options{}) // cosine
//	…
//	err = index.Add(ctx, []hnsw.Item[string]{{Key: "a", Vector: a}, {Key: "b", Vector: b}})
//	…
//	neighbors, err := index.Search(ctx, nil, query, hnsw.Query[string]{K: 10})
//
// [Index] is approximate: a hierarchical navigable small world graph (arXiv
// 1603.09320). [Flat] is exact: it measures every vector. Both are a [VectorIndex],
// and so is the adapter in package coder.
//
// # Guarantees of an Index
//
//   - Searches and Select run while other goroutines add, replace, delete and
//     save, and do not wait for them. A search sees every replacement either
//     before or after.
//   - Close may be called at any time. It waits for running searches and
//     selections; other calls end with ErrClosed.
//   - A deleted vector is in no result after Delete returns. Its memory is reused
//     after a sweep, which runs when an eighth of the nodes is dead.
//   - Equal distances are in the order of addition.
//   - With one worker and one seed, the same additions build the same graph.
//   - Bad input gives an error that wraps one of the errors below, and changes
//     nothing.
//   - After the first few, a search into a slice with enough capacity allocates
//     nothing.
//
// # Recall and time
//
// Query.Ef is how many of the nearest nodes a search tracks. It decides how many of
// the true neighbors the search finds, and how long it takes. Small sets are
// measured whole if that costs no more than following links; then results are
// exact. Vectors without structure in many dimensions are hard for every graph. An
// Index detects them while they are added, gives them more links and searches wider
// than Ef. [Stats].Hardness controls this.
//
// # Filters
//
// A search can be limited to the keys that a function allows, or to a [Set] that
// Select made before. It passes through other nodes on its way. If it has seen so
// many that measuring all allowed vectors costs no more, it does that instead. The
// result has K neighbors, or all allowed ones.
//
// # Memory
//
// An Index of float32 takes, for each vector, 4 bytes per component (their number
// rounded up to a multiple of eight), 8·M bytes for links ([Options].M), about 30
// more, and the key. [Storage] selects what is stored: codes of one byte per
// component besides the float32 components, or only codes. While many vectors are
// added, an index of float32 has such codes, too. Save writes everything to a file;
// [Load] reads it, [Open] maps it into memory.
//
// # Processors
//
// Distances are measured by kernels for AVX2, AVX-512 and NEON, chosen at run time,
// and by plain Go elsewhere. The project's tests run all amd64 kernels on real
// processors or in an emulator, those for arm64 in an emulator only: the speed on
// arm64 is unknown.
package hnsw
