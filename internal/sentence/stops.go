package sentence

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

// splitAtStops cuts a block after the characters that end a sentence in scripts
// other than Latin, which need no space.
func splitAtStops(text string, block Span) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		start := block.Start
		quoted := 0     // the end of the quotation that holds the character
		var before rune // the previous character
		for i := block.Start; i < block.End; {
			r, size := rune(text[i]), 1
			if r >= utf8.RuneSelf {
				r, size = utf8.DecodeRuneInString(text[i:block.End])
			}
			at, previous := i, before
			i += size
			before = r
			ascii := r == '.' || r == '!' || r == '?'
			if ascii {
				if !analysis.IsIdeographic(previous) && !endsKorean(previous, r) {
					continue
				}
			} else if isLetter(r) {
				continue
			} else if mark := closingMark(r); mark != 0 {
				if at >= quoted {
					quoted = i + endOfQuotation(text[i:block.End], mark)
				}
				continue
			} else if !EndsAnywhere(r) {
				continue
			}
			east := ascii || strings.ContainsRune("。｡！？．", r)
			end, closed := closing(text, i, block.End)
			rest := text[end:block.End]
			next, _ := utf8.DecodeRuneInString(rest)
			switch {
			case rest == "":
			case east && end < quoted: // the quotation continues
			case ascii && !analysis.IsIdeographic(next) && !(unicode.Is(unicode.Hangul, next) && !closed): // Latin script continues: Punkt decides
			case r == '．' && (unicode.IsDigit(next) || isMark(text[start:at], previous)): // a decimal, an initial or an item of a list
			case east && goesOn(rest, r, closed):
			default:
				if !yield(trim(text, Span{Start: start, End: end})) {
					return
				}
				start = end
			}
			i = end
		}
		if s := trim(text, Span{Start: start, End: block.End}); s.Start < s.End {
			yield(s)
		}
	}
}

// closing returns where a sentence whose stop ends at i ends: after further stops,
// closing marks and references to notes. It reports whether there are closing
// marks.
func closing(text string, i, end int) (int, bool) {
	closed := false
	for i < end {
		r, size := utf8.DecodeRuneInString(text[i:end])
		switch {
		case r == '[' || r == '［':
			n := noteLen(text[i:end])
			if n == 0 {
				return i, closed
			}
			size = n
		case closes(r):
			closed = true
		case !EndsAnywhere(r) && r != '.' && r != '!' && r != '?':
			return i, closed
		}
		i += size
	}
	return i, closed
}

// noteLen returns the length of the reference to a note that text begins with, such as
// [1], 0 if there is none.
func noteLen(text string) int {
	_, open := utf8.DecodeRuneInString(text)
	for i, r := range text[open:] {
		switch {
		case (r == ']' || r == '］') && i > 0:
			return open + i + utf8.RuneLen(r)
		case !unicode.IsDigit(r) || i > 9:
			return 0
		}
	}
	return 0
}

// isLetter reports whether r is in one of the ranges of common letters, without
// marks that end sentences or begin quotations. It only saves time.
func isLetter(r rune) bool {
	return r < 0x0589 || r >= 0x3041 && r < 0xa4d0 || r >= 0xac00 && r < 0xd7a4 || r >= 0x0900 && r < 0x1000 && r != '।' && r != '॥'
}

// closingMark returns the mark that closes a quotation or an insertion opened by r,
// 0 if r opens none.
func closingMark(r rune) rune {
	switch r {
	case '「':
		return '」'
	case '『':
		return '』'
	case '“':
		return '”'
	case '（':
		return '）'
	case '《':
		return '》'
	case '【':
		return '】'
	}
	return 0
}

// quotationLength is the greatest length, in characters, of a quotation that is not cut.
const quotationLength = 100

// endOfQuotation returns where the quotation in text ends, after its closing mark.
// The end may be beyond text. 0 means that it is too long, or was never closed.
func endOfQuotation(text string, mark rune) int {
	n := 0
	for i, r := range text {
		if r == mark {
			if r == '》' { // a title, which does not end a sentence
				i++
			}
			return i + utf8.RuneLen(r)
		}
		if n++; n > quotationLength {
			return 0
		}
	}
	return len(text)
}

// isMark reports whether a full stop of full width after sentence, whose last
// character is last, belongs to a list item, as in "１．はじめに", or to an initial.
func isMark(sentence string, last rune) bool {
	sentence = strings.TrimSpace(sentence)
	if len(sentence) <= 12 && strings.TrimFunc(sentence, unicode.IsDigit) == "" {
		return true
	}
	if !unicode.Is(unicode.Latin, last) {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(sentence[:len(sentence)-utf8.RuneLen(last)])
	return !unicode.Is(unicode.Latin, before)
}

// endsKorean reports whether stop, after the syllable before, ends a sentence
// although no space follows: a full stop does so only after the endings of
// sentences.
func endsKorean(before, stop rune) bool {
	return before >= 0xac00 && before <= 0xd7a3 && (stop != '.' || strings.ContainsRune("다요까죠네오어아지군", before))
}

// goesOn reports whether rest continues the sentence, after the stop and, if
// closed, closing marks: with a particle or with the speaker of the quotation. It
// reports true while rest is too short to decide.
func goesOn(rest string, stop rune, closed bool) bool {
	next, size := utf8.DecodeRuneInString(rest)
	switch {
	case next == 'っ' || next == 'を':
		return true
	case closed && strings.ContainsRune("とのがへ", next):
		return true
	case next == 'と' && stop != '。' && stop != '．' && stop != '｡':
		verb, _ := utf8.DecodeRuneInString(rest[size:])
		return size == len(rest) || strings.ContainsRune("思言聞問答尋叫考感訊話書呼", verb)
	case closed && unicode.Is(unicode.Han, next):
		return saysWho(rest)
	}
	return false
}

// saysWho reports whether text begins with a short subject and a Chinese verb of
// saying, or may do so if continued.
func saysWho(text string) bool {
	n := 0
	var before rune
	for i, r := range text {
		if !unicode.Is(unicode.Han, r) || n > 5 || n == 0 && strings.ContainsRune("没沒无無不", r) {
			return false
		}
		switch {
		case n == 0:
		case strings.ContainsRune("说說问問喊嚷答", r) && !strings.ContainsRune("小据據传傳听聽学學", before):
			return true
		case r == '道':
			next, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):])
			if !unicode.Is(unicode.Han, next) {
				return true
			}
		}
		before = r
		n++
	}
	return true
}

// closes reports whether r may be between a full stop and the next sentence.
func closes(r rune) bool {
	return r == '"' || r == '\'' || unicode.In(r, unicode.Pe, unicode.Pf)
}
