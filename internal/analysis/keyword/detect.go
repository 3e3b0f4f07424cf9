package keyword

import (
	"math/bits"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis/token"
)

// Evidence is the evidence of a text for its language: a number for each language
// that grows with its stop words, and the number of words of each script.
type Evidence struct {
	score  [Count]float32
	hits   [Count]uint16 // the number of words and letters behind the score
	script [token.Scripts]float32
}

// read is the number of words of a text that are evaluated.
const read = 120

// bytesOfWord is the approximate length of a word in scripts without spaces.
const bytesOfWord = 3

// Look adds the evidence of text.
func (e *Evidence) Look(text string) {
	list := words()
	scanner := token.Scan(text)
	var small [32]byte
	n := 0
	for tok := (token.Token{}); n < read && scanner.Next(&tok); n++ {
		if tok.Run {
			e.script[tok.Script] += float32(tok.End-tok.Start) / bytesOfWord
			continue
		}
		// "Los Angeles", "Van Gogh" and "T" are names in any language.
		if e.script[tok.Script]++; tok.Number || tok.Capital && (!tok.Opens || tok.End-tok.Start == 1) {
			continue
		}
		word := text[tok.Start:tok.End]
		if len(word) > len(small) {
			continue
		}
		plain := true
		for i := range len(word) {
			c := word[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			small[i] = c
			plain = plain && c < utf8.RuneSelf
		}
		var set uint64
		if plain {
			set = list[string(small[:len(word)])]
		} else {
			lower := token.Lower(word)
			set = list[lower]
			for _, r := range lower {
				if in := letterSets[r]; in != 0 {
					e.add(in, 0.5)
				}
			}
		}
		if set != 0 {
			e.add(set, 1)
		}
	}
}

// add counts a word of the languages in set: the fewer there are, the more it
// counts.
func (e *Evidence) add(set uint64, weight float32) {
	weight /= float32(bits.OnesCount64(set))
	for ; set != 0; set &= set - 1 {
		l := bits.TrailingZeros64(set)
		e.score[l] += weight
		e.hits[l]++
	}
}

// Add adds the evidence of another text.
func (e *Evidence) Add(f *Evidence) {
	for i, s := range f.score {
		e.score[i] += s
	}
	for i, n := range f.hits {
		e.hits[i] += n
	}
	for i, s := range f.script {
		e.script[i] += s
	}
}

// enough is the score from which on a language is certain.
const enough = 2

// Language returns the language with the most evidence, and whether it is certain.
// Without evidence, it is the usual one of the script of most words.
func (e *Evidence) Language() (Language, bool) {
	first := usual[e.mostly()]
	best := first
	for l := range Languages() {
		if languages[l].script == languages[first].script && e.score[l] > e.score[best] {
			best = l
		}
	}
	// Many languages share a few words with the usual one.
	if e.score[best] < 1 || best != first && (e.hits[best] < 2 || e.score[best] < margin*e.score[first]) {
		return first, false
	}
	return best, e.score[best] >= enough
}

// margin is the factor by which the evidence for another language must exceed that
// for the usual one.
const margin = 1.5

// among returns the language with the most evidence among some and the usual one of
// the script of most words.
func (e *Evidence) among(of []Language) Language {
	best := usual[e.mostly()]
	for _, l := range of {
		if e.score[l] > e.score[best] {
			best = l
		}
	}
	return best
}

// mostly returns the script of most words, Latin if there are none.
func (e *Evidence) mostly() token.Script {
	script := token.Latin
	for s, n := range e.script {
		if n > e.script[script] {
			script = token.Script(s)
		}
	}
	return script
}
