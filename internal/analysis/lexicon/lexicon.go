// Package lexicon holds properties of the words and marks of a text, for package
// feature, which compares texts word by word. The words are those of packages token
// and keyword, by which keyword search finds passages: stems of the language of the
// text, and pairs of characters in scripts without spaces.
//
// A [Lexicon] may be used by one goroutine at a time while texts are read.
package lexicon

import (
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/internal/analysis/token"
)

// Word holds the properties of a word or a mark.
type Word struct {
	Term int32 // the same for words with the same stem, -1 for a mark
	Is   Trait
}

// Lexicon numbers the stems of texts of one language. Make one with [New].
type Lexicon struct {
	language keyword.Language
	terms    map[string]int32
	stems    []string
	ends     []int
}

// New returns an empty lexicon with room for capacity stems.
func New(capacity int, of keyword.Language) *Lexicon {
	return &Lexicon{language: of, terms: make(map[string]int32, capacity), stems: make([]string, 0, capacity)}
}

// looked is the approximate number of bytes of texts that are read for their
// language.
const looked = 400

// LanguageOf returns the language of texts that belong together.
func LanguageOf(texts ...string) keyword.Language {
	var e keyword.Evidence
	n := 0
	for _, t := range texts {
		if most := looked - n; len(t) > most {
			for most > 0 && !utf8.RuneStart(t[most]) {
				most--
			}
			t = t[:most]
		}
		e.Look(t)
		if n += len(t); n >= looked-utf8.UTFMax {
			break
		}
	}
	l, _ := e.Language()
	return l
}

// Language returns the language of the texts.
func (l *Lexicon) Language() keyword.Language { return l.language }

// Words returns the words and marks of a text.
func (l *Lexicon) Words(text string) []Word {
	d := dictionaries.Get().(*dictionary)
	defer dictionaries.Put(d)
	out := make([]Word, 0, len(text)/4+1)
	scanner := token.Scan(text)
	end := 0
	for t := (token.Token{}); scanner.Next(&t); {
		out = appendMarks(out, text[end:t.Start])
		word := text[t.Start:t.End]
		if t.Run {
			counted := end == t.Start && len(out) > 0 && out[len(out)-1].Is&Number != 0
			out = l.appendGrams(out, d, word, t.Script, counted)
		} else {
			for _, p := range d.partsOf(word, t.Script, l.language) {
				out = append(out, Word{Term: l.term(p.term), Is: p.is})
			}
		}
		end = t.End
	}
	out = appendMarks(out, text[end:])
	if l.language.Code() == "de" {
		lonely(out)
	}
	return out
}

// lonely removes the trait Capital from words without a neighbor that has it: in
// German all nouns have a capital, so that only several in a row are likely to be a
// name.
func lonely(words []Word) {
	before := false
	for i := range words {
		is := words[i].Is&Capital != 0
		if is && !before && (i+1 == len(words) || words[i+1].Is&Capital == 0) {
			words[i].Is &^= Capital
		}
		before = is
	}
}

// Stem returns the stem with a number, which must be that of a Word of l. It begins
// with a tag for its language.
func (l *Lexicon) Stem(term int32) string { return l.stems[term] }

// Stems returns all stems by their numbers. It is not a copy.
func (l *Lexicon) Stems() []string { return l.stems }

func (l *Lexicon) term(stem string) int32 {
	id, ok := l.terms[stem]
	if !ok {
		id = int32(len(l.stems))
		l.terms[stem] = id
		l.stems = append(l.stems, stem)
	}
	return id
}

// appendMarks appends the marks between words.
func appendMarks(out []Word, s string) []Word {
	if s == "" || s == " " {
		return out
	}
	for _, r := range s {
		if is := markTraits(r); is != 0 || !unicode.IsSpace(r) {
			out = append(out, Word{Term: -1, Is: is})
		}
	}
	return out
}
