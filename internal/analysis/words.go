package analysis

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Span is a piece of a text: the bytes from Start up to but not including End.
type Span struct{ Start, End int }

// Of returns the piece of text that s delimits. It panics if s is not within text.
func (s Span) Of(text string) string { return text[s.Start:s.End] }

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

// Count returns the number of words in text for length limits: the number of runs
// without white space, where every Han, Hiragana or Katakana character counts as a
// word of its own. It is never less than len(strings.Fields(text)).
func Count(text string) int {
	n := 0
	for range Starts(text) {
		n++
	}
	return n
}

// Starts yields the offset of each word as defined by [Count].
func Starts(text string) iter.Seq[int] {
	return func(yield func(int) bool) {
		afterSpace, afterIdeograph := true, false
		for i, r := range text {
			if unicode.IsSpace(r) {
				afterSpace, afterIdeograph = true, false
				continue
			}
			ideograph := IsIdeographic(r)
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

// LongWord is the number of characters above which [Pieces] cuts a word.
const LongWord = 64

// Pieces yields the words of text as defined by [Count], without the white space
// around them. A run without white space of more than [LongWord] characters is cut
// into several: an address, a key in base64, a line of Thai. Together they hold
// every character that is not white space, and apart from white space none begins
// or ends within a grapheme cluster (UAX #29).
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
	var before rune // the first character of the previous cluster
	rest, state, pos := run, -1, 0
	for count := 0; rest != ""; count++ {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		r, _ := utf8.DecodeRuneInString(cluster)
		if count == LongWord || pos > 0 && (IsIdeographic(r) || IsIdeographic(before) && isWordRune(r)) {
			break
		}
		before = r
		pos += len(cluster)
	}
	return pos
}

// asciiPrefix returns the number of bytes of s before the first that is not ASCII.
// It reads at most a long word.
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

// IsIdeographic reports whether r belongs to a script written without spaces
// between words in which every character counts as a word.
func IsIdeographic(r rune) bool {
	return r >= 0x2E80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}
