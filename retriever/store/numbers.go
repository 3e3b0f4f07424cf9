package store

import (
	"maps"
	"math/bits"
	"slices"
)

// numbers is a set of numbers of passages, as bits in pieces. with returns another set that
// shares most of them.
type numbers struct {
	pieces map[uint64]*piece
	count  int
}

const pieceBits = 12

type piece [1 << pieceBits / 64]uint64

func (s numbers) has(n uint64) bool {
	p := s.pieces[n>>pieceBits]
	return p != nil && p[n>>6%uint64(len(p))]>>(n&63)&1 == 1
}

// add adds to a set that nobody else has.
func (s *numbers) add(n uint64) {
	if s.pieces == nil {
		s.pieces = map[uint64]*piece{}
	}
	p := s.pieces[n>>pieceBits]
	if p == nil {
		p = new(piece)
		s.pieces[n>>pieceBits] = p
	}
	w := &p[n>>6%uint64(len(p))]
	s.count += 1 - int(*w>>(n&63)&1)
	*w |= 1 << (n & 63)
}

// with returns s and more numbers.
func (s numbers) with(more []uint64) numbers {
	return s.changed(more, func(p *piece, n uint64) { p[n>>6%uint64(len(p))] |= 1 << (n & 63) })
}

// without returns s without some numbers.
func (s numbers) without(less []uint64) numbers {
	return s.changed(less, func(p *piece, n uint64) { p[n>>6%uint64(len(p))] &^= 1 << (n & 63) })
}

func (s numbers) changed(list []uint64, change func(p *piece, n uint64)) numbers {
	if len(list) == 0 {
		return s
	}
	out := numbers{maps.Clone(s.pieces), s.count}
	if out.pieces == nil {
		out.pieces = map[uint64]*piece{}
	}
	copied := map[uint64]bool{}
	for _, n := range list {
		k := n >> pieceBits
		if !copied[k] {
			p := new(piece)
			if old := out.pieces[k]; old != nil {
				*p = *old
			}
			out.pieces[k], copied[k] = p, true
		}
		before := out.has(n)
		change(out.pieces[k], n)
		switch after := out.has(n); {
		case after && !before:
			out.count++
		case before && !after:
			out.count--
		}
	}
	for k := range copied {
		if out.pieces[k].count() == 0 {
			delete(out.pieces, k)
		}
	}
	return out
}

func (p *piece) count() (n int) {
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	return n
}

// list returns the numbers from from to before to, in order.
func (s numbers) list(from, to uint64) (list []uint64) {
	for k, p := range s.pieces {
		for i, w := range p {
			for ; w != 0; w &= w - 1 {
				if n := k<<pieceBits + uint64(64*i+bits.TrailingZeros64(w)); n >= from && n < to {
					list = append(list, n)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// in returns how many numbers are from from to before to.
func (s numbers) in(from, to uint64) (n int) {
	for k, p := range s.pieces {
		start := k << pieceBits
		switch {
		case start+1<<pieceBits <= from || start >= to:
		case start >= from && start+1<<pieceBits <= to:
			n += p.count()
		default:
			for i := max(start, from); i < min(start+1<<pieceBits, to); i++ {
				if s.has(i) {
					n++
				}
			}
		}
	}
	return n
}
