// Package completiontest is the common part of the tests of all completion
// families: a small language model to put behind a stub of a server, and the faults
// that each family must handle.
package completiontest

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Piece is a token of the vocabulary.
type Piece struct {
	ID   int32
	Text string
	kind kind
}

type kind uint8

const (
	word kind = iota
	stop
	part // of a character
	control
	end
)

// Accents is a word for the instruction of a prompt that makes the model use the
// two tokens that together are one character.
const Accents = "café"

// Long is a phrase for the instruction of a prompt that makes the model continue
// with words until it is stopped.
const Long = "at length"

// EndID is the id of the end token, FirstControl that of [No Retrieval].
const (
	EndID        = 2
	FirstControl = 300
)

// Vocabulary lists the tokens by rising id. Two of them make one character.
var Vocabulary = func() []Piece {
	list := []Piece{{EndID, "</s>", end}}
	for i, w := range []string{" The", " sun", " is", " near", " a", " planet", " 火星"} {
		list = append(list, Piece{int32(10 + i), w, word})
	}
	list = append(list, Piece{20, ".", stop}, Piece{21, " \xc3", part}, Piece{22, "\xa9", part})
	for i, t := range reflection.Tokens() {
		list = append(list, Piece{int32(FirstControl + i), t.String(), control})
	}
	return list
}()

// allowed returns the weight of p after text, 0 if the grammar of Self-RAG does
// not allow it there.
func allowed(text string, p Piece) float64 {
	if strings.HasSuffix(text, "\xc3") {
		return weight(p.Text == "\xa9")
	}
	groupOf := func(g reflection.Group) float64 {
		t, _ := reflection.ParseToken(p.Text)
		return weight(p.kind == control && t.Group() == g)
	}
	switch {
	case strings.HasSuffix(text, "\n"):
		return groupOf(reflection.Retrieve)
	case strings.HasSuffix(text, "</paragraph>"):
		return groupOf(reflection.IsREL)
	case strings.HasSuffix(text, "[Retrieval]"), strings.HasSuffix(text, "5]"), strings.HasSuffix(text, "4]"),
		strings.HasSuffix(text, "3]"), strings.HasSuffix(text, "2]"), strings.HasSuffix(text, "1]"):
		return weight(p.kind == end)
	case strings.HasSuffix(text, "."):
		return groupOf(reflection.IsSUP)
	case strings.HasSuffix(text, "upported]"), strings.HasSuffix(text, "dictory]"):
		return groupOf(reflection.IsUSE)
	}
	if strings.Contains(text, Long) {
		return weight(p.kind == word)
	}
	tail := text[strings.LastIndexAny(text, "]>\n")+1:]
	if strings.Count(tail, " ") >= 5 {
		return weight(p.kind == stop)
	}
	return weight(p.kind == word || p.kind == stop || p.Text == " \xc3" && strings.Contains(text, Accents))
}

func weight(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

// hash returns a number that text determines.
func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}

// random returns a number in (0, 1) that the hash of a text, a token and a salt
// determine.
func random(hash uint64, id int32, salt uint64) float64 {
	x := hash ^ (uint64(id)+salt<<32)*0x9e3779b97f4a7c15
	for range 2 {
		x ^= x >> 33
		x *= 0xff51afd7ed558ccd
	}
	x ^= x >> 33
	return (float64(x>>11) + 0.5) / (1 << 53)
}

// LogProbs returns the log-probability of each token of the vocabulary after
// text.
func LogProbs(text string) []float64 {
	out := make([]float64, len(Vocabulary))
	h := hash(text)
	sum := 0.0
	for i, p := range Vocabulary {
		out[i] = (0.001 + allowed(text, p)) * (0.05 + random(h, p.ID, 0))
		sum += out[i]
	}
	for i := range out {
		out[i] = math.Log(out[i] / sum)
	}
	return out
}

// Ranked returns the indices of all tokens in the vocabulary, likeliest first.
func Ranked(logProbs []float64) []int {
	order := make([]int, len(logProbs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logProbs[b], logProbs[a]) })
	return order
}

// Position is a generated token with the model's probabilities.
type Position struct {
	Piece
	LogProb  float64
	LogProbs []float64 // parallel to Vocabulary
	Before   string    // the text before it, prompt included
}

// Generate continues prompt by at most n tokens, the end token included. That is
// the last one if the model ended by itself.
func Generate(prompt string, n int, temperature float64, seed uint64) []Position {
	var list []Position
	text := prompt
	for len(list) < n {
		lp, h := LogProbs(text), hash(text)
		best, most := 0, math.Inf(-1)
		for i, p := range Vocabulary {
			score := lp[i]
			if temperature > 0 {
				score = lp[i]/temperature - math.Log(-math.Log(random(h, p.ID, seed+1)))
			}
			if score > most {
				best, most = i, score
			}
		}
		p := Vocabulary[best]
		list = append(list, Position{p, lp[best], lp, text})
		if p.kind == end {
			break
		}
		text += p.Text
	}
	return list
}

// Ended reports whether the model ended by itself.
func Ended(list []Position) bool { return len(list) > 0 && list[len(list)-1].kind == end }

// Finish is the finish of a continuation.
func Finish(list []Position) generator.Finish {
	if Ended(list) {
		return generator.FinishEnd
	}
	return generator.FinishLength
}

// Event is a group of tokens that a server sends together.
type Event struct {
	Tokens []Position
	Text   string
}

// Events groups tokens in the way of servers: a token that leaves a character
// incomplete waits for the next one. The end token has no text.
func Events(list []Position) []Event {
	var events []Event
	var e Event
	for _, p := range list {
		e.Tokens = append(e.Tokens, p)
		if p.kind != end {
			e.Text += p.Text
		}
		if utf8.ValidString(e.Text) {
			events = append(events, e)
			e = Event{}
		}
	}
	if len(e.Tokens) > 0 {
		e.Text = strings.ToValidUTF8(e.Text, "")
		events = append(events, e)
	}
	return events
}

// Tokenize cuts text into tokens: control tokens, words of the vocabulary, and
// single bytes with the ids 1000 to 1255.
func Tokenize(text string) []int32 {
	var ids []int32
	for len(text) > 0 {
		best := Piece{ID: 1000 + int32(text[0]), Text: text[:1]}
		for _, p := range Vocabulary {
			if strings.HasPrefix(text, p.Text) && len(p.Text) >= len(best.Text) {
				best = p
			}
		}
		ids = append(ids, best.ID)
		text = text[len(best.Text):]
	}
	return ids
}

// Text returns the text of a token.
func Text(id int32) string {
	if id >= 1000 {
		return string([]byte{byte(id - 1000)})
	}
	for _, p := range Vocabulary {
		if p.ID == id {
			return p.Text
		}
	}
	return ""
}

// Join returns the text of tokens.
func Join(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(Text(id))
	}
	return b.String()
}
