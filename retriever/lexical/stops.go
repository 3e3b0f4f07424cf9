package lexical

import (
	"context"
	"math"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever"
)

// rankStops leaves the best passages in b for a query of only stop words, such as
// "to be or not to be". Stop words are not in the index. It reads all passages and
// scores them by the words and by every two neighbors, without regard to their
// length, which does not count stop words.
func (s *Snapshot) rankStops(ctx context.Context, text string, allow *allowance, b *best) error {
	k1 := s.ix.k1
	w := newStopCounter(text)
	type holder struct {
		candidate
		counts []uint32
	}
	var holders []holder
	with := make([]float64, w.size) // how many passages hold each
	err := s.each(ctx, func(c candidate, p retriever.Passage) {
		if !w.count(p, s.ix.title) {
			return
		}
		for k, n := range w.counts {
			if n > 0 {
				with[k]++
			}
		}
		if allow.scan == nil || allow.scan.Match(p.Metadata) {
			holders = append(holders, holder{c, append([]uint32(nil), w.counts...)})
		}
	})
	if err != nil {
		return err
	}
	for _, h := range holders {
		for k, times := range w.times {
			if f := float64(h.counts[k]); f > 0 {
				idf := math.Log(1 + (float64(s.now.live)-with[k]+0.5)/(with[k]+0.5))
				h.score += times * idf * (k1 + 1) * f / (f + k1)
			}
		}
		b.offer(h.candidate)
	}
	return nil
}

// stopCounter counts the words of a query, and every two neighbors, in passages.
type stopCounter struct {
	words  map[string]int
	pairs  map[[2]int]int
	times  []float64 // how often the query holds each
	counts []uint32
	size   int
}

func newStopCounter(text string) *stopCounter {
	w := &stopCounter{words: map[string]int{}, pairs: map[[2]int]int{}}
	last := -1
	for word := range keyword.Plainly(text) {
		k, ok := w.words[word]
		if !ok {
			k = w.size
			w.words[word] = k
			w.size++
			w.times = append(w.times, 0)
		}
		w.times[k]++
		if last >= 0 {
			pair := [2]int{last, k}
			n, ok := w.pairs[pair]
			if !ok {
				n = w.size
				w.pairs[pair] = n
				w.size++
				w.times = append(w.times, 0)
			}
			w.times[n]++
		}
		last = k
	}
	w.counts = make([]uint32, w.size)
	return w
}

// count sets w.counts for a passage and reports whether any is not 0.
func (w *stopCounter) count(p retriever.Passage, title uint32) bool {
	clear(w.counts)
	any := false
	for _, part := range [...]struct {
		text  string
		times uint32
	}{{p.Title, title}, {p.Text, 1}} {
		last := -1
		for word := range keyword.Plainly(part.text) {
			k, ok := w.words[word]
			if !ok {
				last = -1
				continue
			}
			any = any || part.times > 0
			w.counts[k] += part.times
			if n, ok := w.pairs[[2]int{last, k}]; ok {
				w.counts[n] += part.times
			}
			last = k
		}
	}
	return any
}
