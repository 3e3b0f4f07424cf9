package segment

import (
	"encoding/binary"
	"math/bits"
)

// Set is a set of documents as bits. The nil Set holds all documents.
type Set []uint64

// Add adds doc to s, which must not be nil.
func (s Set) Add(doc uint32) { s[doc/64] |= 1 << (doc % 64) }

// Full returns the set of all documents below n.
func Full(n int) Set {
	s := make(Set, (n+63)/64)
	for i := range s {
		s[i] = ^uint64(0)
	}
	if n%64 != 0 {
		s[len(s)-1] = 1<<(n%64) - 1
	}
	return s
}

// Has reports whether doc is in s.
func (s Set) Has(doc uint32) bool { return s == nil || s[doc/64]>>(doc%64)&1 != 0 }

// CountIn returns the number of documents in s from from, a multiple of 64, up to end.
func (s Set) CountIn(from, end uint32) int {
	if s == nil {
		return int(end - from)
	}
	return s[from/64 : (end+63)/64].Count(0)
}

// Remove removes doc from s, which must not be nil.
func (s Set) Remove(doc uint32) { s[doc/64] &^= 1 << (doc % 64) }

// Bytes returns s to be written to a file.
func (s Set) Bytes() []byte {
	b := make([]byte, 0, 8*len(s))
	for _, w := range s {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// SetOf returns the set that Bytes wrote.
func SetOf(b []byte) Set {
	s := make(Set, len(b)/8)
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return s
}

// And returns the documents that are both in s and in t. It is s if t is nil.
func (s Set) And(t Set) Set {
	if t == nil {
		return s
	}
	both := make(Set, len(s))
	for i := range s {
		both[i] = s[i] & t[i]
	}
	return both
}

// Count returns the number of documents in s, a set of docs documents.
func (s Set) Count(docs int) int {
	if s == nil {
		return docs
	}
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}
