package feature

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// unit is a word, a letter of a script without spaces, a sign or a line break of a prompt.
type unit struct {
	at, end int
	to      int // end of the words of the lexicon that begin here
	marks   mark
	kind    unitKind
	script  uint8
	number  bool
	capital bool
	size    float64 // in words
	id      uint32  // of a content word, else 0
}

type unitKind uint8

const (
	wordUnit unitKind = iota
	questionUnit
	endUnit // of a sentence, except question marks
	commaUnit
	colonUnit
	quoteUnit
	codeUnit
	breakUnit // of a line
	signUnit
)

// scanned is the number of bytes at each end of a prompt that are read: a task is
// short, and for a longer text they are sufficient.
const scanned = 2048

// unitsOf reads the ends of a prompt.
func unitsOf(prompt string) []unit {
	if len(prompt) <= 2*scanned {
		return appendUnits(make([]unit, 0, len(prompt)/3+8), prompt, 0, len(prompt))
	}
	list := appendUnits(make([]unit, 0, scanned), prompt, 0, runeStart(prompt, scanned))
	return appendUnits(list, prompt, runeStart(prompt, len(prompt)-scanned), len(prompt))
}

// runeStart returns the start of the character that contains offset i.
func runeStart(s string, i int) int {
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}

func appendUnits(list []unit, prompt string, from, to int) []unit {
	tree := markTree()
	text := prompt[:to]
	matched := 0 // the end of the words of the lexicon so far
	var thai [3]rune
	last := rune(0) // the previous character, of a script of characters
	for i := from; i < to; {
		r, w := utf8.DecodeRuneInString(text[i:])
		u := unit{at: i, end: i + w, to: i + w}
		switch {
		case r == '\n':
			u.kind = breakUnit
		case unicode.IsSpace(r):
			i += w
			continue
		case !isWordRune(r):
			u.kind = kindOfSign(text, i, w, r)
		default:
			u.script = scriptOf(r)
			u.number = unicode.IsDigit(r)
			u.capital = unicode.IsUpper(r)
			switch u.script {
			case scriptEast:
				u.size = 0.5
				if last != 0 {
					u.id = uint32(last)<<16 ^ uint32(r)
				}
				last = r
			case scriptThai:
				u.size = 0.2
				thai = [3]rune{thai[1], thai[2], r}
				if thai[0] != 0 {
					u.id = uint32(thai[0]&127)<<14 | uint32(thai[1]&127)<<7 | uint32(r&127) | 1<<30
				}
			default:
				u.wordIn(text)
			}
			u.mark(tree, text)
			if u.marks != 0 {
				matched = max(matched, u.to)
			}
			if u.at < matched {
				u.id = 0
			}
		}
		if u.script != scriptEast || u.kind != wordUnit || u.at < matched {
			last = 0
		}
		list = append(list, u)
		i = u.end
	}
	return list
}

// stemLength is the number of letters of a word that are compared.
const stemLength = 5

// shortStops holds words of three letters that carry no content.
var shortStops = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq("the and for not but der die das und den dem des ein les une los las con del una por que per gli het een van som sur") {
		m[w] = true
	}
	return m
}()

// wordIn finds the end and the id of the word at u.at.
func (u *unit) wordIn(text string) {
	u.size = 1
	hash, letters := uint32(2166136261), 0
	i := u.at
	for i < len(text) {
		r, w := utf8.DecodeRuneInString(text[i:])
		if !isWordRune(r) || scriptOf(r) != u.script && !unicode.IsDigit(r) {
			break
		}
		if letters++; letters <= stemLength || u.number {
			hash = (hash ^ uint32(unicode.ToLower(r))) * 16777619
		}
		i += w
	}
	u.end, u.to = i, i
	if letters > 3 || u.number || u.capital || letters == 3 && !shortStops[strings.ToLower(text[u.at:u.end])] {
		u.id = hash | 1<<31
	}
}

// mark looks up the words of the lexicon that begin in a unit.
func (u *unit) mark(tree *markNode, text string) {
	marks, size := tree.marksAt(text[u.at:])
	u.marks = marks
	if marks != 0 {
		u.to = max(u.end, u.at+size)
	}
	if u.script != scriptInner {
		return
	}
	for i := u.at; i < u.end; {
		_, w := utf8.DecodeRuneInString(text[i:])
		if i += w; i < u.end {
			marks, _ := tree.marksAt(text[i:])
			u.marks |= marks
		}
	}
}

const (
	scriptLatin uint8 = iota
	scriptCyrillic
	scriptIndic
	scriptThai
	scriptEast
	scriptInner // Korean and Arabic: words with affixes
	scriptOther
	scripts
)

func scriptOf(r rune) uint8 {
	switch {
	case r < 0x0370:
		return scriptLatin
	case r < 0x0400:
		return scriptOther
	case r < 0x0530:
		return scriptCyrillic
	case r >= 0x0600 && r < 0x0700, r >= 0x1100 && r < 0x1200, r >= 0xAC00 && r < 0xD800:
		return scriptInner
	case r >= 0x0900 && r < 0x0D80:
		return scriptIndic
	case r >= 0x0E00 && r < 0x0F00:
		return scriptThai
	case r >= 0x2E80 && r < 0xFB00:
		return scriptEast
	case r >= 0x1E00 && r < 0x2000:
		return scriptLatin
	}
	return scriptOther
}

func kindOfSign(text string, i, w int, r rune) unitKind {
	switch r {
	case '?', '？', '؟':
		return questionUnit
	case '。', '！', '…', '।', '．':
		return endUnit
	case '.', '!':
		if next, _ := utf8.DecodeRuneInString(text[i+w:]); next == utf8.RuneError || unicode.IsSpace(next) || next == '"' || next == '”' || next == '»' {
			return endUnit
		}
		return signUnit
	case ',', '，', '、', ';', '；', '،':
		return commaUnit
	case ':', '：':
		return colonUnit
	case '"', '“', '”', '„', '«', '»', '「', '」', '『', '』', '‘', '’', '`':
		return quoteUnit
	case '(', ')', '{', '}', '[', ']', '=', '<', '>', '|', '\\', '_', '*', '+', '/', '&', '$', '#':
		return codeUnit
	}
	return signUnit
}
