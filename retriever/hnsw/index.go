package hnsw

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// Options are the options of an Index. The zero value suits embeddings of text.
type Options struct {
	// Metric measures distances; the zero value is Cosine.
	Metric Metric
	// M is the number of links that a vector gets in each of its layers when it is
	// added. All vectors are in layer 0, one in M also in layer 1, and so on. Later
	// vectors add links, up to 2·M in layer 0 and M in each other layer. M is from
	// 2 to 128; 0 means 16. A larger M finds more of the true neighbors in many
	// dimensions, and takes more memory: 8·M bytes per vector.
	M int
	// EfConstruction is how many of the nearest nodes are tracked while a vector is
	// added, from 1 to 65,536; 0 means 200.
	EfConstruction int
	// Ef is the Ef of searches whose Query does not set it, from 1 to 65,536; 0
	// means 64. See Query.Ef.
	Ef int
	// Storage is what is stored of the vectors; the zero value is Float32.
	Storage Storage
	// Workers is how many goroutines one Add uses, from 1 to 1,024; 0 means one per
	// processor. With 1, the same additions in the same order build the same graph.
	Workers int
	// Seed is the seed of the random choice of how many layers each vector is in.
	Seed uint64
}

func (o *Options) fill() error {
	if err := o.Metric.check(); err != nil {
		return err
	}
	for _, f := range []struct {
		name     string
		value    *int
		def      int
		min, max int
	}{
		{"M", &o.M, 16, 2, 128},
		{"EfConstruction", &o.EfConstruction, 200, 1, 1 << 16},
		{"Ef", &o.Ef, 64, 1, 1 << 16},
		{"Workers", &o.Workers, min(runtime.GOMAXPROCS(0), 1<<10), 1, 1 << 10},
	} {
		if *f.value == 0 {
			*f.value = f.def
		}
		if *f.value < f.min || *f.value > f.max {
			return fmt.Errorf("%w: %s is %d: want %d to %d, or 0 for the default", ErrOption, f.name, *f.value, f.min, f.max)
		}
	}
	return o.Storage.check()
}

// Index is a hierarchical navigable small world graph (Malkov and Yashunin,
// "Efficient and robust approximate nearest neighbor search using Hierarchical
// Navigable Small World graphs", arXiv 1603.09320). It is safe for concurrent use;
// searches do not wait for writers.
type Index[K comparable] struct {
	*store[K]
	o Options

	// entry is where searches start: the slot, with its level in the upper half; or
	// noEntry.
	entry   atomic.Uint64
	entryMu sync.Mutex       // for changes of entry; see store.graph for the order of locks
	locks   [1024]sync.Mutex // for the links of the slots with that remainder
	towers  towers
	adding  int     // running calls of Add, guarded by graph
	mapped  *mapped // the file that the index was opened from, or nil
	closed  bool    // guarded by graph
	// hardness decides how much wider than usual a search must be.
	hardness hardness
	work     sync.Pool // of *scratch, for building
}

const (
	// none ends a list of links.
	none    = math.MaxUint32
	noEntry = math.MaxUint64
	// maxLevel is the greatest level of a node. With M 2, one in 2^15 reaches it.
	maxLevel = 15
)

// New returns an empty index of vectors with dim components, from 1 to 65,536. The
// error wraps ErrOption.
func New[K comparable](dim int, o Options) (*Index[K], error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	s, err := newStore[K](dim, o.Metric)
	if err != nil {
		return nil, err
	}
	x := &Index[K]{store: s, o: o}
	v := *s.view.Load()
	v.links = slab{stride: uintptr(2*o.M) * 4, shift: v.meta.shift}
	v.tower = slab{stride: 4, shift: v.meta.shift}
	v.inlet = slab{stride: 4, shift: v.meta.shift}
	v.upper = slab{stride: uintptr(o.M) * 4, shift: chunkShift(uintptr(o.M) * 4)}
	s.view.Store(&v)
	s.freed = x.freeTower
	x.towers.used = 1 // so that no reference is 0
	x.entry.Store(noEntry)
	x.work.New = func() any { return &scratch{} }
	return x, nil
}

// Options returns the effective options, with the defaults filled in.
func (x *Index[K]) Options() Options { return x.o }

// Add adds or replaces vectors; see Writer. It spreads the work over Workers
// goroutines, which end before it returns.
func (x *Index[K]) Add(ctx context.Context, items []Item[K]) error {
	keep, err := x.checkItems(ctx, items)
	if err != nil {
		return err
	}
	x.graph.Lock()
	x.adding++
	x.graph.Unlock()
	defer func() {
		x.graph.Lock()
		x.dropGuide()
		x.graph.Unlock()
	}()
	for start := 0; start < len(items); start += group {
		slots, err := x.takeGroup(ctx, items, keep, start, min(start+group, len(items)))
		if err != nil {
			return err
		}
		if linked := x.linkAll(ctx, slots); linked < len(slots) {
			err := x.exclusively(func() error {
				for _, slot := range slots[linked:] {
					x.drop(x.view.Load(), slot)
				}
				return ctx.Err()
			})
			return fmt.Errorf("hnsw: add: %w after %d of %d items", err, start+linked, len(items))
		}
	}
	return nil
}

