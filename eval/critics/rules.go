package critics

import (
	"cmp"
	"slices"

	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/reflection"
)

// example is a judged pair as a rule sees it: a number, its class, and its cluster, both
// numbered from 0.
type example struct {
	value          float64
	class, cluster int
}

// folds is in how many parts examples are cut to choose thresholds.
const folds = 10

// lengthOf returns the number of words of what is judged: of the passage for IsREL, of the
// text for IsSUP and IsUSE, of the question for Retrieve.
func lengthOf(g reflection.Group, p Pair) float64 {
	switch g {
	case reflection.IsREL:
		return float64(analysis.Count(p.Passage.Text))
	case reflection.Retrieve:
		return float64(analysis.Count(p.Question))
	default:
		return float64(analysis.Count(p.Text))
	}
}

// overlapOf returns the share of the different words of one text that are in another, in
// [0, 1]: of the question in the passage for IsREL, of the text in the passage for IsSUP,
// of the question in the text for IsUSE. For Retrieve, where there is one text, it reports
// false.
func overlapOf(g reflection.Group, p Pair) (float64, bool) {
	passage := p.Passage.Title + "\n" + p.Passage.Text
	switch g {
	case reflection.IsREL:
		return overlap(p.Question, passage), true
	case reflection.IsSUP:
		return overlap(p.Text, passage), true
	case reflection.IsUSE:
		return overlap(p.Question, p.Text), true
	default:
		return 0, false
	}
}

func overlap(of, in string) float64 {
	found := map[string]bool{}
	for _, w := range analysis.LowerWords(of) {
		found[w] = false
	}
	for _, w := range analysis.LowerWords(in) {
		if _, ok := found[w]; ok {
			found[w] = true
		}
	}
	n := 0
	for _, is := range found {
		if is {
			n++
		}
	}
	return float64(n) / float64(max(len(found), 1))
}

// threshold predicts the class of each example by the best threshold among the examples
// of other clusters. The clusters are dealt out into ten parts in their order, and the
// threshold for one part is chosen on all others. Each side of it predicts the class with
// the most weight on that side, so either side can mean either class. If balanced is set
// all classes weigh the same, else all examples do. There must be at least two clusters.
func threshold(examples []example, classes, clusters int, balanced bool) []int {
	order := make([]int, len(examples))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(examples[a].value, examples[b].value) })
	predicted := make([]int, len(examples))
	parts := min(folds, clusters)
	for part := range parts {
		var train, held []example
		var at []int
		for _, i := range order {
			if examples[i].cluster%parts == part {
				held = append(held, examples[i])
				at = append(at, i)
			} else {
				train = append(train, examples[i])
			}
		}
		limit, below, above := bestSplit(train, classes, balanced)
		for k, e := range held {
			predicted[at[k]] = above
			if e.value < limit {
				predicted[at[k]] = below
			}
		}
	}
	return predicted
}

// bestSplit returns the threshold, and the classes below it and from it on. The examples
// are in ascending order of their values. Of equally good thresholds it is the lowest, of
// equally good classes the first.
func bestSplit(train []example, classes int, balanced bool) (limit float64, below, above int) {
	weights := make([]float64, classes)
	left, right := make([]int, classes), make([]int, classes)
	for _, e := range train {
		right[e.class]++
	}
	for c, n := range right {
		weights[c] = 1
		if balanced {
			weights[c] = 1 / float64(max(n, 1))
		}
	}
	heaviest := func(counts []int) (class int, weight float64) {
		for c, n := range counts {
			if w := float64(n) * weights[c]; w > weight+1e-9 {
				class, weight = c, w
			}
		}
		return class, weight
	}
	above, best := heaviest(right)
	below = above
	limit = train[0].value // all are above it
	for i, e := range train {
		left[e.class]++
		right[e.class]--
		if i+1 == len(train) || train[i+1].value == e.value {
			continue
		}
		l, lw := heaviest(left)
		r, rw := heaviest(right)
		if lw+rw > best+1e-9 { // rounding must not choose
			best, below, above = lw+rw, l, r
			limit = e.value + (train[i+1].value-e.value)/2
		}
	}
	return limit, below, above
}
