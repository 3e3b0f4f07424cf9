package filter

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokWord             // a bare field name or a keyword
	tokName             // a field name in back quotes
	tokString           // "..."
	tokNumber           // an int, a float or a bare time
	tokPunct            // an operator or other mark
)

type token struct {
	kind tokenKind
	off  int    // of its first byte in the text
	text string // as written
	// The content: the name of tokWord and tokName, the value of tokString and
	// tokNumber.
	name  string
	value Value
}

// is reports whether t is the operator or mark s.
func (t token) is(s string) bool { return t.kind == tokPunct && t.text == s }

// keyword reports whether t is the keyword s in any case.
func (t token) keyword(s string) bool { return t.kind == tokWord && strings.EqualFold(t.text, s) }

// reserved holds the words that are field names only inside back quotes. "time" is
// not one of them: it is a keyword only where a value is expected.
var reserved = map[string]bool{
	"and": true, "or": true, "not": true, "in": true, "exists": true, "prefix": true,
	"true": true, "false": true,
}

// isReserved reports whether t is a keyword that cannot be a field name.
func (t token) isReserved() bool { return t.kind == tokWord && reserved[strings.ToLower(t.text)] }

// String describes t in an error.
func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "the end of the text"
	case tokPunct, tokWord:
		return `"` + shorten(t.text) + `"`
	default:
		return shorten(t.text)
	}
}

// shorten cuts s to a length suitable for an error.
func shorten(s string) string {
	const limit = 40
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "..."
	}
	return s
}

var (
	numberPattern = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`)
	// A point belongs to a time only before a digit: two points end it.
	timePattern = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-([0-9A-Za-z:+-]|\.[0-9])*`)
)

const blank = " \t\r\n"

// marks holds the operators and the punctuation, a longer one before its prefix.
var marks = [...]string{"!=", "<=", ">=", "..", "=", "<", ">", "(", ")", "[", "]", ","}

// leadingWord returns the word that s starts with, or "".
func leadingWord(s string) string {
	i := 0
	for i < len(s) && (isLetter(s[i]) || i > 0 && (isDigit(s[i]) || s[i] == '.' || s[i] == '-')) {
		i++
	}
	return s[:i]
}

func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '_' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// lex splits s, which is valid UTF-8, into tokens; the last is a tokEnd.
func lex(s string) ([]token, error) {
	var tokens []token
	for off := 0; ; {
		off += len(s[off:]) - len(strings.TrimLeft(s[off:], blank))
		if off == len(s) {
			return append(tokens, token{kind: tokEnd, off: off}), nil
		}
		t, err := lexToken(s, off)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		off += len(t.text)
	}
}

// lexToken reads the token that starts at off.
func lexToken(s string, off int) (token, error) {
	rest := s[off:]
	switch c := rest[0]; {
	case c == '"' || c == '`':
		return lexQuoted(s, off)
	case c == '-' || isDigit(c):
		return lexNumber(s, off)
	case isLetter(c):
		word := leadingWord(rest)
		return token{kind: tokWord, off: off, text: word, name: word}, nil
	}
	for _, m := range marks {
		if strings.HasPrefix(rest, m) {
			return token{kind: tokPunct, off: off, text: m}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	reason := fmt.Sprintf("unexpected character %q", r)
	if r == '\'' {
		reason += ": strings take double quotes"
	} else if r >= utf8.RuneSelf {
		reason += ": write the field name in back quotes"
	}
	return token{}, parseError(s, off, reason)
}

func lexNumber(s string, off int) (token, error) {
	rest := s[off:]
	t := token{kind: tokNumber, off: off}
	read := parseTime
	if t.text = timePattern.FindString(rest); t.text == "" {
		t.text, read = numberPattern.FindString(rest), parseNumber
	}
	if t.text == "" {
		return t, parseError(s, off, `expected a digit after "-"`)
	}
	if after := leadingWord(rest[len(t.text):]); after != "" {
		return t, parseError(s, off+len(t.text),
			fmt.Sprintf("expected a space or a mark after the number %s, found %q", shorten(t.text), shorten(after)))
	}
	var err error
	if t.value, err = read(t.text); err != nil {
		return t, parseError(s, off, err.Error())
	}
	return t, nil
}

// lexQuoted reads a string or a quoted field name. Both take the escapes of JSON.
// Those of a name never contain a back quote, so the next back quote ends it.
func lexQuoted(s string, off int) (token, error) {
	mark := s[off]
	end := off + 1
	for end < len(s) && s[end] != mark {
		if s[end] == '\\' && mark == '"' {
			end++ // an escaped character does not end the string
		}
		end++
	}
	if end >= len(s) {
		return token{}, parseError(s, off, fmt.Sprintf("expected a closing %c for the one here, found the end of the text", mark))
	}
	body, err := unquote(`"` + s[off+1:end] + `"`)
	if err != nil {
		reason := err.Error()
		if mark == '`' {
			reason += `: in a field name \" is a double quote and \u0060 a back quote`
		}
		return token{}, parseError(s, off, reason)
	}
	t := token{kind: tokString, off: off, text: s[off : end+1], value: String(body)}
	if mark == '`' {
		t.kind, t.name = tokName, body
	}
	return t, nil
}
