package lexical

import (
	"context"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// exhaustive is the slow reference: it scores every passage that holds a term, and
// finds what an Index of the same passages must find, with the same scores to the
// bit.
type exhaustive struct {
	ix        *Index // for its options and analyzer
	passages  []retriever.Passage
	postings  map[string][]posting
	lengths   []int
	norms     []float64
	languages [keyword.Count]int
	language  []keyword.Language // by passage
}

type posting struct{ passage, count uint32 }

// newExhaustive returns a reference over passages. languages holds the language of
// each.
func newExhaustive(ix *Index, passages []retriever.Passage, languages []keyword.Language) *exhaustive {
	e := &exhaustive{ix: ix, passages: passages, postings: map[string][]posting{}, language: languages}
	var totals [keyword.Count]int
	keyword.With(func(r *keyword.Reader) {
		for i, p := range passages {
			e.languages[languages[i]]++
			title, n := e.terms(r, p.Title, languages[i])
			text, m := e.terms(r, p.Text, languages[i])
			for term := range title.All() {
				e.count(string(term), uint32(i), ix.title)
			}
			for term := range text.All() {
				e.count(string(term), uint32(i), 1)
			}
			length := int(ix.title)*n + m
			e.lengths = append(e.lengths, length)
			totals[languages[i]] += length
		}
	})
	for i, n := range e.lengths {
		mean := max(float64(totals[languages[i]]), 1) / max(float64(e.languages[languages[i]]), 1)
		e.norms = append(e.norms, ix.k1*(1-ix.b+ix.b*float64(n)/mean))
	}
	return e
}

func (e *exhaustive) terms(r *keyword.Reader, text string, l keyword.Language) (t keyword.Terms, length int) {
	if _, ok := e.ix.analyzer.(named); ok {
		// Read counts the terms that do not repeat, and nothing else about them
		// matters here.
		n := r.Read(text, l, func(w *keyword.Word) {
			for _, term := range w.Terms {
				t.Add(term, true)
			}
		}, func(term []byte) { t.Add(string(term), true) })
		return t, n
	}
	for term := range e.ix.analyzer.Terms(text) {
		t.Add(term.Text, false)
	}
	return t, t.Len()
}

func (e *exhaustive) count(term string, n, times uint32) {
	if times == 0 {
		return
	}
	list := e.postings[term]
	if k := len(list) - 1; k >= 0 && list[k].passage == n {
		list[k].count += times
	} else {
		e.postings[term] = append(list, posting{n, times})
	}
}

// retrieve is Index.Retrieve.
func (e *exhaustive) retrieve(q retriever.Query) retriever.Result {
	among := &snapshot{languages: e.languages, live: len(e.passages)}
	query := e.ix.query(q.Text, among)
	if query.Words == 0 {
		return retriever.Result{Scores: retriever.BM25, Missing: []retriever.Missing{{Part: "query", Reason: noWords}}}
	}
	scores := make([]float64, len(e.passages)) // above 0 for passages that are found
	e.score(query.Groups, scores)
	if n, all := float64(e.languages[query.Language]), float64(len(e.passages)); query.Common > 0 && n > 0 && n < all {
		bonus := preference * float64(query.Common) * math.Log(1+(all-n+0.5)/(n+0.5))
		for p := range scores {
			if scores[p] > 0 && e.language[p] == query.Language {
				scores[p] += bonus
			}
		}
	}
	if !slices.ContainsFunc(scores, positive) && query.Words == query.Stops {
		e.scoreStops(q.Text, scores)
	}
	res := retriever.Result{Scores: retriever.BM25}
	for p, score := range scores {
		if score > 0 && filter.Match(q.Filter, e.passages[p].Metadata) {
			res.Hits = append(res.Hits, retriever.Hit{Passage: e.passages[p], Score: score})
		}
	}
	place := map[string]int{}
	for _, h := range res.Hits {
		place[h.Passage.ID] = len(place) // they are in the order of addition
	}
	slices.SortFunc(res.Hits, func(a, b retriever.Hit) int {
		if a.Score != b.Score {
			return int(math.Copysign(1, b.Score-a.Score))
		}
		return place[a.Passage.ID] - place[b.Passage.ID]
	})
	res.Hits = res.Hits[:min(q.K, len(res.Hits))]
	return res
}

func positive(x float64) bool { return x > 0 }

// score adds the words of a query, each once, in the order of the query.
func (e *exhaustive) score(query []keyword.Group, scores []float64) {
	type word struct {
		terms   []string
		idf     []float64
		times   int
		overlap bool
	}
	var words []word
next:
	for _, g := range query {
		w := word{times: 1}
		holders := 0
		for i, t := range g {
			if n := len(e.postings[t]); n > 0 {
				w.terms = append(w.terms, t)
				if i > 0 && g[i-1][0] == t[0] {
					w.overlap = true
				} else {
					holders += n
				}
			}
		}
		if len(w.terms) == 0 {
			continue
		}
		for i := range words {
			if slices.Equal(words[i].terms, w.terms) {
				words[i].times++
				continue next
			}
		}
		among := &snapshot{languages: e.languages, live: len(e.passages)}
		for _, t := range w.terms {
			w.idf = append(w.idf, among.idf(len(e.postings[t]), min(holders, len(e.passages)), keyword.LanguageOf(t)))
		}
		words = append(words, w)
	}
	for _, w := range words {
		seen := make([]bool, len(scores))
		for k, term := range w.terms {
			weight := float64(w.times) * w.idf[k] * (e.ix.k1 + 1)
			for _, p := range e.postings[term] {
				if w.overlap && seen[p.passage] {
					continue
				}
				seen[p.passage] = true
				f := float64(p.count)
				scores[p.passage] += weight * f / (f + e.norms[p.passage])
			}
		}
	}
}

// scoreStops scores all passages for a query of only stop words.
func (e *exhaustive) scoreStops(text string, scores []float64) {
	w := newStopCounter(text)
	counts := map[uint32][]uint32{}
	with := make([]float64, w.size)
	for i, p := range e.passages {
		if !w.count(p, e.ix.title) {
			continue
		}
		counts[uint32(i)] = slices.Clone(w.counts)
		for k, n := range w.counts {
			if n > 0 {
				with[k]++
			}
		}
	}
	for p, c := range counts {
		for k, times := range w.times {
			if f := float64(c[k]); f > 0 {
				idf := math.Log(1 + (float64(len(e.passages))-with[k]+0.5)/(with[k]+0.5))
				scores[p] += times * idf * (e.ix.k1 + 1) * f / (f + e.ix.k1)
			}
		}
	}
}

// languagesFor returns the languages of passages that are added together.
func languagesFor(ix *Index, passages []retriever.Passage) []keyword.Language {
	l, err := ix.languagesOf(context.Background(), passages)
	if err != nil {
		panic(err)
	}
	return l
}
