package analysis

import (
	"iter"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis/token"
)

// Runs yields the words of text as characters in lower case. Letters, digits and
// the marks on them make words. A script without spaces between words gives every
// two neighboring characters as one word, and a single character by itself, both
// unchanged. The text is first brought into normal form, [token.Normal]. A word is
// valid until the next is requested.
func Runs(text string) iter.Seq[[]rune] {
	return func(yield func([]rune) bool) {
		word := make([]rune, 0, 32)
		flush := func() bool {
			more := len(word) == 0 || yield(word)
			word = word[:0]
			return more
		}
		var before rune // the last character, if it is of a script without spaces
		alone := false  // it is in no word yet
		for _, c := range token.Normal(text) {
			letter, unspaced := classOf(c)
			if before != 0 && !unspaced && alone {
				word = append(word, before)
			}
			if unspaced && before != 0 {
				word = append(word, before, c)
			}
			if (!letter || unspaced || before != 0) && !flush() {
				return
			}
			if !unspaced {
				before, alone = 0, false
				if letter {
					word = append(word, unicode.ToLower(c))
				}
				continue
			}
			before, alone = c, before == 0
		}
		if alone {
			word = append(word, before)
		}
		flush()
	}
}

// classOf reports whether c is part of a word, and whether its script has no spaces
// between words.
func classOf(c rune) (letter, unspaced bool) {
	if c < utf8.RuneSelf {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9', false
	}
	if c == utf8.RuneError || !unicode.In(c, unicode.L, unicode.N, unicode.M) {
		return false, false
	}
	return true, unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
