package hnsw

import "context"

// Item is a vector and its key.
type Item[K comparable] struct {
	Key    K
	Vector []float32
}

// Neighbor is a key found by a search, and the distance of its vector from the
// query.
type Neighbor[K comparable] struct {
	Key      K
	Distance float32 // in the Metric of the index; smaller is nearer
}

// Query holds the parameters of a search.
type Query[K comparable] struct {
	// K is the greatest number of neighbors to return, at least 1.
	K int
	// Ef is how many of the nearest nodes an approximate search tracks: a larger Ef
	// finds more of the true neighbors and takes longer. 0 means the Ef of the
	// index; a value below K means K. An exact index ignores it.
	Ef int
	// Where, if not nil, limits the result to the keys for which it returns true.
	// The searching goroutine calls it, for some keys and in no specified order. It
	// must return the same for the same key. It may call the methods of the index,
	// except Close, which waits for the search.
	Where func(K) bool
	// In, if not nil, limits the result to the keys of a set made by the searched
	// index. A key is in the result only if both In and Where allow it.
	In *Set[K]
}

// Searcher finds the vectors nearest to a query.
//
// Contract:
//
//   - The neighbors are appended to dst, nearest first, at most q.K of them, each
//     key once; dst may be nil. Equal distances are in the order in which the
//     vectors were added, the earlier first. Replacing a vector counts as adding
//     it again.
//   - An invalid vector, a Query out of range and an empty index are errors. Then
//     dst is returned unchanged.
//   - A filter that allows nothing gives no neighbors and no error.
//   - Search may be called from several goroutines at once, and while others
//     write.
//   - When ctx is done, Search returns an error that wraps ctx.Err().
type Searcher[K comparable] interface {
	Search(ctx context.Context, dst []Neighbor[K], vector []float32, q Query[K]) ([]Neighbor[K], error)
}

// Writer changes an index.
//
// Contract:
//
//   - Add adds each item, or replaces the vector under its key. Of two items with
//     the same key the later one counts. Vectors are copied. If an item is
//     invalid, none is added. When ctx is done, Add returns an error that wraps
//     ctx.Err(); the vectors added until then stay.
//   - Delete removes the keys. If one is unknown, none is removed, and the error
//     wraps ErrUnknownKey. A key given twice is removed once.
//   - Both may be called from several goroutines at once.
type Writer[K comparable] interface {
	Add(ctx context.Context, items []Item[K]) error
	Delete(keys ...K) error
}

// VectorIndex is the common interface of Index, Flat and the adapters.
type VectorIndex[K comparable] interface {
	Searcher[K]
	Writer[K]
	// Len returns the number of vectors.
	Len() int
}
