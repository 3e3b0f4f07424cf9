package feature

import (
	"strings"
	"unicode"

	"github.com/goselfrag/goselfrag/internal/sentence"
)

// Asked is a prompt taken apart: what is asked, and the texts to work on that
// stand in the prompt itself.
type Asked struct {
	Ask   string
	Given []string
	// Marked is set when the prompt says that it gives a text, by a task such as
	// "rewrite" or by words such as "in the text". If it is not, Given holds the
	// sentences around a question, which may or may not help to answer it.
	Marked bool
	First  string   // the first word, in lower case
	Words  []string // all words of the question, in lower case
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

// ReadQuestion takes a prompt apart. With an input, the instruction only says
// what kind of answer is wanted, unless it is a task on the input.
func ReadQuestion(instruction, input string) Asked {
	a := Asked{Ask: instruction}
	if input != "" {
		if w := lowerWords(instruction); len(w) > 0 && taskVerbs[w[0]] {
			a.Given, a.Marked = []string{input}, true
		} else {
			a.Ask = input
		}
	}
	a.Words = lowerWords(a.Ask)
	if len(a.Words) > 0 {
		a.First = a.Words[0]
	}
	if a.Given == nil {
		a.findText()
	}
	return a
}

// findText looks for a text inside the question: in quotation marks, after a
// colon, or in sentences beside the one that asks.
func (a *Asked) findText() {
	if rest, text := cutQuotes(a.Ask); len(text) > 0 && (taskVerbs[a.First] || anyIn(lowerWords(rest), announces)) {
		a.Ask, a.Given, a.Marked = rest, text, true
		return
	}
	if head, text, ok := strings.Cut(a.Ask, ":"); ok {
		w := lowerWords(head)
		if len(strings.Fields(text)) >= 3 && (taskVerbs[a.First] || anyIn(w, announces)) {
			a.Ask, a.Given, a.Marked = head, []string{text}, true
			return
		}
	}
	var questions, others []string
	for _, s := range sentence.Split(a.Ask) {
		if t := s.Of(a.Ask); strings.HasSuffix(t, "?") {
			questions = append(questions, t)
		} else if len(strings.Fields(t)) >= 3 {
			others = append(others, t)
		}
	}
	if len(questions) > 0 && len(others) > 0 {
		a.Ask, a.Given = strings.Join(questions, " "), others
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
