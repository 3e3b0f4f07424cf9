package extractive

import (
	"math"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/reflection"
)

// symbol numbers the tokens of one request: end, the control tokens under their own
// numbers, then the text tokens in the order of their first occurrence.
type symbol int32

const (
	unseen    symbol = -1 // a text token that does not occur in the request
	end       symbol = 0
	firstText symbol = symbol(reflection.NoSupport) + 1
)

// control returns the control token of s, None if s is text or end.
func (s symbol) control() reflection.Token {
	if s <= end || s >= firstText {
		return reflection.None
	}
	return reflection.Token(s)
}

// joins reports whether the tokens a and b, one after the other, would be cut
// elsewhere than between them.
func joins(a, b string) bool {
	last, _ := utf8.DecodeLastRuneInString(a)
	first, size := utf8.DecodeRuneInString(b)
	if !unicode.IsSpace(last) {
		return analysis.InToken(last) && analysis.InToken(first)
	}
	if !unicode.IsSpace(first) {
		return last == ' '
	}
	// White space continues, unless b is a space that belongs to the next token.
	next, _ := utf8.DecodeRuneInString(b[size:])
	return len(b) == size || unicode.IsSpace(next)
}

// countTokens returns the number of tokens in the texts, each cut on its own.
func countTokens(texts ...string) int {
	n := 0
	for _, t := range texts {
		for t != "" {
			t = t[analysis.TokenLen(t):]
			n++
		}
	}
	return n
}

// vocabulary numbers the text tokens of one request.
type vocabulary struct {
	ids   map[string]symbol
	texts []string // by symbol - firstText
}

func newVocabulary(capacity int) vocabulary {
	return vocabulary{ids: make(map[string]symbol, capacity), texts: make([]string, 0, capacity)}
}

// appendTokens appends the tokens of text to to.
func (l *vocabulary) appendTokens(to []symbol, text string) []symbol {
	for text != "" {
		n := analysis.TokenLen(text)
		to = append(to, l.intern(text[:n]))
		text = text[n:]
	}
	return to
}

func (l *vocabulary) intern(token string) symbol {
	s, ok := l.ids[token]
	if !ok {
		s = firstText + symbol(len(l.texts))
		l.ids[token] = s
		l.texts = append(l.texts, token)
	}
	return s
}

// size returns the number of symbols.
func (l *vocabulary) size() int { return int(firstText) + len(l.texts) }

// text returns the text of a text token.
func (l *vocabulary) text(s symbol) string { return l.texts[s-firstText] }

// logBase returns the logarithm of the base distribution, which gives every
// possible token a positive probability: a first symbol among 256 bytes, the end
// and 15 control tokens; then, after a byte, bytes until a stop, each among 257
// symbols. n is the token's length in bytes, 0 for end and control tokens.
func logBase(n int) float64 { return -logFirst - float64(n)*logNext }

var (
	logFirst = math.Log(256 + float64(firstText))
	logNext  = math.Log(257)
)

// baseText is the base probability that a token is text.
const baseText = 256 / (256 + float64(firstText))
