package hnsw

import "context"

// Item is a vector and the key it is kept under.
type Item[K comparable] struct {
	Key    K
	Vector []float32
}

// Neighbor is a key that a search found, and how far its vector is from the query.
type Neighbor[K comparable] struct {
	Key      K
	Distance float32 // in the terms of the index's Metric; smaller is nearer
}

// Query says what a search is after.
type Query[K comparable] struct {
	// K is the greatest number of neighbors wanted, at least 1.
	K int
	// Ef is how many of the nearest nodes an approximate search keeps in view: more
	// find more of the true neighbors and take longer. 0 takes the Ef of the index;
	// fewer than K counts as K. An exact index ignores it.
	Ef int
	// Where, if not nil, limits the result to the keys for which it returns true. It
	// is called from the goroutine that searches, for some keys and in no order that
	// is promised, and must give the same answer for the same key. It may call the
	// methods of the index, except Close, which waits for the search.
	Where func(K) bool
	// In, if not nil, limits the result to the keys of a set made by the index that
	// is searched. A key is in the result only if both In and Where allow it.
	In *Set[K]
}

// Searcher finds the vectors nearest to a query.
//
// Contract:
//
//   - The neighbors are appended to dst, nearest first, at most q.K of them, each key
//     once; dst may be nil. Equal distances are in the order in which the vectors
//     were added, the earlier first; replacing a vector counts as adding it anew.
//   - A vector that cannot be measured, a Query out of range and an empty index give
//     an error; dst then comes back as it was.
//   - A filter that allows nothing gives no neighbors and no error.
//   - Search may be called from several goroutines at once, and while others write.
//   - When ctx is done, Search returns an error that wraps ctx.Err().
type Searcher[K comparable] interface {
	Search(ctx context.Context, dst []Neighbor[K], vector []float32, q Query[K]) ([]Neighbor[K], error)
}

// Writer changes an index.
//
// Contract:
//
//   - Add adds each item, or replaces the vector under its key; of two items with the
//     same key the later stands. Vectors are copied. If an item is refused, none is
//     added. When ctx is done, Add returns an error that wraps ctx.Err(); the
//     vectors added until then stay.
//   - Delete removes the keys. If one is unknown, none is removed, and the error wraps
//     ErrUnknownKey. A key given twice is removed once.
//   - Both may be called from several goroutines at once.
type Writer[K comparable] interface {
	Add(ctx context.Context, items []Item[K]) error
	Delete(keys ...K) error
}

// VectorIndex is what Index, Flat and the adapters share, so that one can stand in
// for another.
type VectorIndex[K comparable] interface {
	Searcher[K]
	Writer[K]
	// Len is the number of vectors.
	Len() int
}
