package pdf

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// piece is adjacent text on one line: a line of prose, or a cell of a table.
// Coordinates are those in which it is upright.
type piece struct {
	text  string
	at    box
	size  float32 // about that of the font, in points
	base  float32 // y of the baseline
	turns uint8
	rough bool // size is a guess from the height of the line
}

// page is the text of a page.
type page struct {
	pieces  []piece // in the order in which the page draws them
	box     box     // what a reader sees
	outside int     // characters that are outside of it
	leading float32 // the distance of most rows from the next, 0 if it is not known
}

// Special characters of PDFium: the hyphen of a word that continues in the next line.
const (
	hyphenMark  = '\x02'
	hyphenMark2 = '\ufffe'
	softHyphen  = '\u00ad'
)

// wideGap is the width of the white space between two pieces, in sizes of the font. Between
// the words of a line it is less, even if the line is justified.
const wideGap = 1.5

// piecesOf gathers the characters of a page.
func piecesOf(chars []char, visible box) page {
	p := page{box: visible}
	if visible == (box{}) {
		p.box = box{0, 0, 612, 792} // letter
	}
	if rightToLeft(chars) {
		// Mirrored, it is treated like other text.
		for i := range chars {
			c := &chars[i]
			c.at.left, c.at.right = -c.at.right, -c.at.left
		}
		visible.left, visible.right = -visible.right, -visible.left
	}
	g := gatherer{word: betweenWords(chars)}
	for _, c := range chars {
		switch c.text {
		case '\r', '\n':
			g.flush()
			continue
		case hyphenMark, hyphenMark2:
			g.hyphen = '-'
			continue
		case softHyphen:
			g.hyphen = softHyphen
			continue
		}
		if unicode.IsSpace(c.text) {
			g.space = true
			continue
		}
		c.text = known(c.text)
		if c.text == 0 {
			continue
		}
		if !(c.at.left > -1e6 && c.at.right < 1e6 && c.at.bottom > -1e6 && c.at.top < 1e6) || visible != (box{}) &&
			(c.at.right < visible.left || c.at.left > visible.right || c.at.top < visible.bottom || c.at.bottom > visible.top) {
			p.outside++
			continue
		}
		g.add(c)
	}
	g.flush()
	p.pieces, p.leading = g.pieces, leadingOfRows(g.pieces)
	return p
}

// joined are scripts that run from right to left; the letters of most join, or not, at
// different distances.
var joined = []*unicode.RangeTable{unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko}

// rightToLeft reports whether most letters of a page belong to a script that runs so.
func rightToLeft(chars []char) bool {
	letters, n := 0, 0
	for _, c := range chars {
		if c.text >= 0x80 && unicode.In(c.text, joined...) {
			n++
		}
		if unicode.IsLetter(c.text) {
			letters++
		}
	}
	return 2*n > letters
}

