package sentence

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// MaxWords is the greatest number of words, as [Count] counts them, in a span
// that [Split] returns.
const MaxWords = 60

// Words returns the words of text in order: the segments of Unicode's word
// boundaries (UAX #29) that hold a letter or a number. Punctuation is left out;
// "don't", "3.5" and "v2.0" are one word each, "e.g." gives "e.g".
func Words(text string) []Span {
	var out []Span
	rest, state, pos := text, -1, 0
	for rest != "" {
		var w string
		w, rest, state = uniseg.FirstWordInString(rest, state)
		if strings.ContainsFunc(w, isWordRune) {
			out = append(out, Span{pos, pos + len(w)})
		}
		pos += len(w)
	}
	return out
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// Count returns the number of words in text for the purpose of length limits:
// the number of runs without white space, but that every Han, Hiragana or
// Katakana character is a word of its own. It is never less than
// len(strings.Fields(text)).
func Count(text string) int {
	n := 0
	for range units(text) {
		n++
	}
	return n
}

// units yields the offset of each word in the sense of Count.
func units(text string) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		before := ' '
		for i, r := range text {
			switch {
			case unicode.IsSpace(r):
			case unicode.IsSpace(before),
				isIdeographic(r),
				// punctuation and accents stay with the character before
				isIdeographic(before) && isWordRune(r):
				if !yield(i) {
					return
				}
			}
			before = r
		}
	}
}

// appendCut appends s to out, in pieces of at most MaxWords words.
func appendCut(out []Span, text string, s Span) []Span {
	if s.End-s.Start <= MaxWords { // a word has at least one byte
		return append(out, s)
	}
	var starts []int
	for i := range units(s.Of(text)) {
		starts = append(starts, s.Start+i)
	}
	for len(starts) > MaxWords {
		n := cutAt(text, starts)
		out = append(out, trim(text, Span{s.Start, starts[n]}))
		s.Start, starts = starts[n], starts[n:]
	}
	return append(out, s)
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
	// Pieces of like length rather than a full one and a remnant.
	pieces := (len(starts) + MaxWords - 1) / MaxWords
	return (len(starts) + pieces - 1) / pieces
}
