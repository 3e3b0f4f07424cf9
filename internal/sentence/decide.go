package sentence

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

// context is the surroundings of the space after a word that may end a sentence.
type context struct {
	before string // the word before last, "" if last begins a sentence
	last   string
	next   string
	found  bool // Punkt finds an end
}

// ends reports whether a sentence ends at the space.
func (c context) ends() bool {
	first, _ := utf8.DecodeRuneInString(c.next)
	if strings.ContainsRune(",;:،؛", first) || Closes(c.next) {
		return false
	}
	if inThai(c.last) >= phraseLetters && IsThai(first) && !joinsThai(c.next) {
		return true
	}
	word, closed := uncover(c.last)
	if word == "" { // a closing mark after a space: « Oui. »
		word, _ = uncover(c.before)
		c.before, closed, c.found = c.last, true, false
	}
	next := strings.TrimLeftFunc(c.next, opens)
	lower := beginsLower(next)
	stop, size := utf8.DecodeLastRuneInString(word)
	switch {
	case !Terminal(stop):
		return c.found && !lower && !unicode.IsLetter(stop)
	case closed && (lower || saysKorean(next)): // "Who?" she asked
		return false
	case strings.HasSuffix(word, "..") || stop == '…':
		return beginsUpper(next)
	case stop != '.':
		return !lower && (starter(next) || !exclaiming[strings.ToLower(strings.TrimRight(word, "!"))])
	case word == ".":
		return c.found
	}
	c.last, c.next = strings.TrimLeftFunc(word[:len(word)-size], opens), next
	if i := strings.LastIndexFunc(c.last, analysis.IsIdeographic); i >= 0 {
		_, size := utf8.DecodeRuneInString(c.last[i:])
		c.last = c.last[i+size:]
	}
	if i := strings.LastIndexAny(c.last, "'’"); i >= 0 && i <= 2 { // l’éd., but not Wrigley's.
		_, size := utf8.DecodeRuneInString(c.last[i:])
		c.last = c.last[i+size:]
	}
	return c.endsAtStop(closed)
}

// endsAtStop decides on a full stop. The stop is removed from c.last, as are
// brackets and quotation marks around it, which closed reports, and those before
// c.next.
func (c context) endsAtStop(closed bool) bool {
	key := strings.ToLower(c.last)
	is := abbreviations[key] | abbreviations[c.last]
	if pair, ok := c.pair(key); ok {
		is |= abbreviations[pair]
	}
	upper, lower := beginsUpper(c.next), beginsLower(c.next)
	first, _ := utf8.DecodeRuneInString(c.next)
	digit := unicode.IsDigit(first)
	switch {
	case is&neverEnds != 0:
		return false
	case is&notBeforeNumber != 0 && (digit || c.next != "I" && isRoman(c.next)):
		return false
	case is&endsAList != 0:
		return upper || starter(c.next)
	case is&seldomEnds != 0:
		return starter(c.next)
	case is&notBeforeNumber != 0 && lower:
		return false
	}
	switch kindOf(c.last) {
	case initial:
		apart := !isInitial(c.before) && !isInitial(c.next)
		known := c.last[0] < utf8.RuneSelf && len(c.last) == 1 // to Punkt
		return c.before != "" && (starters[firstWord(c.next)] == afterInitial || c.found && apart && known)
	case letter:
		return starter(c.next)
	case syllable: // 가. 나. 다. number the items of a list
		return c.before != "" || !strings.Contains("가나다라마바사차카타파하", c.last)
	case ordinal:
		return c.endsAtOrdinal(upper, digit)
	case number:
		switch {
		case c.before == "" && strings.Trim(c.last, digits+".") == "": // 1.2. Scope
			return false
		case digit: // not in 3.10. 1990
			return len(c.last) > 5 || strings.Count(c.last, ".") != 1 || strings.Trim(c.last, digits+".") != ""
		}
		return upper || c.found && !lower
	case roman:
		switch {
		case lower, c.before == "" && !upper:
			return false
		case upper && determiners[c.before]:
			return starter(c.next)
		}
		return c.found
	case dotted:
		return starter(c.next) || c.found && !lower
	case address:
		return upper || c.found
	case thai:
		return false
	}
	switch {
	case (lower || digit) && noVowel(key), lower && len(key) <= 4 && isNumber(c.before): // 3 in. tall
		return false
	case c.found:
		return true
	case closed:
		return !lower
	}
	return starter(c.next)
}

