package hnsw

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// FlatOptions are the options of a Flat.
type FlatOptions struct {
	// Metric measures distances; the zero value is Cosine.
	Metric Metric
}

// Flat is an exact index: a search looks at every vector. Use it for some thousands
// of vectors, where it is as fast as a graph, or as the reference for an Index. It
// is safe for concurrent use.
//
// From 1,024 vectors on it keeps a byte per component besides the float32
// components. A search measures the bytes, then measures by float32 the vectors
// that the bytes, with their possible error, do not rule out. The result is the
// same as without, and less memory is read.
type Flat[K comparable] struct {
	*store[K]
}

// NewFlat returns an empty exact index of vectors with dim components, from 1 to
// 65,536. The error wraps ErrOption.
func NewFlat[K comparable](dim int, o FlatOptions) (*Flat[K], error) {
	s, err := newStore[K](dim, o.Metric)
	if err != nil {
		return nil, err
	}
	return &Flat[K]{store: s}, nil
}

// Add adds or replaces vectors; see Writer.
func (f *Flat[K]) Add(ctx context.Context, items []Item[K]) error {
	keep, err := f.checkItems(ctx, items)
	if err != nil {
		return err
	}
	for start := 0; start < len(items); start += group {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("hnsw: add: %w after %d of %d items", err, start, len(items))
		}
		if err := f.addGroup(ctx, items, keep, start, min(start+group, len(items))); err != nil {
			return err
		}
	}
	return nil
}

// group is the number of vectors that are put into slots at a time. Other writers
// wait for that long.
const group = 1024

func (f *Flat[K]) addGroup(ctx context.Context, items []Item[K], keep []bool, from, to int) error {
	f.graph.Lock()
	defer f.graph.Unlock()
	if err := f.reserve(len(items)-from, growGuide); err != nil {
		return err
	}
	if err := f.fitCodes(ctx, items[from:]); err != nil {
		return fmt.Errorf("hnsw: add: %w after %d of %d items", err, from, len(items))
	}
	v := f.view.Load()
	buf := make([]float32, f.dim)
	for i := from; i < to; i++ {
		if keep != nil && !keep[i] {
			continue
		}
		slot, row := f.fillSlot(v, &items[i])
		if v.guide != nil {
			v.guide.seen.setStray(slot, !v.guide.encode(slot, row[:f.dim], buf))
		}
		if old, was := f.publish(slot); was {
			f.retire([]uint32{old})
		}
	}
	return nil
}

// setStray records whether a slot is a stray. The caller holds graph for writing.
func (c *codesSeen) setStray(slot uint32, stray bool) {
	old := *c.strays.Load()
	at, was := slices.BinarySearch(old, slot)
	if was == stray {
		return
	}
	list := slices.Clone(old) // searches read the old list
	if stray {
		list = slices.Insert(list, at, slot)
	} else {
		list = slices.Delete(list, at, at+1)
	}
	c.strays.Store(&list)
}

// Delete removes keys; see Writer.
func (f *Flat[K]) Delete(keys ...K) error {
	f.graph.Lock()
	defer f.graph.Unlock()
	slots, err := f.kill(keys)
	if err != nil {
		return err
	}
	f.retire(slots)
	return nil
}

// Search finds the K nearest vectors; see Searcher. The result is exact, up to the
// rounding of float32.
func (f *Flat[K]) Search(ctx context.Context, dst []Neighbor[K], vector []float32, q Query[K]) ([]Neighbor[K], error) {
	s, err := f.start(ctx, vector, q)
	if err != nil {
		return dst, err
	}
	defer f.readers.end(s)
	start := len(dst)
	for try := 0; ; try++ {
		s.moves.Store(f.moves.count.Load())
		v := f.view.Load()
		q.K = min(q.K, int(v.limit))
		if v.guide == nil {
			s.aimRows(&v.rows, &f.set, f.metric, &s.query[0])
			err = f.scan(s, v, q, func(n int) { f.nearest(s, v, n, q.K) })
			s.trimPool(q.K, v)
		} else {
			err = f.scanCodes(s, v, q)
		}
		if err != nil {
			return dst[:start], err
		}
		if try < redo && f.view.Load().guide.fitting() != v.guide.fitting() {
			continue // vectors added since are not in the codes of v
		}
		var whole bool
		if dst, whole = f.results(s, dst[:start], &q); whole || try >= redo {
			return dst, nil
		}
	}
}

