// Package sentence cuts text into sentences. It is the only splitter of the module:
// the extractive generator quotes the same sentences that package ingest stores.
//
// If a space follows a full stop, the rules of this package decide first:
// abbreviations of many languages together, initials, numbers and ordinals, the
// text after a quotation. Then Punkt (Kiss and Strunk, "Unsupervised Multilingual
// Sentence Boundary Detection", 2006) decides with its English data. The language
// of a text is not detected. Sentences of scripts that need no space end at their
// own sentence-final characters.
//
// Package analysis defines words. All functions may be called from several
// goroutines at once.
package sentence

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

// Span is a piece of a text: the bytes from Start up to but not including End.
type Span = analysis.Span

// Split returns the sentences of text in order. The spans do not overlap, begin
// and end on characters that are not white space, and together hold every
// character of text that is not white space. Equal texts give equal spans.
//
//   - A blank line, a form feed or a paragraph separator ends a sentence. So do
//     the beginning of a list item ("- ", "* ", "+ ", "• " and other bullets,
//     "1. ", "1) ", "(1) ", "a) ") and both ends of a heading ("# ") or a line
//     of dashes, equals signs, asterisks or underscores. Any other line break is
//     white space.
//   - Abbreviations, initials, decimals, ordinals, versions and dates do not end
//     a sentence. Nor does the mark of a list item, such as "1." or "A.", at its
//     start.
//   - Closing quotation marks and brackets after the stop belong to the sentence,
//     even after a space (« Oui. »), and so do references to notes ([1],
//     superscripts). A word with a small first letter continues the sentence
//     after them, after an ellipsis, and after "!" or "?".
//   - Chinese, Japanese and Korean need no space after a stop. A quotation or an
//     insertion in 「」, 『』, “”, （）, 《》 or 【】 of at most 100 characters is not cut
//     at its stops. Particles (と, を, 라고) and the speaker (他说) continue the
//     sentence after it.
//   - Thai and Lao have no stop. A space between two phrases ends a sentence if
//     the first phrase has 30 letters or more and the second does not begin with
//     a word like "and"; a full stop there marks an abbreviation.
//   - A sentence of more than [MaxWords] words is cut into pieces of at most
//     MaxWords words: after the last semicolon or colon that leaves a piece of
//     more than a third of that, else after such a comma, else between words.
//
// A span may hold no word: a line of dashes is one. Text that is not UTF-8 is split
// nevertheless; its bad bytes are characters like any other.
func Split(text string) []Span { return slices.Collect(All(text)) }

// All yields the sentences of text in order, as [Split] returns them, and reads
// only as far as necessary.
func All(text string) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		for block := range blocks(text) {
			for part := range splitAtStops(text, block) {
				for s := range splitLatin(text, part) {
					if !cutLong(text, s, yield) {
						return
					}
				}
			}
		}
	}
}

// blocks cuts text where its layout ends a sentence.
func blocks(text string) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		b := blockReader{text: text, start: -1, yield: yield}
		from := 0
		for i, r := range text {
			switch r {
			case '\n', '\v', '\f', '\r', '\u0085', '\u2028', '\u2029':
			default:
				continue
			}
			if r == '\n' && i > 0 && text[i-1] == '\r' {
				from = i + 1 // the second half of one line end
				continue
			}
			if !b.line(from, i) || (r == '\f' || r == '\u2029') && !b.flush() {
				return
			}
			from = i + utf8.RuneLen(r)
		}
		if b.line(from, len(text)) {
			b.flush()
		}
	}
}

// blockReader collects lines into blocks. Its methods report whether the caller
// wants more.
type blockReader struct {
	text       string
	start, end int  // the current block; start is -1 if there is none
	numbered   bool // it is an item of a numbered list
	yield      func(Span) bool
}

// flush ends the current block.
func (b *blockReader) flush() bool {
	more := b.start < 0 || b.yield(trim(b.text, Span{Start: b.start, End: b.end}))
	b.start, b.numbered = -1, false
	return more
}

// line adds the next line.
func (b *blockReader) line(from, to int) bool {
	s := strings.TrimSpace(b.text[from:to])
	kind := layoutOf(s)
	switch {
	case s == "":
		return b.flush()
	case kind == heading || kind == rule:
		return b.flush() && b.yield(trim(b.text, Span{Start: from, End: to}))
	case kind == bullet, kind == firstNumber, kind == laterNumber && b.numbered:
		if !b.flush() {
			return false
		}
		b.numbered = kind != bullet
	}
	if b.start < 0 {
		b.start = from
	}
	b.end = to
	return true
}

type layout int

const (
	plain layout = iota
	heading
	rule        // a line of dashes and the like
	bullet      // an item of a list without numbers
	firstNumber // item 1 of a numbered list
	laterNumber // another number: an item only if it follows one, else a wrapped line
)

// layoutOf returns the layout of a line, given without the space around it.
func layoutOf(s string) layout {
	if s == "" {
		return plain
	}
	if len(s) >= 3 && strings.ContainsRune("-=*_", rune(s[0])) && strings.Trim(s, s[:1]) == "" {
		return rule
	}
	mark, _, found := strings.Cut(s, " ")
	if tab, _, ok := strings.Cut(mark, "\t"); ok {
		mark, found = tab, true
	}
	if !found {
		return plain
	}
	switch mark {
	case "-", "*", "+", "•", "◦", "▪", "‣", "●", "○", "■", "·", "・":
		return bullet
	case "#", "##", "###", "####", "#####", "######":
		return heading
	}
	bracket := strings.HasSuffix(mark, ")")
	if bracket {
		mark = strings.TrimPrefix(mark, "(")
	}
	number := strings.TrimRight(mark, ".)")
	switch {
	case len(number)+1 != len(mark) || len(number) == 0 || len(number) > 3:
		return plain
	case number == "1", number == "a" && bracket:
		return firstNumber
	case strings.Trim(number, digits) == "", len(number) == 1 && bracket && number[0] > 'a' && number[0] <= 'z':
		return laterNumber
	}
	return plain
}

// trim removes white space from both ends of s.
func trim(text string, s Span) Span {
	t := strings.TrimLeftFunc(s.Of(text), unicode.IsSpace)
	s.Start = s.End - len(t)
	s.End = s.Start + len(strings.TrimRightFunc(t, unicode.IsSpace))
	return s
}
