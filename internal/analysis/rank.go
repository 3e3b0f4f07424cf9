package analysis

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/go-porterstemmer"
)

// The kinds of terms that [RankWord.Terms] derives from a word.
const (
	RankStems = iota // content words without their endings (Porter)
	RankForms        // all words in lower case
	RankGrams        // sequences of four characters of a word, its ends counted as characters
	RankRoots        // the first four characters of content words
	RankKinds        // the number of kinds
)

const rootLength = 4 // characters

// RankWord is a word in lower case.
type RankWord struct {
	Form string
	Stop bool // carries little content
}

// RankWords returns the tokens of text, as defined by [TokenLen], that begin with a
// letter or a number.
func RankWords(text string) []RankWord {
	var out []RankWord
	for text != "" {
		n := TokenLen(text)
		form := strings.ToLower(strings.TrimPrefix(text[:n], " "))
		text = text[n:]
		if r, _ := utf8.DecodeRuneInString(form); unicode.IsLetter(r) || unicode.IsNumber(r) {
			out = append(out, RankWord{form, rankStops[form]})
		}
	}
	return out
}

// Terms calls visit with every term of the word.
func (w RankWord) Terms(visit func(kind int, term string)) {
	visit(RankForms, w.Form)
	if !w.Stop {
		visit(RankStems, w.stem())
		visit(RankRoots, w.Root())
	}
	bounded := "\x00" + w.Form + "\x00"
	var starts [4]int // of the last four characters
	n := 0
	for i := 0; i < len(bounded); n++ {
		_, size := utf8.DecodeRuneInString(bounded[i:])
		starts[n%4] = i
		i += size
		if n >= 3 {
			visit(RankGrams, bounded[starts[(n+1)%4]:i])
		}
	}
}

// longestStemmed is the greatest length in bytes of a word that is stemmed: real
// words are not longer, and the stemmer takes quadratic time for a run of the
// letter y.
const longestStemmed = 64

func (w RankWord) stem() string {
	if len(w.Form) > longestStemmed {
		return w.Form
	}
	return porterstemmer.StemString(w.Form)
}

// Root returns the first four characters.
func (w RankWord) Root() string {
	n := 0
	for i := range w.Form {
		if n == rootLength {
			return w.Form[:i]
		}
		n++
	}
	return w.Form
}

var rankStops = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`a an the and or but nor if then than so as of in on at by for with from to into onto over under about after before
		between during through is are was were be been being am do does did done has have had having can could will would shall
		should may might must not no it its he she they them his her hers their theirs him i you your yours we our us me my mine
		this that these those there here who whom whose which what when where why how s t d ll re ve m also just only very too
		more most some any all each many much such other one`) {
		m[w] = true
	}
	return m
}()
