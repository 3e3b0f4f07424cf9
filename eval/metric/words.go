package metric

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// normalWords returns the words of s in the normal form of [ExactMatch], none of them an
// article, and whether some are of scripts without spaces.
func normalWords(s string) ([]string, bool) {
	s, seen := fold(s)
	kept := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			if !asciiMark[b] {
				kept = append(kept, b)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if plain(r) || !unicode.In(r, unicode.P, unicode.S, unicode.Cf) {
			kept = append(kept, s[i:i+size]...)
		}
		i += size
	}
	words := strings.Fields(string(kept))
	n := 0
	for _, w := range words {
		if !isArticle(w) {
			words[n] = w
			n++
		}
	}
	return words[:n], seen.unspaced
}

// hasWords reports whether s has words in the normal form.
func hasWords(s string) bool {
	words, _ := normalWords(s)
	return len(words) > 0
}

// f1Words returns the words that [F1] compares.
func f1Words(s string) []string {
	words, split := normalWords(s)
	if split {
		return characters(words)
	}
	return words
}

// asciiMark are the punctuation and symbols of ASCII.
var asciiMark = func() (marks [utf8.RuneSelf]bool) {
	for r := range rune(utf8.RuneSelf) {
		marks[r] = unicode.IsPunct(r) || unicode.IsSymbol(r)
	}
	return marks
}()

// rougeWords returns the words of [RougeL].
func rougeWords(s string) []string {
	s, seen := fold(s)
	if seen.invisible {
		s = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Cf, r) {
				return -1
			}
			return r
		}, s)
	}
	words := make([]string, 0, len(s)/5)
	start := -1
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		in := 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
			in = plain(r) || isLetterOrNumber(r) || unicode.IsMark(r)
		}
		if in && start < 0 {
			start = i
		} else if !in && start >= 0 {
			words = append(words, s[start:i])
			start = -1
		}
		i += size
	}
	if start >= 0 {
		words = append(words, s[start:])
	}
	if seen.unspaced {
		return characters(words)
	}
	return words
}

// characters returns words with those of scripts without spaces cut into single characters,
// each with its marks.
func characters(words []string) []string {
	out := make([]string, 0, 8*len(words))
	for _, w := range words {
		start, alone, joined := 0, false, false // joined: by a sign that puts the next letter below
		for i, r := range w {
			single := unspaced(r)
			if i > start && (single || alone) && !joined && !unicode.IsMark(r) && r != '\u0e33' && r != '\u0eb3' {
				out = append(out, w[start:i])
				start, alone = i, false
			}
			alone = alone || single
			joined = r == '\u17d2' || r == '\u1039'
		}
		out = append(out, w[start:])
	}
	return out
}

// unspaced reports whether r is of a script that has no spaces between words.
func unspaced(r rune) bool {
	return r >= 0x0e00 && (r < 0x0f00 || r >= 0x3041 && r < 0x3100 || r >= 0x4e00 && r < 0xa000 ||
		!plain(r) && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Khmer, unicode.Myanmar))
}

// sight says what characters a text has.
type sight struct{ wide, invisible, unspaced bool }

// lower returns s in lower case and in form NFC.
func lower(s string) (string, sight) {
	if isASCII(s) {
		return strings.ToLower(s), sight{}
	}
	var seen sight
	odd := false
	out := make([]byte, 0, len(s)+utf8.UTFMax)
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r < utf8.RuneSelf {
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			out = append(out, byte(r))
			i++
			continue
		}
		r, size = utf8.DecodeRuneInString(s[i:])
		seen.unspaced = seen.unspaced || unspaced(r)
		if plain(r) {
			out = append(out, s[i:i+size]...)
		} else {
			odd = odd || r >= 0x300
			seen.wide = seen.wide || r == '\u3000' || r >= 0xff00 && r < 0xfff0
			seen.invisible = seen.invisible || unicode.Is(unicode.Cf, r)
			out = utf8.AppendRune(out, unicode.ToLower(r))
		}
		i += size
	}
	if odd {
		out = norm.NFC.Bytes(out)
	}
	return string(out), seen
}

// fold returns s in lower case, with characters of full and half width as ordinary ones, in
// form NFC.
func fold(s string) (string, sight) {
	s, seen := lower(s)
	if seen.wide {
		return lower(width.Fold.String(s))
	}
	return s, seen
}

func isASCII(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if (s[0]|s[1]|s[2]|s[3]|s[4]|s[5]|s[6]|s[7])&0x80 != 0 {
			return false
		}
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// plain reports whether r is one of many letters that stay as they are in form NFC, among
// their like, and in lower case. It is there for speed.
func plain(r rune) bool {
	return r >= 0xdf && r < 0xf7 || r >= 0x0430 && r < 0x0450 || r >= 0x0e01 && r < 0x0e38 || r >= 0x0e40 && r < 0x0e48 ||
		r >= 0x3041 && r < 0x3097 || r >= 0x30a1 && r < 0x30fb || r >= 0x4e00 && r < 0xa000 || r >= 0xac00 && r < 0xd7a4
}
