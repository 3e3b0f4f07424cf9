package hnsw

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/goselfrag/goselfrag/retriever/hnsw/internal/kernel"
)

// maxSlots is the greatest number of vectors in an index: the top bit of a slot
// number marks expanded slots in a search, and the highest number ends a list of
// links.
const maxSlots = 1<<31 - 2

// maxDim is the largest dimension.
const maxDim = 1 << 16

// The state of a slot, in the low bits of its meta word. The upper bits are the
// number of the addition that filled the slot, which orders vectors of equal
// distance.
const (
	free    = 0 // holds nothing, or data that only searches that began earlier may read
	pending = 1 // holds a vector that is being linked: searches pass it, and do not return it
	live    = 2
	dead    = 3 // deleted, but still linked

	stateBits = 2
	stateMask = 1<<stateBits - 1
)

// view is the memory that a search reads. A view is never changed; growing makes a
// new one. Its data changes only in ways that are safe for a reader of an old view:
// the row and the key of a slot stay unchanged while a search that could have seen
// them runs, and meta words and links are read and written atomically.
type view[K comparable] struct {
	rows  slab // float32, padded to whole blocks; without rows if they were dropped
	meta  slab // a uint64 per slot
	keys  [][]K
	links slab    // layer 0: 2M slots each, none at the end
	tower slab    // a uint32 per slot: where its links above layer 0 are, or 0
	upper slab    // the links above layer 0: M slots a list
	inlet slab    // a uint32 per slot: how many nodes link to it on layer 0
	codes *codes  // what searches measure instead of rows, or nil
	guide *codes  // what building measures while it looks for neighbors, or nil
	guard *mapped // checks data read from a file; nil if there is nothing to check
	limit uint32  // the slots below it are in the slabs
}

func (v *view[K]) row(slot uint32) []float32 {
	return unsafe.Slice((*float32)(v.rows.at(slot)), v.rows.stride/4)
}

func (v *view[K]) metaWord(slot uint32) *atomic.Uint64 {
	return (*atomic.Uint64)(v.meta.at(slot))
}

func (v *view[K]) state(slot uint32) uint64 { return v.metaWord(slot).Load() & stateMask }

// added returns the number of the addition that filled a slot.
func (v *view[K]) added(slot uint32) uint64 { return v.metaWord(slot).Load() >> stateBits }

func (v *view[K]) key(slot uint32) *K {
	return &v.keys[slot>>v.meta.shift][slot&(1<<v.meta.shift-1)]
}

// store keeps vectors under keys, in numbered slots. Index and Flat are built on it.
type store[K comparable] struct {
	dim    int
	metric Metric
	set    kernel.Set
	blocks int // of eight float32 per row

	// Lock order: a goroutine that holds a lock takes only locks further down this list.
	//
	//	graph
	//	Index.entryMu
	//	one of Index.locks
	//	keys
	//	turn
	//	readers.mu
	//
	// mapped.keys also comes after graph. No other lock is taken under it.
	//
	// A reader's mark (readers.begin) is not a lock. A goroutine may hold a mark
	// while it waits for any lock: functions of the caller (Query.Where, the
	// argument of Select) run under a mark and may call all methods but Close. So
	// no goroutine waits for marks while it holds a lock. Only Close waits for
	// marks.

	// graph guards the slots and the links. Linking a vector holds it for reading.
	// Filling slots, moving memory and taking slots out of the graph hold it for
	// writing. Searches and Select do not take it.
	graph sync.RWMutex
	view  atomic.Pointer[view[K]]
	used  uint32   // slots from used on were never filled
	spare []uint32 // free slots below used
	limbo []retired
	// next is the number of the next addition. It grows under graph; a view that is
	// loaded later than next has room for all additions before it.
	next atomic.Uint64
	// freed, if not nil, is called before a slot is freed.
	freed func(v *view[K], slot uint32)

	// keys guards the table of keys. Searches do not take it.
	keys  sync.Mutex
	table keyTable[K]
	live  atomic.Int64
	dead  atomic.Int64
	// turn guards every change of a slot to or from live, which is also made under
	// keys, and moves. A search may wait for it: it is held only while slots are
	// marked.
	turn sync.Mutex
	// flips counts the changes to and from live; it is odd while one is in
	// progress.
	flips atomic.Uint64
	moves moves

	readers readers
}

