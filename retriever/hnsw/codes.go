package hnsw

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/goselfrag/goselfrag/retriever/hnsw/internal/kernel"
)

// Storage says what an Index stores of its vectors.
type Storage uint8

const (
	// Float32 stores the vectors unchanged: 4 bytes per component.
	Float32 Storage = iota
	// Int8 stores one byte per component besides the float32 components. Searches
	// use the bytes, then measure the nearest 2·K of the result (at least K + 16)
	// by the float32 components. That is faster, since less memory is read.
	// Together with Open, which leaves the float32 components in the file, it takes
	// about a quarter of the memory.
	Int8
	// Int8Only stores only one byte per component. Distances are approximate.
	Int8Only
)

func (s Storage) check() error {
	if s > Int8Only {
		return fmt.Errorf("%w: storage %d: want Float32, Int8 or Int8Only", ErrOption, uint8(s))
	}
	return nil
}

// fitAt is the number of vectors from which on their range is known well enough to
// encode them. Until then they are kept as float32.
const fitAt = 1024

// codes holds the vectors in a byte per component. Component i is offset[i] +
// scale[i]·code. code is from −127 to 127, and offset and scale are fitted to the
// range of the component. The vectors are rotated first if that reduces the errors
// of the codes.
type codes struct {
	slab
	spin          *rotation // or nil
	offset, scale []float32 // padded
	norm          uintptr   // the position in a row of the squared length of scale·code; 0 if there is none
	fitted        uint32    // the number of used slots when the range was fitted
	seen          *codesSeen
}

// codesSeen is what is known of the encoded vectors. Codes that were grown share
// it; codes that were fitted again have their own.
type codesSeen struct {
	clipped int64 // components outside the range
	// farthest is the greatest distance of a vector from its decoded code, if no
	// component was clipped. radius is the greatest distance of a decoded code from
	// offset. Both are the bits of a float32. A search that sees a code sees its
	// contribution to them.
	farthest, radius atomic.Uint32
	// strays are, for a Flat, the sorted slots of vectors outside the range of the
	// codes: their codes do not tell their distance.
	strays atomic.Pointer[[]uint32]
}

// fitting identifies the fitting of codes.
func (c *codes) fitting() *codesSeen {
	if c == nil {
		return nil
	}
	return c.seen
}

func raise(to *atomic.Uint32, value float32) {
	if value > math.Float32frombits(to.Load()) {
		to.Store(math.Float32bits(value))
	}
}

// ranges holds the least and the greatest value of every component.
type ranges struct{ low, high []float32 }

func newRanges(n int) *ranges {
	r := &ranges{make([]float32, n), make([]float32, n)}
	for i := range n {
		r.low[i], r.high[i] = math.MaxFloat32, -math.MaxFloat32
	}
	return r
}

func (r *ranges) include(row []float32) {
	for i, x := range row {
		r.low[i], r.high[i] = min(r.low[i], x), max(r.high[i], x)
	}
}

// error grows with the variance of the error that codes for these ranges make in an
// inner product or a squared distance. The error of a component is its step times
// the difference of two vectors in it, and both grow with its range.
func (r *ranges) error() float64 {
	var sum float64
	for i := range r.low {
		width := float64(r.high[i]) - float64(r.low[i])
		sum += width * width * width * width
	}
	return sum
}

// newCodes returns codes for components within given ranges, without rows.
func newCodes(r *ranges, spin *rotation, metric Metric, shift uint32) *codes {
	n := len(r.low)
	padded := uintptr(n+15) / 16 * 16
	c := &codes{spin: spin, offset: make([]float32, padded), scale: make([]float32, padded), seen: new(codesSeen)}
	c.seen.strays.Store(new([]uint32))
	for i := range n {
		if low, high := float64(r.low[i]), float64(r.high[i]); low <= high {
			c.offset[i] = float32((low + high) / 2)
			c.scale[i] = float32((high - low) / 2 / 127)
		}
	}
	c.slab = slab{stride: padded, shift: shift}
	if metric == SquaredL2 {
		c.norm = padded
		c.stride += 16
	}
	return c
}

func (c *codes) grow(rows uint32) *codes {
	g := *c
	g.slab = c.slab.grow(rows)
	return &g
}

func (c *codes) row(slot uint32) []int8 {
	return unsafe.Slice((*int8)(c.at(slot)), len(c.offset))
}

