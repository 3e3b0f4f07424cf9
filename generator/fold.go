package generator

import (
	"unicode"
	"unicode/utf8"
)

// badByte is added to a byte that is not valid UTF-8 to make its folded rune. The
// sum is above every Unicode rune, so such a byte equals only itself.
const badByte = unicode.MaxRune + 1

// foldedRune is one rune of the folded view of a text. In that view case, width,
// runs of white space and invisible runes make no difference. Invisible runes and
// white space are not in the view; blank tells where white space was.
type foldedRune struct {
	r       rune // folded by foldRune, or badByte plus an invalid byte
	blank   bool // white space is between the previous rune and this one
	at, end int  // the bytes text[at:end] of the original
}

// nextFolded returns the first rune of the folded view at or after byte i of text.
// It reports false if only white space and invisible runes are left.
func nextFolded(text string, i int) (foldedRune, bool) {
	blank := false
	for i < len(text) {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return foldedRune{badByte + rune(text[i]), blank, i, i + 1}, true
		case unicode.IsSpace(r):
			blank = true
		case !ignorable(r):
			return foldedRune{foldRune(r), blank, i, i + size}, true
		}
		i += size
	}
	return foldedRune{}, false
}

// Full-width forms of the printable ASCII runes are at a fixed distance from these.
const (
	firstWide = '\uFF01'
	lastWide  = '\uFF5E'
	wideShift = firstWide - '!'
)

// foldRune maps a full-width form to ASCII, and a rune to the least rune that
// differs from it only in case. So the Kelvin sign becomes K and long s becomes S.
// The Turkish dotted and dotless i, which SimpleFold leaves alone, become I.
func foldRune(r rune) rune {
	if r == 'İ' || r == 'ı' {
		return 'I'
	}
	if r >= firstWide && r <= lastWide {
		r -= wideShift
	}
	if r < utf8.RuneSelf {
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

// ignorable reports whether r, which is not white space, leaves no visible mark:
// format and control runes, variation selectors, fillers. Tokenizers may drop such
// runes, so they must not hide a reserved string.
func ignorable(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == '\x7f'
	}
	return unicode.In(r, unicode.Cf, unicode.Cc, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// atLineStart reports whether only white space and invisible runes are between byte
// i of text and the line break before it, or the start of text.
func atLineStart(text string, i int) bool {
	for i > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:i])
		switch r {
		case '\n', '\v', '\f', '\r', '\u0085', '\u2028', '\u2029':
			return true
		}
		if !unicode.IsSpace(r) && !ignorable(r) {
			return false
		}
		i -= size
	}
	return true
}

// foldWindow reads the folded view forward from one place. It reads each rune once,
// however many patterns look at it. An array holds what nearly all patterns need; a
// slice that starts on the stack would move to the heap.
type foldWindow struct {
	text string
	end  int // where to continue reading
	n    int // how much of seen is filled
	seen [32]foldedRune
	more []foldedRune // the runes after seen
}

// reset makes byte i the place where at starts counting.
func (w *foldWindow) reset(i int) {
	w.end, w.n, w.more = i, 0, w.more[:0]
}

// at returns rune k of the view, and false if the text ends before it. The first
// call after reset must ask for rune 0, and no call for more than one rune past
// those already read.
func (w *foldWindow) at(k int) (foldedRune, bool) {
	if k < w.n {
		return w.seen[k], true
	}
	if k -= len(w.seen); k >= 0 && k < len(w.more) {
		return w.more[k], true
	}
	f, ok := nextFolded(w.text, w.end)
	if !ok {
		return f, false
	}
	w.end = f.end
	if w.n < len(w.seen) {
		w.seen[w.n] = f
		w.n++
	} else {
		w.more = append(w.more, f)
	}
	return f, true
}
