package hnsw

import (
	"math"
	"slices"
	"sync/atomic"
)

// moves records the new slots of replaced keys. A search may pass the new slot of a
// key before it was filled, and reach the old one when it is dead; then it looks
// here. It is guarded by turn.
type moves struct {
	count atomic.Uint64 // of all moves ever
	slots []uint32      // the latest, at least those since the oldest search began
	limit int           // number of slots at which older ones are dropped
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

// oldestMove returns how many moves, of count now, there were when the oldest
// running search began.
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

// redo is how often a search is repeated because of concurrent changes.
const redo = 4

// results appends the live slots of s.pool, which is sorted, to dst, at most q.K.
// It sees either all or nothing of every change. If whole is false, so much changed
// during the search that the pool may lack nearer ones.
func (st *store[K]) results(s *scratch, dst []Neighbor[K], q *Query[K]) (found []Neighbor[K], whole bool) {
	start := len(dst)
	// Slots farther than the last of a full pool were never compared with others.
	bound := float32(math.Inf(1))
	if len(s.pool) >= q.K {
		bound = s.pool[len(s.pool)-1].distance
	}
	for try := 0; ; try++ {
		before := st.flips.Load()
		moved := st.moves.count.Load() != s.moves.Load()
		if moved || before&1 == 1 || try >= redo { // a change is in progress, or changes are too frequent
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

// resultsHeld calls live while nothing changes, or stores in s.found the slots that
// keys have moved to since the search began. It releases the lock even if the file
// of the index cannot be read.
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

// live appends the live elements of found to dst, at most k of them. It reports
// whether there are k that are not farther than bound, if there is a bound.
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
		s.offer(len(s.pool)+1, candidate{s.out[i], slot}, v)
	}
}
