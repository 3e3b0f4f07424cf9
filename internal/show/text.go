package show

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// Columns is the width of a terminal whose width is not known.
const Columns = 80

// Clean removes control characters from s, except line breaks and tabs, and characters that
// change the direction of text: text of documents must not control the terminal.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// Shorten puts s on one line of at most n columns: wide characters, such as Chinese ones,
// take two.
func Shorten(s string, n int) string {
	s = strings.Join(strings.Fields(Clean(s)), " ")
	if uniseg.StringWidth(s) <= n {
		return s
	}
	head, _ := split(s, n-1)
	return head + "…"
}

// split cuts s after the last character that ends within n columns.
func split(s string, n int) (head, tail string) {
	at, state := 0, -1
	for rest := s; rest != ""; {
		var width int
		var cluster string
		if cluster, rest, width, state = uniseg.FirstGraphemeClusterInString(rest, state); width > n {
			break
		}
		n -= width
		at += len(cluster)
	}
	return s[:at], s[at:]
}

// Wrap breaks text, which is cleaned, into lines of at most width columns, all but the
// first indented by some spaces. Lines break where the rules of Unicode allow it, and
// inside of a word that is longer than a line.
func Wrap(text string, width, indent int) string {
	var b strings.Builder
	column, gap := 0, ""
	newline := func() {
		b.WriteString("\n" + strings.Repeat(" ", indent))
		column, gap = indent, ""
	}
	state := -1
	for rest := Clean(text); rest != ""; {
		var part string
		part, rest, _, state = uniseg.FirstLineSegmentInString(rest, state)
		body := strings.TrimRightFunc(part, unicode.IsSpace)
		n := uniseg.StringWidth(body)
		if body != "" {
			if column > indent && column+len(gap)+n > width {
				newline()
			}
			b.WriteString(gap)
			column += len(gap) + n
			for column > width { // only at the start of a line
				head, tail := split(body, max(width-(column-n), 1))
				if head == "" || tail == "" {
					break
				}
				b.WriteString(head)
				newline()
				body, n = tail, uniseg.StringWidth(tail)
				column += n
			}
			b.WriteString(body)
			gap = ""
		}
		switch space := part[len(strings.TrimRightFunc(part, unicode.IsSpace)):]; {
		case strings.ContainsAny(space, "\n\v\f\u0085\u2028\u2029") && strings.TrimSpace(rest) != "":
			newline()
		case space != "":
			gap += " "
		}
	}
	return b.String()
}

// table prints rows within width columns. Two spaces separate cells, all cells of a column
// are as wide as its widest, and the last cell is cut at the end of the line.
func table(w io.Writer, rows [][]string, width int) {
	var wide []int
	for _, r := range rows {
		for i, cell := range r[:len(r)-1] {
			if i == len(wide) {
				wide = append(wide, 0)
			}
			wide[i] = max(wide[i], uniseg.StringWidth(cell))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		left := width
		for i, cell := range r[:len(r)-1] {
			b.WriteString(cell + strings.Repeat(" ", wide[i]-uniseg.StringWidth(cell)+2))
			left -= wide[i] + 2
		}
		b.WriteString(Shorten(r[len(r)-1], max(left, 10)))
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
