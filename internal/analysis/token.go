package analysis

import (
	"unicode"
	"unicode/utf8"
)

// TokenLen returns the length in bytes of the first token of s, 0 only if s is
// empty. A token is
//
//   - a run of letters, marks, numbers and underscores, or any other single
//     character that is not white space, each with one space before it if there
//     is one;
//   - or a run of white space, less that one space.
//
// Han, Hiragana and Katakana characters are tokens of their own, because no spaces
// separate their words. The joined tokens of a text are the text.
func TokenLen(s string) int {
	n, lastSpace := 0, false
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if !unicode.IsSpace(r) {
			break
		}
		n += size
		lastSpace = r == ' '
	}
	switch {
	case n == len(s), n > 0 && !lastSpace:
		return n
	case n > 1:
		return n - 1
	}
	r, size := utf8.DecodeRuneInString(s[n:])
	n += size
	if !InToken(r) {
		return n
	}
	for n < len(s) {
		r, size = utf8.DecodeRuneInString(s[n:])
		if !InToken(r) {
			break
		}
		n += size
	}
	return n
}

// InToken reports whether r joins with similar characters into one token.
func InToken(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
	}
	if !unicode.In(r, unicode.L, unicode.M, unicode.N) {
		return false
	}
	return r < 0x2E80 || !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}
