package hnsw

import (
	"slices"
	"sync"
	"sync/atomic"
)

// sweepIfDue sweeps when an eighth of the nodes is dead. The caller holds graph for
// writing.
func (x *Index[K]) sweepIfDue() {
	if gone := x.dead.Load(); gone >= 64 && gone*8 >= gone+x.live.Load() || gone > 0 && x.live.Load() == 0 {
		x.sweep()
	}
}

// sweep takes the dead nodes out of the graph: every live node that links to one gets
// new links, chosen among its old ones and those of the dead it linked to. The caller
// holds graph for writing, so that nobody else writes; searches go on.
func (x *Index[K]) sweep() {
	v := x.view.Load()
	var gone []uint32
	for slot := range x.used {
		if v.state(slot) == dead {
			gone = append(gone, slot)
		}
	}
	if len(gone) == 0 {
		return
	}
	x.moveEntry(v)
	x.parallel(int(x.used), func(s *scratch, i int) {
		slot := uint32(i)
		if v.state(slot) != live {
			return
		}
		for level := v.height(slot); level >= 0; level-- {
			x.mend(s, v, slot, level)
		}
	})
	x.retire(gone)
}

// moveEntry makes the highest live node the entry if the entry is dead; of several,
// the one in the first slot.
func (x *Index[K]) moveEntry(v *view[K]) {
	x.entryMu.Lock()
	defer x.entryMu.Unlock()
	entry := x.entry.Load()
	if entry == noEntry || v.state(uint32(entry)) != dead {
		return
	}
	best := uint64(noEntry)
	for slot := range x.used {
		if v.state(slot) == live {
			if h := uint64(v.height(slot)); best == noEntry || h > best>>32 {
				best = h<<32 | uint64(slot)
			}
		}
	}
	x.entry.Store(best)
}

// parallel calls f for the numbers below n, on as many goroutines as Workers says.
func (x *Index[K]) parallel(n int, f func(s *scratch, i int)) {
	const share = 256
	var next atomic.Int64
	worker := func() {
		s := x.work.Get().(*scratch)
		defer x.work.Put(s)
		defer s.forget()
		for {
			end := int(next.Add(share))
			if end-share >= n {
				return
			}
			for i := end - share; i < min(end, n); i++ {
				f(s, i)
			}
		}
	}
	var wait sync.WaitGroup
	for range x.o.Workers - 1 {
		wait.Go(worker)
	}
	worker()
	wait.Wait()
}

// mend replaces the dead among the links of a slot on a level. What takes their place
// is found through them, and through the dead that they link to in turn.
func (x *Index[K]) mend(s *scratch, v *view[K], slot uint32, level int) {
	const enough = 256 // candidates
	list := v.listAt(slot, level)
	if !slices.ContainsFunc(list, func(id uint32) bool { return id != none && v.state(id) == dead }) {
		return
	}
	s.visited.reset(v.limit)
	s.visited.mark(slot)
	s.found, s.rest = s.found[:0], s.rest[:0] // the live, and the dead to look behind
	see := func(list []uint32) {
		for i := range list {
			id := atomic.LoadUint32(&list[i])
			if id == none {
				break
			}
			if s.visited.marked(id) {
				continue
			}
			s.visited.mark(id)
			switch v.state(id) {
			case dead:
				s.rest = append(s.rest, candidate{id: id})
			case live:
				s.found = append(s.found, id)
			}
		}
	}
	see(list)
	for i := 0; i < len(s.rest) && len(s.found) < enough; i++ {
		see(v.listAt(s.rest[i].id, level))
	}
	s.room(len(s.found))
	copy(s.ids, s.found)
	x.aimNode(s, v, slot)
	s.measure(&s.batch, len(s.found))
	s.pool = s.pool[:0]
	for i, id := range s.found {
		insert(&s.pool, candidate{s.out[i], id})
	}
	v.setList(slot, level, x.choose(s, v, slot, len(list)))
}

func (b *bitset) marked(slot uint32) bool { return b.words[slot/64]>>(slot%64)&1 == 1 }
