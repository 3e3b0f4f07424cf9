// Package hnsw finds the vectors nearest to a query. It takes float32 vectors under
// keys of any comparable type, and knows nothing of text.
//
//	index, err := hnsw.New[string](384, hnsw.Options{}) // cosine
//	…
//	err = index.Add(ctx, []hnsw.Item[string]{{Key: "a", Vector: a}, {Key: "b", Vector: b}})
//	…
//	neighbors, err := index.Search(ctx, nil, query, hnsw.Query[string]{K: 10})
//
// [Index] is approximate: a hierarchical navigable small world graph (arXiv
// 1603.09320). [Flat] is exact: it measures everything. Both are a [VectorIndex], and
// so is the adapter in package coder, below this one.
//
// # What an Index promises
//
//   - Searches and Select run while others add, replace, delete and save, and do not
//     wait for them. A search sees every replacement either before or after.
//   - Close may be called at any time. It waits for the searches and selections under
//     way; the other calls end with ErrClosed.
//   - A deleted vector is out of every result when Delete returns. Its memory is used
//     again after a sweep, which comes when an eighth of the nodes is dead.
//   - Equal distances are in the order of addition.
//   - With one worker and one seed, the same additions build the same graph.
//   - Bad input gives an error that wraps one of the errors below, and changes nothing.
//   - A search into a slice that has room allocates nothing, after the first few.
//
// # Recall and time
//
// How many of the true neighbors a search finds depends on Ef, how long it takes
// too. Small sets, where it costs no more than following links, are measured whole, so
// their results are exact. Vectors without structure in many dimensions are hard for
// every graph: an Index notices while they are added, gives them more links and looks
// wider than Ef says; [Stats] has the Hardness that it goes by.
//
// # Filters
//
// A search can be limited to the keys that a function allows, or to a [Set] made once
// by Select. It passes through the others on its way, until so many were seen that
// measuring all that are allowed costs no more; then it does that. The result is full,
// or has all that are allowed.
//
// # Memory
//
// An Index of float32 takes 4 bytes per component (of a multiple of eight), 8M for
// links, about 30 per vector beside, and the key. [Storage] chooses what is kept:
// codes of one byte per component beside the float32 components, or only them. While
// many are added, an index of float32 keeps such codes too. Save writes all to a file;
// [Load] reads it, [Open] maps it into memory.
//
// # Processors
//
// Distances are measured by kernels for AVX2, AVX-512 and NEON, chosen at run time, and
// by plain Go elsewhere. The amd64 kernels are generated; `go generate` in
// internal/kernel writes them. On amd64 all are run on real processors or in an
// emulator by the project's gate, on arm64 in an emulator: their speed there is not
// known.
package hnsw
