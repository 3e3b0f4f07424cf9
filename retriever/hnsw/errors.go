package hnsw

import (
	"errors"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// Errors, wrapped with what was wrong and where.
var (
	// ErrOption is about a value of Options, FlatOptions or Query that is out of range.
	ErrOption = errors.New("hnsw: bad option")
	// ErrDimension is about a vector whose length is not the dimension of the index.
	ErrDimension = errors.New("hnsw: wrong dimension")
	// ErrNotFinite is about a vector with a component that is NaN or infinite, or so
	// large that its distances would be.
	ErrNotFinite = errors.New("hnsw: vector is not finite")
	// ErrZeroVector is about a vector of length zero, which has no direction and so
	// no cosine.
	ErrZeroVector = errors.New("hnsw: zero vector has no cosine")
	// ErrEmpty is about a search in an index that holds nothing.
	ErrEmpty = errors.New("hnsw: index is empty")
	// ErrUnknownKey is about a key that the index does not hold.
	ErrUnknownKey = errors.New("hnsw: unknown key")
	// ErrBadKey is about a key that does not equal itself, such as a NaN or an interface
	// that holds a slice: it could never be found again.
	ErrBadKey = errors.New("hnsw: key does not equal itself")
	// ErrFull is about an index that holds as many vectors as it can number.
	ErrFull = errors.New("hnsw: index is full")
	// ErrNotFile is about a path that leads to no regular file where one is to be read or
	// replaced: to a folder, a device, a pipe or, by a link, nowhere.
	ErrNotFile = regular.ErrNotFile
	// ErrLost is about an index whose file cannot be read any more although it is open.
	ErrLost = errors.New("hnsw: the open file was truncated, or its disk cannot read it")
	// ErrClosed is about an index that was used after Close.
	ErrClosed = errors.New("hnsw: index is closed")
)
