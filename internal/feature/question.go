package feature

import (
	"strings"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/internal/linear"
)

// Asked is a parsed prompt: the question, and the text to work on that the prompt
// itself holds.
type Asked struct {
	Ask   string   // the whole prompt, unless it holds a text
	Given string   // the text; empty if passages have to be found
	Words []string // all words of the question, in lower case without accents
	// Search is the probability that passages have to be found.
	Search float64
}

// ReadQuestion parses a prompt. With an input, the instruction only says what kind
// of answer is wanted, unless it is a task on the input. own is a model of
// [PartingNames]; without one no prompt holds a text.
func ReadQuestion(instruction, input string, own *linear.Model) Asked {
	a := Asked{Ask: instruction, Search: 1}
	switch {
	case own == nil:
	case input == "":
		a.Ask, a.Given, a.Search = ownText(instruction, own)
	default:
		a.Ask, a.Given, a.Search = ownInput(instruction, input, own)
	}
	if input != "" && a.Given == "" {
		a.Ask = input
	}
	a.Words = plainWords(a.Ask)
	return a
}

// plainWords returns the words of text in lower case without accents; an apostrophe
// separates words.
func plainWords(text string) []string {
	var list []string
	for w := range keyword.Plainly(text) {
		list = append(list, strings.FieldsFunc(w, func(r rune) bool { return r == '\'' })...)
	}
	return list
}
