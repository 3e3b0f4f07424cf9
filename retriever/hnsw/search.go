package hnsw

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// Search finds about the K nearest vectors; see Searcher. Ef decides how many of
// the true ones are among them.
func (x *Index[K]) Search(ctx context.Context, dst []Neighbor[K], vector []float32, q Query[K]) ([]Neighbor[K], error) {
	s, err := x.start(ctx, vector, q)
	if err != nil {
		return dst, err
	}
	defer x.readers.end(s)
	if x.mapped != nil {
		return x.searchMapped(ctx, s, dst, q)
	}
	return x.search(ctx, s, dst, q)
}

// searchMapped is search in a file.
func (x *Index[K]) searchMapped(ctx context.Context, s *scratch, dst []Neighbor[K], q Query[K]) (found []Neighbor[K], err error) {
	found = dst // unless the search completes
	if x.mapped.lost.Load() {
		return dst, ErrLost
	}
	defer x.mapped.catch(debug.SetPanicOnFault(true), &err)
	if err := x.known(); err != nil {
		return dst, err
	}
	return x.search(ctx, s, dst, q)
}

// search is Search for a caller that is marked as a reader, with the prepared query
// in s.
func (x *Index[K]) search(ctx context.Context, s *scratch, dst []Neighbor[K], q Query[K]) ([]Neighbor[K], error) {
	ef := q.Ef
	if ef == 0 {
		ef = x.o.Ef
	}
	start := len(dst)
	for try := 0; ; try++ {
		s.moves.Store(x.moves.count.Load())
		// The entry first: a view that is loaded later has room for it.
		entry := x.entry.Load()
		v := x.view.Load()
		q.K = min(q.K, int(v.limit))
		if err := x.searchPool(s, v, entry, &q, min(x.hardness.widen(min(max(ef, q.K), int(v.limit))), int(v.limit))); err != nil {
			return dst[:start], err
		}
		x.rerank(s, v, q.K)
		if s.err != nil {
			return dst[:start], s.err
		}
		if try < redo && x.view.Load().codes.fitting() != v.codes.fitting() {
			continue // vectors added since are not in the codes or rows of v
		}
		sortTies(v, s.pool)
		var whole bool
		if dst, whole = x.results(s, dst[:start], &q); whole || try >= redo {
			return dst, nil
		}
		if err := ctx.Err(); err != nil {
			return dst[:start], fmt.Errorf("hnsw: search: %w", err)
		}
	}
}

// searchPool leaves the nearest nodes that it finds in s.pool, sorted, with their
// distances, and without those that q does not allow.
func (x *Index[K]) searchPool(s *scratch, v *view[K], entry uint64, q *Query[K], ef int) error {
	if entry == noEntry {
		s.pool = s.pool[:0] // all live slots are still being linked
		return nil
	}
	x.aim(s, v, s.query)
	candidates := x.Len()
	if q.In != nil {
		candidates = q.In.size
	}
	if whole := x.scanPays(candidates, ef); !whole {
		from := x.descend(s, v, entry, 0)
		if q.In == nil && q.Where == nil && x.dead.Load() == 0 {
			x.explore(s, v, from, 0, ef)
			whole = true
		} else {
			whole = x.exploreAllowed(s, v, from, q, ef)
		}
		if whole || s.err != nil {
			for i := range s.pool {
				s.pool[i].distance = x.metric.distance(s.pool[i].distance)
			}
			return s.err
		}
	}
	err := x.scan(s, v, *q, func(n int) {
		x.metric.distances(s.out[:n])
		nearest(s, v, n, ef)
	})
	s.trimPool(ef, v)
	return err
}

// scanPays reports whether measuring the allowed vectors among all costs less than
// a search that passes through the others. Such a search takes some ef·n/allowed
// hops with a dozen new rows each, on hard data nearly as many as there are links.
// For a very large ef a scan is also cheaper, since a search keeps its results
// sorted.
func (x *Index[K]) scanPays(allowed, ef int) bool {
	rows := 12.
	if x.hardness.get() >= hard {
		rows = float64(2 * x.o.M)
	}
	n, wide := float64(allowed), float64(ef)
	return n*n <= rows*wide*float64(x.Len()) || wide*wide >= 1024*n
}

