package hnsw

import (
	"cmp"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// sweepIfDue sweeps when an eighth of the nodes is dead. The caller holds graph for
// writing. The error is that of sweep.
func (x *Index[K]) sweepIfDue() error {
	if gone := x.dead.Load(); gone >= 64 && gone*8 >= gone+x.live.Load() || gone > 0 && x.live.Load() == 0 {
		return x.sweep()
	}
	return nil
}

// sweep takes the dead nodes out of the graph: every live node that links to one
// gets new links, chosen among its old ones and those of its dead neighbors. The
// caller holds graph for writing, so there is no other writer; searches continue.
// The error is ErrLost.
func (x *Index[K]) sweep() error {
	v := x.view.Load()
	var gone []uint32
	for slot := range x.used {
		if v.state(slot) == dead {
			gone = append(gone, slot)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	x.moveEntry(v)
	err := x.parallel(int(x.used), func(s *scratch, i int) {
		slot := uint32(i)
		if v.state(slot) != live {
			return
		}
		for level := v.height(slot); level >= 0; level-- {
			x.relink(s, v, slot, level)
		}
	})
	if err != nil {
		return err
	}
	for _, slot := range gone {
		// Running searches may still use its list, but the links do not count any
		// more.
		for _, id := range v.list(slot) {
			if id != none {
				v.inlets(id).Add(-1)
			}
		}
	}
	x.retire(gone)
	x.reconnect(v)
	return nil
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

// parallel calls f for the numbers below n, on Workers goroutines. The error is
// ErrLost.
func (x *Index[K]) parallel(n int, f func(s *scratch, i int)) error {
	const share = 256
	var next atomic.Int64
	worker := func() error {
		s := x.work.Get().(*scratch)
		defer x.work.Put(s)
		defer s.forget()
		for {
			end := int(next.Add(share))
			if end-share >= n {
				return nil
			}
			for i := end - share; i < min(end, n); i++ {
				f(s, i)
			}
		}
	}
	var group errgroup.Group
	for range x.o.Workers - 1 {
		group.Go(func() error { return x.mapped.safely(worker) })
	}
	err := x.mapped.safely(worker)
	return cmp.Or(group.Wait(), err)
}

// relink replaces the dead among the links of a slot on a level. It finds
// replacements through them, and through the dead nodes that these link to.
func (x *Index[K]) relink(s *scratch, v *view[K], slot uint32, level int) {
	const enough = 256 // candidates
	list := v.listAt(slot, level)
	if !slices.ContainsFunc(list, func(id uint32) bool { return id != none && v.state(id) == dead }) {
		return
	}
	s.visited.reset(v.limit)
	s.visited.mark(slot)
	s.found, s.rest = s.found[:0], s.rest[:0] // the live ones, and the dead ones to search behind
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
	kept := x.choose(s, v, slot, len(list))
	if level == 0 {
		kept = keepInlets(v, s.pool, kept, int32(x.o.M/2), len(list))
	}
	v.setList(slot, level, kept)
}

// reconnect gives every live node that cannot be reached on layer 0 a link from the
// nearest node that can. The caller holds graph for writing.
func (x *Index[K]) reconnect(v *view[K]) {
	entry := x.entry.Load()
	if entry == noEntry {
		return
	}
	s := x.work.Get().(*scratch)
	defer x.work.Put(s)
	defer s.forget()
	var reached bitset
	reached.reset(v.limit)
	x.markReachable(&reached, v, uint32(entry))
	for slot := range x.used {
		if v.state(slot) != live || reached.marked(slot) {
			continue
		}
		x.aimGuide(s, v, slot)
		// Not through the upper levels: they may lead to the slot itself, or to
		// others that cannot be reached on layer 0.
		from := x.descend(s, v, entry, int(entry>>32))
		x.explore(s, v, from, 0, x.o.EfConstruction)
		for _, c := range s.pool {
			if x.forceLink(v, c.slot(), slot) {
				x.markReachable(&reached, v, slot)
				break
			}
		}
	}
}

// markReachable marks all slots that can be reached from a slot on layer 0.
func (x *Index[K]) markReachable(reached *bitset, v *view[K], slot uint32) {
	reached.mark(slot)
	for stack := []uint32{slot}; len(stack) > 0; {
		slot, stack = stack[len(stack)-1], stack[:len(stack)-1]
		for _, id := range v.list(slot) {
			if id != none && !reached.marked(id) {
				reached.mark(id)
				stack = append(stack, id)
			}
		}
	}
}

// forceLink adds a link on layer 0. If there is no room it replaces a link to a
// node that others link to. It returns false if there is no such link.
func (x *Index[K]) forceLink(v *view[K], from, to uint32) bool {
	list := v.list(from)
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == none && i > 0 && list[i-1] == none {
			continue // the first free place is further up
		}
		if list[i] != none {
			if v.inlets(list[i]).Load() <= int32(x.o.M/2) {
				continue
			}
			v.inlets(list[i]).Add(-1)
		}
		atomic.StoreUint32(&list[i], to)
		v.inlets(to).Add(1)
		return true
	}
	return false
}

func (b *bitset) marked(slot uint32) bool { return b.words[slot/64]>>(slot%64)&1 == 1 }
