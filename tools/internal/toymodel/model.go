package toymodel

import (
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
)

// stream names the features of the residual stream.
type stream struct {
	width int
	is    map[string]feature // the token here: a word in any form, or another known token
	other feature            // the token here is none of those

	before map[string]feature // the token before this one, written by layer 1
	opened feature            // n/(n+1) after n passages were opened, by layer 1
	asked  feature            // the question holds the word here, by layer 2
	copied map[string]feature // what to write next according to the passage, by layer 2

	// By layer 3, at one kind of token each.
	relevant feature // at the end of a passage: the share of its content words that were asked for
	asks     feature // at a line break: n/(n+1) for n content words in the question
	hedged   feature // at a period: the passage hedges
	denied   feature // at a period: the passage denies
	aside    feature // at a period: the segment says that its passage is irrelevant
	alone    feature // at a period: the segment retrieved nothing
	more     feature // at a token of support: 2/(2+n) if the question wants a list, for n segments
}

// structure lists the known tokens that are no words.
func structure() []string {
	list := []string{start, end, newline, period}
	for _, t := range reflection.Tokens() {
		list = append(list, t.String())
	}
	return list
}

func newStream() *stream {
	s := &stream{width: 1, is: map[string]feature{}, before: map[string]feature{}, copied: map[string]feature{}}
	next := func() feature { // one is feature 0
		s.width++
		return feature(s.width - 1)
	}
	for _, t := range slices.Concat(words(), structure()) {
		s.is[t] = next()
	}
	for _, t := range append(words(), newline, reflection.ParagraphStart.String()) {
		s.before[t] = next()
	}
	for _, t := range append(words(), period) {
		s.copied[t] = next()
	}
	for _, f := range []*feature{&s.other, &s.opened, &s.asked, &s.relevant, &s.asks, &s.hedged, &s.denied, &s.aside, &s.alone, &s.more} {
		*f = next()
	}
	s.width = (s.width + 31) / 32 * 32
	return s
}

// these returns the reading that is on at any of the tokens.
func (s *stream) these(tokens ...string) reading {
	var r reading
	for _, t := range tokens {
		r = append(r, weight{s.is[t], 1})
	}
	return r
}

func (s *stream) control(tokens ...reflection.Token) reading {
	var r reading
	for _, t := range tokens {
		r = append(r, weight{s.is[t.String()], 1})
	}
	return r
}

// Scores, in nats. A head without a match attends to the start of the text, which scores
// rest. A token with score 0 has the relative weight exp(-rest), so hundreds of those do
// not matter. scope makes the latest passage outweigh earlier ones: opened differs by
// 1/(n(n+1)) between the passages n-1 and n, which is enough for a path of six. Each is an
// eighth of a square, so its factors have no rounding error.
const (
	rest   = 18
	found  = 32
	surely = 72
	scope  = 800
)

// resting is the match with the start of the text.
func (s *stream) resting() match { return match{unitReading(one), s.these(start), rest} }

// layer1 finds the token before and counts passages.
func (s *stream) layer1() [heads]head {
	var previous head
	for pair := range 3 {
		// Three frequencies are in phase at distance 1 only.
		previous.turns = append(previous.turns, turn{pair, surely, -math.Pow(10, -float64(pair))})
	}
	for _, t := range append(words(), newline, reflection.ParagraphStart.String()) {
		previous.moves = append(previous.moves, move{s.these(t), s.before[t]})
	}
	count := head{
		matches: []match{s.resting(), {unitReading(one), s.control(reflection.ParagraphStart), rest}},
		moves:   []move{{s.control(reflection.ParagraphStart), s.opened}},
	}
	return [heads]head{previous, count}
}

// layer2 compares words with those of the question, and finds the continuation of the
// passage after a word.
func (s *stream) layer2() [heads]head {
	compare := head{
		// A word of a passage is no word of the question.
		matches: []match{s.resting(), {unitReading(one), unitReading(s.opened), -200}},
		moves:   []move{{s.these(content...), s.asked}},
	}
	for _, w := range content {
		compare.matches = append(compare.matches, match{s.these(w), s.these(w), found})
	}

	induce := head{
		matches: []match{
			{unitReading(one), unitReading(s.opened), scope},
			{unitReading(s.opened), s.these(start), scope}, // so that rest counts in the latest passage
			s.resting(),
			// A relevant passage is quoted from the line after its title, or from its
			// beginning if it has none.
			{s.control(reflection.Relevant), unitReading(s.before[newline]), surely},
			{s.control(reflection.Relevant), unitReading(s.before[reflection.ParagraphStart.String()]), found},
		},
		// Of several places the latest: a quarter of a nat a token.
		turns: []turn{{3, 242, math.Pi / 2}},
		moves: []move{{s.these(period), s.copied[period]}},
	}
	for _, w := range words() {
		induce.matches = append(induce.matches, match{s.these(w), unitReading(s.before[w]), found})
		induce.moves = append(induce.moves, move{s.these(w), s.copied[w]})
	}
	return [heads]head{compare, induce}
}

// layer3 draws conclusions at the tokens where they are needed.
func (s *stream) layer3() [heads]head {
	supports := s.control(reflection.IsSUP.Tokens()...)
	passageEnd := s.control(reflection.ParagraphEnd)
	passageStart := s.control(reflection.ParagraphStart)
	judge := head{
		matches: []match{
			s.resting(),
			{slices.Concat(passageEnd, s.these(period)), unitReading(s.opened), scope},
			{passageEnd, slices.Concat(s.these(content...), passageStart), found},
			{s.these(period), passageStart, rest},
			{s.these(period), s.these(hedge, deny), found},
			{supports, supports, found},
			{supports, s.these(list), found + math.Ln2},
		},
		moves: []move{
			{unitReading(s.asked), s.relevant},
			{s.these(hedge), s.hedged},
			{s.these(deny), s.denied},
			{s.these(list), s.more},
		},
	}
	mode := head{
		matches: []match{
			s.resting(),
			{s.these(newline), s.these(content...), rest},
			{s.these(newline), unitReading(s.opened), -200},
			{s.these(period), unitReading(s.opened), scope},
			{s.these(period), s.control(reflection.Relevant, reflection.Irrelevant), rest},
			// These come after the passage if they are in its scope.
			{s.these(period), s.control(reflection.NoRetrieval, reflection.ContinueEvidence), surely},
		},
		moves: []move{
			{s.these(content...), s.asks},
			{s.control(reflection.Irrelevant), s.aside},
			{s.control(reflection.NoRetrieval), s.alone},
		},
	}
	return [heads]head{judge, mode}
}