// descend goes from the entry to the node nearest to the query on the level above
// level, one step at a time.
func (x *Index[K]) descend(s *scratch, v *view[K], entry uint64, level int) candidate {
	s.room(2 * x.o.M)
	at := candidate{id: uint32(entry)}
	s.ids[0] = at.id
	if checkMeasured(s, v, 1); s.err != nil {
		return at
	}
	s.measure(&s.batch, 1)
	at.distance = s.out[0]
	for l := int(entry >> 32); l > level; l-- {
		for moved := true; moved; {
			moved = false
			n := s.gather(x.follow(s, v, at.id, l), v.limit)
			if checkMeasured(s, v, n); s.err != nil {
				return at
			}
			s.measure(&s.batch, n)
			for i, d := range s.out[:n] {
				if d < at.distance {
					at, moved = candidate{d, s.ids[i]}, true
				}
			}
		}
	}
	return at
}

// follow returns the links of a slot on a level, checked if they are in a file.
func (x *Index[K]) follow(s *scratch, v *view[K], slot uint32, level int) []uint32 {
	if v.guard != nil && s.err == nil {
		if s.err = v.linked(slot, level); s.err != nil {
			return nil
		}
	}
	return v.listAt(slot, level)
}

// gather copies a list of links to s.ids and returns their number.
func (s *scratch) gather(list []uint32, limit uint32) int {
	n := 0
	for i := range list {
		id := atomic.LoadUint32(&list[i])
		if id >= limit {
			if id == none {
				break
			}
			continue // added after the view was made
		}
		s.ids[n] = id
		n++
	}
	return n
}

// gatherNew is gather for unvisited slots, which it marks.
func (s *scratch) gatherNew(list []uint32, limit uint32) int {
	n := 0
	words, ids := s.visited.words, s.ids
	for i := range list {
		id := atomic.LoadUint32(&list[i])
		if id >= limit {
			if id == none {
				break
			}
			continue
		}
		w := &words[id/64]
		bit := uint64(1) << (id % 64)
		ids[n] = id
		if *w&bit == 0 {
			n++
		}
		*w |= bit
	}
	if s.visited.track {
		s.visited.touched = append(s.visited.touched, ids[:n]...)
	}
	return n
}

// lookEvery is the number of nodes after which a search checks its context: some
// 100 µs.
const lookEvery = 64

// explore is the paper's algorithm 2: it leaves the nearest ef nodes of a level
// that it finds in s.pool, sorted. The pool is both its queue and its result: the
// nearest node is always expanded first, and nodes that drop out of the pool would
// never have been expanded.
//
// It returns how many nodes it expanded, and how many of them when the nearest few
// last changed. It ends early if s.err is set.
func (x *Index[K]) explore(s *scratch, v *view[K], from candidate, level, ef int) (hops, settled int) {
	s.visited.reset(v.limit)
	s.visited.mark(from.id)
	s.room(2 * x.o.M)
	if cap(s.pool) < ef+1 {
		s.pool = make([]candidate, 0, ef+1)
	}
	pool := append(s.pool[:0], from)
	for next := 0; next < len(pool); {
		if pool[next].id&expanded != 0 {
			next++
			continue
		}
		id := pool[next].id
		pool[next].id |= expanded
		if hops++; hops%lookEvery == 0 && s.late() {
			break
		}
		if level == 0 && next+1 < len(pool) {
			x.store.set.Prefetch(v.links.at(pool[next+1].slot())) // the next hop, most likely
		}
		n := s.gatherNew(x.follow(s, v, id, level), v.limit)
		if checkMeasured(s, v, n); s.err != nil {
			break
		}
		s.measure(&s.batch, n)
		for i, d := range s.out[:n] {
			if len(pool) == ef {
				if d >= pool[ef-1].distance {
					continue
				}
				pool = pool[:ef-1]
			}
			at := insert(&pool, candidate{d, s.ids[i]})
			if at <= next+1 {
				if level == 0 {
					x.store.set.Prefetch(v.links.at(s.ids[i]))
				}
				next = min(next, at)
			}
			if at < few {
				settled = hops
			}
		}
	}
	s.pool = pool
	return hops, settled
}

