package sentence

import (
	"iter"
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
		afterSpace, afterIdeograph := true, false
		for i, r := range text {
			if unicode.IsSpace(r) {
				afterSpace, afterIdeograph = true, false
				continue
			}
			ideograph := isIdeographic(r)
			if afterSpace || ideograph ||
				// punctuation and accents, half-width ones too, stay with the
				// character before
				afterIdeograph && isWordRune(r) && r != '\uff9e' && r != '\uff9f' {
				if !yield(i) {
					return
				}
			}
			afterSpace, afterIdeograph = false, ideograph
		}
	}
}

// cutLong yields s in pieces of at most MaxWords words, and reports whether more
// sentences are wanted.
func cutLong(text string, s Span, yield func(Span) bool) bool {
	if s.End-s.Start <= MaxWords { // a word has at least one byte
		return yield(s)
	}
	starts := make([]int, 0, 2*MaxWords) // of most sentences on the stack
	for i := range units(s.Of(text)) {
		starts = append(starts, s.Start+i)
	}
	for len(starts) > MaxWords {
		n := cutAt(text, starts)
		if !yield(trim(text, Span{s.Start, starts[n]})) {
			return false
		}
		s.Start, starts = starts[n], starts[n:]
	}
	return yield(s)
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

// LongWord is the number of characters above which [Pieces] cuts a word.
const LongWord = 64

// Pieces yields the words of text in the sense of [Count], without the white
// space around them, but that a run without white space of more than [LongWord]
// characters is several: an address, a key in base64, a line of Thai. Together
// they hold every character that is not white space, and none begins or ends
// within a grapheme cluster (UAX #29), white space apart.
func Pieces(text string) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		for i := 0; i < len(text); {
			n := strings.IndexFunc(text[i:], func(r rune) bool { return !unicode.IsSpace(r) })
			if n < 0 {
				return
			}
			i += n
			end := len(text)
			if n = strings.IndexFunc(text[i:], unicode.IsSpace); n >= 0 {
				end = i + n
			}
			for i < end {
				n := pieceOf(text[i:end])
				if !yield(Span{i, i + n}) {
					return
				}
				i += n
			}
		}
	}
}

// pieceOf returns the length of the first piece of a run without white space.
func pieceOf(run string) int {
	if n := asciiPrefix(run); n > LongWord {
		return LongWord
	} else if n == len(run) {
		return n
	}
	var before rune // the first character of the cluster before
	rest, state, pos := run, -1, 0
	for count := 0; rest != ""; count++ {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		r, _ := utf8.DecodeRuneInString(cluster)
		if count == LongWord || pos > 0 && (isIdeographic(r) || isIdeographic(before) && isWordRune(r)) {
			break
		}
		before = r
		pos += len(cluster)
	}
	return pos
}

// asciiPrefix returns how many bytes of s come before the first that is not ASCII,
// looking no further than a long word.
func asciiPrefix(s string) int {
	for i := range min(len(s), LongWord+1) {
		if s[i] >= utf8.RuneSelf {
			return i
		}
	}
	return min(len(s), LongWord+1)
}

// Joined reports whether the characters on both sides of offset i of text belong
// to one grapheme cluster, so that text should not be cut there.
func Joined(text string, i int) bool {
	if i <= 0 || i >= len(text) || text[i] < utf8.RuneSelf && text[i-1] < utf8.RuneSelf {
		return i > 0 && i < len(text) && text[i] == '\n' && text[i-1] == '\r'
	}
	_, size := utf8.DecodeLastRuneInString(text[:i])
	cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(text[i-size:], -1)
	return len(cluster) > size
}
