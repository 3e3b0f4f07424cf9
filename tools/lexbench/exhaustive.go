package main

import (
	"cmp"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever"
)

// exhaustive is lexical.Index as it was before it skipped postings: it has plain lists of
// postings and scores them all, for passages in English.
type exhaustive struct {
	language keyword.Language
	numbers  map[string]uint32
	postings [][]posting
	lengths  []int
	total    int
	norms    []float64
	scores   []float64 // by passage; all 0 between searches
	found    []uint32
}

type posting struct{ passage, count uint32 }

// What lexical.Options have by default.
const (
	k1, b  = 1.2, 0.75
	titles = 2
)

func newExhaustive() *exhaustive {
	l, _ := keyword.ByName("en")
	return &exhaustive{language: l, numbers: map[string]uint32{}}
}

func (e *exhaustive) add(p retriever.Passage) {
	n, length := uint32(len(e.lengths)), 0
	keyword.With(func(r *keyword.Reader) {
		read := func(text string, times uint32) {
			term := func(term []byte) { e.count(string(term), n, times) }
			length += int(times) * r.Read(text, e.language, func(w *keyword.Word) {
				for _, t := range w.Terms {
					e.count(t, n, times)
				}
			}, term)
		}
		read(p.Title, titles)
		read(p.Text, 1)
	})
	e.lengths = append(e.lengths, length)
	e.total += length
}

func (e *exhaustive) count(term string, n, times uint32) {
	id, ok := e.numbers[term]
	if !ok {
		id = uint32(len(e.postings))
		e.numbers[term] = id
		e.postings = append(e.postings, nil)
	}
	list := e.postings[id]
	if k := len(list) - 1; k >= 0 && list[k].passage == n {
		list[k].count += times
	} else {
		e.postings[id] = append(list, posting{n, times})
	}
}

// finish makes e ready to search.
func (e *exhaustive) finish() {
	mean := float64(e.total) / float64(len(e.lengths))
	for _, n := range e.lengths {
		e.norms = append(e.norms, k1*(1-b+b*float64(n)/mean))
	}
	e.scores = make([]float64, len(e.lengths))
}

type hit struct {
	passage uint32
	score   float64
}

// search returns the k best passages.
func (e *exhaustive) search(text string, k int) []hit {
	var q keyword.Query
	keyword.With(func(r *keyword.Reader) { q = r.Query(text, []keyword.Language{e.language}) })
	var words []uint32
	times := map[uint32]float64{}
	for _, g := range q.Groups {
		if id, ok := e.numbers[g[0]]; ok {
			if times[id]++; times[id] == 1 {
				words = append(words, id)
			}
		}
	}
	e.found = e.found[:0]
	for _, id := range words {
		list := e.postings[id]
		all, with := float64(len(e.lengths)), float64(len(list))
		weight := times[id] * math.Log(1+(all-with+0.5)/(with+0.5)) * (k1 + 1)
		for _, p := range list {
			f := float64(p.count)
			if e.scores[p.passage] == 0 {
				e.found = append(e.found, p.passage)
			}
			e.scores[p.passage] += weight * f / (f + e.norms[p.passage])
		}
	}
	var best []hit // best first
	for _, p := range e.found {
		h := hit{p, e.scores[p]}
		e.scores[p] = 0
		if len(best) == k && compare(h, best[k-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, h, compare)
		best = slices.Insert(best, at, h)[:min(len(best)+1, k)]
	}
	return best
}

func compare(x, y hit) int {
	return cmp.Or(-cmp.Compare(x.score, y.score), cmp.Compare(x.passage, y.passage))
}