// leadingOfRows returns the lower quartile of the distances between rows of upright
// pieces. So distances between paragraphs do not count.
func leadingOfRows(pieces []piece) float32 {
	var all []float32
	for i := 1; i < len(pieces); i++ {
		a, b := pieces[i-1], pieces[i]
		if a.turns == 0 && b.turns == 0 && b.base < a.base && !sameRow(a, b) {
			all = append(all, a.base-b.base)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/4]
}

// known returns the character for the text, 0 if there is none: for controls, and for
// fonts without a mapping to characters.
func known(r rune) rune {
	switch {
	case r == 0xf0b7 || r == 0xf0a7: // of the fonts Symbol and Wingdings
		return '•'
	case unicode.IsControl(r), unicode.Is(unicode.Co, r), r == unicode.ReplacementChar, r == '\ufeff', r == '\uffff':
		return 0
	}
	return r
}

// gatherer makes pieces of characters.
type gatherer struct {
	pieces []piece
	word   float32 // the least gap between words, in sizes of the font

	text         strings.Builder
	at, last     box
	lastRune     rune
	turns        uint8
	sizes, bases []float32
	space        bool // before the next character
	hyphen       rune // before the next character: '-', softHyphen, or 0
}

func (g *gatherer) add(c char) {
	at := c.at.turned(c.turns)
	if g.text.Len() > 0 {
		size := median(g.sizes, g.at.height())
		gap := at.left - g.last.right
		apart := at.bottom > g.at.top || at.top < g.at.bottom
		if g.hyphen != 0 && !apart && c.turns == g.turns { // within a line
			if g.hyphen == '-' {
				g.text.WriteRune('-')
			}
			g.hyphen = 0
		}
		if c.turns != g.turns || apart || gap > wideGap*size || gap < -2*size {
			g.flush()
		}
	}
	if g.text.Len() == 0 {
		g.at, g.turns, g.space, g.hyphen = at, c.turns, false, 0
	}
	if g.space || g.text.Len() > 0 && g.isApart(c.text, at) {
		g.text.WriteByte(' ')
		g.space = false
	}
	switch c.text {
	case 'ﬀ':
		g.text.WriteString("ff")
	case 'ﬁ':
		g.text.WriteString("fi")
	case 'ﬂ':
		g.text.WriteString("fl")
	case 'ﬃ':
		g.text.WriteString("ffi")
	case 'ﬄ':
		g.text.WriteString("ffl")
	case 'ﬅ', 'ﬆ':
		g.text.WriteString("st")
	default:
		g.text.WriteRune(c.text)
	}
	g.at, g.last, g.lastRune = g.at.union(at), at, c.text
	if size := fontSize(c.text, at.height()); size > 0 && len(g.sizes) < 64 {
		g.sizes = append(g.sizes, size)
		if !strings.ContainsRune("gjpqyQJ", c.text) {
			g.bases = append(g.bases, at.bottom)
		}
	}
}

// isApart reports whether there is a space between two characters with a gap between them.
// PDFium ignores a space that was made narrower to bring the characters together.
// Narrow letters have wide gaps in a typewriter's font, and marks anywhere.
func (g *gatherer) isApart(c rune, at box) bool {
	gap := at.left - g.last.right
	const narrow = "ijlI"
	switch {
	case gap <= 0, !unicode.IsLetter(g.lastRune) && g.lastRune != ',', !unicode.IsLetter(c) && !unicode.IsDigit(c),
		strings.ContainsRune(narrow, g.lastRune), strings.ContainsRune(narrow, c), isUnspaced(g.lastRune), isUnspaced(c), unicode.In(c, joined...):
		return false
	}
	return gap > g.word*median(g.sizes, g.at.height())
}

// betweenWords returns the least gap between words, in sizes of the font: far more than
// those between the letters of the page, which are wide in a typewriter's font.
func betweenWords(chars []char) float32 {
	const least = 0.2
	var gaps []float32
	for i := 1; i < len(chars); i++ {
		a, b := chars[i-1], chars[i]
		size := fontSize(b.text, b.at.height())
		if size == 0 || a.turns != 0 || b.turns != 0 || fontSize(a.text, a.at.height()) == 0 {
			continue
		}
		if gap := (b.at.left - a.at.right) / size; gap > -0.5 && gap < wideGap {
			gaps = append(gaps, gap)
		}
	}
	if len(gaps) == 0 {
		return least
	}
	slices.Sort(gaps)
	return max(least, 2.5*gaps[len(gaps)*9/10])
}

func (g *gatherer) flush() {
	if g.text.Len() > 0 {
		if g.hyphen != 0 {
			g.text.WriteRune(softHyphen)
		}
		size := max(median(g.sizes, g.at.height()), 1)
		g.pieces = append(g.pieces, piece{g.text.String(), g.at, size, median(g.bases, g.at.bottom), g.turns, len(g.sizes) == 0})
	}
	g.text.Reset()
	g.sizes, g.bases, g.space, g.hyphen = g.sizes[:0], g.bases[:0], false, 0
}

// fontSize estimates the size of a font from the height of one of its characters. It
// returns 0 if that is a bad estimate.
func fontSize(r rune, height float32) float32 {
	switch {
	case r < 0x80 && strings.IndexByte("acemnorsuvwxz", byte(r)) >= 0:
		return height / 0.48
	case unicode.IsUpper(r), unicode.IsDigit(r), r < 0x80 && strings.IndexByte("bdfghijklpqty", byte(r)) >= 0:
		return height / 0.7
	case isUnspaced(r) && unicode.IsLetter(r), unicode.Is(unicode.Hangul, r):
		return height / 0.9
	case unicode.Is(unicode.Cyrillic, r) && !strings.ContainsRune("бдйруфцщё", r):
		return height / 0.5
	}
	return 0
}

// median returns the median of numbers, or a guess if there are none.
func median(numbers []float32, guess float32) float32 {
	if len(numbers) == 0 {
		return guess
	}
	sorted := slices.Clone(numbers)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// isUnspaced reports whether r belongs to a script without spaces between words, or is a
// full-width mark.
func isUnspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Bopomofo) ||
		r >= 0x3000 && r < 0x3040 || r >= 0xff00 && r < 0xff70 || r == 'ー'
}

// sameRow reports whether two pieces are on the same line.
func sameRow(a, b piece) bool {
	overlap := min(a.at.top, b.at.top) - max(a.at.bottom, b.at.bottom)
	return overlap > 0.4*min(a.at.height(), b.at.height())
}

// byPlace orders pieces from top to bottom, those of a row from left to right.
func byPlace(pieces []piece) []piece {
	sorted := slices.Clone(pieces)
	middle := func(p piece) float32 { return (p.at.top + p.at.bottom) / 2 }
	slices.SortStableFunc(sorted, func(a, b piece) int { return -cmp.Compare(middle(a), middle(b)) })
	for i := 0; i < len(sorted); {
		j := i + 1
		for j < len(sorted) && sameRow(sorted[i], sorted[j]) {
			j++
		}
		slices.SortStableFunc(sorted[i:j], func(a, b piece) int { return cmp.Compare(a.at.left, b.at.left) })
		i = j
	}
	return sorted
}
