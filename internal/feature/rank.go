package feature

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/go-porterstemmer"
)

// The kinds of terms that a text is taken apart into.
const (
	rankStems = iota // content words without their endings (Porter)
	rankForms        // all words in lower case
	rankGrams        // runs of four characters of a word, its ends counted as characters
	rankRoots        // the first four characters of content words
	rankKinds
)

// The parameters of BM25 for stems, forms and grams: the power of the rarity, and k1.
// b is 0.75 for all.
var rankPowers, rankK1 = [...]float64{1.5, 1, 1}, [...]float64{1.2, 1.2, 2}

const (
	rankB      = 0.75
	rootLength = 4
	leastJoint = 6 // bytes of a word that two neighbouring words can make
)

// partTimes is how often a term of the title and one of the text count.
var partTimes = [...]float64{2, 1}

// Collection knows how rare terms are among passages, and how long passages are. Once all
// are added, it may be used by several goroutines at once.
type Collection struct {
	passages int
	holders  [rankKinds]map[string]int // passages that hold a term
	length   [rankKinds]float64        // terms of all passages
}

// NewCollection returns a collection without passages.
func NewCollection() *Collection {
	c := &Collection{}
	for k := range c.holders {
		c.holders[k] = map[string]int{}
	}
	return c
}

// Add counts a passage.
func (c *Collection) Add(title, text string) {
	c.passages++
	seen := [rankKinds]map[string]bool{{}, {}, {}, {}}
	for part, text := range [...]string{title, text} {
		for _, w := range rankWords(text) {
			w.terms(func(kind int, term string) {
				c.length[kind] += partTimes[part]
				if seen[kind][term] {
					return
				}
				term = strings.Clone(term) // not to keep the text
				seen[kind][term] = true
				c.holders[kind][term]++
			})
		}
	}
}

// rarity is the idf of BM25 as a share of that of a term that no passage holds: it means
// about the same whatever the number of passages.
func (c *Collection) rarity(kind int, term string) float64 {
	all, n := float64(c.passages), float64(c.holders[kind][term])
	return math.Log(1+(all-n+0.5)/(n+0.5)) / math.Log(1+(all+0.5)/0.5)
}

// rankWord is a word in lower case.
type rankWord struct {
	form string
	stop bool
}

func rankWords(text string) []rankWord {
	var out []rankWord
	for text != "" {
		n := TokenLen(text)
		form := strings.ToLower(strings.TrimPrefix(text[:n], " "))
		text = text[n:]
		if r, _ := utf8.DecodeRuneInString(form); unicode.IsLetter(r) || unicode.IsNumber(r) {
			out = append(out, rankWord{form, traits[form]&Stop != 0})
		}
	}
	return out
}

// terms calls visit with every term of the word.
func (w rankWord) terms(visit func(kind int, term string)) {
	visit(rankForms, w.form)
	if !w.stop {
		visit(rankStems, w.stem())
		visit(rankRoots, w.root())
	}
	bounded := "\x00" + w.form + "\x00"
	var starts [4]int // of the last four characters
	n := 0
	for i := 0; i < len(bounded); n++ {
		_, size := utf8.DecodeRuneInString(bounded[i:])
		starts[n%4] = i
		i += size
		if n >= 3 {
			visit(rankGrams, bounded[starts[(n+1)%4]:i])
		}
	}
}

// longestStemmed is the length in bytes up to which words are stemmed: no word is longer,
// and the stemmer takes time by the square of a run of the letter y.
const longestStemmed = 64

func (w rankWord) stem() string {
	if len(w.form) > longestStemmed {
		return w.form
	}
	return porterstemmer.StemString(w.form)
}

func (w rankWord) root() string {
	n := 0
	for i := range w.form {
		if n == rootLength {
			return w.form[:i]
		}
		n++
	}
	return w.form
}
