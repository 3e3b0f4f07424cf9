// Package layered has an immutable map. A change returns another map, which shares most of
// the memory. So a search can read the map that it began with during changes.
package layered

import "iter"

// Map is an immutable map. The zero Map is empty. Recent changes are in small layers over a
// large one. So a change is cheap, and a lookup reads at most three of Go's maps.
type Map[K comparable, V any] struct {
	layers [3]map[K]cell[V] // the newest first; none of them changes
	n      int
}

type cell[V any] struct {
	value V
	gone  bool
}

// small is how large the newest layer is at most: that many are copied for one change.
const small = 256

// Len returns the number of keys.
func (m *Map[K, V]) Len() int { return m.n }

// Get returns the value of a key, and whether there is one.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	for i := range m.layers {
		if len(m.layers[i]) > 0 {
			if c, ok := m.layers[i][key]; ok {
				return c.value, !c.gone
			}
		}
	}
	return value, false
}

// All returns the keys and their values in no order.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i, layer := range m.layers {
			for key, c := range layer {
				if !c.gone && !m.covered(key, i) && !yield(key, c.value) {
					return
				}
			}
		}
	}
}

// covered reports whether a layer over the given one has a key.
func (m *Map[K, V]) covered(key K, layer int) bool {
	for _, over := range m.layers[:layer] {
		if _, ok := over[key]; ok {
			return true
		}
	}
	return false
}

// With returns the map with values set, those without a value left out, if there is a key.
func (m *Map[K, V]) With(values iter.Seq2[K, V]) Map[K, V] {
	changes := make(map[K]cell[V])
	next := *m
	for key, value := range values {
		if _, ok := next.Get(key); !ok {
			if _, again := changes[key]; !again {
				next.n++
			}
		}
		changes[key] = cell[V]{value: value}
	}
	next.apply(changes)
	return next
}

// Without returns the map without keys, which may be missing.
func (m *Map[K, V]) Without(keys ...K) Map[K, V] {
	changes := make(map[K]cell[V])
	next := *m
	for _, key := range keys {
		if _, ok := next.Get(key); ok && !changes[key].gone {
			next.n--
			changes[key] = cell[V]{gone: true}
		}
	}
	next.apply(changes)
	return next
}

// apply puts changes on top, and lets what has grown sink down.
func (m *Map[K, V]) apply(changes map[K]cell[V]) {
	m.layers[0] = merged(m.layers[0], changes)
	if len(m.layers[0]) <= small {
		return
	}
	m.layers[1], m.layers[0] = merged(m.layers[1], m.layers[0]), nil
	if len(m.layers[1]) <= small+len(m.layers[2])/8 {
		return
	}
	m.layers[2], m.layers[1] = merged(m.layers[2], m.layers[1]), nil
	for key, c := range m.layers[2] {
		if c.gone { // there is nothing below to hide
			delete(m.layers[2], key)
		}
	}
}

// merged returns a new layer of two, or over itself if there is nothing under it.
func merged[K comparable, V any](under, over map[K]cell[V]) map[K]cell[V] {
	if len(under) == 0 {
		return over
	}
	both := make(map[K]cell[V], len(under)+len(over))
	for key, c := range under {
		both[key] = c
	}
	for key, c := range over {
		both[key] = c
	}
	return both
}
