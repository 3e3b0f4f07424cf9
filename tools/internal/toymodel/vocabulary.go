package toymodel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/reflection"
)

// The words of the model, in its spelling.
var (
	// Content words are what a question can be about.
	content = strings.Fields(`Paris London Rome France England Italy Mercury Venus
		city river bridge tower king queen moon sun planet year capital water
		old long new red hot nearest built`)
	function = strings.Fields(`the a is in of on it was and to I do know`)
)

// Words with a meaning of their own.
const (
	hedge = "perhaps" // in a passage: what it says is supported partially
	deny  = "not"     // in a passage: what it says is not supported
	list  = "list"    // in a question: the answer has several segments
)

// words returns all words, in a fixed order.
func words() []string { return slices.Concat(content, function, []string{hedge, deny, list}) }

// Tokens that are no words.
const (
	unknown = "<unk>"
	start   = "<s>"
	end     = "</s>"
	newline = "<0x0A>" // the byte token of a line break
	period  = "."
)

// space means a space in the vocabulary of SentencePiece.
const space = "▁"

// tokenType is a token's type in a model file.
type tokenType int32

const (
	typeNormal      tokenType = 1
	typeUnknown     tokenType = 2
	typeControl     tokenType = 3
	typeUserDefined tokenType = 4
	typeByte        tokenType = 6
)

type token struct {
	text  string
	score float32 // the tokenizer joins the pair with the highest one first
	kind  tokenType
}

// vocabulary lists the tokens by id: three special ones, the bytes, the
// printable characters of ASCII, the words with every beginning of them, and the
// tokens of reflection. Since each beginning is a token, joining pairs in any
// order always reaches the whole word.
func vocabulary(reflections tokenType) []token {
	list := []token{{unknown, 0, typeUnknown}, {start, 0, typeControl}, {end, 0, typeControl}}
	for b := range 256 {
		list = append(list, token{fmt.Sprintf("<0x%02X>", b), 0, typeByte})
	}
	pieces := []string{space}
	for c := '!'; c <= '~'; c++ {
		pieces = append(pieces, string(c))
	}
	for _, w := range words() {
		for _, form := range forms(w) {
			at := len(space)
			if !strings.HasPrefix(form, space) {
				at = 1
			}
			for ; at <= len(form); at++ {
				pieces = append(pieces, form[:at])
			}
		}
	}
	// Longer pieces first, so that a word is not joined to half of the next.
	slices.SortFunc(pieces, func(a, b string) int { return cmp.Or(-cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	for i, p := range slices.Compact(pieces) {
		list = append(list, token{p, -float32(i + 1), typeNormal})
	}
	for _, t := range reflection.Tokens() {
		list = append(list, token{t.String(), 0, reflections})
	}
	return list
}

// forms returns the tokens that mean a word, the one that the model writes first:
// after a space as in words or with a capital letter, and with a capital letter at
// the beginning of a line. Elsewhere without a space it would be part of another
// word.
func forms(word string) []string {
	capital := strings.ToUpper(word[:1]) + word[1:]
	return slices.Compact([]string{space + word, space + capital, capital})
}
