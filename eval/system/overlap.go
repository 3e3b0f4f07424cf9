package system

import (
	"math"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// overlap compares questions with sentences by the words they share, each weighted by
// its inverse document frequency among the passages. Words are in lower case and not
// stemmed; there are no stop words. It uses nothing else, so it is a lower bound for any
// method.
type overlap struct{ idf map[string]float64 }

func newOverlap(passages []retriever.Passage) overlap {
	holding := map[string]int{}
	for _, p := range passages {
		for w := range words(p.Title + "\n" + p.Text) {
			holding[w]++
		}
	}
	o := overlap{map[string]float64{}}
	for w, n := range holding {
		o.idf[w] = math.Log(1 + (float64(len(passages)-n)+0.5)/(float64(n)+0.5))
	}
	return o
}

// words returns the set of the words of a text.
func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, s := range analysis.Words(text) {
		set[strings.ToLower(s.Of(text))] = true
	}
	return set
}

// best answers with the sentence that shares most with the question, the first of equally
// good ones.
func (o overlap) best(q dataset.Question, passages []retriever.Passage) *selfrag.Answer {
	question, best := q.Question, answer(q, "")
	// The words in their order: sums in another order would differ in their last
	// digits.
	var asked []string
	left := words(question)
	for _, s := range analysis.Words(question) {
		if w := strings.ToLower(s.Of(question)); left[w] {
			delete(left, w)
			asked = append(asked, w)
		}
	}
	most := -1.0
	for _, p := range passages {
		for _, s := range sentence.Split(p.Text) {
			shared, in := 0.0, words(s.Of(p.Text))
			for _, w := range asked {
				if in[w] {
					shared += o.idf[w]
				}
			}
			if shared > most {
				most, best = shared, answer(q, s.Of(p.Text), p)
			}
		}
	}
	return best
}
