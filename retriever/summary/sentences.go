package summary

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/retriever"
)

// Sentences is a [Summarizer] that chooses sentences of the passage by SumBasic
// (Nenkova and Vanderwende, "The Impact of Frequency on Summarization", 2005).
// Among the sentences with the most probable word of the passage it takes the one
// whose words have the greatest mean probability, squares the probabilities of its
// words, and repeats. The chosen sentences keep their order, with a space between
// them. Words have at least four characters, in lower case, which leaves most
// function words out. Of equal words the first by the alphabet counts, of equal
// sentences the first in the passage.
type Sentences struct {
	// Max is the greatest number of chosen sentences; 0 means 2. A passage that has
	// no more is its own summary.
	Max int
}

// MostCost implements budget.Declarer: no model is called.
func (Sentences) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

// Summarize implements Summarizer.
func (s Sentences) Summarize(ctx context.Context, p retriever.Passage) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	most := s.Max
	if most < 0 {
		return "", fmt.Errorf("%w: Sentences.Max is %d: want at least 1, or 0 for 2", ErrOption, most)
	}
	if most == 0 {
		most = 2
	}
	spans := sentence.Split(p.Text)
	if len(spans) <= most {
		return p.Text, nil
	}
	words := make([][]string, len(spans))
	count := make(map[string]float64)
	total := 0.0
	for i, span := range spans {
		words[i] = content(span.Of(p.Text))
		for _, w := range words[i] {
			count[w]++
			total++
		}
	}
	for w := range count {
		count[w] /= total
	}
	var chosen []int
	for len(chosen) < most {
		top := likeliest(words, chosen, count)
		best, mean := -1, 0.0
		for i := range spans {
			if slices.Contains(chosen, i) || top != "" && !slices.Contains(words[i], top) {
				continue
			}
			if m := average(words[i], count); best < 0 || above(m, mean) {
				best, mean = i, m
			}
		}
		chosen = append(chosen, best)
		for _, w := range slices.Compact(slices.Sorted(slices.Values(words[best]))) {
			count[w] *= count[w]
		}
	}
	slices.Sort(chosen)
	var texts []string
	for _, i := range chosen {
		texts = append(texts, spans[i].Of(p.Text))
	}
	return strings.Join(texts, " "), nil
}

// likeliest returns the most probable word in the remaining sentences, empty if
// they have none.
func likeliest(words [][]string, chosen []int, p map[string]float64) string {
	top := ""
	for i, list := range words {
		if slices.Contains(chosen, i) {
			continue
		}
		for _, w := range list {
			if top == "" || above(p[w], p[top]) || w < top && !above(p[top], p[w]) {
				top = w
			}
		}
	}
	return top
}

// above reports whether a is greater than b by more than a rounding error.
func above(a, b float64) bool { return a > b*(1+1e-12) }

func content(text string) []string {
	text = strings.ToLower(text)
	var list []string
	for _, s := range analysis.Words(text) {
		if w := s.Of(text); utf8.RuneCountInString(w) >= 4 {
			list = append(list, w)
		}
	}
	return list
}

func average(words []string, p map[string]float64) float64 {
	sum := 0.0
	for _, w := range words {
		sum += p[w]
	}
	return sum / float64(max(len(words), 1))
}
