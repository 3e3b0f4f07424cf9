package extractive

import (
	"slices"

	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
)

// termsOf returns the terms of the words of a text.
func termsOf(words []lexicon.Word) []int32 {
	out := make([]int32, 0, len(words))
	for _, w := range words {
		if w.Term >= 0 {
			out = append(out, w.Term)
		}
	}
	return out
}

// sameAs is the Jaccard similarity of word trigrams from which on two texts count
// as equal.
const sameAs = 0.8

// saidText is a text of the path.
type saidText struct {
	terms    []int32
	trigrams trigrams
}

// saidBefore reports whether the text with the given terms repeats one of said: the
// same words, or nearly the same word trigrams.
func saidBefore(terms []int32, said []saidText) bool {
	if len(said) == 0 {
		return false
	}
	own := trigramsOf(terms)
	for _, other := range said {
		if slices.Equal(terms, other.terms) || jaccard(own, other.trigrams) >= sameAs {
			return true
		}
	}
	return false
}

// trigrams is a set of three consecutive terms.
type trigrams map[[3]int32]bool

func trigramsOf(terms []int32) trigrams {
	set := make(trigrams, max(len(terms)-2, 0))
	for i := 2; i < len(terms); i++ {
		set[[3]int32(terms[i-2:i+1])] = true
	}
	return set
}

// jaccard returns the similarity of a and b, 0 if either is empty. It reads only
// the members of a, so that a long b costs no more.
func jaccard(a, b trigrams) float64 {
	both := 0
	for t := range a {
		if b[t] {
			both++
		}
	}
	if both == 0 {
		return 0
	}
	return float64(both) / float64(len(a)+len(b)-both)
}
