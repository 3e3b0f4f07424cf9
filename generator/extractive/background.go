package extractive

import "math"

// background is the n-gram model behind the tree. It is counted over the sentences,
// titles and the question of one request, each closed by end.
//
//	P(w | u v) = triShare·c(u v w)/c(u v) + biShare·c(v w)/c(v) + uniShare·c(w)/N + baseShare·base(w)
//
// The share of an unseen context is added to the next shorter one, so that the sum
// over all w is one.
type background struct {
	symbols []symbol
	same    []int32 // the next position of the same symbol, -1 at the last
	first   []int32 // by symbol: its first position, -1 if it has none
	count   []int32 // by symbol

	common map[symbol]*neighbors // of the symbols with many positions, once requested
}

// many is the number of positions of a symbol from which on its neighbors are
// counted once and not for every request. Otherwise a text that repeats one word
// would take quadratic time.
const many = 64

// neighbors counts the symbols around one symbol.
type neighbors struct {
	before map[symbol]int32
	after  map[symbol]int32
	both   map[[2]symbol]int32
}

// around returns the counts around s if s has many positions, else nil.
func (b *background) around(s symbol) *neighbors {
	if b.count[s] < many {
		return nil
	}
	if n := b.common[s]; n != nil {
		return n
	}
	n := &neighbors{make(map[symbol]int32), make(map[symbol]int32), make(map[[2]symbol]int32)}
	for i := b.first[s]; i >= 0; i = b.same[i] {
		next := b.symbols[i+1]
		n.after[next]++
		if i > 0 {
			n.before[b.symbols[i-1]]++
			n.both[[2]symbol{b.symbols[i-1], next}]++
		}
	}
	if b.common == nil {
		b.common = make(map[symbol]*neighbors)
	}
	b.common[s] = n
	return n
}

const (
	triShare  = 0.5
	biShare   = 0.3
	uniShare  = 0.15
	baseShare = 0.05
)

// index counts the symbols when all of them are known; size is the number of
// different ones.
func (b *background) index(size int) {
	places := make([]int32, len(b.symbols)+2*size)
	b.same, places = places[:len(b.symbols)], places[len(b.symbols):]
	b.first, b.count = places[:size], places[size:]
	for i := range b.first {
		b.first[i] = -1
	}
	for i := len(b.symbols) - 1; i >= 0; i-- {
		s := b.symbols[i]
		b.same[i] = b.first[s]
		b.first[s] = int32(i)
		b.count[s]++
	}
}

// recent holds the two symbols before a position; unseen if there is none.
type recent struct{ before, last symbol }

func (c recent) then(s symbol) recent { return recent{c.last, s} }

// shares holds, for one context, the value of one count at each order.
type shares struct{ tri, bi, uni, base float64 }

func (b *background) shares(c recent) shares {
	s := shares{base: baseShare}
	tri, bi, uni := triShare, biShare, uniShare
	followers, pairs := 0, 0
	// The symbol after end belongs to another text, and control tokens are in no
	// text. So only text tokens make a context.
	if c.last >= firstText {
		followers = int(b.count[c.last])
		pairs = b.pairs(c)
	}
	if pairs > 0 {
		s.tri = tri / float64(pairs)
	} else {
		bi += tri
	}
	if followers > 0 {
		s.bi = bi / float64(followers)
	} else {
		uni += bi
	}
	if len(b.symbols) > 0 {
		s.uni = uni / float64(len(b.symbols))
	} else {
		s.base += uni
	}
	return s
}

// pairs returns how often the two symbols of c are adjacent.
func (b *background) pairs(c recent) (n int) {
	if k := b.around(c.last); k != nil {
		return int(k.before[c.before])
	}
	for i := b.first[c.last]; i >= 0; i = b.same[i] {
		if b.pair(i, c) {
			n++
		}
	}
	return n
}

// pair reports whether the two symbols of c are adjacent with the last one at
// position i.
func (b *background) pair(i int32, c recent) bool {
	return i > 0 && b.symbols[i-1] == c.before
}

// counted returns the part of P(w | c) that comes from counts.
func (b *background) counted(c recent, sh shares, w symbol) float64 {
	if w == unseen {
		return 0
	}
	tri, bi := 0, 0
	if c.last >= firstText {
		tri, bi = b.followed(c, w)
	}
	return sh.sum(tri, bi, int(b.count[w]))
}

// followed returns how often w follows both symbols of c, and the last one.
func (b *background) followed(c recent, w symbol) (tri, bi int) {
	if k := b.around(c.last); k != nil {
		return int(k.both[[2]symbol{c.before, w}]), int(k.after[w])
	}
	for i := b.first[c.last]; i >= 0; i = b.same[i] {
		if b.symbols[i+1] == w {
			bi++
			if b.pair(i, c) {
				tri++
			}
		}
	}
	return tri, bi
}

func (s shares) sum(tri, bi, uni int) float64 {
	return float64(float64(tri)*s.tri) + float64(float64(bi)*s.bi) + float64(float64(uni)*s.uni)
}

// countedAll returns counted for every symbol.
func (b *background) countedAll(c recent, sh shares) []float64 {
	n := len(b.count)
	followers := make([]int32, 2*n)
	bi, tri := followers[:n], followers[n:]
	if c.last >= firstText {
		for i := b.first[c.last]; i >= 0; i = b.same[i] {
			bi[b.symbols[i+1]]++
			if b.pair(i, c) {
				tri[b.symbols[i+1]]++
			}
		}
	}
	out := make([]float64, n)
	for w := range out {
		out[w] = sh.sum(int(tri[w]), int(bi[w]), int(b.count[w]))
	}
	return out
}

// logSum returns log(p + share·exp(base)), even if exp(base) is too small for a
// float64 and p is zero.
func logSum(p, share, base float64) float64 {
	if p > 0 {
		// Rounding can make a certain token slightly more probable than one.
		return math.Min(0, math.Log(p+share*math.Exp(base)))
	}
	return math.Log(share) + base
}
