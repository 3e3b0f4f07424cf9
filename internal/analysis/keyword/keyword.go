// Package keyword holds the analysis of the keyword index: how the words of package token
// become terms, by language. Stemmers and stop words are those of the bleve library and of
// Snowball; nothing else of bleve is imported.
package keyword

import (
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis/token"
)

// Terms holds the terms of one text in order, one after another in one slice. The
// zero value has none.
type Terms struct {
	text   []byte
	ends   []uint32 // with repeats set for a term that repeats another
	length int
}

const repeats = 1 << 31

// Add appends a term, unless it is empty. A term that repeats is another way to
// find what a neighboring term finds, and does not count in the length.
func (t *Terms) Add(term string, again bool) {
	if term == "" {
		return
	}
	t.text = append(t.text, term...)
	t.end(again)
}

func (t *Terms) end(again bool) {
	end := uint32(len(t.text))
	if again {
		end |= repeats
	} else {
		t.length++
	}
	t.ends = append(t.ends, end)
}

// Len returns the number of terms without those that repeat.
func (t Terms) Len() int { return t.length }

// All yields the terms in order, and whether each repeats. They are parts of t and
// must not be changed.
func (t Terms) All() iter.Seq2[[]byte, bool] {
	return func(yield func([]byte, bool) bool) {
		start := uint32(0)
		for _, end := range t.ends {
			if !yield(t.text[start:end&^repeats], end&repeats != 0) {
				return
			}
			start = end &^ repeats
		}
	}
}

// A term begins with a byte that keeps kinds apart: the number of the language
// whose rules made it, or one of these.
const (
	plainTag = 'p' // of no language: numbers, names with digits or signs
	nameTag  = 'n' // a stop word that has capitals because it is a name
)

// piece is a word, or a part of one.
type piece struct {
	start, end int // in the word
	// terms are the forms by which the piece is found. The first is the spelling in
	// the language, others are alternative spellings. A stop word has none.
	terms []string
	// extra is set if the piece repeats others: it does not count in lengths.
	extra bool
	// name is the term of a stop word as a name.
	name string
}

// Reader splits texts into terms. It may be used by one goroutine at a time. The
// zero value is ready to use.
type Reader struct {
	cache [Count]cache
	ends  []int
	run   Terms
}

// languageOf returns the language for a word of a script in a text of a language.
func languageOf(of Language, s token.Script) Language {
	if languages[of].every || of != Plain && languages[of].script == s {
		return of
	}
	return usual[s]
}

// pieces returns the pieces of a word. They must not be changed.
func (r *Reader) pieces(word string, l Language) []piece { return r.cache[l].get(word, l).pieces }

// piecesOf splits a word into pieces.
func piecesOf(word string, l Language) []piece {
	if simple(word) {
		return l.part(strings.ToLower(word), 0, len(word), false)
	}
	return splitPieces(word, l)
}

