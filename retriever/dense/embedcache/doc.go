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
// Pages of the file are checked before the first change, embeddings whenever they are read.
// The file is for one process and must not be changed by others: bbolt, which maps it, does
// not survive all that could be written into it meanwhile. A
// damaged file is replaced. A file on Windows that turns out to be damaged while it is open
// stays, and the cache is off until it is opened again.
package embedcache
