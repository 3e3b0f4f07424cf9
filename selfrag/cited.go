package selfrag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Cited returns the text with citation marks such as [1] before the punctuation that
// ends each segment: before a full stop and the closing quotation marks behind it, at the
// end of a segment without a full stop.
//
// Nothing else in it can be taken for a mark. Where the text itself has a number in square
// brackets, such as a reference of the source that was quoted, it has round ones here:
// "[3]", "[ 3 ]", "[1, 2]", "[^3]" and "［３］" become "(3)", "( 3 )", "(1, 2)", "(^3)" and
// "(３)". Text has them as they are.
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

// bracket is a square bracket around numbers, and the round one that replaces it.
type bracket struct {
	at, len int
	with    byte
}

// bracketed returns the brackets in text, in order, that have numbers and no letters
// between them.
func bracketed(text string) []bracket {
	var out, open []bracket
	numbers := 0 // how many of open have a number behind them
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

// bodyLen returns the length of text without the punctuation that ends it: its last stops,
// and the closing marks and references to notes behind them. It is the length of text
// without white space at its end if there is no stop.
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

// maxNote is the greatest length in bytes of a reference to a note.
const maxNote = 32

// noteAt returns where the number in brackets begins that text ends with, -1 if there is
// none.
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

// isCloser reports whether r behind a full stop belongs to the sentence before.
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