// encode writes the code of a row and reports whether all its components are in
// range. It rotates the row in buf, of the same length, if the codes are of rotated
// rows.
func (c *codes) encode(slot uint32, row, buf []float32) (fits bool) {
	if c.spin != nil {
		copy(buf, row)
		c.spin.turn(buf)
		row = buf
	}
	code := c.row(slot)
	clear(code)
	fits = true
	var norm, off float32
	for i, x := range row {
		x -= c.offset[i]
		r := int32(0)
		if c.scale[i] != 0 {
			v := x / c.scale[i]
			if v < -127.5 || v > 127.5 {
				c.seen.clipped++
				fits = false
			}
			r = round(min(max(v, -127), 127))
		}
		if c.scale[i] == 0 && x != 0 {
			fits = false
		}
		code[i] = int8(r)
		d := float32(r) * c.scale[i]
		norm += d * d
		off += (x - d) * (x - d)
	}
	if c.norm != 0 {
		*(*float32)(unsafe.Add(c.at(slot), c.norm)) = norm
	}
	if fits {
		raise(&c.seen.farthest, float32(math.Sqrt(float64(off)))*(1+1e-5))
	}
	raise(&c.seen.radius, float32(math.Sqrt(float64(norm)))*(1+1e-5))
	return fits
}

// decode returns the row of a code, in buf if that is long enough.
func (c *codes) decode(slot uint32, buf []float32) []float32 {
	if len(buf) < len(c.offset) {
		buf = make([]float32, len(c.offset))
	}
	for i, v := range c.row(slot) {
		buf[i] = c.offset[i] + c.scale[i]*float32(v)
	}
	if c.spin != nil {
		c.spin.back(buf[:len(c.spin.first)])
	}
	return buf[:len(c.offset)]
}

// aim sets the batch of a search to measure codes against a padded query.
//
// With x = o + s·a per component and a query q, the inner product is q·o + Σ
// (q·s)·a, and the squared distance |q−o|² − 2 Σ ((q−o)·s)·a + Σ (s·a)². The
// weights of a in these sums are rounded to as many bits as let the sum fit in 32.
func (c *codes) aim(s *scratch, set *kernel.Set, metric Metric, query []float32) {
	n := len(c.offset)
	if len(s.code) < n {
		s.code, s.weight = make([]int16, n), make([]float32, n)
	}
	if copied := copy(s.weight, query); copied < n {
		clear(s.weight[copied:n])
	}
	if c.spin != nil {
		c.spin.turn(s.weight[:len(c.spin.first)])
	}
	var base float64
	var largest float32
	for i, q := range s.weight[:n] {
		if metric == SquaredL2 {
			q -= c.offset[i]
			base += float64(q) * float64(q)
		} else {
			base -= float64(q) * float64(c.offset[i])
		}
		s.weight[i] = q * c.scale[i]
		largest = max(largest, s.weight[i], -s.weight[i])
	}
	limit := float32(min(math.MaxInt16, math.MaxInt32/(127*n)))
	unit := largest / limit
	if unit == 0 {
		clear(s.code)
	} else {
		inverse := limit / largest
		for i, w := range s.weight[:n] {
			s.code[i] = int16(round(w * inverse))
		}
	}
	s.measure = set.Code
	s.aimSlab(&c.slab)
	s.batch.Query = unsafe.Pointer(&s.code[0])
	s.batch.Blocks = uint64(n / 16)
	s.batch.Norm = uint64(c.norm)
	s.batch.Base, s.batch.Scale = float32(base), -unit
	if metric == SquaredL2 {
		s.batch.Scale = -2 * unit
	}
}

// round rounds to the nearest integer, for numbers far below 2^22: adding 1.5·2^23
// leaves no room for a fraction.
func round(x float32) int32 {
	const shift = 3 << 22
	return int32(math.Float32bits(x+shift)) - int32(math.Float32bits(shift))
}

// reach is the possible error of the measurements of aim for two vectors that are
// compared.
type reach struct {
	squared         bool
	slack, farthest float64
}

// of returns the greatest measured distance of a vector that may be as near as one
// measured at d.
func (r reach) of(d float32) float32 {
	if !r.squared {
		return float32(float64(d) + r.slack + 1e-6*math.Abs(float64(d)))
	}
	root := math.Sqrt(max(float64(d)+r.slack, 0)) + 2*r.farthest
	return float32((root*root + r.slack) * (1 + 1e-6))
}

