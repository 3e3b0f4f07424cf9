package analysis

import (
	"iter"
	"strings"
	"unicode"

	"github.com/goselfrag/goselfrag/internal/analysis/token"
)

// LowerWords returns the words of text as defined by [Words], in lower case.
func LowerWords(text string) []string {
	text = strings.ToLower(text)
	var list []string
	for _, s := range Words(text) {
		list = append(list, s.Of(text))
	}
	return list
}

// PlainPieces yields the pieces of text as defined by [Pieces], in lower case and
// in normal form, [token.Normal]. Characters at the ends of each that are no
// letters, marks or numbers are cut off, unless it has no others.
func PlainPieces(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		text := strings.ToLower(token.Normal(text))
		for w := range Pieces(text) {
			word := strings.TrimFunc(w.Of(text), func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) })
			if word == "" {
				word = w.Of(text)
			}
			if !yield(word) {
				return
			}
		}
	}
}

// Fold returns text in normal form, [token.Normal], with one space in place of each
// run of white space, and none at the ends.
func Fold(text string) string { return strings.Join(strings.Fields(token.Normal(text)), " ") }

// LetterShare returns the share of letters, marks and numbers among the characters of text
// that are not white space, 0 if there is none.
func LetterShare(text string) float64 {
	good, all := 0, 0
	for _, r := range text {
		if unicode.IsSpace(r) {
			continue
		}
		all++
		if unicode.In(r, unicode.L, unicode.M, unicode.N) {
			good++
		}
	}
	return float64(good) / float64(max(all, 1))
}
