package hnsw

import (
	"context"
	"fmt"
	"math"
	"math/bits"
)

// FlatOptions are the options of a Flat.
type FlatOptions struct {
	// Metric is how distances are measured: Cosine unless it says otherwise.
	Metric Metric
}

// Flat is an exact index: a search measures every vector. It is right for some
// thousands of vectors, where it is as fast as a graph, and it is the truth that an
// Index is measured against. It may be used from several goroutines at once.
type Flat[K comparable] struct{ *store[K] }

// NewFlat returns an empty exact index of vectors with dim components.
func NewFlat[K comparable](dim int, o FlatOptions) (*Flat[K], error) {
	s, err := newStore[K](dim, o.Metric)
	if err != nil {
		return nil, err
	}
	return &Flat[K]{s}, nil
}

// Add adds or replaces vectors; see Writer.
func (f *Flat[K]) Add(ctx context.Context, items []Item[K]) error {
	stands, err := f.checkItems(items)
	if err != nil {
		return err
	}
	for start := 0; start < len(items); start += group {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("hnsw: add: %w after %d of %d items", err, start, len(items))
		}
		if err := f.addGroup(items, stands, start, min(start+group, len(items))); err != nil {
			return err
		}
	}
	return nil
}

// group is how many vectors are put into slots at a time: other writers wait for that
// long.
const group = 1024

func (f *Flat[K]) addGroup(items []Item[K], stands []bool, from, to int) error {
	f.graph.Lock()
	defer f.graph.Unlock()
	if err := f.reserve(len(items)-from, nil); err != nil {
		return err
	}
	v := f.view.Load()
	for i := from; i < to; i++ {
		if stands != nil && !stands[i] {
			continue
		}
		slot, _ := f.take(v, &items[i])
		if old, was := f.publish(slot); was {
			f.retire([]uint32{old})
		}
	}
	return nil
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

// Search finds the K nearest vectors; see Searcher. It returns exactly those, up to
// the rounding of float32.
func (f *Flat[K]) Search(ctx context.Context, dst []Neighbor[K], vector []float32, q Query[K]) ([]Neighbor[K], error) {
	s, err := f.start(ctx, vector, q)
	if err != nil {
		return dst, err
	}
	defer f.readers.end(s)
	v := f.view.Load()
	s.aimRows(&v.rows, &f.set, f.metric, &s.query[0])
	if err := f.scan(ctx, s, v, q, q.K); err != nil {
		return dst, err
	}
	return f.results(v, dst, s.pool, q.K), nil
}

// start checks a query and returns memory with the prepared vector.
func (s *store[K]) start(ctx context.Context, vector []float32, q Query[K]) (*scratch, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("hnsw: search: %w", err)
	}
	if q.K < 1 {
		return nil, fmt.Errorf("%w: K is %d: want at least 1", ErrOption, q.K)
	}
	if q.Ef < 0 {
		return nil, fmt.Errorf("%w: Ef is %d: want 0 or more", ErrOption, q.Ef)
	}
	if q.In != nil && q.In.owner != s {
		return nil, fmt.Errorf("%w: In is a set of another index", ErrOption)
	}
	sc := s.readers.begin()
	if sc == nil {
		return nil, ErrClosed
	}
	sc.err = nil
	if len(sc.query) < s.blocks*8 {
		sc.query = make([]float32, s.blocks*8)
	}
	if err := s.metric.prepare(sc.query, vector, s.dim); err != nil {
		s.readers.end(sc)
		return nil, err
	}
	if s.live.Load() == 0 {
		s.readers.end(sc)
		return nil, ErrEmpty
	}
	return sc, nil
}

// scan measures all live slots that q allows and leaves the want nearest in s.pool,
// sorted.
func (st *store[K]) scan(ctx context.Context, s *scratch, v *view[K], q Query[K], want int) error {
	const rows = 256 // to look at, and at least to measure, at a time
	s.room(2 * rows)
	s.pool = s.pool[:0]
	n := 0
	for from := uint32(0); from < v.limit; from += rows {
		if from%(16*rows) == 0 && ctx.Err() != nil {
			return fmt.Errorf("hnsw: search: %w", ctx.Err())
		}
		to := min(from+rows, v.limit)
		switch {
		case q.In != nil:
			for w := from; w < to; w += 64 {
				for word := q.In.word(w); word != 0; word &= word - 1 {
					if slot := w + uint32(bits.TrailingZeros64(word)); slot < to && allowed(v, slot, &q) {
						s.ids[n] = slot
						n++
					}
				}
			}
		case q.Where != nil:
			for slot := from; slot < to; slot++ {
				if allowed(v, slot, &q) {
					s.ids[n] = slot
					n++
				}
			}
		default:
			for slot := from; slot < to; slot++ {
				s.ids[n] = slot
				if v.state(slot) == live {
					n++
				}
			}
		}
		if n < rows && to < v.limit {
			continue
		}
		if check(s, v, n); s.err != nil {
			return s.err
		}
		s.measure(&s.batch, n)
		worst := float32(math.Inf(1))
		if len(s.pool) == want {
			worst = s.pool[want-1].distance
		}
		for i, d := range s.out[:n] {
			if d <= worst {
				s.nearest(want, candidate{d, s.ids[i]}, v)
				if len(s.pool) == want {
					worst = s.pool[want-1].distance
				}
			}
		}
		n = 0
	}
	return nil
}

// allowed tells whether a slot is live and q lets it into the result.
func allowed[K comparable](v *view[K], slot uint32, q *Query[K]) bool {
	word := v.metaWord(slot).Load()
	return word&stateMask == live &&
		(q.In == nil || q.In.has(slot, word>>stateBits)) &&
		(q.Where == nil || q.Where(*v.key(slot)))
}

// nearest puts c into the pool if it is among the want nearest.
func (s *scratch) nearest(want int, c candidate, order interface{ added(uint32) uint64 }) {
	p := s.pool
	before := func(a, b candidate) bool {
		return a.distance < b.distance ||
			a.distance == b.distance && order.added(a.slot()) < order.added(b.slot())
	}
	if len(p) == want {
		if !before(c, p[want-1]) {
			return
		}
		p = p[:want-1]
	}
	lo, hi := 0, len(p)
	for lo < hi {
		if mid := (lo + hi) / 2; before(c, p[mid]) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	p = append(p, c)
	copy(p[lo+1:], p[lo:])
	p[lo] = c
	s.pool = p
}
