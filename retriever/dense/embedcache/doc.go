// Package embedcache keeps embeddings on disk, so that the same text is embedded once: when
// a document is renamed or cut in another way, or a collection is made anew.
//
//	cache, err := embedcache.Open("embeddings.cache", embedcache.Options{})
//	…
//	defer cache.Close()
//	embedder, err := cache.Embedder("nomic-embed-text-v1.5", server)
//
// The key is the name of the model and the SHA-256 of the text. A cache is never the reason
// that something fails: what it cannot read or write costs only the time to embed again.
// A damaged file is replaced; on Windows one that turns out to be damaged while it is open
// stays, and the cache is off until it is opened again.
//
// The structure of a file is checked before bbolt maps it, embeddings whenever they are read.
// Nothing else should write to the files while a cache is open. It is noticed by the size and
// the time of the file at the next use, and the file is opened anew. Only a change in the
// middle of a use may hang or end the program, since the file is mapped.
package embedcache
