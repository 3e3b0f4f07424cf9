package sentence

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

// splitAtStops cuts a block after the characters that end a sentence in scripts
// other than Latin, where no space need follow.
func splitAtStops(text string, block Span) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		start := block.Start
		quoted := 0     // where the quotation ends that the character is in
		var before rune // the character before r
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
			case east && end < quoted: // the quotation goes on
			case ascii && !analysis.IsIdeographic(next) && !(unicode.Is(unicode.Hangul, next) && !closed): // Latin script goes on: Punkt decides
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

// closing returns where the sentence ends whose stop ends at i: behind further stops,
// closing marks and references to notes. It reports whether there are closing marks.
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

// isLetter reports whether r is in one of the ranges of common letters, without marks that
// end sentences or begin quotations. It is there for speed.
func isLetter(r rune) bool {
	return r < 0x0589 || r >= 0x3041 && r < 0xa4d0 || r >= 0xac00 && r < 0xd7a4 || r >= 0x0900 && r < 0x1000 && r != '।' && r != '॥'
}

// closingMark returns the mark that ends a quotation or an insertion that r begins, 0 if it
// begins none.
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

// endOfQuotation returns where the quotation in text ends, behind its closing mark. Its end
// may be still to come; 0 says that it is too long, or was never closed.
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

// isMark reports whether a full stop of full width behind sentence, whose last character
// is last, is that of an item of a list, as in "１．はじめに", or of an initial.
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

// endsKorean reports whether stop behind the syllable before ends a sentence though no
// space follows: a full stop does so only behind the endings of sentences.
func endsKorean(before, stop rune) bool {
	return before >= 0xac00 && before <= 0xd7a3 && (stop != '.' || strings.ContainsRune("다요까죠네오어아지군", before))
}

// goesOn reports whether rest, behind the stop and closing marks if closed, goes on with
// the sentence: with a particle or with who said the quotation before. It does so as long
// as rest is too short to tell.
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

// saysWho reports whether text begins with a short subject and a Chinese verb of saying,
// or may do so when it goes on.
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

// closes reports whether r may stand between a full stop and the next sentence.
func closes(r rune) bool {
	return r == '"' || r == '\'' || unicode.In(r, unicode.Pe, unicode.Pf)
}
