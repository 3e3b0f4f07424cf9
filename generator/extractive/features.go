package extractive

import (
	"math"
	"math/bits"
)

// The features of a sentence as the answer to a question, each about 0 to 1.
const (
	fCovered    = iota // share of the question's words, by weight, in the sentence
	fContext           // share that is not in it but in the title or the sentence before
	fPairs             // share of neighbouring question words that stand close together in order
	fShape             // 1 if it holds what the question word asks for, -1 if not, 0 if any will do
	fDefinition        // 1 if the question asks what something is and the sentence opens like a definition
	fFirst             // 1 for the first sentence of a passage, 1/2 for the second, and so on
	fShort             // how far it is below six words
	fLong              // how far it is above 35 words, in units of 25
	fNothingNew        // 1 if all its content words stand in the question
	fAsks              // 1 if it is a question itself
	fOpen              // 1 if it begins with a pronoun
	featureCount
)

type features [featureCount]float64

// dot returns the weighted sum.
func (f features) dot(weights features) float64 {
	sum := 0.0
	for i := range f {
		sum += float64(f[i] * weights[i])
	}
	return sum
}

// maxTerms is how many different content words of a question count; those
// after them do not.
const maxTerms = 64

// want is what a question word asks for.
type want uint8

const (
	wantAny want = iota
	wantName
	wantDate
	wantNumber
	wantPlace
)

// question is a question made ready for comparison with sentences.
type question struct {
	lex    *lexicon
	bit    []int8 // by term: its place among the content words, -1 if it is none
	n      int    // content words, at most maxTerms
	weight [maxTerms]float64
	total  float64
	want   want
	define bool // asks what something is
}

// newQuestion takes the content words of symbols. If all are stop words they
// count as content. Weights are set by weigh.
func newQuestion(lex *lexicon, symbols []symbol) *question {
	q := &question{lex: lex}
	q.bit = make([]int8, len(lex.terms))
	for i := range q.bit {
		q.bit[i] = -1
	}
	for _, skip := range [...]trait{stop, 0} {
		for _, s := range symbols {
			w := lex.word(s)
			if w.term < 0 || w.is&skip != 0 || q.bit[w.term] >= 0 || q.n == maxTerms {
				continue
			}
			q.bit[w.term] = int8(q.n)
			q.n++
		}
		if q.n > 0 {
			break
		}
	}
	return q
}

// place returns the place of a term among the content words, -1 if it is none.
func (q *question) place(term int32) int {
	if term < 0 || int(term) >= len(q.bit) {
		return -1
	}
	return int(q.bit[term])
}

// cover returns the set of content words that stand in symbols, and the set of
// those that stand there up to three words after their neighbour in the question.
func (q *question) cover(symbols []symbol) (words, pairs uint64) {
	const reach = 3
	var last [maxTerms]int
	at := 0
	for _, s := range symbols {
		if s == end {
			continue
		}
		w := q.lex.word(s)
		if w.term < 0 {
			continue
		}
		at++
		p := q.place(w.term)
		if p < 0 {
			continue
		}
		words |= 1 << p
		last[p] = at
		if p > 0 && last[p-1] > 0 && at-last[p-1] <= reach {
			pairs |= 1 << p
		}
	}
	return words, pairs
}

// weigh sets the weight of each content word to its rarity among the sentences,
// whose sets of words are given.
func (q *question) weigh(quotes []quote) {
	var in [maxTerms]int
	for i := range quotes {
		for set := quotes[i].words; set != 0; set &= set - 1 {
			in[bits.TrailingZeros64(set)]++
		}
	}
	q.total = 0
	for p := range q.n {
		q.weight[p] = math.Log1p(float64(len(quotes)+1) / (float64(in[p]) + 0.5))
		q.total += q.weight[p]
	}
}

// share returns the part of the question's weight that a set of words holds.
func (q *question) share(words uint64) float64 {
	if q.total == 0 {
		return 0
	}
	sum := 0.0
	for ; words != 0; words &= words - 1 {
		sum += q.weight[bits.TrailingZeros64(words)]
	}
	return min(1, sum/q.total)
}

// features compares s with the question.
func (q *question) features(s *quote) features {
	l := q.look(s.symbols)
	f := features{
		fCovered: q.share(s.words),
		fContext: q.share(s.near &^ s.words),
		fFirst:   1 / float64(1+s.index),
		fShort:   max(0, float64(6-l.words)/6),
		fLong:    max(0, min(2, float64(l.words-35)/25)),
	}
	if q.n > 1 {
		f[fPairs] = float64(bits.OnesCount64(s.pairs)) / float64(q.n-1)
	}
	if q.want != wantAny {
		f[fShape] = -1
		if l.has[q.want] {
			f[fShape] = 1
		}
	}
	for i, on := range [...]bool{fDefinition: q.define && l.defines, fNothingNew: l.new == 0, fAsks: l.asks, fOpen: l.open} {
		if on {
			f[i] = 1
		}
	}
	return f
}

// look is what one reading of a sentence shows.
type look struct {
	words, new int // words; content words that are not in the question
	has        [wantPlace + 1]bool
	defines    bool
	asks       bool
	open       bool
}

func (q *question) look(symbols []symbol) look {
	const opening = 8 // words within which a definition has its verb
	var (
		l        look
		mentions bool    // a content word of the question was seen
		before   [2]word // the words before, nearest first
	)
	for i, s := range symbols {
		w := q.lex.word(s)
		if w.term < 0 {
			l.asks = l.asks || i == len(symbols)-1 && q.lex.text(s) == "?"
			continue
		}
		l.words++
		asked := q.place(w.term) >= 0
		if l.words == 1 {
			l.open = w.is&pronoun != 0
		}
		if w.is&stop == 0 && !asked {
			l.new++
		}
		if !asked && w.is&(capital|stop|date) == capital {
			// The first word of a sentence has its capital in any case.
			l.has[wantName] = l.has[wantName] || l.words > 1
			l.has[wantPlace] = l.has[wantPlace] || (before[0].is|before[1].is)&place != 0
		}
		if !asked && w.is&date != 0 {
			l.has[wantDate] = true
		}
		if !asked && w.is&number != 0 {
			l.has[wantNumber] = true
		}
		if w.is&copula != 0 && mentions && l.words <= opening {
			l.defines = true
		}
		mentions = mentions || asked
		before[1], before[0] = before[0], w
	}
	return l
}