// retired is a slot that no link leads to any more, but that searches which began
// before the given time may still read.
type retired struct {
	slot uint32
	at   uint64
}

func newStore[K comparable](dim int, metric Metric) (*store[K], error) {
	if dim < 1 || dim > maxDim {
		return nil, fmt.Errorf("%w: dimension %d: want 1 to %d", ErrOption, dim, maxDim)
	}
	if err := metric.check(); err != nil {
		return nil, err
	}
	s := &store[K]{dim: dim, metric: metric, set: kernel.Best(), blocks: (dim + 7) / 8}
	stride := uintptr(s.blocks) * 32
	shift := chunkShift(stride)
	s.view.Store(&view[K]{
		rows: slab{stride: stride, shift: shift},
		meta: slab{stride: 8, shift: shift},
	})
	return s, nil
}

// Dim returns the number of components of every vector.
func (s *store[K]) Dim() int { return s.dim }

// Metric returns the metric of the distances.
func (s *store[K]) Metric() Metric { return s.metric }

// Len returns the number of vectors.
func (s *store[K]) Len() int { return int(s.live.Load()) }

func (s *store[K]) keyOf(slot uint32) K { return *s.view.Load().key(slot) }

// checkItems checks all items. For each it returns whether to add it: of two with
// one key only the later one is added. A nil result means all.
func (s *store[K]) checkItems(ctx context.Context, items []Item[K]) (keep []bool, err error) {
	row := make([]float32, s.blocks*8)
	for i := range items {
		if i%group == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("hnsw: add: %w after 0 of %d items", ctx.Err(), len(items))
		}
		if err := checkKey(items[i].Key); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		if err := s.metric.prepare(row, items[i].Vector, s.dim); err != nil {
			return nil, fmt.Errorf("item %d, key %v: %w", i, items[i].Key, err)
		}
	}
	if len(items) < 2 {
		return nil, nil
	}
	last := make(map[K]int, len(items))
	for i := range items {
		last[items[i].Key] = i
	}
	if len(last) == len(items) {
		return nil, nil
	}
	keep = make([]bool, len(items))
	for _, i := range last {
		keep[i] = true
	}
	return keep, nil
}

// checkKey rejects keys that could not be found again.
func checkKey[K comparable](key K) error {
	// To the compiler every interface is comparable, whatever it holds.
	switch v := reflect.ValueOf(&key).Elem(); v.Kind() {
	case reflect.Interface, reflect.Struct, reflect.Array:
		if !v.Comparable() {
			return fmt.Errorf("%w: %v cannot be compared", ErrBadKey, key)
		}
	}
	if key != key { // a NaN
		return ErrBadKey
	}
	return nil
}

// reserve makes room for n more vectors; grow, if not nil, makes room in what only
// its caller has. The caller holds graph for writing.
func (s *store[K]) reserve(n int, grow func(v *view[K], rows uint32)) error {
	s.reclaim()
	need := int64(s.used) + int64(n) - int64(len(s.spare))
	v := s.view.Load()
	if need <= int64(v.limit) {
		return nil
	}
	if need > maxSlots {
		return fmt.Errorf("%w: it can hold %d vectors", ErrFull, maxSlots)
	}
	g := *v
	g.limit = room(v.limit, uint32(need))
	if g.rows.stride > 0 {
		g.rows = v.rows.grow(g.limit)
	}
	g.meta = v.meta.grow(g.limit)
	g.keys = growKeys(v.keys, g.limit, g.meta.shift)
	if grow != nil {
		grow(&g, g.limit)
	}
	s.view.Store(&g)
	s.keys.Lock()
	s.table.reserve(int(s.live.Load())+n, s.keyOf)
	s.keys.Unlock()
	return nil
}

// growKeys is slab.grow for keys, which may hold pointers.
func growKeys[K comparable](old [][]K, n, shift uint32) [][]K {
	per := uint32(1) << shift
	grown := append([][]K(nil), old...)
	if k := len(grown); k > 0 && uint32(len(grown[k-1])) < per {
		last := make([]K, min(n-uint32(k-1)*per, per))
		copy(last, grown[k-1])
		grown[k-1] = last
	}
	for have := uint32(len(grown)) * per; have < n; have += per {
		grown = append(grown, make([]K, min(n-have, per)))
	}
	return grown
}

