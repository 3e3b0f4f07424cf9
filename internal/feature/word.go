package feature

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Word is what the features need to know of a token.
type Word struct {
	Term int32 // the same for words with the same stem, -1 if the token is no word
	Is   Trait
}

// Trait is a set of properties of a word or a mark.
type Trait uint32

// The traits. Those from Comma on belong to marks, which have no term.
const (
	Stop     Trait = 1 << iota // says little about what a text is about
	Capital                    // begins with a capital letter
	Number                     // holds a digit or names a number
	Year                       // four digits that read as a year
	Month                      // a month, a day of the week, or "century"
	Pronoun                    // refers to the text before it when it opens a sentence
	Place                      // a preposition before places
	Copula                     // joins a term to its definition
	Agent                      // "by"
	Cause                      // gives a reason
	Made                       // says that somebody made, played or won something
	Located                    // says where something is
	Negation                   // turns a statement round
	Unit                       // a unit of measurement or money
	LastStop                   // a mark that ends a sentence
	Comma
	Asks   // a question mark
	Quotes // a quotation mark
	Opens  // an opening bracket
	Money  // a sign of a currency or per cent
)

var lists = [...]struct {
	is    Trait
	words string
}{
	{Stop, `a an the and or but nor if then than so as of in on at by for with from to into onto over under about after before
		between during through is are was were be been being am do does did done has have had having can could will would shall
		should may might must not no it its he she they them his her hers their theirs him i you your yours we our us me my mine
		this that these those there here who whom whose which what when where why how s t d ll re ve m also just only very too
		more most some any all each many much such other one`},
	{Number, `two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen twenty thirty forty fifty
		sixty dozen hundred thousand million billion trillion half third quarter once twice`},
	{Month, `january february march april june july august september october november december monday tuesday wednesday
		thursday friday saturday sunday century spring summer autumn winter`},
	{Pronoun, "he she it they this these that those his her its their him them such"},
	{Place, "in at on near of from to across along between"},
	{Copula, "is are was were means refers denotes defined called"},
	{Agent, "by"},
	{Cause, "because due caused causes cause since therefore thus reason reasons result resulted results order purpose leads led owing hence allows enable enables prevent"},
	{Made, `played portrayed voiced sung sings written wrote directed produced created founded invented discovered designed built
		painted composed performed recorded starring stars starred cast won winner champion author singer actor actress leader
		president king queen recorded released born elected appointed established`},
	{Located, "located situated lies capital headquarters headquartered based border borders coast region area filmed shot lives found north south east west"},
	{Negation, "not no never none neither nor without cannot nobody nothing nowhere hardly t"},
	{Unit, `percent year years month months week weeks day days hour hours minute minutes second seconds metre metres meter meters km
		kilometres kilometers miles mile feet foot ft inch inches kg kilograms pounds lb tons tonnes degrees people episodes seasons
		members players acres hectares dollars euros times mm cm litres liters population`},
}

var traits = func() map[string]Trait {
	m := map[string]Trait{}
	for _, l := range lists {
		for w := range strings.FieldsSeq(l.words) {
			m[w] |= l.is
		}
	}
	return m
}()

// Lexicon numbers the stems of one request. Not safe for concurrent changes.
type Lexicon struct {
	terms map[string]int32
	stems []string
}

// NewLexicon returns an empty lexicon with room for so many stems.
func NewLexicon(capacity int) *Lexicon {
	return &Lexicon{terms: make(map[string]int32, capacity), stems: make([]string, 0, capacity)}
}

// Words returns the words and marks of a text.
func (l *Lexicon) Words(text string) []Word {
	var out []Word
	for text != "" {
		n := TokenLen(text)
		out = append(out, l.Word(text[:n]))
		text = text[n:]
	}
	return out
}

// Word returns what is to be known of a token.
func (l *Lexicon) Word(token string) Word {
	s := strings.TrimPrefix(token, " ")
	first, _ := utf8.DecodeRuneInString(s)
	if !unicode.IsLetter(first) && !unicode.IsNumber(first) {
		return Word{Term: -1, Is: markTraits(first)}
	}
	lower := strings.ToLower(s)
	w := Word{Is: traits[lower]}
	if unicode.IsUpper(first) {
		w.Is |= Capital
	}
	if lower == "may" && w.Is&Capital != 0 {
		w.Is = w.Is&^Stop | Month
	}
	if strings.ContainsFunc(s, unicode.IsNumber) {
		w.Is |= Number
		if isYear(s) {
			w.Is |= Year
		}
	}
	w.Term = l.term(Stem(lower))
	return w
}

func (l *Lexicon) term(stem string) int32 {
	id, ok := l.terms[stem]
	if !ok {
		id = int32(len(l.stems))
		l.terms[stem] = id
		l.stems = append(l.stems, stem)
	}
	return id
}

func markTraits(r rune) Trait {
	var is Trait
	if unicode.Is(unicode.Sentence_Terminal, r) {
		is |= LastStop
	}
	switch r {
	case ',', '，', '、':
		is |= Comma
	case '?', '？':
		is |= Asks
	case '"', '“', '”', '`', '«':
		is |= Quotes
	case '(', '[':
		is |= Opens
	case '$', '€', '£', '¥', '%':
		is |= Money
	}
	return is
}

func isYear(s string) bool {
	return len(s) == 4 && (s[0] == '1' || s[0] == '2' && s[1] == '0') && strings.Trim(s, "0123456789") == ""
}

// Stem takes common English endings off a lower-case word. It need not give a
// word, only the same letters for most forms of one.
func Stem(s string) string {
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
