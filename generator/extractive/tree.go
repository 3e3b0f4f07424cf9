package extractive

import "github.com/goselfrag/goselfrag/reflection"

// fan is a distribution over end and the control tokens, by symbol.
type fan [firstText]float64

// likeliest returns the symbol with the greatest probability, the lowest of equals.
func (f *fan) likeliest() symbol {
	best := end
	for s := range f {
		if f[s] > f[best] {
			best = symbol(s)
		}
	}
	return best
}

// phase says what the tree chooses next.
type phase uint8

const (
	choosing  phase = iota // the first control token
	quoting                // the next token of a sentence, or what follows the sentence
	following              // what follows an IsSUP token
	closing                // the utility of the answer so far; no text
	ended                  // only the end token
	lost                   // the history left the tree
)

// route says after which control token a sentence is quoted.
type route uint8

const (
	relevant   route = iota // after [Relevant] or [Continue to Use Evidence]
	irrelevant              // after [Irrelevant]: no IsSUP token
	unsourced               // after [No Retrieval]: no IsSUP token, no further segment
)

// node is a place in the tree. The sentences are sorted by their tokens, so those
// that share a prefix of depth tokens are the range lo to hi. The tree itself is
// never built.
type node struct {
	phase  phase
	route  route
	lo, hi int
	depth  int
}

// quote returns the node before the first token of a sentence.
func (w *world) quote(r route) node { return node{phase: quoting, route: r, hi: len(w.quotes)} }

// mass returns the weight of the sentences from lo to hi.
func (w *world) mass(lo, hi int) float64 {
	sum := 0.0
	for i := lo; i < hi; i++ {
		sum += w.quotes[i].weight
	}
	return sum
}

// silence returns the weight of no text at n. It counts after [Irrelevant], where
// "nothing here answers" is an alternative.
func (w *world) silence(n node) float64 {
	if n.phase == quoting && n.route == irrelevant && n.depth == 0 {
		return w.nothing
	}
	return 0
}

// complete reports whether the tokens up to n are a whole sentence. That sentence
// is n.lo, because a prefix sorts before longer strings.
func (w *world) complete(n node) bool { return len(w.quotes[n.lo].symbols) == n.depth }

// group returns the end of the sentences from lo that have the same token at
// n.depth as the one at lo.
func (w *world) group(n node, lo int) int {
	s := w.quotes[lo].symbols[n.depth]
	hi := lo + 1
	for hi < n.hi && w.quotes[hi].symbols[n.depth] == s {
		hi++
	}
	return hi
}

// child returns the sentences under n that continue with the text token s.
func (w *world) child(n node, s symbol) (lo, hi int) {
	lo = n.lo
	if w.complete(n) {
		lo++
	}
	for lo < n.hi {
		hi = w.group(n, lo)
		if w.quotes[lo].symbols[n.depth] == s {
			return lo, hi
		}
		lo = hi
	}
	return n.hi, n.hi
}

// controls returns the distribution over end and control tokens at n, given that
// one of them comes next.
func (w *world) controls(n node) fan {
	switch n.phase {
	case choosing:
		return w.start
	case quoting:
		if n.route == relevant {
			return w.support(n.lo)
		}
		return w.follow(n.lo, n.route)
	case following:
		return w.follow(n.lo, n.route)
	case closing:
		return w.closing
	case ended:
		return fan{end: 1}
	}
	return fan{}
}

// treeProb returns the probability of s at n.
func (w *world) treeProb(n node, s symbol) float64 {
	if s == unseen || n.phase == lost {
		return 0
	}
	if n.phase != quoting {
		if s >= firstText {
			return 0
		}
		f := w.controls(n)
		return f[s]
	}
	if s >= firstText {
		lo, hi := w.child(n, s)
		return w.mass(lo, hi) / (w.mass(n.lo, n.hi) + w.silence(n))
	}
	if silence := w.silence(n); silence > 0 {
		f := utility(silentU)
		return silence / (w.mass(n.lo, n.hi) + silence) * f[s]
	}
	if !w.complete(n) {
		return 0
	}
	f := w.controls(n)
	return w.quotes[n.lo].weight / w.mass(n.lo, n.hi) * f[s]
}