// fillSlot fills a slot with an item and returns it, pending. There must be room for
// it. The caller holds graph for writing. The item was checked.
func (s *store[K]) fillSlot(v *view[K], item *Item[K]) (slot uint32, row []float32) {
	if n := len(s.spare); n > 0 {
		slot, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		slot = s.used
		s.used++
	}
	if v.rows.stride > 0 {
		row = v.row(slot)
	} else {
		row = make([]float32, s.blocks*8)
	}
	if err := s.metric.prepare(row, item.Vector, s.dim); err != nil {
		panic("hnsw: a checked vector failed its check: " + err.Error())
	}
	*v.key(slot) = item.Key
	v.metaWord(slot).Store(s.next.Load()<<stateBits | pending)
	s.next.Add(1)
	return slot, row
}

// drop frees a pending slot that was never linked. The caller holds graph for writing.
func (s *store[K]) drop(v *view[K], slot uint32) {
	if s.freed != nil {
		s.freed(v, slot)
	}
	v.metaWord(slot).Store(free)
	var zero K
	*v.key(slot) = zero
	s.spare = append(s.spare, slot)
}

// publish makes a pending slot the one of its key, and returns the slot that it
// replaces, which is dead from then on.
func (s *store[K]) publish(slot uint32) (replaced uint32, was bool) {
	s.keys.Lock()
	defer s.keys.Unlock()
	v := s.view.Load()
	key := *v.key(slot)
	replaced, was = s.table.get(key, s.keyOf)
	s.table.set(key, slot, s.keyOf)
	s.turn.Lock()
	s.flips.Add(1)
	v.setState(slot, live)
	if was {
		v.setState(replaced, dead)
		s.moves.note(slot, &s.readers)
	}
	s.flips.Add(1)
	s.turn.Unlock()
	if was {
		s.dead.Add(1)
	} else {
		s.live.Add(1)
	}
	return replaced, was
}

// kill makes the slots of keys dead and returns them, or fails and changes nothing.
func (s *store[K]) kill(keys []K) ([]uint32, error) {
	s.keys.Lock()
	defer s.keys.Unlock()
	for _, key := range keys {
		if err := checkKey(key); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnknownKey, err)
		}
		if _, found := s.table.get(key, s.keyOf); !found {
			return nil, fmt.Errorf("%w: %v", ErrUnknownKey, key)
		}
	}
	v := s.view.Load()
	slots := make([]uint32, 0, len(keys))
	for _, key := range keys {
		slot, found := s.table.get(key, s.keyOf)
		if !found {
			continue // given twice
		}
		s.table.remove(key, s.keyOf)
		slots = append(slots, slot)
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	s.flips.Add(1)
	defer s.flips.Add(1)
	for _, slot := range slots {
		v.setState(slot, dead)
	}
	s.live.Add(-int64(len(slots)))
	s.dead.Add(int64(len(slots)))
	return slots, nil
}

func (v *view[K]) setState(slot uint32, state uint64) {
	w := v.metaWord(slot)
	w.Store(w.Load()&^stateMask | state)
}

// retire takes dead slots, which no link leads to any more, out of the count. They
// are reused when no search can see them any more. The caller holds graph for
// writing.
func (s *store[K]) retire(slots []uint32) {
	v := s.view.Load()
	at := s.readers.tick()
	for _, slot := range slots {
		v.setState(slot, free)
		s.limbo = append(s.limbo, retired{slot, at})
	}
	s.dead.Add(-int64(len(slots)))
}

// reclaim frees the retired slots that no search can see. The caller holds graph for
// writing.
func (s *store[K]) reclaim() {
	if len(s.limbo) == 0 {
		return
	}
	oldest := s.readers.oldest()
	v := s.view.Load()
	n := 0
	for ; n < len(s.limbo) && s.limbo[n].at <= oldest; n++ {
		s.drop(v, s.limbo[n].slot)
	}
	s.limbo = append(s.limbo[:0], s.limbo[n:]...)
}
