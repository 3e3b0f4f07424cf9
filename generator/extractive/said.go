package extractive

import "slices"

// termsOf returns the terms of the words among symbols.
func (w *world) termsOf(symbols []symbol) []int32 {
	out := make([]int32, 0, len(symbols))
	for _, s := range symbols {
		if t := w.lex.word(s).Term; t >= 0 {
			out = append(out, t)
		}
	}
	return out
}

// sameAs is the Jaccard similarity of word trigrams from which on two texts
// count as the same.
const sameAs = 0.8

// saidBefore reports whether the text with the given terms is one of those said:
// the same words, or nearly the same word trigrams.
func saidBefore(terms []int32, said [][]int32) bool {
	for _, other := range said {
		if slices.Equal(terms, other) || jaccard(terms, other) >= sameAs {
			return true
		}
	}
	return false
}

// jaccard returns the similarity of the sets of trigrams of a and b, 0 if either
// has none.
func jaccard(a, b []int32) float64 {
	seen := make(map[[3]int32]bool, len(a)) // whether it is in b, too
	for i := 2; i < len(a); i++ {
		seen[[3]int32(a[i-2:i+1])] = false
	}
	both, all := 0, len(seen)
	for i := 2; i < len(b) && len(a) > 2; i++ {
		t := [3]int32(b[i-2 : i+1])
		in, ok := seen[t]
		if !in {
			if ok {
				both++
			} else {
				all++
			}
			seen[t] = true
		}
	}
	if all == 0 {
		return 0
	}
	return float64(both) / float64(all)
}