// nearest calls nearest with the distances of the metric.
func (f *Flat[K]) nearest(s *scratch, v *view[K], n, want int) {
	f.metric.distances(s.out[:n])
	nearest(s, v, n, want)
}

// scanCodes leaves the K nearest in s.pool, as a scan does, but by way of the
// codes.
func (f *Flat[K]) scanCodes(s *scratch, v *view[K], q Query[K]) error {
	v.guide.aim(s, &f.set, f.metric, s.query)
	var limit float32 // a vector that is measured farther than this is not among the nearest
	for {
		reach, strays := v.guide.errorBounds(s, f.metric, s.query[:f.dim]), v.guide.seen.strays.Load()
		limit, s.kept = float32(math.Inf(1)), s.kept[:0]
		err := f.scan(s, v, q, func(n int) {
			m := 0
			for i, d := range s.out[:n] {
				if d > limit {
					continue
				}
				if len(*strays) > 0 {
					if _, stray := slices.BinarySearch(*strays, s.ids[i]); stray {
						continue
					}
				}
				s.kept = append(s.kept, candidate{d, s.ids[i]})
				s.ids[m], s.out[m] = s.ids[i], d
				m++
			}
			nearest(s, v, m, q.K)
			limit = reach.of(s.bound)
		})
		if err != nil {
			return err
		}
		// A vector added meanwhile may be farther off than all before.
		if strays == v.guide.seen.strays.Load() && reach == v.guide.errorBounds(s, f.metric, s.query[:f.dim]) {
			break
		}
	}
	f.keepStrays(s, v, &q)
	s.clearPool()
	s.aimRows(&v.rows, &f.set, f.metric, &s.query[0])
	n := 0
	for i, c := range s.kept {
		if c.distance <= limit {
			s.ids[n] = c.id
			n++
		}
		if n == scanRows || i == len(s.kept)-1 {
			s.measure(&s.batch, n)
			f.nearest(s, v, n, q.K)
			n = 0
		}
	}
	s.trimPool(q.K, v)
	return nil
}

// keepStrays adds the strays that q allows to s.kept.
func (f *Flat[K]) keepStrays(s *scratch, v *view[K], q *Query[K]) {
	for _, slot := range *v.guide.seen.strays.Load() {
		if slot < v.limit && allowed(v, slot, q) {
			s.kept = append(s.kept, candidate{float32(math.Inf(-1)), slot})
		}
	}
}

// fitCodes fits the codes to the vectors at fitAt vectors, each time their number
// has doubled, and when many are strays. The caller holds graph for writing; more
// holds the items about to be added. The error is that of ctx.
func (f *Flat[K]) fitCodes(ctx context.Context, more []Item[K]) error {
	v := f.view.Load()
	coming := uint32(min(int64(f.used)+int64(len(more)), maxSlots))
	if coming < fitAt || v.guide != nil && coming/2 < v.guide.fitted && len(*v.guide.seen.strays.Load())*16 < int(f.used) {
		return nil
	}
	g := *v
	var err error
	if g.guide, err = f.encodeAll(ctx, v, more, 0); err != nil {
		return err
	}
	g.guide.fitted = coming
	f.view.Store(&g)
	return nil
}

// growGuide makes room in the guide codes of a Flat.
func growGuide[K comparable](v *view[K], rows uint32) {
	if v.guide != nil {
		v.guide = v.guide.grow(rows)
	}
}