// takeGroup puts the items from index from up to index to into slots.
func (x *Index[K]) takeGroup(ctx context.Context, items []Item[K], keep []bool, from, to int) (slots []uint32, err error) {
	err = x.exclusively(func() error {
		slots, err = x.takeGroupHeld(ctx, items, keep, from, to)
		return err
	})
	return slots, err
}

func (x *Index[K]) takeGroupHeld(ctx context.Context, items []Item[K], keep []bool, from, to int) ([]uint32, error) {
	if err := x.ready(ctx); err != nil {
		return nil, err
	}
	if err := x.sweepIfDue(); err != nil {
		return nil, err
	}
	x.hardness.roll(x.Len())
	if err := x.fitCodes(ctx, items[from:]); err != nil {
		return nil, fmt.Errorf("hnsw: add: %w after %d of %d items", err, from, len(items))
	}
	if err := x.reserve(len(items)-from, x.grow); err != nil {
		return nil, err
	}
	slots, buf := make([]uint32, 0, to-from), make([]float32, x.dim)
	for i := from; i < to; i++ {
		if keep != nil && !keep[i] {
			continue
		}
		v := x.view.Load()
		slot, row := x.fillSlot(v, &items[i])
		if v.guide != nil {
			v.guide.encode(slot, row[:x.dim], buf)
		}
		clearList(v.list(slot))
		v.inlets(slot).Store(0)
		x.takeTower(slot, x.level(v.added(slot)))
		slots = append(slots, slot)
	}
	return slots, nil
}

// grow makes room in what only an Index has.
func (x *Index[K]) grow(v *view[K], rows uint32) {
	v.links = v.links.grow(rows)
	v.tower = v.tower.grow(rows)
	v.inlet = v.inlet.grow(rows)
	if v.guide != nil {
		v.guide = v.guide.grow(rows)
	}
	if v.codes != nil {
		v.codes = v.guide
	}
}

// exclusively calls f with graph held for writing, and returns its error. It
// returns ErrClosed or ErrLost if the index is closed or its file is lost.
func (x *Index[K]) exclusively(f func() error) error {
	x.graph.Lock()
	defer x.graph.Unlock()
	if x.closed {
		return ErrClosed
	}
	return x.mapped.safely(f)
}

// linkAll links and publishes slots and returns how many of them, counted from the
// first. These are all, unless ctx is done, or the index is closed or its file is
// lost meanwhile.
func (x *Index[K]) linkAll(ctx context.Context, slots []uint32) int {
	var next, failed atomic.Int64
	worker := func() {
		s := x.work.Get().(*scratch)
		defer x.work.Put(s)
		defer s.forget()
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(slots) {
				return
			}
			if x.linkOne(s, slots[i]) != nil {
				failed.Add(1)
				return
			}
		}
	}
	workers := min(x.o.Workers, len(slots))
	var wait sync.WaitGroup
	for range workers - 1 {
		wait.Go(worker)
	}
	if workers > 0 {
		worker()
	}
	wait.Wait()
	return min(int(next.Load()), len(slots)) - int(failed.Load())
}

// linkOne links and publishes a slot, unless the index is closed or its file is lost.
func (x *Index[K]) linkOne(s *scratch, slot uint32) error {
	x.graph.RLock()
	defer x.graph.RUnlock()
	if x.closed {
		return ErrClosed
	}
	return x.mapped.safely(func() error {
		x.link(s, slot)
		x.publish(slot)
		return nil
	})
}

// Delete removes keys; see Writer. The vectors are in no result afterwards. Their
// slots stay in the graph, and searches pass through them, until there are enough
// for a sweep. A sweep repairs the links around them and frees them; Save sweeps as
// well.
func (x *Index[K]) Delete(keys ...K) error {
	return x.exclusively(func() error {
		if err := x.ready(context.Background()); err != nil {
			return err
		}
		if _, err := x.kill(keys); err != nil {
			return err
		}
		return x.sweepIfDue()
	})
}

// level draws the height of a node: floor(−ln(u) / ln(M)) (the paper's section 4.1).
func (x *Index[K]) level(added uint64) int {
	// splitmix64, so that the height depends only on the node's number, not on the
	// goroutine.
	z := x.o.Seed + (added+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	u := (float64(z>>11) + 0.5) / (1 << 53)
	return min(int(-math.Log(u)/math.Log(float64(x.o.M))), maxLevel)
}
