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
// Pages of a file are checked before its first change, embeddings whenever they are read.
// Nothing else may write to the files meanwhile: bbolt maps them, and may hang or end the
// program if its own structure becomes another one.
package embedcache