// treeAll calls add with every symbol that has a positive probability at n.
func (w *world) treeAll(n node, add func(symbol, float64)) {
	if n.phase == lost {
		return
	}
	whole, total := 1.0, 1.0
	lo := n.lo
	if n.phase == quoting {
		silence := w.silence(n)
		total = w.mass(n.lo, n.hi) + silence
		whole = 0
		if silence > 0 {
			for s, p := range utility(silentU) {
				if p > 0 {
					add(symbol(s), silence/total*p)
				}
			}
		} else if w.complete(n) {
			whole = w.quotes[n.lo].weight / total
			lo++
		}
	}
	if whole > 0 {
		f := w.controls(n)
		for s, p := range f {
			if p > 0 {
				add(symbol(s), whole*p)
			}
		}
	}
	if n.phase != quoting {
		return
	}
	for lo < n.hi {
		hi := w.group(n, lo)
		add(w.quotes[lo].symbols[n.depth], w.mass(lo, hi)/total)
		lo = hi
	}
}

// then returns the node after s, which is lost if s has no probability at n.
func (w *world) then(n node, s symbol) node {
	if n.phase == quoting && s >= firstText {
		if lo, hi := w.child(n, s); lo < hi {
			n.lo, n.hi, n.depth = lo, hi, n.depth+1
			return n
		}
		return node{phase: lost}
	}
	if w.treeProb(n, s) == 0 {
		return node{phase: lost}
	}
	none := len(w.quotes) == 0
	switch t := s.control(); t {
	case reflection.Relevant:
		return w.quote(relevant)
	case reflection.Irrelevant:
		if none {
			return node{phase: ended}
		}
		return w.quote(irrelevant)
	case reflection.ContinueEvidence:
		if n.phase != choosing {
			return node{phase: ended}
		}
		return w.goOn()
	case reflection.NoRetrieval:
		return w.goAlone()
	case reflection.FullySupported, reflection.PartiallySupported, reflection.NoSupport:
		return node{phase: following, route: n.route, lo: n.lo}
	}
	return node{phase: ended} // [Retrieval], and the utility that closes an answer
}

// likeliest returns the symbols of the likeliest continuation: the likeliest at
// every control token, and the likeliest whole sentence, which is not always that
// of the likeliest tokens. The last symbol is end.
func (w *world) likeliest() []symbol {
	var out []symbol
	for n := w.root; ; {
		if n.phase == quoting {
			q := w.bestQuote()
			out = append(out, w.quotes[q].symbols...)
			n.lo, n.hi, n.depth = q, q+1, len(w.quotes[q].symbols)
		}
		s := likeliestBranch(w.controls(n))
		out = append(out, s)
		if s == end {
			return out
		}
		n = w.then(n, s)
	}
}

// likeliestBranch is like fan.likeliest, but treats ending the answer, by any one
// of the five utility tokens, as one branch.
func likeliestBranch(f fan) symbol {
	done := fan{}
	for s := symbol(reflection.Utility1); s <= symbol(reflection.Utility5); s++ {
		done[end] += f[s]
		done[s] = f[s]
		f[s] = 0
	}
	other := f.likeliest()
	if f[other] > done[end] {
		return other
	}
	done[end] = 0
	return done.likeliest()
}

// bestQuote returns the sentence with the greatest score, the first in the passages
// of equals.
func (w *world) bestQuote() int {
	best := 0
	for i := range w.quotes {
		a, b := &w.quotes[i], &w.quotes[best]
		if a.z > b.z || a.z == b.z && a.place < b.place {
			best = i
		}
	}
	return best
}
