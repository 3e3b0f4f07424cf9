package feature

import (
	"strings"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
)

// Asked is a prompt taken apart: what is asked, and the texts to work on that
// the prompt itself holds.
type Asked struct {
	Ask   string   // the whole prompt, unless it holds a text
	Given []string // the texts; empty if passages have to be found
	Words []string // all words of the question, in lower case without accents
}

// ReadQuestion takes a prompt apart. With an input, the instruction only says
// what kind of answer is wanted, unless it is a task on the input.
func ReadQuestion(instruction, input string) Asked {
	a := Asked{Ask: instruction}
	switch {
	case input == "":
		a.Ask, a.Given = ownText(instruction)
	case isTask(instruction):
		a.Given = []string{input}
	default:
		a.Ask = input
	}
	a.Words = plainWords(a.Ask)
	return a
}

// plainWords returns the words of text in lower case without accents; an apostrophe parts
// words.
func plainWords(text string) []string {
	var list []string
	for w := range keyword.Plainly(text) {
		list = append(list, strings.FieldsFunc(w, func(r rune) bool { return r == '\'' })...)
	}
	return list
}