// errorBounds must be called after aim, with the same query.
//
// A code is off by at most farthest, and the rounded query by the change of
// rounding times 127 steps. That makes up to ‖q‖·farthest in an inner product;
// distances, before they are squared, are off by up to farthest. The rounding of
// float32 is far below a 1e-5th of the added numbers. All of it counts twice: for
// the vector measured too near and for the one measured too far.
func (c *codes) errorBounds(s *scratch, metric Metric, query []float32) reach {
	farthest := float64(math.Float32frombits(c.seen.farthest.Load()))
	radius := float64(math.Float32frombits(c.seen.radius.Load())) + farthest
	unit := math.Abs(float64(s.batch.Scale))
	if metric == SquaredL2 {
		unit /= 2
	}
	var rounded, q2, o2 float64
	for i, w := range s.weight[:len(c.offset)] {
		rounded += 127 * math.Abs(float64(w)-unit*float64(s.code[i]))
		o2 += float64(c.offset[i]) * float64(c.offset[i])
	}
	if metric == SquaredL2 {
		size := math.Sqrt(float64(s.batch.Base)) + radius
		return reach{true, 4*rounded + 2e-5*size*size, farthest}
	}
	for _, q := range query {
		q2 += float64(q) * float64(q)
	}
	size := math.Sqrt(q2) * (math.Sqrt(o2) + radius)
	return reach{false, 2 * (math.Sqrt(q2)*farthest + rounded + 1e-5*size), farthest}
}

// fitCodes fits the codes to the vectors if it is due: at fitAt vectors, and each
// time their number has doubled while their rows are still there. An index of
// Float32 gets codes as a guide while many vectors are added. The caller holds
// graph for writing; more holds the items about to be added. The error is that of
// ctx.
func (x *Index[K]) fitCodes(ctx context.Context, more []Item[K]) error {
	v := x.view.Load()
	coming := int64(x.used) + int64(len(more))
	switch {
	case v.rows.stride == 0 || coming < fitAt:
		return nil
	case x.o.Storage == Float32:
		if v.guide != nil || len(more) < fitAt || int64(len(more))*8 < coming {
			return nil
		}
	case v.codes != nil && coming < 2*int64(v.codes.fitted):
		return nil
	}
	g := *v
	var err error
	if g.guide, err = x.encodeAll(ctx, v, more, x.o.Seed); err != nil {
		return err
	}
	g.guide.fitted = uint32(coming)
	if x.o.Storage != Float32 {
		g.codes = g.guide
	}
	if x.o.Storage == Int8Only {
		g.rows = slab{}
	}
	x.view.Store(&g)
	return nil
}

// encodeAll returns codes for the range of all stored vectors and of more, with the
// rows of the stored ones. The error is that of ctx.
func (x *store[K]) encodeAll(ctx context.Context, v *view[K], more []Item[K], seed uint64) (*codes, error) {
	plain, turned := newRanges(x.dim), newRanges(x.dim)
	spin := newRotation(x.dim, seed)
	buf, row := make([]float32, x.dim), make([]float32, x.blocks*8)
	see := func(row []float32) {
		plain.include(row)
		copy(buf, row)
		spin.turn(buf)
		turned.include(buf)
	}
	for slot := range x.used {
		if slot%group == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if v.state(slot) != free {
			see(v.row(slot)[:x.dim])
		}
	}
	for i := range more {
		if i%group == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if x.metric.prepare(row, more[i].Vector, x.dim) == nil {
			see(row[:x.dim])
		}
	}
	r := turned
	if plain.error() < 2*turned.error() { // turning costs every search a little
		r, spin = plain, nil
	}
	c := newCodes(r, spin, x.metric, v.meta.shift).grow(v.limit)
	for slot := range x.used {
		if slot%group == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if v.state(slot) != free {
			c.encode(slot, v.row(slot)[:x.dim], buf)
		}
	}
	c.seen.clipped = 0
	return c, nil
}

// dropGuide drops the guide of an index of Float32 when no Add is running. The
// caller holds graph for writing.
//
// Without a guide it does not change the view: after a refused Add the file may
// still be unread, and a search that reads its keys (known) makes a new view
// without holding graph.
func (x *Index[K]) dropGuide() {
	if x.adding--; x.adding == 0 && x.o.Storage == Float32 && x.view.Load().guide != nil {
		g := *x.view.Load()
		g.guide = nil
		x.view.Store(&g)
	}
}
