package token

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Normal returns the normal form of text, which is the same for several spellings
// that look or mean the same:
//
//   - Unicode's form NFKC, in which full-width and half-width characters,
//     ligatures and letters in one character (ﬁ, ㎏) are plain ones;
//   - except that superscripts and subscripts stay, since "10²" is not "102", and
//     so do fractions;
//   - the Thai and Lao vowel am is one character, after the tone mark;
//   - invisible characters are left out: soft hyphens, joiners, marks of
//     direction, the Arabic stroke that only stretches a word;
//   - apostrophes of every kind are ', hyphens, short dashes and minus signs are
//     -.
//
// The normal form of a normal form is itself. Bytes that are not UTF-8 stay.
func Normal(text string) string {
	if isASCII(text) {
		return text
	}
	for range 4 { // a second round changes little, and no text is known for which a third does
		s := normalOnce(text)
		if s == text {
			break
		}
		text = s
	}
	return text
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// kept reports whether NFKC would change the meaning of a character. It is called
// for characters that are not ASCII.
func kept(r rune, in info) bool {
	return in.class() == raised || in.class() == alone && (r == '\u00bc' || r == '\u00bd' || r == '\u00be' || 0x2150 <= r && r <= 0x215f || r == '\u2189')
}

func normalOnce(text string) string {
	plain := make([]byte, 0, len(text)+8)
	out := make([]byte, 0, len(text)+8)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		in := infoOf(r)
		switch {
		case r < utf8.RuneSelf || r == utf8.RuneError && size == 1:
			plain = append(plain, text[i:i+size]...)
		case kept(r, in):
			out = append(norm.NFKC.Append(out, plain...), text[i:i+size]...)
			plain = plain[:0]
		case in.class() == ignored:
		case in.class() == apostrophe && r != '\u00b7' && r != '\u0387':
			plain = append(plain, '\'')
		case in.class() == hyphen:
			plain = append(plain, '-')
		default:
			plain = append(plain, text[i:i+size]...)
		}
		i += size
	}
	return am(string(norm.NFKC.Append(out, plain...)))
}

var ams = strings.NewReplacer(
	"\u0e4d\u0e48", "\u0e48\u0e4d", "\u0e4d\u0e49", "\u0e49\u0e4d", "\u0e4d\u0e4a", "\u0e4a\u0e4d", "\u0e4d\u0e4b", "\u0e4b\u0e4d",
	"\u0ecd\u0ec8", "\u0ec8\u0ecd", "\u0ecd\u0ec9", "\u0ec9\u0ecd", "\u0ecd\u0eca", "\u0eca\u0ecd", "\u0ecd\u0ecb", "\u0ecb\u0ecd",
	"\u0e4d\u0e32", "\u0e33", "\u0ecd\u0eb2", "\u0eb3")

// am joins the parts of the vowel, which NFKC separates.
func am(s string) string {
	if !strings.Contains(s, "\u0e4d") && !strings.Contains(s, "\u0ecd") {
		return s
	}
	return ams.Replace(ams.Replace(s))
}

// Lower returns the normal form of a word in lower case, with its accents. Digits of any
// script are those of ASCII.
func Lower(word string) string {
	if isASCII(word) {
		return strings.ToLower(word)
	}
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= utf8.RuneSelf && infoOf(r).class() == raised:
			plain, _ := utf8.DecodeRuneInString(norm.NFKC.String(string(r)))
			return plain // in a word it is a digit like any other: "CO₂"
		case r == '\u03c2':
			return '\u03c3' // sigma at the end of a word
		case r >= utf8.RuneSelf && unicode.Is(unicode.Nd, r):
			return '0' + rune(digitValue(r))
		}
		return unicode.ToLower(r)
	}, Normal(word))
	return norm.NFC.String(s)
}

// digitValue returns the value of a decimal digit: those of a script are ten in a row.
func digitValue(r rune) int {
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10
		}
	}
	return 0
}

// special holds letters whose plain form is not the letter without its mark.
var special = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ħ': "h", 'ŋ': "n", 'ı': "i", 'ŧ': "t", 'ĸ': "k", 'ə': "e",
	'ё': "е", 'ѐ': "е", 'ѝ': "и",
	'آ': "ا", 'أ': "ا", 'إ': "ا", 'ٱ': "ا", 'ى': "ي", 'ی': "ي", 'ې': "ي", 'ک': "ك", 'ة': "ه", 'ۀ': "ه", 'ە': "ه",
}

// spelled replaces letters by a spelling without their signs. Fold uses the other
// spelling.
var spelled = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "å", "aa", "ø", "oe")

// Spelled returns a word in lower case with ä, ö, ü, å and ø as two letters each.
func Spelled(lower string) string { return spelled.Replace(lower) }

// Fold returns a word, a result of Lower, without the marks that may be left out in
// typing: accents on Latin and Greek letters, stress on Cyrillic ones, vowel points
// of Hebrew and Arabic. Marks of other scripts are parts of their letters and stay.
func Fold(lower string) string {
	if isASCII(lower) {
		return lower
	}
	out := make([]byte, 0, len(lower))
	script := Other
	for _, r := range lower {
		if r < utf8.RuneSelf {
			out = append(out, byte(r))
			script = Latin
			continue
		}
		if s, ok := special[r]; ok {
			out = append(out, s...)
			script = infoOf(r).script()
			continue
		}
		in := infoOf(r)
		if in.class() != mark {
			script = in.script()
		}
		switch script {
		case Latin, Greek, Hebrew, Arabic:
			if in.class() == mark {
				continue
			}
			if script == Arabic {
				break
			}
			for _, d := range norm.NFD.String(string(r)) {
				if s, ok := special[d]; ok {
					out = append(out, s...)
				} else if !unicode.IsMark(d) {
					out = utf8.AppendRune(out, d)
				}
			}
			continue
		case Cyrillic:
			if r == '\u0300' || r == '\u0301' {
				continue
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return norm.NFC.String(string(out))
}

// Clusters appends the ends of the characters of a run as readers see them: a letter with
// the marks on it, and in Khmer and Burmese with the letters below it.
func Clusters(run string, ends []int) []int {
	ends = slices.Grow(ends, len(run)/3)
	stacked := false
	for i, r := range run {
		joined := stacked && infoOf(r).class() == gram || infoOf(r).class() == mark || r == '\u0e33' || r == '\u0eb3' || 0x1160 <= r && r <= 0x11ff
		if i > 0 && !joined {
			ends = append(ends, i)
		}
		stacked = r == '\u17d2' || r == '\u1039'
	}
	if run != "" {
		ends = append(ends, len(run))
	}
	return ends
}