// simple reports whether a word consists of ASCII letters with no capital after the
// first: it has no parts.
func simple(word string) bool {
	for i := range len(word) {
		if c := word[i]; (c < 'a' || c > 'z') && (i > 0 || c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// splitPieces splits a word that may have parts.
func splitPieces(word string, l Language) []piece {
	parts := token.Split(word)
	var list []piece
	whole := 0 // parts that are not camel parts
	for _, p := range parts.List {
		if !p.Camel {
			whole++
		}
	}
	for _, p := range parts.List {
		raw := word[p.Start:p.End]
		if parts.Letters {
			raw = strings.Map(func(r rune) rune {
				if r == '.' || r == '\uff0e' || r == '\u2024' || r == '\ufe52' {
					return -1
				}
				return r
			}, raw)
		}
		lower := token.Lower(raw)
		if parts.Sign != "" && p.End == parts.List[len(parts.List)-1].End && !p.Camel {
			list = append(list, piece{start: p.Start, end: len(word), terms: []string{string(plainTag) + token.Fold(lower) + parts.Sign}})
			if utf8.RuneCountInString(lower) == 1 {
				continue // "C" is a different name from "C++"
			}
			list[len(list)-1].extra = true
		}
		list = append(list, l.part(lower, p.Start, p.End, p.Camel)...)
	}
	if whole > 1 && whole <= 4 {
		var joined strings.Builder
		for _, p := range parts.List {
			if !p.Camel {
				joined.WriteString(strings.ReplaceAll(token.Lower(word[p.Start:p.End]), "'", ""))
			}
		}
		list = append(list, piece{start: parts.List[0].Start, end: len(word), terms: l.terms(joined.String()), extra: true})
	}
	if parts.Stop {
		list = append(list, piece{end: len(word), terms: []string{string(plainTag) + "." + token.Fold(token.Lower(word[1:parts.List[0].End]))}, extra: true})
	}
	return list
}

// part returns the pieces of a part in lower case.
func (l Language) part(lower string, start, end int, extra bool) []piece {
	if l.stops(lower) {
		return []piece{{start: start, end: end, name: string(nameTag) + token.Fold(lower), extra: extra}}
	}
	head, tail, cut := strings.Cut(lower, "'")
	if cut && len(lower) > longestStemmed {
		lower, cut = strings.ReplaceAll(lower, "'", ""), false // no name
	}
	if !cut {
		list := []piece{{start: start, end: end, terms: l.terms(lower), extra: extra}}
		// "v1.2.3" is found as "1.2.3".
		if len(lower) > 2 && lower[0] == 'v' && '0' <= lower[1] && lower[1] <= '9' {
			list = append(list, piece{start: start + 1, end: end, terms: l.terms(lower[1:]), extra: true})
		}
		return list
	}
	lang := &languages[l]
	switch {
	case lang.suffixed, tail == "s" && lang.script == token.Latin:
		return l.part(head, start, end, extra)
	case contains(lang.elided, head):
		return l.part(tail, start, end, extra)
	}
	list := []piece{{start: start, end: end, terms: l.terms(strings.ReplaceAll(lower, "'", "")), extra: extra}}
	if utf8.RuneCountInString(head) <= 2 && utf8.RuneCountInString(tail) > 2 {
		p := l.part(tail, start, end, true)
		list = append(list, p...)
	}
	return list
}

// contains reports whether word is among words separated by spaces.
func contains(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}

// terms returns the forms by which a word in lower case is found.
func (l Language) terms(lower string) []string {
	digits := false
	for i := range len(lower) {
		digits = digits || '0' <= lower[i] && lower[i] <= '9'
	}
	if digits {
		return []string{string(plainTag) + number(token.Fold(lower))}
	}
	lang := &languages[l]
	stem := func(w string) string {
		if lang.stem == nil || len(w) > longestStemmed {
			return w
		}
		return lang.stem(w)
	}
	tag := string([]byte{byte(l)})
	if l == Plain || lang.every {
		tag = string(plainTag)
	}
	var list []string
	add := func(term string) {
		term = tag + term
		for _, t := range list {
			if t == term {
				return
			}
		}
		list = append(list, term)
	}
	plain := token.Fold(lower)
	if lang.accents {
		add(lower)
	} else {
		add(token.Fold(stem(lower)))
	}
	if plain != lower {
		add(token.Fold(stem(plain)))
		if s := token.Spelled(lower); s != lower {
			add(token.Fold(stem(token.Fold(s))))
		}
	}
	return list
}

// number removes the commas from a number like 1,234,567.
func number(s string) string {
	groups := strings.Split(s, ",")
	if len(groups) < 2 || len(groups[0]) > 3 || groups[0] == "" {
		return s
	}
	for i, g := range groups[1:] {
		if i == len(groups)-2 {
			g, _, _ = strings.Cut(g, ".")
		}
		if len(g) != 3 {
			return s
		}
	}
	return strings.Join(groups, "")
}
