// Package embedcache keeps embeddings on disk, so that the same text is embedded once: when
// a document is renamed or cut in another way, or a collection is made anew.
//
//	cache, err := embedcache.Open("embeddings.cache", embedcache.Options{})
//	…
//	defer cache.Close()
//	embedder, err := cache.Embedder("nomic-embed-text-v1.5", server)
//
// The key is the name of the model and the SHA-256 of the text. Once it is open, a cache
// causes no errors: a text whose embedding it cannot read or write is embedded again. A
// damaged file is replaced; on Windows one that turns out to be damaged while it is open
// stays, and the cache is off until it is opened again.
//
// The structure of a file is checked before bbolt maps it, embeddings whenever they are read.
// Nothing else should write to the files while a cache is open. At its next use the cache
// detects a change by the size and the time of the file, and opens the file anew. But a
// change during a use may hang or end the program, since the file is mapped.
package embedcache
