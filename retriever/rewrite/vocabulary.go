package rewrite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Vocabulary holds the words of passages, in lower case, with the passages that
// hold each. It is immutable and safe for concurrent use.
type Vocabulary struct {
	holders  map[string][]uint32 // the numbers of passages, rising
	byLength map[int][]string    // sorted, by the number of characters
	metadata []filter.Metadata   // by passage
}

// NewVocabulary counts the words in titles and texts, by Unicode's word boundaries.
// It checks ctx between passages; when ctx is done, the error wraps ctx.Err(). The
// metadata of the passages is kept and must not change.
func NewVocabulary(ctx context.Context, passages []retriever.Passage) (*Vocabulary, error) {
	v := &Vocabulary{holders: map[string][]uint32{}, byLength: map[int][]string{}}
	for i, p := range passages {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("rewrite: NewVocabulary: %w", err)
		}
		v.metadata = append(v.metadata, p.Metadata)
		for _, w := range words(p.Title + "\n" + p.Text) {
			list := v.holders[w]
			if n := len(list); n > 0 && list[n-1] == uint32(i) {
				continue
			} else if n == 0 {
				w = strings.Clone(w) // a copy does not keep the whole text in memory
			}
			v.holders[w] = append(list, uint32(i))
		}
	}
	for w := range v.holders {
		n := utf8.RuneCountInString(w)
		v.byLength[n] = append(v.byLength[n], w)
	}
	for _, list := range v.byLength {
		slices.Sort(list)
	}
	return v, nil
}

func words(text string) []string { return analysis.LowerWords(text) }

// Correct returns text with each word that no passage holds replaced by the nearest
// word of the vocabulary. That is the one with the fewest insertions, deletions,
// replacements and swaps of neighboring characters, of equal ones that in the most
// passages, then the first by the alphabet. Only words of letters are corrected,
// those of 4 to 7 letters with one such edit and longer ones with up to two; other
// words stay unchanged. Corrected words are in lower case.
func (v *Vocabulary) Correct(text string) string {
	corrected, _ := v.correct(context.Background(), text, section{Vocabulary: v})
	return corrected
}

// correct checks ctx before each word. The error is that of ctx.
func (v *Vocabulary) correct(ctx context.Context, text string, of section) (string, error) {
	var b strings.Builder
	end := 0
	for _, s := range analysis.Words(text) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		word := strings.ToLower(s.Of(text))
		better := of.nearest(word)
		if err := of.err(); err != nil {
			return "", err
		}
		if better != word {
			b.WriteString(text[end:s.Start])
			b.WriteString(better)
			end = s.End
		}
	}
	b.WriteString(text[end:])
	return b.String(), nil
}

func (v section) nearest(word string) string {
	r := []rune(word)
	if len(r) < 4 || slices.ContainsFunc(r, func(c rune) bool { return !unicode.IsLetter(c) }) || v.count(word) > 0 {
		return word
	}
	limit := 1
	if len(r) >= 8 {
		limit = 2
	}
	best, distance, most := word, limit+1, 0
	a := alignment{a: r, limit: limit}
	for n := len(r) - limit; n <= len(r)+limit; n++ {
		for _, w := range v.byLength[n] {
			d := a.edits(w)
			if d > min(distance, limit) {
				continue
			}
			if n := v.count(w); n > 0 && (d < distance || n > most || n == most && w < best) {
				best, distance, most, a.limit = w, d, n, d
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

// edits returns the number of edits between a and word, where each character is
// part of at most one edit (optimal string alignment), or limit + 1 if there are
// more.
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
