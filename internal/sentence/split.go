// Package sentence cuts text into sentences and words. It is the one splitter of
// the module: what package ingest stores as whole sentences is what the
// extractive generator quotes.
//
// Sentences of Latin script are found by Punkt (Kiss and Strunk, "Unsupervised
// Multilingual Sentence Boundary Detection", 2006) with its English data, other
// scripts by their own sentence-final characters.
//
// All functions may be called from several goroutines at once.
package sentence

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Span is a piece of a text: the bytes from Start up to but not including End.
type Span struct{ Start, End int }

// Of returns the piece of text that s delimits. It panics if s does not lie
// within text.
func (s Span) Of(text string) string { return text[s.Start:s.End] }

// Split returns the sentences of text in order. The spans do not overlap, begin
// and end on characters that are not white space, and together hold every
// character of text that is not white space. Equal texts give equal spans.
//
//   - A blank line, a form feed or a paragraph separator ends a sentence; so do
//     the beginning of a list item ("- ", "* ", "+ ", "• ", "1. ", "1) ") and both
//     ends of a heading ("# ") or a line of dashes, equals signs, asterisks or
//     underscores. Any other line break is white space.
//   - Abbreviations, initials, decimals, versions and dates do not end one.
//   - A sentence of more than [MaxWords] words is cut into pieces of at most
//     MaxWords words: after the last semicolon or colon that leaves a piece of
//     more than a third of that, else after such a comma, else between words.
//
// A span may hold no word: a line of dashes is one. Text that is not UTF-8 is
// split all the same; its bad bytes are characters like any other.
func Split(text string) []Span { return slices.Collect(All(text)) }

// All yields the sentences of text in order, as [Split] returns them, and reads no
// further than it has to.
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

// blocks cuts text where its layout says that a sentence ends.
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

// blockReader gathers lines to blocks. Its methods report whether more are wanted.
type blockReader struct {
	text       string
	start, end int  // the block being gathered; start is -1 when there is none
	numbered   bool // it is an item of a numbered list
	yield      func(Span) bool
}

// flush ends the block being gathered.
func (b *blockReader) flush() bool {
	more := b.start < 0 || b.yield(trim(b.text, Span{b.start, b.end}))
	b.start, b.numbered = -1, false
	return more
}

// line takes the next line.
func (b *blockReader) line(from, to int) bool {
	s := strings.TrimSpace(b.text[from:to])
	kind := layoutOf(s)
	switch {
	case s == "":
		return b.flush()
	case kind == heading || kind == rule:
		return b.flush() && b.yield(trim(b.text, Span{from, to}))
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

// layoutOf says what a line is, given without the space around it.
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
	case "-", "*", "+", "•":
		return bullet
	case "#", "##", "###", "####", "#####", "######":
		return heading
	}
	number := strings.TrimRight(mark, ".)")
	if len(number)+1 != len(mark) || len(number) == 0 || len(number) > 3 || strings.Trim(number, digits) != "" {
		return plain
	}
	if number == "1" {
		return firstNumber
	}
	return laterNumber
}

// splitAtStops cuts a block after the characters that end a sentence in scripts
// other than Latin, where no space need follow.
func splitAtStops(text string, block Span) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		start := block.Start
		var before rune // the character before r
		for i := block.Start; i < block.End; {
			r, size := utf8.DecodeRuneInString(text[i:block.End])
			i += size
			stop := r >= utf8.RuneSelf && unicode.Is(unicode.Sentence_Terminal, r)
			ascii := (r == '.' || r == '!' || r == '?') && isIdeographic(before)
			before = r
			if !stop && !ascii {
				continue
			}
			end := i
			var next rune
			for end < block.End {
				next, size = utf8.DecodeRuneInString(text[end:block.End])
				if !closes(next) && !unicode.Is(unicode.Sentence_Terminal, next) {
					break
				}
				end += size
			}
			switch {
			case end == block.End:
			case ascii && !isIdeographic(next): // Latin script goes on: Punkt decides
			case unicode.IsDigit(next) && r == '．': // a decimal
			case next == 'と' || next == 'っ': // Japanese "said", after a quotation
			default:
				if !yield(trim(text, Span{start, end})) {
					return
				}
				start = end
			}
			i = end
		}
		if s := trim(text, Span{start, block.End}); s.Start < s.End {
			yield(s)
		}
	}
}

// closes reports whether r may stand between a full stop and the next sentence.
func closes(r rune) bool {
	return r == '"' || r == '\'' || unicode.In(r, unicode.Pe, unicode.Pf)
}

// isIdeographic reports whether r belongs to a script written without spaces
// between words, of which every character is counted as a word.
func isIdeographic(r rune) bool {
	return r >= 0x2E80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// trim takes the white space off both ends of s.
func trim(text string, s Span) Span {
	t := strings.TrimLeftFunc(s.Of(text), unicode.IsSpace)
	s.Start = s.End - len(t)
	s.End = s.Start + len(strings.TrimRightFunc(t, unicode.IsSpace))
	return s
}
