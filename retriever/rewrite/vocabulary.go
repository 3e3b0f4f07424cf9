package rewrite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/retriever"
)

// Vocabulary is the words of passages, in lower case, with the number of passages that
// hold each. It does not change, and is safe for concurrent use.
type Vocabulary struct {
	passages int
	counts   map[string]int
	byLength map[int][]string // sorted, by the number of characters
}

// NewVocabulary counts the words in titles and texts, by Unicode's word boundaries.
func NewVocabulary(passages []retriever.Passage) *Vocabulary {
	v := &Vocabulary{passages: len(passages), counts: map[string]int{}, byLength: map[int][]string{}}
	for _, p := range passages {
		seen := map[string]bool{}
		for _, w := range words(p) {
			if seen[w] {
				continue
			}
			seen[w] = true
			if v.counts[w] == 0 {
				w = strings.Clone(w) // not to keep the text
			}
			v.counts[w]++
		}
	}
	for w := range v.counts {
		n := utf8.RuneCountInString(w)
		v.byLength[n] = append(v.byLength[n], w)
	}
	for _, list := range v.byLength {
		slices.Sort(list)
	}
	return v
}

func words(p retriever.Passage) []string {
	return wordsOf(p.Title + "\n" + p.Text)
}

func wordsOf(text string) []string {
	text = strings.ToLower(text)
	var list []string
	for _, s := range sentence.Words(text) {
		list = append(list, s.Of(text))
	}
	return list
}

// Count returns the number of passages that hold a word in lower case.
func (v *Vocabulary) Count(word string) int { return v.counts[word] }

// Correct returns text with the words that no passage holds replaced by the nearest of
// the vocabulary: the one with the fewest insertions, deletions, replacements and swaps
// of neighbouring characters, of equal ones that in the most passages, then the first
// by the alphabet. Only words of letters are looked at, those of 4 to 7 for one such
// edit and longer ones for up to two; any other word stays as it is. Corrected words are
// in lower case.
func (v *Vocabulary) Correct(text string) string {
	corrected, _ := v.correct(context.Background(), text)
	return corrected
}

// correct looks at ctx before each word. The error is that of ctx.
func (v *Vocabulary) correct(ctx context.Context, text string) (string, error) {
	var b strings.Builder
	end := 0
	for _, s := range sentence.Words(text) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		word := strings.ToLower(s.Of(text))
		if better := v.nearest(word); better != word {
			b.WriteString(text[end:s.Start])
			b.WriteString(better)
			end = s.End
		}
	}
	b.WriteString(text[end:])
	return b.String(), nil
}

func (v *Vocabulary) nearest(word string) string {
	r := []rune(word)
	if v.counts[word] > 0 || len(r) < 4 || slices.ContainsFunc(r, func(c rune) bool { return !unicode.IsLetter(c) }) {
		return word
	}
	limit := 1
	if len(r) >= 8 {
		limit = 2
	}
	best, distance := word, limit+1
	a := alignment{a: r, limit: limit}
	for n := len(r) - limit; n <= len(r)+limit; n++ {
		for _, w := range v.byLength[n] {
			d := a.edits(w)
			if d < distance || d == distance && d <= limit && (v.counts[w] > v.counts[best] || v.counts[w] == v.counts[best] && w < best) {
				best, distance, a.limit = w, d, d
			}
		}
	}
	return best
}

// alignment compares one word with many.
type alignment struct {
	a, b              []rune
	limit             int
	before, last, row []int
}

// edits returns the number of edits between a and word, each character being part of one
// edit at most (optimal string alignment), or limit + 1 if there are more.
func (x *alignment) edits(word string) int {
	x.b = x.b[:0]
	for _, c := range word {
		x.b = append(x.b, c)
	}
	for _, row := range [...]*[]int{&x.before, &x.last, &x.row} {
		*row = slices.Grow((*row)[:0], len(x.b)+1)[:len(x.b)+1]
	}
	a, b, before, last, row := x.a, x.b, x.before, x.last, x.row
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > x.limit {
			return x.limit + 1
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], x.limit+1)
}

// Spelling is a [Source] without a model: the question as Vocabulary.Correct corrects
// it, nothing if there is nothing to correct. Use it with [Fusion], where the question
// as it was counts too, or with [Retry]. Make it with [NewSpelling].
type Spelling struct{ vocabulary *Vocabulary }

// NewSpelling returns a source. The error wraps ErrOption: v is nil or empty.
func NewSpelling(v *Vocabulary) (*Spelling, error) {
	if v == nil || len(v.counts) == 0 {
		return nil, fmt.Errorf("%w: NewSpelling: the vocabulary has no words", ErrOption)
	}
	return &Spelling{v}, nil
}

// Queries implements Source.
func (s *Spelling) Queries(ctx context.Context, question string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := s.vocabulary.correct(ctx, question)
	if err != nil || c == question {
		return nil, err
	}
	return []string{c}, nil
}
