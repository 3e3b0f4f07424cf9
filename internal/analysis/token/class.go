package token

import (
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// class is the role of a character in the words of a text.
type class uint8

const (
	separator class = iota
	letter
	digit
	mark    // belongs to the previous character
	ignored // invisible: treated as absent
	gram    // a letter of a script without spaces between words
	alone   // a number in one character, such as ½ and ①
	raised  // a superscript or subscript digit
	apostrophe
	hyphen
	dot
	comma
	underscore
	plus
	hash
	ampersand
)

// Script is the script of a word, as far as it matters for analysis.
type Script uint8

// The scripts.
const (
	Other Script = iota // any other with spaces between words
	Latin
	Cyrillic
	Greek
	Arabic
	Hebrew
	Devanagari
	Armenian
	Tamil
	EastAsian // Han, Hiragana, Katakana, Hangul, Bopomofo, Yi: a character is a syllable or more
	SouthEast // Thai, Lao, Khmer, Burmese and similar scripts: a word takes several characters
	Scripts   // the number of scripts
)

// info is the class, the case and the script of a character.
type info uint16

const (
	upper     info = 1 << 5
	lower     info = 1 << 6
	ends      info = 1 << 7 // a separator after which a sentence or a title may begin
	classMask info = 1<<5 - 1
)

func (i info) class() class   { return class(i & classMask) }
func (i info) script() Script { return Script(i >> 8) }

var ascii [utf8.RuneSelf]info

func init() {
	for r := range rune(utf8.RuneSelf) {
		ascii[r] = asciiInfo(r)
	}
}

func asciiInfo(r rune) info {
	switch {
	case 'a' <= r && r <= 'z':
		return info(letter) | lower | info(Latin)<<8
	case 'A' <= r && r <= 'Z':
		return info(letter) | upper | info(Latin)<<8
	case '0' <= r && r <= '9':
		return info(digit)
	}
	switch r {
	case '\'':
		return info(apostrophe)
	case '-':
		return info(hyphen)
	case '.':
		return info(dot) | ends
	case ',':
		return info(comma)
	case '_':
		return info(underscore)
	case '+':
		return info(plus)
	case '#':
		return info(hash)
	case '&':
		return info(ampersand)
	case '!', '?', ':', ';', '"', '|', '\n', '*':
		return info(separator) | ends
	}
	return info(separator)
}

// pages caches the info of the other characters, 256 at a time, filled on first
// use.
var pages [(unicode.MaxRune + 1) >> 8]atomic.Pointer[[256]info]

func infoOf(r rune) info {
	if uint32(r) < utf8.RuneSelf {
		return ascii[r]
	}
	page := pages[r>>8].Load()
	if page == nil {
		page = new([256]info)
		for i := range page {
			page[i] = classify(r&^0xff | rune(i))
		}
		pages[r>>8].Store(page)
	}
	return page[r&0xff]
}

// classify computes the info of a character.
func classify(r rune) info {
	if r < utf8.RuneSelf {
		return ascii[r]
	}
	if 0xff01 <= r && r <= 0xff5e {
		return ascii[r-0xfee0] // full width
	}
	switch r {
	case '\u00ad', '\u034f', '\u0640', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u180b', '\u180c', '\u180d', '\u180f', '\u2027', '\u3164', '\uffa0':
		return info(ignored)
	case '\u00b4', '\u00b7', '\u0387', '\u02b9', '\u02bb', '\u02bc', '\u02bd', '\u0374', '\u055a', '\u05f3', '\u05f4', '\u1fbd', '\u1ffd', '\u2018', '\u2019', '\u201b', '\u2032':
		return info(apostrophe)
	case '\u058a', '\u05be', '\u2010', '\u2011', '\u2012', '\u2013', '\u2212', '\ufe58', '\ufe63':
		return info(hyphen)
	case '\u066b', '\u2024', '\ufe52':
		return info(dot) | ends
	case '\u066c', '\ufe50':
		return info(comma)
	case '\u00b2', '\u00b3', '\u00b9':
		return info(raised)
	case '\u2120', '\u2122', '\u309b', '\u309c', utf8.RuneError:
		return info(separator)
	case '\u30fc', '\uff70':
		return info(gram) | info(EastAsian)<<8
	case '\uff9e', '\uff9f':
		return info(mark)
	}
	switch {
	case 0xfe00 <= r && r <= 0xfe0f, 0xe0000 <= r && r <= 0xe0fff, unicode.Is(unicode.Cf, r):
		return info(ignored)
	case 0x2070 <= r && r <= 0x2089 && unicode.IsNumber(r):
		return info(raised)
	case unicode.IsMark(r):
		return info(mark)
	case unicode.Is(unicode.Nd, r):
		return info(digit)
	}
	first := r // of the plain characters that replace it
	if c, _ := utf8.DecodeRuneInString(norm.NFKC.String(string(r))); unicode.IsLetter(c) || !unicode.IsLetter(r) {
		first = c // not for the Thai vowel am, whose first character is a mark
	}
	switch {
	case !unicode.IsLetter(first) && unicode.IsNumber(first), unicode.IsNumber(r) && unicode.IsNumber(first):
		if !unicode.Is(unicode.Nl, r) {
			return info(alone)
		}
	case !unicode.IsLetter(first):
		if unicode.In(r, unicode.Sentence_Terminal, unicode.Pi) || r == '\u2014' || r == '\u2022' {
			return info(separator) | ends
		}
		return info(separator)
	}
	s := scriptOf(first)
	i := info(letter) | info(s)<<8
	if s >= EastAsian {
		i = info(gram) | info(s)<<8
	}
	switch {
	case unicode.IsUpper(r) || unicode.IsTitle(r):
		i |= upper
	case unicode.IsLower(r):
		i |= lower
	}
	return i
}

var scripts = [...]struct {
	script Script
	tables []*unicode.RangeTable
}{
	{Latin, []*unicode.RangeTable{unicode.Latin}},
	{Cyrillic, []*unicode.RangeTable{unicode.Cyrillic}},
	{Greek, []*unicode.RangeTable{unicode.Greek}},
	{Arabic, []*unicode.RangeTable{unicode.Arabic}},
	{Hebrew, []*unicode.RangeTable{unicode.Hebrew}},
	{Devanagari, []*unicode.RangeTable{unicode.Devanagari}},
	{Armenian, []*unicode.RangeTable{unicode.Armenian}},
	{Tamil, []*unicode.RangeTable{unicode.Tamil}},
	{EastAsian, []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Yi}},
	{SouthEast, []*unicode.RangeTable{unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Tai_Viet, unicode.Javanese}},
}

func scriptOf(r rune) Script {
	for _, s := range scripts {
		if unicode.In(r, s.tables...) {
			return s.script
		}
	}
	return Other
}
