package sentence

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

// MaxWords is the greatest number of words, as [analysis.Count] counts them, in a span
// that [Split] returns.
const MaxWords = 60

// cutLong yields s in pieces of at most MaxWords words, and reports whether the
// caller wants more sentences.
func cutLong(text string, s Span, yield func(Span) bool) bool {
	if !mayBeLong(s.Of(text)) {
		return yield(s)
	}
	starts := make([]int, 0, 2*MaxWords) // of most sentences on the stack
	for i := range analysis.Starts(s.Of(text)) {
		starts = append(starts, s.Start+i)
	}
	for len(starts) > MaxWords {
		n := cutAt(text, starts)
		if !yield(trim(text, Span{Start: s.Start, End: starts[n]})) {
			return false
		}
		s.Start, starts = starts[n], starts[n:]
	}
	return yield(s)
}

// mayBeLong reports whether s can have more than MaxWords words. A word begins
// after white space, at a character of Chinese or Japanese, and after one.
func mayBeLong(s string) bool {
	n := 1
	for i := 0; i < len(s) && n <= MaxWords; i++ {
		switch b := s[i]; {
		case b <= ' ', b == 0xc2, b == 0xe1: // the first bytes of white space below U+2000
			n++
		case b >= 0xe2:
			n += 2
		}
	}
	return n > MaxWords
}

// cutAt returns how many of the words that begin at starts, more than MaxWords,
// make the next piece.
func cutAt(text string, starts []int) int {
	for _, marks := range []string{";:；：", ",，、"} {
		for n := MaxWords; n > MaxWords/3; n-- {
			before := strings.TrimRightFunc(text[:starts[n]], unicode.IsSpace)
			if r, _ := utf8.DecodeLastRuneInString(before); strings.ContainsRune(marks, r) {
				return n
			}
		}
	}
	// Pieces of similar length are better than a full one and a remnant.
	pieces := (len(starts) + MaxWords - 1) / MaxWords
	return (len(starts) + pieces - 1) / pieces
}
