// Package scan cuts texts at control tokens.
package scan

import (
	"strings"

	"github.com/goselfrag/goselfrag/reflection"
)

// Scanner reads a text from one control token to the next. Tokens are those spelled
// exactly, as a tokenizer knows them.
type Scanner struct {
	Text       string
	Start, End int // the bytes of the token that was read last; at the end both are the length
}

// Next returns the text before the next control token, and the token; at the end of the
// text, what is left of it and false.
func (s *Scanner) Next() (before string, token reflection.Token, ok bool) {
	from := s.End
	for i := from; ; i++ {
		next := strings.IndexAny(s.Text[i:], "[<")
		if next < 0 {
			s.Start, s.End = len(s.Text), len(s.Text)
			return s.Text[from:], reflection.None, false
		}
		i += next
		if t := tokenAt(s.Text[i:]); t != reflection.None {
			s.Start, s.End = i, i+len(t.String())
			return s.Text[from:i], t, true
		}
	}
}

// tokenAt returns the control token with which text begins, or None. It reads no further
// than the longest literal, which keeps the time linear. No literal holds two closing
// brackets.
func tokenAt(text string) reflection.Token {
	text = text[:min(len(text), longest)]
	end := strings.IndexAny(text, "]>")
	t, _ := reflection.ParseToken(text[:end+1])
	return t
}

var longest = func() (n int) {
	for _, t := range reflection.Tokens() {
		n = max(n, len(t.String()))
	}
	return n
}()
