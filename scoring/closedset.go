package scoring

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ClosedResult is the outcome of [ClosedSet]. Labels, texts and scores are
// referred to by their indices in its arguments.
type ClosedResult struct {
	Best      int       `json:"best"`                // the winning label; -1 if no text matches any label
	Sums      []float64 `json:"sums"`                // per label, the sum of the scores of its texts
	Labels    []int     `json:"labels"`              // per text, its label; -1 if it matches none
	Unmatched []int     `json:"unmatched,omitempty"` // the texts that match no label, in order
}

// ClosedSet chooses among labels by summing, per label, the scores of the texts
// that give it. The label with the largest sum wins, even if another one has the
// best single text; of labels with equal sums the one whose first text came
// first. A label without texts has the sum 0 and cannot win. Scores are added in
// the order of the texts and should be finite.
//
// Texts and labels are compared in a normal form: white space, punctuation and
// backquotes are cut off at both ends, white space inside becomes single spaces,
// and letters are compared without regard to case, as [strings.EqualFold] does.
// A text gives a label if the two are equal, or if the text begins with the
// label and goes on with something other than a letter, a digit or a combining
// mark: "A: Paris", "(B) because". A point or comma between two digits does not
// end a label, so "3.5" does not give the label 3. Of several labels that fit,
// the longest counts, and of equal ones the first.
//
// Labels should pass [CheckLabels]; one whose normal form is empty matches
// nothing. If texts and scores differ in length, the texts without a score match
// nothing, and the scores without a text do not count.
func ClosedSet(labels []string, texts []string, scores []float64) ClosedResult {
	r := ClosedResult{Best: -1, Sums: make([]float64, len(labels)), Labels: make([]int, len(texts))}
	forms := make([]string, len(labels))
	for i, l := range labels {
		forms[i] = normalForm(l)
	}
	var order []int // labels by their first text
	seen := make([]bool, len(labels))
	for i, text := range texts {
		l := -1
		if i < len(scores) {
			l = matchLabel(forms, normalForm(text))
		}
		r.Labels[i] = l
		if l < 0 {
			r.Unmatched = append(r.Unmatched, i)
			continue
		}
		r.Sums[l] += scores[i]
		if !seen[l] {
			seen[l] = true
			order = append(order, l)
		}
	}
	for _, l := range order {
		if r.Best < 0 || r.Sums[l] > r.Sums[r.Best] {
			r.Best = l
		}
	}
	return r
}

// Settled reports whether Best is the best label however further texts turn out
// that score within the intervals in open, or do not count, or give no label: its
// sum, with all that can lower it, is above that of every other label with all
// that can raise it. A label without texts so far counts like any other. Which
// label is best is settled then; the sums are not. Without a best label, false.
func (r ClosedResult) Settled(open []Interval) bool {
	if r.Best < 0 {
		return false
	}
	down, up := 0.0, 0.0
	for _, i := range open {
		down += min(0, i.Lo)
		up += max(0, i.Hi)
	}
	for l, sum := range r.Sums {
		if l != r.Best && !Below(sum+up, r.Sums[r.Best]+down) {
			return false
		}
	}
	return true
}

// CheckLabels returns a [*ConfigError] unless there are at least two labels, all
// different and not empty in the normal form of [ClosedSet].
func CheckLabels(labels []string) error {
	if len(labels) < 2 {
		return &ConfigError{"labels", fmt.Sprintf("%d given; want at least 2", len(labels))}
	}
	first := make(map[string]int, len(labels))
	for i, l := range labels {
		form, field := normalForm(l), fmt.Sprintf("labels[%d]", i)
		if form == "" {
			return &ConfigError{field, fmt.Sprintf("%q holds nothing but white space and punctuation; want a letter, digit or symbol", l)}
		}
		if j, ok := first[form]; ok {
			return &ConfigError{field, fmt.Sprintf("%q is the same as labels[%d], %q, apart from case, white space and outer punctuation; rename or drop one", l, j, labels[j])}
		}
		first[form] = i
	}
	return nil
}

// matchLabel returns the index of the longest label that text gives, or -1. All
// are in normal form.
func matchLabel(labels []string, text string) int {
	best := -1
	for i, l := range labels {
		if l != "" && (best < 0 || len(l) > len(labels[best])) && gives(text, l) {
			best = i
		}
	}
	return best
}

// gives reports whether text is label, or label and then something that does not
// continue its last word or number.
func gives(text, label string) bool {
	rest, ok := strings.CutPrefix(text, label)
	if !ok || rest == "" {
		return ok
	}
	next, size := utf8.DecodeRuneInString(rest)
	if next == '.' || next == ',' {
		before, _ := utf8.DecodeLastRuneInString(label)
		after, _ := utf8.DecodeRuneInString(rest[size:])
		return !unicode.IsDigit(before) || !unicode.IsDigit(after)
	}
	return !unicode.In(next, unicode.Letter, unicode.Number, unicode.Mark)
}

// normalForm returns s as ClosedSet compares it.
func normalForm(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsPunct(r) || r == '`'
	})
	return strings.Map(fold, strings.Join(strings.Fields(s), " "))
}

// fold returns the least of the runes that differ from r only by case.
func fold(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}
