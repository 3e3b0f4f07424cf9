package hnsw

import (
	"math"
	"sync/atomic"
)

// hardness measures how late the searches of recent additions found the last of
// their nearest few nodes, as a share of the nodes that they expanded.
//
// If it is small, a longer search would find nothing more: most true neighbors are
// found. If it is near 1, the nearest few still changed when the search ended.
// Measured on clustered and uniform data of 64 to 768 dimensions, with ef from 16
// to 200, it predicts the recall for all data: 0.65 goes with a recall@10 of 0.96,
// 0.75 with 0.9, 0.86 with 0.6. Vectors without structure in hundreds of dimensions
// have 0.7 and more, data with clusters 0.1 or 0.2.
type hardness struct {
	hops, settled, count atomic.Int64
	value                atomic.Uint64 // of the last complete window, as bits
}

// hard is the hardness from which on data counts as hard.
const hard = 0.35

// few is the number of nearest nodes that must have settled.
const few = 10

// note records one addition.
func (h *hardness) note(hops, settled int) {
	h.hops.Add(int64(hops))
	h.settled.Add(int64(settled))
	h.count.Add(1)
}

// roll ends the window if it holds enough additions to an index of n vectors. No
// addition may run at the same time.
func (h *hardness) roll(n int) {
	if count := h.count.Load(); count < fitAt || count < int64(n)/4 {
		return
	}
	h.value.Store(math.Float64bits(float64(h.settled.Load()) / float64(h.hops.Load())))
	h.hops.Store(0)
	h.settled.Store(0)
	h.count.Store(0)
}

func (h *hardness) get() float64 { return math.Float64frombits(h.value.Load()) }

// widen returns the ef that finds about as many of the true neighbors on this data
// as ef does on data with structure. The curve is fitted to measurements: a factor
// of 1.4 for uniform data of 64 dimensions (0.43), of 4 to 6 for 384 (0.69 to
// 0.79), none below 0.35.
func (h *hardness) widen(ef int) int {
	value := h.get()
	if value < hard {
		return ef
	}
	return int(float64(ef) * math.Exp(4.2*(value-hard)))
}