// endsAtOrdinal decides on a whole number with a full stop. That is the end of a
// sentence, the mark of a list item, or an ordinal in the German and Korean
// notation.
func (c context) endsAtOrdinal(upper, digit bool) bool {
	short := len(c.last) <= 2
	switch {
	case c.before == "", short && strings.HasSuffix(c.before, ":"):
		return false
	case digit && short: // 3. 10. 1990
		return false
	case digit: // not in 2024. 5. 3.
		day, ok := strings.CutSuffix(c.next, ".")
		return !(ok && len(day) <= 2 && strings.Trim(day, digits) == "")
	case !upper:
		return c.found
	case len(c.last) > 3:
		return true
	case counted[firstWord(c.next)]:
		return false
	case determiners[c.before]:
		return starter(c.next)
	}
	return true
}

// pair returns key after the abbreviation before it, as in "z. B.".
func (c context) pair(key string) (string, bool) {
	if len(c.before) > 8 || !strings.HasSuffix(c.before, ".") {
		return "", false
	}
	return strings.ToLower(strings.TrimLeftFunc(c.before, opens)) + key, true
}

// uncover returns word without closing brackets and quotation marks, marks of
// emphasis and references to notes at its end, and whether there were any.
func uncover(word string) (string, bool) {
	all := len(word)
	for word != "" {
		r, size := utf8.DecodeLastRuneInString(word)
		if !closesWord(r) {
			break
		}
		if r == ']' {
			if i := strings.LastIndexByte(word, '['); i > 0 && len(word)-i <= 6 {
				size = len(word) - i
			}
		}
		word = word[:len(word)-size]
	}
	return word, len(word) < all
}

// closesWord reports whether r, after a full stop, belongs to the sentence that
// ends there.
func closesWord(r rune) bool {
	if r < utf8.RuneSelf {
		return strings.ContainsRune("\"')]}*_`", r)
	}
	return unicode.In(r, unicode.Pe, unicode.Pf, unicode.Pi) || strings.ContainsRune("¹²³⁰⁴⁵⁶⁷⁸⁹†‡", r)
}

// Closes reports whether word consists only of closing marks. A space can separate
// these from their sentence, as in « Oui. ».
func Closes(word string) bool {
	for _, r := range word {
		if !strings.ContainsRune("»”’›)]", r) {
			return false
		}
	}
	return word != ""
}

// opens reports whether r may precede the first letter of a sentence.
func opens(r rune) bool {
	if r < utf8.RuneSelf {
		return strings.ContainsRune("([{\"'`*_-", r)
	}
	return unicode.In(r, unicode.Ps, unicode.Pi, unicode.Pf, unicode.Pd)
}

// EndsAnywhere reports whether r ends a sentence although no space follows. Khmer's
// stops are not sentence terminals in Unicode.
func EndsAnywhere(r rune) bool {
	return r >= utf8.RuneSelf && (unicode.Is(unicode.Sentence_Terminal, r) || r == '។' || r == '៕')
}

// Terminal reports whether a sentence may end with r. A sentence of Thai may also
// end with a letter, before a space.
func Terminal(r rune) bool {
	return r == '.' || r == '!' || r == '?' || r == '…' || EndsAnywhere(r)
}

// saysKorean reports whether word, or a possible continuation of it, marks the text
// before it as speech.
func saysKorean(word string) bool {
	for _, w := range []string{"하고", "라고", "하며", "라며", "이라고", "했"} {
		if word != "" && (strings.HasPrefix(word, w) || strings.HasPrefix(w, word)) {
			return true
		}
	}
	return false
}

func beginsUpper(word string) bool {
	r, size := utf8.DecodeRuneInString(word)
	if r == '¿' || r == '¡' || unicode.IsUpper(r) {
		return true
	}
	r, _ = utf8.DecodeRuneInString(word[size:])
	return unicode.IsUpper(r) // iPhone
}

func beginsLower(word string) bool {
	r, _ := utf8.DecodeRuneInString(word)
	return unicode.IsLower(r) && !beginsUpper(word)
}

// kind is the form of a word before a full stop.
type kind uint8

const (
	other    kind = iota
	initial       // a capital letter, or two joined by a hyphen
	letter        // another letter
	syllable      // of Hangul
	ordinal       // digits
	number        // digits with marks, units and currencies
	roman
	dotted  // short parts with full stops between them
	address // longer ones
	thai    // up to four letters of Thai or Lao, which has no full stop
)

