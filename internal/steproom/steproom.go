// Package steproom keeps the memory of completions that are no longer used, for the next
// ones. Package generator calls Take, and package selfrag calls Keep after a candidate's
// steps have been read. Steps are most of the memory that a question allocates.
package steproom

import "sync"

// Least is the smallest capacity worth keeping: room for a sentence.
const Least = 32

var (
	slices  sync.Pool // *[]T with a capacity
	headers sync.Pool // *[]T that is nil; Keep would allocate one each time otherwise
)

// Take returns an empty slice with room for at least [Least] elements: one that [Keep]
// was given, or a new one. All callers use the same T.
func Take[T any]() []T {
	p, ok := slices.Get().(*[]T)
	if !ok {
		return make([]T, 0, Least)
	}
	s := *p
	*p = nil
	headers.Put(p)
	return s
}

// Keep clears s and keeps its memory for [Take]. The caller must not use s, or a slice of
// it, again.
func Keep[T any](s []T) {
	if cap(s) < Least {
		return
	}
	clear(s)
	p, ok := headers.Get().(*[]T)
	if !ok {
		p = new([]T)
	}
	*p = s[:0]
	slices.Put(p)
}
