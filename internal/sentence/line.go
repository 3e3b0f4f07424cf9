package sentence

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

const lineEnds = "\n\v\f\r\u0085\u2028\u2029"

// Line returns the sentence s of text on one line. White space with a line break
// becomes one space, or nothing between characters of Chinese and Japanese and
// after a hyphen within a word. Lines that look like code, a table or a quotation
// of mail stay.
func Line(text string, s Span) string {
	whole := s.Of(text)
	if !strings.ContainsAny(whole, lineEnds) || keepsLines(text, s) {
		return whole
	}
	var b strings.Builder
	b.Grow(len(whole))
	for rest := whole; ; {
		n := strings.IndexAny(rest, lineEnds)
		if n < 0 {
			b.WriteString(rest)
			return b.String()
		}
		line := strings.TrimRightFunc(rest[:n], unicode.IsSpace)
		b.WriteString(line)
		rest = strings.TrimLeftFunc(rest[n:], unicode.IsSpace)
		if !continues(line, rest) {
			b.WriteByte(' ')
		}
	}
}

// continues reports whether no space belongs between a line and the next.
func continues(line, next string) bool {
	last, size := utf8.DecodeLastRuneInString(line)
	first, _ := utf8.DecodeRuneInString(next)
	switch last {
	case '-', '\u2010', '\u2011', '\u00ad':
		before, _ := utf8.DecodeLastRuneInString(line[:len(line)-size])
		return unicode.IsLetter(before) && unicode.IsLetter(first)
	}
	return isEastern(last) && isEastern(first)
}

// isEastern reports whether r is a character or mark of Chinese or Japanese.
func isEastern(r rune) bool {
	return analysis.IsIdeographic(r) || r >= 0x3000 && r < 0x3040 || r >= 0xff00 && r < 0xff61
}

// keepsLines reports whether the line breaks of the sentence s have a meaning.
func keepsLines(text string, s Span) bool {
	whole := s.Of(text)
	own := text[:s.Start] // the line that the sentence begins in
	own = own[strings.LastIndexAny(own, "\n\r")+1:]
	indent := indentOf(own + "x")
	item := layoutOf(whole) == bullet || layoutOf(whole) == firstNumber || layoutOf(whole) == laterNumber
	semicolons, n := 0, 0
	for line := range strings.Lines(whole) {
		bare := strings.TrimSpace(line)
		for _, mark := range []string{"```", "~~~", "|", ">", "$ "} {
			if strings.HasPrefix(bare, mark) {
				return true
			}
		}
		switch {
		case strings.HasSuffix(bare, "{"), strings.HasSuffix(bare, "}"):
			return true
		case strings.HasSuffix(bare, ";"):
			semicolons++
		}
		if n > 0 && !item && indentOf(line) >= indent+4 {
			return true
		}
		n++
	}
	return semicolons > 1
}

// indentOf returns the columns of white space at the start of line; a tab counts 4.
func indentOf(line string) int {
	n := 0
	for _, r := range line {
		switch r {
		case ' ':
			n++
		case '\t':
			n += 4
		default:
			return n
		}
	}
	return n
}
