package hnsw

import (
	"sync/atomic"
	"unsafe"
)

// list returns the links of a slot on layer 0: slots, followed by none. Elements
// are read and written atomically. A list that is read while it is written is a mix
// of the old and the new, all of them slots that are or were linked.
func (v *view[K]) list(slot uint32) []uint32 {
	return unsafe.Slice((*uint32)(v.links.at(slot)), v.links.stride/4)
}

// towers manages the lists above layer 0. Few nodes have any; these have one per
// level from 1 up, next to each other in the view's slab upper.
type towers struct {
	used  uint32
	spare [maxLevel + 1][]uint32 // free towers, by height
}

// A reference to a tower is the number of its first list and, in the low bits, its
// height.
const (
	heightBits = 4
	heightMask = 1<<heightBits - 1
)

func (v *view[K]) towerRef(slot uint32) *uint32 { return (*uint32)(v.tower.at(slot)) }

// height returns the highest level of a slot.
func (v *view[K]) height(slot uint32) int {
	return int(atomic.LoadUint32(v.towerRef(slot)) & heightMask)
}

// listAt returns the links of a slot on a level: nil if it is not on that level, or
// reached it after the view was made.
func (v *view[K]) listAt(slot uint32, level int) []uint32 {
	if level == 0 {
		return v.list(slot)
	}
	ref := atomic.LoadUint32(v.towerRef(slot))
	at := ref>>heightBits + uint32(level-1)
	if int(ref&heightMask) < level || at >= v.upper.rows {
		return nil
	}
	return unsafe.Slice((*uint32)(v.upper.at(at)), v.upper.stride/4)
}

// inlets returns the number of links to a slot on layer 0. A node without any is
// never found.
func (v *view[K]) inlets(slot uint32) *atomic.Int32 { return (*atomic.Int32)(v.inlet.at(slot)) }

func clearList(list []uint32) {
	for i := range list {
		atomic.StoreUint32(&list[i], none)
	}
}

// setList sets the links of a slot on a level, and counts them.
func (v *view[K]) setList(slot uint32, level int, links []candidate) {
	list := v.listAt(slot, level)
	if level == 0 {
		for _, c := range links {
			v.inlets(c.id).Add(1)
		}
		for i := range list {
			if id := atomic.LoadUint32(&list[i]); id != none {
				v.inlets(id).Add(-1)
			}
		}
	}
	for i := range list {
		if i < len(links) {
			atomic.StoreUint32(&list[i], links[i].id)
		} else {
			atomic.StoreUint32(&list[i], none)
		}
	}
}

// takeTower gives a slot empty lists for a node of a given height. The caller holds
// graph for writing.
func (x *Index[K]) takeTower(slot uint32, height int) {
	v := x.view.Load()
	if height == 0 {
		atomic.StoreUint32(v.towerRef(slot), 0)
		return
	}
	t := &x.towers
	var first uint32
	if n := len(t.spare[height]); n > 0 {
		first, t.spare[height] = t.spare[height][n-1], t.spare[height][:n-1]
	} else {
		first = t.used
		t.used += uint32(height)
		if t.used > v.upper.rows {
			g := *v
			g.upper = v.upper.grow(room(v.upper.rows, t.used))
			x.view.Store(&g)
			v = &g
		}
	}
	atomic.StoreUint32(v.towerRef(slot), first<<heightBits|uint32(height))
	for level := 1; level <= height; level++ {
		clearList(v.listAt(slot, level))
	}
}

// freeTower frees a slot's tower.
func (x *Index[K]) freeTower(v *view[K], slot uint32) {
	ref := atomic.LoadUint32(v.towerRef(slot))
	if height := ref & heightMask; height > 0 {
		x.towers.spare[height] = append(x.towers.spare[height], ref>>heightBits)
		atomic.StoreUint32(v.towerRef(slot), 0)
	}
}
