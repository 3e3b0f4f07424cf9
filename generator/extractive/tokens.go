package extractive

import (
	"math"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/reflection"
)

// symbol numbers the tokens of one request: end, the control tokens under their
// own numbers, then the text tokens in the order in which they were first seen.
type symbol int32

const (
	unseen    symbol = -1 // a text token that stands nowhere in the request
	end       symbol = 0
	firstText symbol = symbol(reflection.NoSupport) + 1
)

// control returns the control token s stands for, None if it is text or end.
func (s symbol) control() reflection.Token {
	if s <= end || s >= firstText {
		return reflection.None
	}
	return reflection.Token(s)
}

// tokenLen returns the length in bytes of the first token of s, 0 only if s is
// empty. A token is
//
//   - a run of letters, marks, numbers and underscores, or any other single
//     character that is not white space, each with one space before it if there
//     is one;
//   - or a run of white space, less that one space.
//
// Han, Hiragana and Katakana characters are tokens of their own, because no
// space tells their words apart. The tokens of a text joined give the text back.
func tokenLen(s string) int {
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
	if !isWordRune(r) {
		return n
	}
	for n < len(s) {
		r, size = utf8.DecodeRuneInString(s[n:])
		if !isWordRune(r) {
			break
		}
		n += size
	}
	return n
}

// isWordRune reports whether r joins with its like into one token.
func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
	}
	if !unicode.In(r, unicode.L, unicode.M, unicode.N) {
		return false
	}
	return r < 0x2E80 || !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// joins reports whether the tokens a and b, one after the other, would be cut
// otherwise than between them.
func joins(a, b string) bool {
	last, _ := utf8.DecodeLastRuneInString(a)
	first, size := utf8.DecodeRuneInString(b)
	if !unicode.IsSpace(last) {
		return isWordRune(last) && isWordRune(first)
	}
	if !unicode.IsSpace(first) {
		return last == ' '
	}
	// White space goes on, unless b is a space that belongs to what follows it.
	next, _ := utf8.DecodeRuneInString(b[size:])
	return len(b) == size || unicode.IsSpace(next)
}

// countTokens returns the number of tokens in the texts, each cut on its own.
func countTokens(texts ...string) int {
	n := 0
	for _, t := range texts {
		for t != "" {
			t = t[tokenLen(t):]
			n++
		}
	}
	return n
}

// lexicon numbers the text tokens of one request and keeps what the features
// need to know of each.
type lexicon struct {
	ids   map[string]symbol
	texts []string // by symbol - firstText
	words []word   // likewise
	terms map[string]int32
}

func newLexicon(capacity int) lexicon {
	return lexicon{
		ids:   make(map[string]symbol, capacity),
		texts: make([]string, 0, capacity),
		words: make([]word, 0, capacity),
		terms: make(map[string]int32, capacity),
	}
}

// appendTokens appends the tokens of text to to.
func (l *lexicon) appendTokens(to []symbol, text string) []symbol {
	for text != "" {
		n := tokenLen(text)
		to = append(to, l.intern(text[:n]))
		text = text[n:]
	}
	return to
}

func (l *lexicon) intern(token string) symbol {
	s, ok := l.ids[token]
	if !ok {
		s = firstText + symbol(len(l.texts))
		l.ids[token] = s
		l.texts = append(l.texts, token)
		l.words = append(l.words, l.newWord(token))
	}
	return s
}

// size returns the number of symbols.
func (l *lexicon) size() int { return int(firstText) + len(l.texts) }

// text returns the text of a text token.
func (l *lexicon) text(s symbol) string { return l.texts[s-firstText] }

func (l *lexicon) word(s symbol) word { return l.words[s-firstText] }

// logBase returns the logarithm of the base distribution, which gives every
// token there can be a positive probability: a first symbol among 256 bytes, the
// end and 15 control tokens, then, if it was a byte, bytes until a stop, each
// among 257 symbols. n is the token's length in bytes, 0 for end and control
// tokens.
func logBase(n int) float64 { return -logFirst - float64(n)*logNext }

var (
	logFirst = math.Log(256 + float64(firstText))
	logNext  = math.Log(257)
)

// baseText is the base probability that a token is text.
const baseText = 256 / (256 + float64(firstText))
