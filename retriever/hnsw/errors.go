package hnsw

import (
	"errors"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// Errors, wrapped with the details.
var (
	// ErrOption: a value of Options, FlatOptions or Query is out of range.
	ErrOption = errors.New("hnsw: bad option")
	// ErrDimension: the length of a vector is not the dimension of the index.
	ErrDimension = errors.New("hnsw: wrong dimension")
	// ErrNotFinite: a vector has a component that is NaN or infinite, or so large
	// that its distances would be.
	ErrNotFinite = errors.New("hnsw: vector is not finite")
	// ErrZeroVector: a vector of length zero has no direction and so no cosine.
	ErrZeroVector = errors.New("hnsw: zero vector has no cosine")
	// ErrEmpty: a search in an empty index.
	ErrEmpty = errors.New("hnsw: index is empty")
	// ErrUnknownKey: the index does not hold a key.
	ErrUnknownKey = errors.New("hnsw: unknown key")
	// ErrBadKey: a key does not equal itself, such as a NaN or an interface that
	// holds a slice. It could never be found again.
	ErrBadKey = errors.New("hnsw: key does not equal itself")
	// ErrFull: the index holds as many vectors as it can number.
	ErrFull = errors.New("hnsw: index is full")
	// ErrNotFile: a path to read or replace is no regular file but a folder, a
	// device, a pipe or a link that leads nowhere.
	ErrNotFile = regular.ErrNotFile
	// ErrLost: the file of an open index cannot be read any more.
	ErrLost = errors.New("hnsw: the open file was truncated, or its disk cannot read it")
	// ErrClosed: the index was used after Close.
	ErrClosed = errors.New("hnsw: index is closed")
)
