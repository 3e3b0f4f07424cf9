package feature

import (
	"math/bits"
	"slices"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
)

// MaxTerms is the greatest number of different content words of a question that
// count.
const MaxTerms = 64

// Question is a question prepared for comparison with sentences. It is read-only
// once made.
type Question struct {
	lex     *lexicon.Lexicon
	bit     map[int32]int8 // by term: its place among the content words
	n       int            // content words, at most MaxTerms
	stems   [MaxTerms]string
	weight  [MaxTerms]float64 // rarity
	total   float64
	rarest  int
	kind    kind
	square  float64           // sum of squared rarity
	pairs   map[[2]int32]int8 // neighbors in the question, the first 64, numbered
	figures uint64            // its numbers
	short   bool
	grain   float64       // the mean number of words in a content word: a gram is less than one word
	want    lexicon.Trait // of a word that can be what is asked for, 0 for any content word
}

// NewQuestion takes the content words of a question. If all are stop words they
// count as content. lex has the language of the passages.
func NewQuestion(lex *lexicon.Lexicon, a Asked, rarity Rarity) *Question {
	words := lex.Words(a.Ask)
	q := &Question{lex: lex, bit: map[int32]int8{}, kind: kindOf(a, lex.Language())}
	q.short = q.kind == askWho || q.kind == askWhen || q.kind == askWhere || q.kind == askNumber || slices.Contains(a.Words, "which")
	q.want = wanted[q.kind]
	if q.want&lexicon.Capital != 0 && !lex.Language().Cased() {
		q.want = 0
	}
	grain := 0.0
	for _, skip := range [...]lexicon.Trait{lexicon.Stop, 0} {
		for _, w := range words {
			if _, ok := q.bit[w.Term]; ok || w.Term < 0 || w.Is&skip != 0 || q.n == MaxTerms {
				continue
			}
			q.stems[q.n] = lex.Stem(w.Term)
			size := sizeOf(q.stems[q.n])
			grain += size
			q.weight[q.n] = rarity.Of(q.stems[q.n]) * size
			q.total += q.weight[q.n]
			if q.weight[q.n] > q.weight[q.rarest] {
				q.rarest = q.n
			}
			if w.Is&lexicon.Number != 0 {
				q.figures |= 1 << q.n
			}
			q.square += float64(q.weight[q.n] * q.weight[q.n])
			q.bit[w.Term] = int8(q.n)
			q.n++
		}
		if q.n > 0 {
			break
		}
	}
	q.grain = 1
	if q.n > 0 {
		q.grain = grain / float64(q.n)
	}
	q.pairs = map[[2]int32]int8{}
	last := int32(-1)
	for _, w := range words {
		if w.Term < 0 {
			continue
		}
		pair := [2]int32{last, w.Term}
		if _, ok := q.pairs[pair]; !ok && last >= 0 && len(q.pairs) < MaxTerms {
			q.pairs[pair] = int8(len(q.pairs))
		}
		last = w.Term
	}
	return q
}

// sizeOf returns the approximate number of words in a stem: a word in Chinese has
// about two characters, one in Thai about four grams.
func sizeOf(stem string) float64 {
	switch keyword.LanguageOf(stem).Code() {
	case "east":
		return 0.5
	case "southeast":
		return 0.25
	}
	return 1
}

// Share returns the part of the question's rarity that a set of its words has.
func (q *Question) Share(words uint64) float64 {
	if q.total == 0 {
		return 0
	}
	return min(1, q.mass(words)/q.total)
}

func (q *Question) mass(words uint64) float64 {
	sum := 0.0
	for ; words != 0; words &= words - 1 {
		sum += q.weight[bits.TrailingZeros64(words)]
	}
	return sum
}

// Holds returns the set of the question's content words that occur in words.
func (q *Question) Holds(words []lexicon.Word) uint64 {
	var set uint64
	for _, w := range words {
		if p := q.place(w.Term); p >= 0 {
			set |= 1 << p
		}
	}
	return set
}

func (q *Question) place(term int32) int {
	if term < 0 {
		return -1
	}
	if p, ok := q.bit[term]; ok {
		return int(p)
	}
	return -1
}

// like returns the set of content words that share their beginning with a term:
// four letters or more, and two thirds of the longer one.
func (q *Question) like(term int32) uint64 {
	s := q.lex.Stem(term)[1:] // without the sign of its language
	if len(s) < 4 {
		return 0
	}
	var set uint64
	for p := range q.n {
		t := q.stems[p][1:]
		n := 0
		for n < len(s) && n < len(t) && s[n] == t[n] {
			n++
		}
		if n >= 4 && 3*n >= 2*max(len(s), len(t)) {
			set |= 1 << p
		}
	}
	return set
}

// rank returns how well a passage fits the question: the sum of the rarities of its
// words, each times tf / (tf + 1.2), which is BM25 without its normalization by
// length. ofRest is the same sum over the words that the title lacks, as a share of
// their rarity, 1 if it lacks none.
func (q *Question) rank(title []lexicon.Word, sentences [][]lexicon.Word, inTitle uint64) (all, ofRest float64) {
	var count [MaxTerms]float64
	tally := func(words []lexicon.Word) {
		for _, w := range words {
			if p := q.place(w.Term); p >= 0 {
				count[p]++
			}
		}
	}
	tally(title)
	for _, s := range sentences {
		tally(s)
	}
	rest := 0.0
	for p := range q.n {
		x := float64(q.weight[p] * count[p] / (count[p] + 1.2))
		all += x
		if inTitle>>p&1 == 0 {
			ofRest += x
			rest += q.weight[p]
		}
	}
	if rest == 0 {
		return all, 1
	}
	return all, ofRest / rest
}

// Short reports whether the question asks for a person, a date, a place, a number
// or which one of several: one sentence can answer it.
func (q *Question) Short() bool { return q.short }
