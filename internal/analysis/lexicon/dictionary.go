package lexicon

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/internal/analysis/token"
)

// dictionary caches the entries of words, by language. One goroutine uses it at a
// time.
type dictionary struct {
	words [keyword.Count]map[string][]entry
	grams map[string]entry
}

// entry holds the properties of a part of a word.
type entry struct {
	term string
	is   Trait
}

// mostKept is the greatest number of words of a language, and of grams, in a
// dictionary.
const mostKept = 1 << 13

var dictionaries = sync.Pool{New: func() any { return new(dictionary) }}

// partsOf returns the parts of a word.
func (d *dictionary) partsOf(word string, s token.Script, of keyword.Language) []entry {
	list, ok := d.words[of][word]
	if ok {
		return list
	}
	if d.words[of] == nil || len(d.words[of]) >= mostKept {
		d.words[of] = make(map[string][]entry, 64)
	}
	word = strings.Clone(word) // a copy does not keep the whole text in memory
	for _, p := range keyword.Parts(word, s, of) {
		list = append(list, entry{p.Term, traitsOf(p, word, traits[of.Code()])})
	}
	d.words[of][word] = list
	return list
}

// gram returns the entry of neighboring characters.
func (d *dictionary) gram(gram string, s token.Script) entry {
	e, ok := d.grams[gram]
	if ok {
		return e
	}
	if d.grams == nil || len(d.grams) >= mostKept {
		d.grams = make(map[string]entry, 64)
	}
	gram = strings.Clone(gram)
	e = entry{keyword.GramTerm(gram, s), Gram}
	if s == token.EastAsian {
		e.is = traitsOfChar(gram)
	}
	d.grams[gram] = e
	return e
}

// traitsOf returns the traits of a part of a word; known holds those of the words
// of its language.
func traitsOf(p keyword.Part, whole string, known map[string]Trait) Trait {
	head, _, cut := strings.Cut(p.Lower, "'")
	is := known[p.Lower] | known[head]
	if p.Stop {
		is |= Stop
	}
	if cut && strings.HasSuffix(p.Lower, "n't") {
		is |= Negation
	}
	first, _ := utf8.DecodeRuneInString(whole)
	if unicode.IsUpper(first) {
		is |= Capital
	}
	if is&Capital != 0 && p.Lower == "may" {
		is = is&^Stop | Month
	}
	if strings.ContainsAny(p.Lower, "0123456789") {
		is |= Number
		if isYear(p.Lower) {
			is |= Year
		}
	}
	return is
}

func isYear(s string) bool {
	return len(s) == 4 && (s[0] == '1' || s[0] == '2' && s[1] == '0') && strings.Trim(s, "0123456789") == ""
}
