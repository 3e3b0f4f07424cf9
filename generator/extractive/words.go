package extractive

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is what the features need to know of a token.
type word struct {
	term int32 // the same for words with the same stem, -1 if the token is no word
	is   trait
}

// trait is a set of properties of a word.
type trait uint16

const (
	stop     trait = 1 << iota // says little about what a text is about
	capital                    // begins with a capital letter
	number                     // holds a digit or names a number
	date                       // a year or a month
	pronoun                    // refers to the text before it when it opens a sentence
	place                      // a preposition before places
	copula                     // joins a term to its definition
	lastStop                   // ends a sentence
)

var lists = [...]struct {
	is    trait
	words string
}{
	{stop, `a an the and or but nor if then than so as of in on at by for with from to into onto over under about after before
		between during through is are was were be been being am do does did done has have had having can could will would shall
		should may might must not no it its he she they them his her their hers theirs him i you your yours we our us me my mine
		this that these those there here who whom whose which what when where why how s t d ll re ve m also just only very too
		more most some any all each many much such other one`},
	{number, "one two three four five six seven eight nine ten eleven twelve dozen hundred thousand million billion half once twice"},
	{date, "january february march april june july august september october november december monday tuesday wednesday thursday friday saturday sunday century"},
	{pronoun, "he she it they this these that those his her its their him them such"},
	{place, "in at on near of from"},
	{copula, "is are was were means refers denotes defined called"},
}

var traits = func() map[string]trait {
	m := map[string]trait{}
	for _, l := range lists {
		for w := range strings.FieldsSeq(l.words) {
			m[w] |= l.is
		}
	}
	return m
}()

func (l *lexicon) newWord(token string) word {
	s := strings.TrimPrefix(token, " ")
	first, _ := utf8.DecodeRuneInString(s)
	if !unicode.IsLetter(first) && !unicode.IsNumber(first) {
		w := word{term: -1}
		if unicode.Is(unicode.Sentence_Terminal, first) {
			w.is = lastStop
		}
		return w
	}
	lower := strings.ToLower(s)
	w := word{is: traits[lower]}
	if unicode.IsUpper(first) {
		w.is |= capital
	}
	if strings.ContainsFunc(s, unicode.IsNumber) {
		w.is |= number
		if isYear(s) {
			w.is |= date
		}
	}
	term := stem(lower)
	id, ok := l.terms[term]
	if !ok {
		id = int32(len(l.terms))
		l.terms[term] = id
	}
	w.term = id
	return w
}

func isYear(s string) bool {
	return len(s) == 4 && (s[0] == '1' || s[0] == '2' && s[1] == '0') && strings.Trim(s, "0123456789") == ""
}

// stem takes common English endings off a lower-case word. It need not give a
// word, only the same letters for most forms of one.
func stem(s string) string {
	if len(s) <= 3 || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	switch {
	case strings.HasSuffix(s, "ies") && len(s) > 4:
		return s[:len(s)-3] + "y"
	case strings.HasSuffix(s, "sses"), strings.HasSuffix(s, "shes"), strings.HasSuffix(s, "ches"), strings.HasSuffix(s, "xes"):
		return s[:len(s)-2]
	case strings.HasSuffix(s, "ss"), strings.HasSuffix(s, "us"), strings.HasSuffix(s, "is"):
		return s
	case strings.HasSuffix(s, "s"):
		s = s[:len(s)-1]
	}
	if t, ok := strings.CutSuffix(s, "ing"); ok && strings.ContainsAny(t, "aeiouy") && len(t) > 2 {
		s = single(t)
	} else if t, ok := strings.CutSuffix(s, "ed"); ok && strings.ContainsAny(t, "aeiouy") && len(t) > 2 {
		s = single(t)
	} else if t, ok := strings.CutSuffix(s, "ion"); ok && len(t) > 3 && (t[len(t)-1] == 't' || t[len(t)-1] == 's') {
		s = t
	}
	if len(s) > 3 {
		s = strings.TrimSuffix(s, "e")
	}
	return s
}

// single takes one of two equal consonants off the end: stopp, but not fall.
func single(s string) string {
	n := len(s)
	if n > 2 && s[n-1] == s[n-2] && !strings.ContainsRune("aeioulsz", rune(s[n-1])) {
		return s[:n-1]
	}
	return s
}
