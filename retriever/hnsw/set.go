package hnsw

// Set is a set of keys of an index, as a bitmap. Query.In limits a search to it. It
// is made once and used often, also by several goroutines at once. In another index
// it gives ErrOption. Keys that are deleted later drop out of it; keys that are
// added or replaced later are not in it.
type Set[K comparable] struct {
	owner *store[K]
	words []uint64
	size  int
	until uint64 // the number of the next addition when it was made
}

// Len returns the number of keys in the set when it was made.
func (s *Set[K]) Len() int { return s.size }

// has reports whether a slot filled by the given addition is in the set.
func (s *Set[K]) has(slot uint32, added uint64) bool {
	return added < s.until && int(slot/64) < len(s.words) && s.words[slot/64]>>(slot%64)&1 == 1
}

// word returns the marks of the 64 slots from slot on, a multiple of 64.
func (s *Set[K]) word(slot uint32) uint64 {
	if int(slot/64) >= len(s.words) {
		return 0
	}
	return s.words[slot/64]
}

// Select returns the set of the keys for which where returns true. It calls where
// once for every key, and does not wait for writers. A Flat gives no error.
func (s *store[K]) Select(where func(K) bool) (*Set[K], error) {
	sc := s.readers.begin()
	if sc == nil {
		return nil, ErrClosed
	}
	defer s.readers.end(sc)
	return s.pick(where), nil
}

// pick is Select for a caller that is marked as a reader.
func (s *store[K]) pick(where func(K) bool) *Set[K] {
	until := s.next.Load()
	v := s.view.Load()
	set := &Set[K]{owner: s, words: make([]uint64, (v.limit+63)/64), until: until}
	for slot := range v.limit {
		word := v.metaWord(slot).Load()
		if word&stateMask == live && word>>stateBits < until && where(*v.key(slot)) {
			set.words[slot/64] |= 1 << (slot % 64)
			set.size++
		}
	}
	return set
}

// Select returns the set of the keys for which where returns true. It calls where
// once for every key, and does not wait for writers. The error wraps ErrClosed or,
// for an index of [Open], ErrCorrupt, ErrKeyType or ErrLost.
func (x *Index[K]) Select(where func(K) bool) (*Set[K], error) {
	s := x.readers.begin() // prevents Close from releasing the file meanwhile
	if s == nil {
		return nil, ErrClosed
	}
	defer x.readers.end(s)
	var set *Set[K]
	err := x.mapped.safely(func() error {
		if err := x.known(); err != nil {
			return err
		}
		set = x.pick(where)
		return nil
	})
	return set, err
}
