package selfrag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Cited returns the text with citation marks such as [1]. A mark comes before the
// punctuation that ends its segment: before the full stop and any closing quotation
// marks after it, or at the end of a segment without a full stop.
//
// Nothing else in the result looks like a mark. Numbers that Text has in square
// brackets, such as references of a quoted source, are put in round brackets:
// "[3]", "[ 3 ]", "[1, 2]", "[^3]" and "［３］" become "(3)", "( 3 )", "(1, 2)",
// "(^3)" and "(３)". Text itself is unchanged.
func (a *Answer) Cited() string {
	numbers := bracketed(a.Text)
	var b strings.Builder
	at := 0
	write := func(to int) {
		for len(numbers) > 0 && numbers[0].at < to {
			r := numbers[0]
			numbers = numbers[1:]
			b.WriteString(a.Text[at:r.at])
			b.WriteByte(r.with)
			at = r.at + r.len
		}
		b.WriteString(a.Text[at:to])
		at = to
	}
	for _, s := range a.Segments {
		if len(s.Citations) > 0 {
			write(s.Start + bodyLen(s.Text))
			b.WriteByte(' ')
			for _, n := range s.Citations {
				fmt.Fprintf(&b, "[%d]", n)
			}
		}
		write(s.End)
	}
	write(len(a.Text))
	return b.String()
}

// bracket is a square bracket around numbers, and the round bracket that replaces
// it.
type bracket struct {
	at, len int
	with    byte
}

// bracketed returns the brackets in text, in order, that enclose numbers and no
// letters.
func bracketed(text string) []bracket {
	var out, open []bracket
	numbers := 0 // how many of open are followed by a number
	for i, r := range text {
		switch {
		case strings.ContainsRune("[［【〔⟦", r):
			open = append(open, bracket{i, utf8.RuneLen(r), '('})
		case len(open) == 0:
		case unicode.IsNumber(r):
			numbers = len(open)
		case unicode.IsLetter(r):
			open, numbers = open[:0], 0
		case strings.ContainsRune("]］】〕⟧", r):
			last := len(open) - 1
			if numbers > last {
				out = append(out, open[last], bracket{i, utf8.RuneLen(r), ')'})
				numbers = last
			}
			open = open[:last]
		}
	}
	slices.SortFunc(out, func(a, b bracket) int { return cmp.Compare(a.at, b.at) })
	return out
}

// bodyLen returns the length of text without the punctuation that ends it: the last
// stops, and the closing marks and note references after them. Without a stop it is
// the length of text without white space at its end.
func bodyLen(text string) int {
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	body := text
	for body != "" {
		r, size := utf8.DecodeLastRuneInString(body)
		if !isCloser(r) && !unicode.IsSpace(r) {
			break
		}
		if i := noteAt(body); i > 0 {
			size = len(body) - i
		}
		body = body[:len(body)-size]
	}
	inner := strings.TrimRightFunc(body, isStop)
	if len(inner) == len(body) {
		return len(text)
	}
	return len(strings.TrimRightFunc(inner, unicode.IsSpace))
}

// maxNote is the greatest length of a note reference in bytes.
const maxNote = 32

// noteAt returns where the bracketed number at the end of text begins, or -1 if
// text does not end with one.
func noteAt(text string) int {
	if last, _ := utf8.DecodeLastRuneInString(text); last != ']' && last != '］' {
		return -1
	}
	from := max(0, len(text)-maxNote)
	i := strings.LastIndexAny(text[from:], "[［")
	if i < 0 || len(bracketed(text[from+i:])) == 0 {
		return -1
	}
	return from + i
}

// isCloser reports whether r, after a full stop, belongs to the sentence before it.
func isCloser(r rune) bool {
	if r < utf8.RuneSelf {
		return strings.ContainsRune("\"')]}*_`", r)
	}
	return unicode.In(r, unicode.Pe, unicode.Pf, unicode.Pi) || strings.ContainsRune("¹²³⁰⁴⁵⁶⁷⁸⁹†‡", r)
}

// isStop reports whether r is a mark that ends sentences in some script.
func isStop(r rune) bool {
	return r == '…' || r == '។' || r == '៕' || unicode.Is(unicode.Sentence_Terminal, r)
}
