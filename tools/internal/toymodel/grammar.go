package toymodel

import (
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
)

// next says how likely a token is, in nats above a token that is not expected at
// all. With some thousand tokens, the probability of one at 7 is about the half if it
// is alone, and one at 16 is all but certain.
type next struct {
	token reflection.Token
	word  string // if token is None: a word or another known token
	nats  float64
}

func control(t reflection.Token, nats float64) next { return next{token: t, nats: nats} }
func word(w string, nats float64) next              { return next{word: w, nats: nats} }

// scale lists the tokens of utility from 1 to 5.
func scale(nats ...float64) []next {
	var list []next
	for i, t := range reflection.IsUSE.Tokens() {
		list = append(list, control(t, nats[i]))
	}
	return list
}

// rule says what a feature adds.
type rule struct {
	when reading
	adds []next
}

// grammar lists what may follow what, and what the conclusions add.
func (s *stream) grammar() []rule {
	fully, partially, none := reflection.FullySupported, reflection.PartiallySupported, reflection.NoSupport
	yes, no, on := reflection.Retrieval, reflection.NoRetrieval, reflection.ContinueEvidence
	judged := []next{control(fully, -6), control(partially, -6), control(none, -6)}
	boundary := []next{control(yes, 1), control(no, 4), control(on, 4.5)}

	rules := []rule{
		{s.these(start), []next{word(end, 10)}},
		{unitReading(s.other), []next{word(end, 10), word(period, 8)}},
		{s.these(newline), []next{control(yes, 6), control(no, 9), control(on, 4)}},
		{unitReading(s.asks), []next{control(yes, 8)}},

		{s.control(yes), []next{control(reflection.ParagraphStart, 14)}},
		{s.control(reflection.ParagraphStart), []next{control(reflection.ParagraphEnd, 14)}},
		{s.control(reflection.ParagraphEnd), []next{control(reflection.Irrelevant, 9.5), control(reflection.Relevant, 5.5)}},
		{unitReading(s.relevant), []next{control(reflection.Relevant, 10)}},

		{s.control(reflection.Relevant), []next{word("I", 8)}},
		{s.control(reflection.Irrelevant, no), []next{word("I", 14)}},
		{s.control(on), []next{word("it", 12), word("I", 9)}},
		{s.these("I"), []next{word("do", 14)}},
		{s.these("do"), []next{word(deny, 14)}},
		{s.these(deny), []next{word("know", 12)}},
		{s.these("know"), []next{word(period, 12)}},

		{s.these(period), []next{control(fully, 10.2), control(partially, 8.3), control(none, 7.4)}},
		{unitReading(s.hedged), []next{control(partially, 5), control(fully, -1)}},
		{unitReading(s.denied), []next{control(none, 7), control(fully, -1)}},
		{unitReading(s.aside), append(scale(11, 10, 9, 8, 7), judged...)},
		{unitReading(s.alone), append(scale(7.5, 8.5, 10, 11, 9.5), judged...)},

		{s.control(fully), append(scale(6, 7, 8, 9, 10), boundary...)},
		{s.control(partially), append(scale(7, 8, 9.5, 10, 8.5), boundary...)},
		{s.control(none), append(scale(9.5, 10, 9, 8, 7), boundary...)},
		{unitReading(s.more), []next{control(yes, 20)}},
		{s.control(reflection.IsUSE.Tokens()...), []next{word(end, 13), control(yes, 4), control(no, 5), control(on, 3)}},
	}
	for _, w := range words() {
		rules = append(rules, rule{s.these(w), []next{word(period, 8)}})
	}
	for _, w := range append(words(), period) {
		rules = append(rules, rule{unitReading(s.copied[w]), []next{word(w, 16)}})
	}
	return rules
}

// unembed turns the grammar into the matrix that reads the stream and writes the
// logits of all tokens.
func (s *stream) unembed(tokens []token) []float32 {
	ids := make(map[string]int)
	for id, t := range tokens {
		ids[t.text] = id
	}
	out := make([]float32, len(tokens)*s.width)
	for _, r := range s.grammar() {
		for _, n := range r.adds {
			name := n.token.String()
			if n.token == reflection.None {
				name = n.word
				if slices.Contains(words(), name) {
					name = forms(name)[0]
				}
			}
			for _, w := range r.when {
				out[ids[name]*s.width+int(w.of)] += float32(n.nats * w.by)
			}
		}
	}
	return out
}

// embed is the matrix of the features with which each token enters the stream.
func (s *stream) embed(tokens []token) []float32 {
	meaning := make(map[string]feature)
	for _, w := range words() {
		for _, f := range forms(w) {
			meaning[f] = s.is[w]
		}
	}
	for _, t := range structure() {
		meaning[t] = s.is[t]
	}
	out := make([]float32, len(tokens)*s.width)
	for id, t := range tokens {
		row := out[id*s.width:]
		row[one] = bias
		if f, ok := meaning[t.text]; ok {
			row[f] = 1
		} else {
			row[s.other] = 1
		}
	}
	return out
}