// insert puts c into a sorted list after all that are as near, and returns its
// place.
func insert(list *[]candidate, c candidate) int {
	p := *list
	lo, hi := 0, len(p)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if c.distance < p[mid].distance {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	p = append(p, candidate{})
	copy(p[lo+1:], p[lo:])
	p[lo] = c
	*list = p
	return lo
}

// exploreAllowed is explore on layer 0 for live nodes that q allows. It passes
// through the others: the pool holds ef allowed nodes and all others that are
// nearer than the last of them. It gives up, and returns false, when it has seen so
// many nodes that measuring all allowed ones costs no more.
func (x *Index[K]) exploreAllowed(s *scratch, v *view[K], from candidate, q *Query[K], ef int) (whole bool) {
	s.visited.reset(v.limit)
	s.visited.mark(from.id)
	s.room(2 * x.o.M)
	s.kept = s.kept[:0]
	pool := append(s.pool[:0], from)
	if allowed(v, from.id, q) {
		s.kept = append(s.kept, from)
	}
	budget, hops := 32*ef+int(v.limit)/4, 0
	for next := 0; next < len(pool); {
		if pool[next].id&expanded != 0 {
			next++
			continue
		}
		id := pool[next].id
		pool[next].id |= expanded
		if hops++; (q.Where != nil || hops%lookEvery == 0) && s.late() {
			break
		}
		n := s.gatherNew(x.follow(s, v, id, 0), v.limit)
		if budget -= n; budget < 0 {
			s.pool = pool
			return false
		}
		if checkMeasured(s, v, n); s.err != nil {
			break
		}
		s.measure(&s.batch, n)
		for i, d := range s.out[:n] {
			if len(s.kept) == ef && d >= s.kept[ef-1].distance {
				continue
			}
			c := candidate{d, s.ids[i]}
			next = min(next, insert(&pool, c))
			if !allowed(v, c.id, q) {
				continue
			}
			if len(s.kept) == ef {
				s.kept = s.kept[:ef-1]
			}
			insert(&s.kept, c)
			if len(s.kept) == ef {
				// Nodes farther than the last of the kept need not be expanded.
				last := s.kept[ef-1].distance
				for pool[len(pool)-1].distance > last {
					pool = pool[:len(pool)-1]
				}
			}
		}
	}
	s.pool, s.kept = s.kept, pool
	return len(s.pool) >= min(ef, q.K)
}

// rerank measures the nearest of the pool by their float32 rows, if they were found
// by codes and the rows exist, and cuts the pool to them.
func (x *Index[K]) rerank(s *scratch, v *view[K], k int) {
	if v.codes == nil || v.rows.stride == 0 {
		return
	}
	n := min(len(s.pool), max(2*k, k+16))
	if v.guard != nil {
		for _, c := range s.pool[:n] {
			if s.err = v.guard.row(secRows, &v.rows, c.slot()); s.err != nil {
				return
			}
		}
	}
	s.aimRows(&v.rows, &x.store.set, x.metric, &s.query[0])
	s.remeasure(n)
	for i := range s.pool {
		s.pool[i].distance = x.metric.distance(s.pool[i].distance)
	}
	insertionSort(s.pool)
}

// remeasure cuts the pool to its first n and measures them again.
func (s *scratch) remeasure(n int) {
	s.pool = s.pool[:n]
	s.room(n)
	for i, c := range s.pool {
		s.ids[i] = c.slot()
	}
	s.measure(&s.batch, n)
	for i := range s.pool {
		s.pool[i].distance = s.out[i]
	}
}

// insertionSort sorts a nearly sorted list by insertion. The sort is stable.
func insertionSort(list []candidate) {
	for i := 1; i < len(list); i++ {
		c := list[i]
		j := i
		for ; j > 0 && list[j-1].distance > c.distance; j-- {
			list[j] = list[j-1]
		}
		list[j] = c
	}
}

// mark marks a slot.
func (b *bitset) mark(slot uint32) {
	b.words[slot/64] |= 1 << (slot % 64)
	if b.track {
		b.touched = append(b.touched, slot)
	}
}
