package ingest

import (
	"iter"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// document is a document without its markup.
type document struct {
	title    string // its declared title, not from its headings
	first    string // its first heading of level 1
	metadata filter.Metadata
	sections []section
}

// section is the text between two headings.
type section struct {
	path *heading
	text string
	runs runs
	code []TextRange // its blocks of code
	one  bool        // all of it is one block
}

// heading is a heading, with the one above it.
type heading struct {
	above *heading
	level int // 1 to 6
	text  string
}

// Bounds on what is kept. Every passage below a title holds the title, so a title as long
// as a chapter would be repeated in each.
const (
	// longestTitle is how many characters a heading or a title has at most.
	longestTitle = 300
	// maxBlock and maxSection are about the most bytes of a block and a section. Longer
	// ones are split.
	maxBlock   = 256 << 10
	maxSection = 1 << 20
	// Besides its text a section takes about 1,200 bytes and its title. A document of
	// many headings and little text may take sectionBytes more than twice its size;
	// further headings are paragraphs.
	sectionCost  = 1200
	sectionBytes = 16 << 20
)

// block is a paragraph, list item, table row or code block: the bytes of its
// section's text from start to end.
type block struct {
	start, end int
	code       bool
}

// blocks yields the blocks of a section. Between two of them are two line feeds, which
// occur nowhere but in code.
func (s *section) blocks() iter.Seq[block] {
	return s.blocksIn(TextRange{0, len(s.text)})
}

// blocksIn yields the blocks of a part of the section, as far as they are in it.
func (s *section) blocksIn(part TextRange) iter.Seq[block] {
	return func(yield func(block) bool) {
		if s.one {
			yield(block{start: part.Start, end: part.End})
			return
		}
		k := sort.Search(len(s.code), func(i int) bool { return s.code[i].End > part.Start })
		for at := part.Start; at < part.End; {
			b := block{start: at}
			if k < len(s.code) && s.code[k].Start <= at {
				b.end, b.code = min(s.code[k].End, part.End), true
				k++
			} else {
				limit := part.End
				if k < len(s.code) {
					limit = min(limit, s.code[k].Start)
				}
				b.end = limit
				if n := strings.Index(s.text[at:limit], "\n\n"); n >= 0 {
					b.end = at + n
				}
			}
			if b.end > b.start && !yield(b) {
				return
			}
			at = b.end
			for at < part.End && s.text[at] == '\n' {
				at++
			}
		}
	}
}

// unspaced reports whether a line break between two texts is joined without a space: so
// between characters of scripts that have no spaces between words.
func unspaced[S ~string | ~[]byte](before S, after string) bool {
	// Most text is ASCII.
	if len(before) == 0 || len(after) == 0 || before[len(before)-1] < utf8.RuneSelf || after[0] < utf8.RuneSelf {
		return false
	}
	r, _ := utf8.DecodeLastRuneInString(string(before[max(0, len(before)-utf8.UTFMax):]))
	q, _ := utf8.DecodeRuneInString(after)
	return isUnspaced(r) && isUnspaced(q)
}

// isUnspaced reports whether r belongs to a script without spaces between words, or is a
// full-width mark.
func isUnspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Bopomofo) ||
		r >= 0x3000 && r < 0x3040 || r >= 0xff00 && r < 0xff70 || r == 'ー'
}

// cutRune returns how many of the first n bytes of s are whole characters.
func cutRune(s string, n int) int {
	if len(s) <= n {
		return len(s)
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

// isPunctuation reports whether c is punctuation in the sense of CommonMark.
func isPunctuation(c byte) bool {
	return c > ' ' && c < 0x7f && !isAlphanumeric(rune(c))
}

// isAlphanumeric reports whether r may be part of the name of a character reference.
func isAlphanumeric(r rune) bool {
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
}
