package extractive

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/sentence"
)

// asked is a prompt taken apart: what is asked, and the texts to work on that
// stand in the prompt itself.
type asked struct {
	ask   string
	given []string
	// marked is set when the prompt says that it gives a text, by a task such as
	// "rewrite" or by words such as "in the text". If it is not, given holds the
	// sentences around a question, which may or may not help to answer it.
	marked bool
	first  string   // the first word, in lower case
	words  []string // all words, in lower case
}

// Words that begin a task on a text, words that announce a text, and words of
// talk rather than of questions.
var (
	taskVerbs = set(`rewrite rephrase paraphrase reword summarise summarize translate correct proofread shorten simplify edit
		fix convert classify extract repeat continue complete spell count sort format expand improve capitalise capitalize
		reverse alphabetise alphabetize punctuate condense`)
	creations = set("write compose create generate draft invent imagine say print pretend act roleplay sing")
	announces = set("text passage sentence paragraph following phrase statement article excerpt quote quotation word words list code email letter note")
	greetings = set("hello hi hey thanks thank bye goodbye ok okay please sorry great cool nice welcome morning good")
	sums      = set(`what whats is the of plus minus times divided by multiplied and percent sum calculate compute square root
		squared cubed equals equal how much s add subtract multiply divide x`)
	asks = set(`who whom whose what when where why which how is are was were do does did can could will would should has have
		had name list tell explain describe define`)
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// lowerWords returns the words of s in lower case, without punctuation.
func lowerWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r)
	})
}

func anyIn(words []string, m map[string]bool) bool {
	for _, w := range words {
		if m[w] {
			return true
		}
	}
	return false
}

// readQuestion takes a prompt apart. With an input, the instruction only says
// what kind of answer is wanted, unless it is a task on the input.
func readQuestion(instruction, input string) asked {
	a := asked{ask: instruction}
	if input != "" {
		if w := lowerWords(instruction); len(w) > 0 && taskVerbs[w[0]] {
			a.given, a.marked = []string{input}, true
		} else {
			a.ask = input
		}
	}
	a.words = lowerWords(a.ask)
	if len(a.words) > 0 {
		a.first = a.words[0]
	}
	if a.given == nil {
		a.findText()
	}
	return a
}

// findText looks for a text inside the question: in quotation marks, after a
// colon, or in sentences beside the one that asks.
func (a *asked) findText() {
	if rest, text := cutQuotes(a.ask); len(text) > 0 && (taskVerbs[a.first] || anyIn(lowerWords(rest), announces)) {
		a.ask, a.given, a.marked = rest, text, true
		return
	}
	if head, text, ok := strings.Cut(a.ask, ":"); ok {
		w := lowerWords(head)
		if len(strings.Fields(text)) >= 3 && (taskVerbs[a.first] || anyIn(w, announces)) {
			a.ask, a.given, a.marked = head, []string{text}, true
			return
		}
	}
	var questions, others []string
	for _, s := range sentence.Split(a.ask) {
		if t := s.Of(a.ask); strings.HasSuffix(t, "?") {
			questions = append(questions, t)
		} else if len(strings.Fields(t)) >= 3 {
			others = append(others, t)
		}
	}
	if len(questions) > 0 && len(others) > 0 {
		a.ask, a.given = strings.Join(questions, " "), others
	}
}

// cutQuotes returns s without what it holds in double quotation marks, and the
// quoted texts of at least three words.
func cutQuotes(s string) (rest string, quoted []string) {
	var b strings.Builder
	for {
		open := strings.IndexAny(s, "\"“")
		if open < 0 {
			break
		}
		mark, closing := `"`, `"`
		if strings.HasPrefix(s[open:], "“") {
			mark, closing = "“", "”"
		}
		text, after, ok := strings.Cut(s[open+len(mark):], closing)
		if !ok {
			break
		}
		b.WriteString(s[:open])
		if len(strings.Fields(text)) >= 3 {
			quoted = append(quoted, text)
		} else {
			b.WriteString(text)
		}
		s = after
	}
	b.WriteString(s)
	return b.String(), quoted
}

// wants returns what the first question word asks for, and whether the question
// is what something is.
func (a *asked) wants() (w want, define bool) {
	for i, word := range a.words {
		next := ""
		if i+1 < len(a.words) {
			next = a.words[i+1]
		}
		is := next == "is" || next == "are" || next == "s"
		switch word {
		case "who", "whom", "whose":
			return wantName, is && len(a.words) <= 5
		case "when":
			return wantDate, false
		case "where":
			return wantPlace, false
		case "how":
			switch next {
			case "many", "much", "old", "long", "far", "tall", "big", "high", "fast", "often", "large", "deep", "heavy":
				return wantNumber, false
			}
			return wantAny, false
		case "what", "which":
			switch next {
			case "year", "date", "day", "month":
				return wantDate, false
			case "country", "city", "state", "place", "county", "continent":
				return wantPlace, false
			}
			return wantAny, is
		case "define", "meaning":
			return wantAny, true
		}
	}
	return wantAny, false
}

// The features of a question that say whether to retrieve before answering.
const (
	rAsks      = iota // 1 if it begins with a question word or ends with a question mark
	rText             // 1 if the prompt says that it gives a text to work on
	rGiven            // share of the question's words, by weight, in the sentences around it
	rGreets           // 1 for a greeting or thanks of up to six words
	rCounts           // 1 if it only asks for arithmetic
	rCreates          // 1 if it asks to write something new
	rAddresses        // 1 for up to eight words to or about the program ("you")
	rNames            // 1 if it holds a number or, past its first word, a capital
	rOneWord          // 1 if it is a single word
	retrieveFeatureCount
)

type retrieveFeatures [retrieveFeatureCount]float64

func (f retrieveFeatures) dot(weights retrieveFeatures) float64 {
	sum := 0.0
	for i := range f {
		sum += float64(f[i] * weights[i])
	}
	return sum
}

// retrieveFeatures returns the features of the question; given is rGiven.
func (a *asked) retrieveFeatures(given float64) retrieveFeatures {
	f := retrieveFeatures{rGiven: given}
	if a.marked {
		f[rGiven] = 0
	}
	numbers, others, you := 0, 0, false
	for _, w := range a.words {
		switch {
		case strings.Trim(w, "0123456789") == "":
			numbers++
		case !sums[w]:
			others++
		}
		you = you || w == "you" || w == "your" || w == "yourself"
	}
	capitals := false
	for i, w := range strings.Fields(a.ask) {
		first, _ := utf8.DecodeRuneInString(w)
		capitals = capitals || i > 0 && w != "I" && (unicode.IsUpper(first) || unicode.IsDigit(first))
	}
	for i, on := range [...]bool{
		rAsks:      asks[a.first] || strings.HasSuffix(strings.TrimSpace(a.ask), "?"),
		rText:      a.marked || taskVerbs[a.first],
		rGreets:    greetings[a.first] && len(a.words) <= 6,
		rCounts:    numbers > 0 && others == 0 && (numbers > 1 || len(a.words) <= 8 && anyIn(a.words, rootWords)),
		rCreates:   creations[a.first],
		rAddresses: you && len(a.words) <= 8,
		rNames:     capitals,
		rOneWord:   len(a.words) <= 1,
	} {
		if on {
			f[i] = 1
		}
	}
	return f
}

var rootWords = set("root square squared cubed percent")
