package check

import (
	"maps"
	"strings"
)

// run is the number of successive words by which questions are found to be nearly equal.
const run = 8

// template is the number of questions from which on words that they share say nothing.
const template = 64

// evaluation finds questions of an evaluation set. A question is the same if its words are
// those of the record's question or of its first line: the lines below may be answers to
// choose from. It is nearly the same if half of its words or more are in runs of 8
// successive words that both have, without runs that 64 questions or more of the set have.
// One of fewer than 8 words is the same or it is not.
type evaluation struct {
	lines  []int
	words  []int           // how many the question has
	equal  map[digest]int  // the index of a question
	shared map[digest][]at // where 8 successive words are
}

// at is the first word of a run in a question.
type at struct{ question, word int32 }

func newEvaluation(list []Question) evaluation {
	e := evaluation{equal: map[digest]int{}, shared: map[digest][]at{}}
	for i, q := range list {
		words := wordsOf(q.text())
		e.lines = append(e.lines, q.Line)
		e.words = append(e.words, len(words))
		if len(words) == 0 {
			continue
		}
		if key := digestOf(words...); !e.has(key) {
			e.equal[key] = i
		}
		for k := 0; k+run <= len(words); k++ {
			key := digestOf(words[k : k+run]...)
			e.shared[key] = append(e.shared[key], at{int32(i), int32(k)})
		}
	}
	maps.DeleteFunc(e.shared, func(_ digest, list []at) bool { return len(list) >= template })
	return e
}

func (e evaluation) has(key digest) bool {
	_, ok := e.equal[key]
	return ok
}

func (e evaluation) find(question string, line int, report *Report) {
	if len(e.lines) == 0 {
		return
	}
	first, _, _ := strings.Cut(question, "\n")
	for _, text := range []string{question, first} {
		if i, ok := e.equal[digestOf(wordsOf(text)...)]; ok {
			report.addFinding(Overlap, Place{Line: line, Of: e.lines[i]})
			return
		}
	}
	if i, ok := e.nearest(wordsOf(question)); ok {
		report.addFinding(NearOverlap, Place{Line: line, Of: e.lines[i]})
	}
}

// nearest returns the first question that has half of its words or more in runs that words
// has, too.
func (e evaluation) nearest(words []string) (question int, ok bool) {
	covered := map[int32]map[int32]bool{} // the words of each question
	for k := 0; k+run <= len(words); k++ {
		for _, a := range e.shared[digestOf(words[k:k+run]...)] {
			if covered[a.question] == nil {
				covered[a.question] = map[int32]bool{}
			}
			for w := range int32(run) {
				covered[a.question][a.word+w] = true
			}
		}
	}
	for i, set := range covered {
		if 2*len(set) >= e.words[i] && (!ok || int(i) < question) {
			question, ok = int(i), true
		}
	}
	return question, ok
}
