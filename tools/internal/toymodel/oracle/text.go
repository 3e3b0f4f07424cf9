package oracle

import (
	"fmt"
	"strings"
)

// Types of tokens.
const (
	control     = 3
	userDefined = 4
)

// Tokens returns the ids of text as a server reads a prompt: the start token, then
// tokens whose names are in the text and, between them, SentencePiece. A space
// is put before each stretch of text.
func (m *Model) Tokens(text string) []int {
	ids := []int{m.start}
	for text != "" {
		at, id := m.firstNamed(text)
		if at > 0 {
			ids = append(ids, m.pieces(" "+text[:at])...)
		}
		if id >= 0 {
			ids = append(ids, id)
			at += len(m.names[id])
		}
		text = text[at:]
	}
	return ids
}

// firstNamed finds the first control or user-defined token in text, and the
// longest of those that begin there. Without one it returns the length of text and
// -1.
func (m *Model) firstNamed(text string) (at, id int) {
	at, id = len(text), -1
	for i, kind := range m.kinds {
		if kind != control && kind != userDefined {
			continue
		}
		j := strings.Index(text, m.names[i])
		if j >= 0 && (j < at || j == at && len(m.names[i]) > len(m.names[id])) {
			at, id = j, i
		}
	}
	return at, id
}

// pieces cuts text without named tokens: it joins the pair of neighbors with the
// best score, the first of equal ones, until there is none. Pieces that are no token become
// tokens of their bytes.
func (m *Model) pieces(text string) []int {
	var symbols []string
	for _, r := range strings.ReplaceAll(text, " ", "▁") {
		symbols = append(symbols, string(r))
	}
	for {
		best, score := -1, 0.0
		for i := 0; i+1 < len(symbols); i++ {
			id, ok := m.ids[symbols[i]+symbols[i+1]]
			if ok && (best < 0 || m.scores[id] > score) {
				best, score = i, m.scores[id]
			}
		}
		if best < 0 {
			break
		}
		symbols[best] += symbols[best+1]
		symbols = append(symbols[:best+1], symbols[best+2:]...)
	}
	var ids []int
	for _, s := range symbols {
		if id, ok := m.ids[s]; ok {
			ids = append(ids, id)
			continue
		}
		for _, b := range []byte(s) {
			ids = append(ids, m.ids[fmt.Sprintf("<0x%02X>", b)])
		}
	}
	return ids
}

// Name returns a token's name in the vocabulary, with spaces in place of the
// vocabulary's sign for a space.
func (m *Model) Name(id int) string { return strings.ReplaceAll(m.names[id], "▁", " ") }
