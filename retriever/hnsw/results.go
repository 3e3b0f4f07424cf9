package hnsw

import (
	"math"
	"slices"
	"sync/atomic"
)

// moves is where keys went that were replaced. A search that passed the new slot of a
// key before it was filled, and comes to the old one when it is dead, looks here. It is
// guarded by turn.
type moves struct {
	count atomic.Uint64 // of all that there were
	slots []uint32      // the last of them, at least those since the oldest search began
	limit int           // of slots, before the older are dropped
}

func (m *moves) note(slot uint32, r *readers) {
	if len(m.slots) >= m.limit {
		count := m.count.Load()
		if keep := int(count - r.oldestMove(count)); keep < len(m.slots) {
			m.slots = append(m.slots[:0], m.slots[len(m.slots)-keep:]...)
		}
		m.limit = max(256, 2*len(m.slots))
	}
	m.slots = append(m.slots, slot)
	m.count.Add(1)
}

// oldestMove returns how many moves there were, of count now, when the oldest search
// under way began.
func (r *readers) oldestMove(count uint64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.all {
		if s.busy {
			count = min(count, s.moves.Load())
		}
	}
	return count
}

// redo is how often a search is made again because of what others changed meanwhile.
const redo = 4

// results appends the live among s.pool, which is sorted, to dst, at most q.K. It sees
// either all or nothing of every change. Without whole, so much changed during the
// search that nearer ones may have been left out of the pool.
func (st *store[K]) results(s *scratch, dst []Neighbor[K], q *Query[K]) (found []Neighbor[K], whole bool) {
	start := len(dst)
	// What is farther than the last of a full pool was never compared with others.
	bound := float32(math.Inf(1))
	if len(s.pool) >= q.K {
		bound = s.pool[len(s.pool)-1].distance
	}
	for try := 0; ; try++ {
		before := st.flips.Load()
		moved := st.moves.count.Load() != s.moves.Load()
		if moved || before&1 == 1 || try >= redo { // a change is under way, or they come too fast
			if dst, whole, moved = st.resultsHeld(s, dst[:start], q.K, bound); !moved {
				return dst, whole
			}
			st.addMoved(s, q)
			continue
		}
		dst, whole = st.view.Load().live(s.pool, dst[:start], q.K, bound)
		if st.flips.Load() == before {
			return dst, whole
		}
	}
}

// resultsHeld is live while nothing changes, or puts the slots that keys have moved to
// since the search began into s.found. The lock is given back even if the file of the
// index cannot be read.
func (st *store[K]) resultsHeld(s *scratch, dst []Neighbor[K], k int, bound float32) (_ []Neighbor[K], whole, moved bool) {
	st.turn.Lock()
	defer st.turn.Unlock()
	if count := st.moves.count.Load(); count != s.moves.Load() {
		s.found = append(s.found[:0], st.moves.slots[len(st.moves.slots)-int(count-s.moves.Load()):]...)
		s.moves.Store(count)
		return dst, false, true
	}
	dst, whole = st.view.Load().live(s.pool, dst, k, bound)
	return dst, whole, false
}

// live appends those of found that are live to dst, at most k of them, and tells whether
// so many are not farther than bound, if there is a bound.
func (v *view[K]) live(found []candidate, dst []Neighbor[K], k int, bound float32) ([]Neighbor[K], bool) {
	start := len(dst)
	for i := range found {
		if slot := found[i].slot(); v.state(slot) == live {
			if dst = append(dst, Neighbor[K]{*v.key(slot), found[i].distance}); len(dst)-start == k {
				break
			}
		}
	}
	n := len(dst) - start
	return dst, math.IsInf(float64(bound), 1) || n == k && dst[len(dst)-1].Distance <= bound
}

// addMoved adds the slots in s.found that q allows to s.pool.
func (st *store[K]) addMoved(s *scratch, q *Query[K]) {
	v := st.view.Load()
	s.found = slices.DeleteFunc(s.found, func(slot uint32) bool {
		return !allowed(v, slot, q) || slices.ContainsFunc(s.pool, func(c candidate) bool { return c.slot() == slot })
	})
	slices.Sort(s.found)
	s.found = slices.Compact(s.found)
	s.room(len(s.found))
	copy(s.ids, s.found)
	if v.rows.stride > 0 {
		s.aimRows(&v.rows, &st.set, st.metric, &s.query[0])
	} else {
		v.codes.aim(s, &st.set, st.metric, s.query)
	}
	s.measure(&s.batch, len(s.found))
	st.metric.distances(s.out[:len(s.found)])
	for i, slot := range s.found {
		s.keep(len(s.pool)+1, candidate{s.out[i], slot}, v)
	}
}
