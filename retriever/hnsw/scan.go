package hnsw

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

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
	sc.ctx, sc.err = ctx, nil
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

// whereCalls is the greatest number of calls of Query.Where, which may be slow,
// between two checks of the context.
const whereCalls = 64

// scanRows is how many slots a scan examines, and at least measures, at a time.
const scanRows = 256

// scan measures all live slots that q allows. It calls take with the number that it
// measured at a time, in s.ids and s.out.
func (st *store[K]) scan(s *scratch, v *view[K], q Query[K], take func(n int)) error {
	const rows = scanRows
	s.room(2 * rows)
	s.clearPool()
	n := 0
	for from := uint32(0); from < v.limit; from += rows {
		if from%(16*rows) == 0 && s.late() {
			return s.err
		}
		to := min(from+rows, v.limit)
		switch {
		case q.In != nil:
			for w := from; w < to; w += 64 {
				if q.Where != nil && s.late() {
					return s.err
				}
				for word := q.In.word(w); word != 0; word &= word - 1 {
					if slot := w + uint32(bits.TrailingZeros64(word)); slot < to && allowed(v, slot, &q) {
						s.ids[n] = slot
						n++
					}
				}
			}
		case q.Where != nil:
			for slot := from; slot < to; slot++ {
				if slot%whereCalls == 0 && s.late() {
					return s.err
				}
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
		if checkMeasured(s, v, n); s.err != nil {
			return s.err
		}
		s.measure(&s.batch, n)
		take(n)
		n = 0
	}
	return nil
}

// inserted is the greatest number of nearest slots that are kept sorted. For more,
// twice as many are collected before they are sorted: moving them for each new one
// would take quadratic time.
const inserted = 512

// nearest adds to the pool those of the first n of s.ids that may be among the want
// nearest. None farther than s.bound can be. When all are in, trimPool reduces the pool
// to the nearest.
func nearest[K comparable](s *scratch, v *view[K], n, want int) {
	for i, d := range s.out[:n] {
		switch {
		case !(d <= s.bound):
		case want > inserted:
			s.pool = append(s.pool, candidate{d, s.ids[i]})
		default:
			if s.offer(want, candidate{d, s.ids[i]}, v); len(s.pool) == want {
				s.bound = s.pool[want-1].distance
			}
		}
	}
	if want > inserted && len(s.pool) >= 2*want {
		s.trimPool(want, v)
	}
}

// clearPool prepares the pool for nearest.
func (s *scratch) clearPool() { s.pool, s.bound = s.pool[:0], float32(math.Inf(1)) }

// trimPool sorts a pool that nearest has filled, and keeps the first want.
func (s *scratch) trimPool(want int, order ordered) {
	if want <= inserted {
		return
	}
	slices.SortFunc(s.pool, func(a, b candidate) int {
		if a.distance != b.distance {
			return cmp.Compare(a.distance, b.distance)
		}
		return cmp.Compare(order.added(a.slot()), order.added(b.slot()))
	})
	if len(s.pool) >= want {
		s.pool = s.pool[:want]
		s.bound = s.pool[want-1].distance
	}
}

// ordered is a view.
type ordered interface{ added(slot uint32) uint64 }

// allowed reports whether a slot is live and q lets it into the result.
func allowed[K comparable](v *view[K], slot uint32, q *Query[K]) bool {
	word := v.metaWord(slot).Load()
	return word&stateMask == live &&
		(q.In == nil || q.In.has(slot, word>>stateBits)) &&
		(q.Where == nil || q.Where(*v.key(slot)))
}

// offer puts c into the pool if it is among the want nearest.
func (s *scratch) offer(want int, c candidate, order ordered) {
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
