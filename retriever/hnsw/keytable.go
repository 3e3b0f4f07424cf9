package hnsw

import "hash/maphash"

// keyTable finds the slot of a key. It holds only slots; the keys are in the store.
// So it takes a few bytes per key, where a map would repeat the key.
type keyTable[K comparable] struct {
	seed  maphash.Seed
	slots []uint32 // slot + 1, or 0; the length is a power of two
	used  int
}

// home returns where the search for a key's slot starts.
func (t *keyTable[K]) home(key K) int {
	return int(maphash.Comparable(t.seed, key) & uint64(len(t.slots)-1))
}

// find returns the place of key in slots, or where it would be stored. keyOf
// returns the key of a slot.
func (t *keyTable[K]) find(key K, keyOf func(uint32) K) (place int, found bool) {
	for i := t.home(key); ; i = (i + 1) & (len(t.slots) - 1) {
		s := t.slots[i]
		if s == 0 {
			return i, false
		}
		if keyOf(s-1) == key {
			return i, true
		}
	}
}

// get returns the slot of key.
func (t *keyTable[K]) get(key K, keyOf func(uint32) K) (slot uint32, found bool) {
	if t.used == 0 {
		return 0, false
	}
	i, found := t.find(key, keyOf)
	if !found {
		return 0, false
	}
	return t.slots[i] - 1, true
}

// set stores the slot of key.
func (t *keyTable[K]) set(key K, slot uint32, keyOf func(uint32) K) {
	if (t.used+1)*8 > len(t.slots)*7 {
		t.resize(max(16, 2*len(t.slots)), keyOf)
	}
	i, found := t.find(key, keyOf)
	if !found {
		t.used++
	}
	t.slots[i] = slot + 1
}

// reserve makes room for n keys.
func (t *keyTable[K]) reserve(n int, keyOf func(uint32) K) {
	size := max(16, len(t.slots))
	for n*8 > size*7 {
		size *= 2
	}
	if size != len(t.slots) {
		t.resize(size, keyOf)
	}
}

func (t *keyTable[K]) resize(size int, keyOf func(uint32) K) {
	if t.slots == nil {
		t.seed = maphash.MakeSeed()
	}
	old := t.slots
	t.slots = make([]uint32, size)
	for _, s := range old {
		if s != 0 {
			i, _ := t.find(keyOf(s-1), keyOf)
			t.slots[i] = s
		}
	}
}

// remove removes key. Later entries move up, so that no gap separates a slot from
// its home.
func (t *keyTable[K]) remove(key K, keyOf func(uint32) K) {
	if t.used == 0 {
		return
	}
	gap, found := t.find(key, keyOf)
	if !found {
		return
	}
	t.used--
	mask := len(t.slots) - 1
	for i := (gap + 1) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		// An entry may fill the gap if its home is not between the two.
		if home := t.home(keyOf(t.slots[i] - 1)); (i-home)&mask >= (i-gap)&mask {
			t.slots[gap] = t.slots[i]
			gap = i
		}
	}
	t.slots[gap] = 0
}

func (t *keyTable[K]) bytes() int64 { return int64(len(t.slots)) * 4 }
