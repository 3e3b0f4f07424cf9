package hnsw

import (
	"testing"
)

// checkInvariants checks what must hold of a graph between changes: links lead to
// nodes that are on their level, no list has a node twice or itself, counts are
// right, and at least the share reachable of the nodes can be reached from the
// entry on layer 0.
func checkInvariants[K comparable](t testing.TB, x *Index[K], reachable float64) {
	t.Helper()
	must(t, x.Verify(t.Context()))
	v := x.view.Load()
	counts := map[uint64]int{}
	inlets := make([]int32, x.used)
	for slot := range x.used {
		state := v.state(slot)
		counts[state]++
		if state == free {
			continue
		}
		if state == pending {
			t.Fatalf("slot %d is pending", slot)
		}
		if state == live {
			if found, ok := x.table.get(*v.key(slot), x.keyOf); !ok || found != slot {
				t.Fatalf("the table has slot %d (%v) for the key of slot %d", found, ok, slot)
			}
		}
		for level := 0; level <= v.height(slot); level++ {
			seen, ended := map[uint32]bool{}, false
			for _, id := range v.listAt(slot, level) {
				if id == none {
					ended = true
					continue
				}
				switch {
				case ended:
					t.Fatalf("slot %d, level %d: a link behind the end", slot, level)
				case id >= x.used || v.state(id) == free:
					t.Fatalf("slot %d, level %d: link to %d, which is free", slot, level, id)
				case v.height(id) < level:
					t.Fatalf("slot %d, level %d: link to %d, which has height %d", slot, level, id, v.height(id))
				case id == slot || seen[id]:
					t.Fatalf("slot %d, level %d: link to itself or twice to %d", slot, level, id)
				}
				seen[id] = true
				if level == 0 {
					inlets[id]++
				}
			}
		}
	}
	if counts[live] != x.Len() || counts[dead] != int(x.dead.Load()) || x.table.used != x.Len() {
		t.Fatalf("%d live and %d dead slots, %d keys: want %d and %d", counts[live], counts[dead], x.table.used, x.Len(), x.dead.Load())
	}
	for slot, n := range inlets {
		if v.state(uint32(slot)) != free && v.inlets(uint32(slot)).Load() != n {
			t.Fatalf("slot %d counts %d links to it: want %d", slot, v.inlets(uint32(slot)).Load(), n)
		}
	}
	if x.Len() == 0 {
		return
	}
	entry := x.entry.Load()
	if state := v.state(uint32(entry)); state == free || v.height(uint32(entry)) != int(entry>>32) {
		t.Fatalf("entry %#x is in state %d, height %d", entry, state, v.height(uint32(entry)))
	}
	stack, reached, seen := []uint32{uint32(entry)}, 0, map[uint32]bool{uint32(entry): true}
	for len(stack) > 0 {
		slot := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if v.state(slot) == live {
			reached++
		}
		for _, id := range v.list(slot) {
			if id != none && !seen[id] {
				seen[id] = true
				stack = append(stack, id)
			}
		}
	}
	if share := float64(reached) / float64(x.Len()); share < reachable {
		t.Fatalf("%d of %d nodes can be reached: want a share of %v", reached, x.Len(), reachable)
	}
}
