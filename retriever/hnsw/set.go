package hnsw

// Set is some of the keys of an index, as a bitmap, to limit searches to. It is made
// once and used often. Keys that are deleted later drop out of it; keys that are
// added or replaced later are not in it.
type Set[K comparable] struct {
	owner *store[K]
	words []uint64
	size  int
	until uint64 // the number of the next addition when it was made
}

// Len is the number of keys that were in the set when it was made.
func (s *Set[K]) Len() int { return s.size }

// has tells whether a slot filled by the given addition is in the set.
func (s *Set[K]) has(slot uint32, added uint64) bool {
	return added < s.until && int(slot/64) < len(s.words) && s.words[slot/64]>>(slot%64)&1 == 1
}

// word is the marks of the 64 slots from slot on, a multiple of 64.
func (s *Set[K]) word(slot uint32) uint64 {
	if int(slot/64) >= len(s.words) {
		return 0
	}
	return s.words[slot/64]
}

// Select returns the set of the keys for which where returns true. It asks for every
// key once.
func (s *store[K]) Select(where func(K) bool) (*Set[K], error) {
	sc := s.readers.begin() // keeps the slots from being used again meanwhile
	if sc == nil {
		return nil, ErrClosed
	}
	defer s.readers.end(sc)
	s.graph.RLock()
	until := s.next
	v := s.view.Load()
	s.graph.RUnlock()
	set := &Set[K]{owner: s, words: make([]uint64, (v.limit+63)/64), until: until}
	for slot := range v.limit {
		word := v.metaWord(slot).Load()
		if word&stateMask == live && word>>stateBits < until && where(*v.key(slot)) {
			set.words[slot/64] |= 1 << (slot % 64)
			set.size++
		}
	}
	return set, nil
}

// Select returns the set of the keys for which where returns true. It asks for every
// key once.
func (x *Index[K]) Select(where func(K) bool) (*Set[K], error) {
	s := x.readers.begin() // keeps Close from giving the file back meanwhile
	if s == nil {
		return nil, ErrClosed
	}
	defer x.readers.end(s)
	if err := x.known(); err != nil {
		return nil, err
	}
	return x.store.Select(where)
}
