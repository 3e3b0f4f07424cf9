package ingest

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// script is how a superscript or subscript is written.
type script struct {
	after string // text put after it
	digit bool   // a digit must not follow it directly
}

// markGone is why the mark of a footnote is no text.
const markGone = "mark"

// Superscripts that are part of the word before them.
var ordinals = names("st nd rd th er re e è ème eme º ª tm sm (r) (c) ® ™ © me mme lle")

// Words before a number that is a power, not the mark of a footnote. Of one or two
// letters are names of variables and most units.
var powered = names("mol sec min rad deg sin cos tan log exp ppm gal cal bar day hour year unit units mile miles inch inches foot feet yard yards " +
	"metre metres meter meters kilometre kilometres kilometer kilometers centimetre centimetres centimeter centimeters millimetre millimetres " +
	"millimeter millimeters second seconds")

var (
	anyTag  = regexp.MustCompile(`<[^<>]*>`)
	anyLink = regexp.MustCompile(`(?i)<a\b|\bfootnote|\bendnote|doc-noteref`)
)

// script decides how to write the content of <sup> or <sub>. The start tag is in the
// original from at to end.
func (r *htmlReader) script(name string, e *element, at, end int) {
	w := r.w
	const longest = 300
	rest := w.src[end:min(len(w.src), end+longest)]
	n := indexFold(rest, "</"+name)
	if n < 0 {
		return
	}
	inner := rest[:n]
	content := strings.TrimSpace(html.UnescapeString(anyTag.ReplaceAllString(inner, "")))
	before := rune(' ')
	if w.start >= 0 && w.gap == 0 {
		before, _ = utf8.DecodeLastRune(w.text)
	}
	s := &script{}
	e.sup = s
	first, _ := utf8.DecodeRuneInString(content)
	switch {
	case content == "":
	case name == "sub" && compound(content) && !unicode.IsSpace(before):
		s.after = ")"
		w.appendText("_(", at, end)
	case name == "sub":
		if unicode.IsDigit(before) && (unicode.IsDigit(first) || unicode.IsLetter(first) && !fraction(rest[n:])) {
			w.appendText("_", at, end)
		}
		s.digit = true
	case isMark(content, inner, before, w.text, w.start):
		e.gone = markGone
	case ordinals[strings.ToLower(content)] && (unicode.IsLetter(before) || unicode.IsDigit(before)):
	case unicode.IsSpace(before) || !unicode.IsLetter(before) && !unicode.IsDigit(before) && !strings.ContainsRune(")]}|′'", before):
	case fraction(rest[n:]):
		w.space(at, end)
	case unicode.IsLetter(before) && unicode.IsLetter(first) && utf8.RuneCountInString(content) > 1:
	default:
		s.digit = true
		open := "^"
		if compound(content) {
			open, s.after = "^(", ")"
		}
		w.appendText(open, at, end)
	}
}

// compound reports whether a superscript or subscript is more than one term.
func compound(s string) bool {
	return strings.ContainsAny(strings.TrimLeft(s, "+-−–"), "+-−–/*× ") && strings.ContainsAny(s, "0123456789abcdefghijklmnopqrstuvwxyz") && !charge.MatchString(s)
}

// charge is that of an ion.
var charge = regexp.MustCompile(`^[0-9]*[+\-−–]$`)

// fraction reports whether what follows a numerator is its denominator.
func fraction(s string) bool {
	_, s, _ = strings.Cut(s, ">")
	s = strings.TrimLeft(s, " ")
	for _, slash := range []string{"/", "⁄", "&frasl;", "∕"} {
		if rest, ok := strings.CutPrefix(s, slash); ok {
			return strings.HasPrefix(strings.TrimLeft(rest, " "), "<sub")
		}
	}
	return false
}

// isMark reports whether a superscript is the mark of a footnote: a link, a sign that is
// used for that, a number in brackets, or a number after a word or a full stop.
func isMark(content, inner string, before rune, text []byte, start int) bool {
	if anyLink.MatchString(inner) {
		return true
	}
	if strings.Trim(content, "*†‡§¶#") == "" {
		return true
	}
	if strings.HasPrefix(content, "[") && strings.HasSuffix(content, "]") {
		return true
	}
	if strings.Trim(content, "0123456789,;–- ") != "" || !strings.ContainsAny(content, "0123456789") || content[0] < '0' || content[0] > '9' {
		return false
	}
	switch {
	case strings.ContainsRune(".,;:!?”\"’»。、，", before):
		return true
	case !unicode.IsLetter(before) || start < 0:
		return false
	}
	word := string(text[max(start, len(text)-64):])
	if k := strings.LastIndexFunc(word, func(r rune) bool { return !unicode.IsLetter(r) }); k >= 0 {
		_, size := utf8.DecodeRuneInString(word[k:])
		word = word[k+size:]
	}
	return utf8.RuneCountInString(word) > 2 && !powered[strings.ToLower(word)]
}

// scriptEnd takes the end tag of a superscript or subscript.
func (r *htmlReader) scriptEnd(s *script, at, end int) {
	w := r.w
	if w.start < 0 {
		return
	}
	if s.after != "" {
		w.appendText(s.after, at, end)
		return
	}
	if !s.digit || end >= len(w.src) {
		return
	}
	last, _ := utf8.DecodeLastRune(w.text)
	if c := w.src[end]; c >= '0' && c <= '9' && unicode.IsDigit(last) {
		w.space(end, end)
	}
}