func kindOf(word string) kind {
	r, size := utf8.DecodeRuneInString(word)
	rest := word[size:]
	switch {
	case rest == "" && unicode.Is(unicode.Hangul, r):
		return syllable
	case rest == "" && unicode.IsUpper(r), unicode.IsUpper(r) && isHyphenInitial(rest):
		return initial
	case rest == "" && unicode.IsLetter(r):
		return letter
	case strings.Trim(word, digits) == "":
		return ordinal
	case strings.ContainsAny(word, digits) && strings.TrimFunc(word, inNumber) == "":
		return number
	case isRoman(word):
		return roman
	case IsThai(r):
		last := word[strings.LastIndexByte(word, '.')+1:]
		if inThai(last) <= 4 {
			return thai
		}
		return other
	case strings.Contains(word, "."):
		for part := range strings.SplitSeq(word, ".") {
			if utf8.RuneCountInString(part) > 2 {
				return address
			}
		}
		return dotted
	}
	return other
}

const digits = "0123456789"

// isNumber reports whether word consists of digits and marks.
func isNumber(word string) bool {
	return word != "" && '0' <= word[len(word)-1] && word[len(word)-1] <= '9' && strings.TrimFunc(word, inNumber) == ""
}

func inNumber(r rune) bool {
	return r < utf8.RuneSelf && strings.ContainsRune(digits+".,:/+-%$'", r) || unicode.In(r, unicode.Sc, unicode.Nd, unicode.No) || r == '°' || r == '–' || r == '’'
}

// isInitial reports whether word is an initial with its full stop.
func isInitial(word string) bool {
	word = strings.TrimLeftFunc(word, opens)
	r, size := utf8.DecodeRuneInString(word)
	return unicode.IsUpper(r) && (word[size:] == "." || strings.HasSuffix(word, ".") && isHyphenInitial(word[size:len(word)-1]))
}

// isHyphenInitial reports whether rest makes an initial a double one: J.-P. or J-P.
func isHyphenInitial(rest string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(rest, "."), "-")
	r, size := utf8.DecodeRuneInString(rest)
	return ok && unicode.IsUpper(r) && size == len(rest)
}

// isRoman reports whether word begins with a Roman number of one case, and of two
// letters or more, or a single capital one, followed only by marks.
func isRoman(word string) bool {
	word = strings.TrimRightFunc(word, func(r rune) bool { return !unicode.IsLetter(r) })
	return word != "" && (strings.Trim(word, "IVXLCDM") == "" || len(word) > 1 && strings.Trim(word, "ivx") == "")
}

// noVowel reports whether a word in lower case has at least two letters and can
// only be read as an abbreviation.
func noVowel(word string) bool {
	n := 0
	for _, r := range word {
		if r >= utf8.RuneSelf || !('a' <= r && r <= 'z') || strings.ContainsRune("aeiouy", r) {
			return false
		}
		n++
	}
	return n > 1
}

// phraseLetters is the least length in letters of a phrase of Thai or Lao whose end
// can be that of a sentence.
const phraseLetters = 30

// IsThai reports whether r is of Thai or Lao, where a space can separate sentences.
func IsThai(r rune) bool { return r >= 0x0e00 && r < 0x0f00 }

// joinsThai reports whether word, or a possible continuation of it, joins a phrase
// to the one before.
func joinsThai(word string) bool {
	for _, w := range []string{"และ", "หรือ", "ซึ่ง", "ที่", "โดย", "เพื่อ", "เช่น", "ได้แก่", "รวมถึง", "รวมทั้ง", "ว่า", "คือ", "ๆ", "ฯ"} {
		if strings.HasPrefix(word, w) || strings.HasPrefix(w, word) {
			return true
		}
	}
	return false
}

// inThai returns the number of letters, without marks, of Thai or Lao in word.
func inThai(word string) int {
	n := 0
	for _, r := range word {
		if low := r & 0x7f; IsThai(r) && low != 0x31 && !(low >= 0x34 && low <= 0x3c) && !(low >= 0x47 && low <= 0x4e) {
			n++ // the marks have the same positions in both scripts
		}
	}
	return n
}

// firstWord returns the letters that word begins with.
func firstWord(word string) string {
	if i := strings.IndexFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }); i >= 0 {
		return word[:i]
	}
	return word
}

// starter reports whether word, without its opening marks, is known to begin a
// sentence if it has a capital letter.
func starter(word string) bool {
	if r, _ := utf8.DecodeRuneInString(word); r == '¿' || r == '¡' {
		return true
	}
	w := firstWord(word)
	rest := word[len(w):]
	if strings.HasPrefix(rest, "'") || strings.HasPrefix(rest, "’") {
		return starters[w] != 0 || elided[w]
	}
	return starters[w] != 0 && (rest == "" || rest[0] != '.' && rest[0] != '-')
}
