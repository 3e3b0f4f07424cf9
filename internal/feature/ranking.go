package feature

import (
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

// Ranking is a question prepared for comparison with passages of a collection. It
// is read-only once made.
type Ranking struct {
	collection *Collection
	bags       [analysis.RankRoots]bag // stems, forms, grams
	roots      map[string]int          // different roots of content words, numbered
	rarity     []float64               // of roots
	total      float64
	pairs      map[[2]string]int // neighboring roots, numbered
	joined     map[string][]int  // neighboring words as one: the roots of all such
	long       map[string]int    // words that two may make together: their root
}

// bag holds the terms of one kind of a question.
type bag struct {
	place  map[string]int
	weight []float64 // times in the question · rarity^power
}

// NewRanking reads a question.
func (c *Collection) NewRanking(question string) *Ranking {
	r := &Ranking{
		collection: c,
		roots:      map[string]int{}, pairs: map[[2]string]int{}, joined: map[string][]int{}, long: map[string]int{},
	}
	for k := range r.bags {
		r.bags[k].place = map[string]int{}
	}
	words := analysis.RankWords(question)
	for i, w := range words {
		w.Terms(r.add)
		if !w.Stop && len(w.Form) >= leastJoint {
			r.long[w.Form] = r.roots[w.Root()]
		}
		if i == 0 {
			continue
		}
		before := words[i-1]
		joint := before.Form + w.Form
		for _, w := range [...]analysis.RankWord{before, w} {
			if !w.Stop && !slices.Contains(r.joined[joint], r.roots[w.Root()]) {
				r.joined[joint] = append(r.joined[joint], r.roots[w.Root()])
			}
		}
		pair := [2]string{before.Root(), w.Root()}
		if _, ok := r.pairs[pair]; !ok {
			r.pairs[pair] = len(r.pairs)
		}
	}
	return r
}

func (r *Ranking) add(kind int, term string) {
	rarity := r.collection.rarity(kind, term)
	if kind == analysis.RankRoots {
		if _, ok := r.roots[term]; !ok {
			r.roots[term] = len(r.rarity)
			r.rarity = append(r.rarity, rarity)
			r.total += rarity
		}
		return
	}
	b := &r.bags[kind]
	p, ok := b.place[term]
	if !ok {
		p = len(b.weight)
		b.place[term] = p
		b.weight = append(b.weight, 0)
	}
	b.weight[p] += math.Pow(rarity, rankPowers[kind])
}

// RankNames returns the names of the features of [Ranking.Features].
func RankNames() []string {
	return []string{"stems", "forms", "grams", "text", "passage", "title", "order"}
}

// Features returns the features of a passage. Package learned describes them.
func (r *Ranking) Features(title, text string) []float64 {
	s := r.newSight()
	for part, text := range [...]string{title, text} {
		s.readWords(analysis.RankWords(text), part)
	}
	f := make([]float64, 0, len(RankNames()))
	for k := range r.bags {
		f = append(f, r.bm25(k, s.count[k], s.length[k]))
	}
	inTitle := 0.0
	if s.title > 0 {
		inTitle = s.asked / s.title
	}
	pairs := 0.0
	for _, p := range s.pairs {
		pairs += b2f(p)
	}
	return append(f, r.share(s.text), r.share(s.all), inTitle, pairs/float64(max(1, len(s.pairs))))
}

func (r *Ranking) bm25(kind int, count []float64, length float64) float64 {
	mean := max(r.collection.length[kind]/float64(max(r.collection.passages, 1)), 1)
	k1 := rankK1[kind]
	norm := k1 * (1 - rankB + float64(rankB*length/mean))
	sum := 0.0
	for p, n := range count {
		sum += float64(r.bags[kind].weight[p] * n * (k1 + 1) / (n + norm))
	}
	return sum
}

// share returns the part of the question's rarity that a set of its roots has.
func (r *Ranking) share(set []bool) float64 {
	sum := 0.0
	for p, in := range set {
		if in {
			sum += r.rarity[p]
		}
	}
	if r.total == 0 {
		return 0
	}
	return min(1, sum/r.total)
}

// rankSight is the result of reading a passage.
type rankSight struct {
	r            *Ranking
	count        [analysis.RankRoots][]float64 // of the question's terms
	length       [analysis.RankRoots]float64
	text, all    []bool // of the question's roots: occurs in the text, occurs anywhere
	pairs        []bool
	title, asked float64 // rarity of the title, and of the part of the question in it
}

func (r *Ranking) newSight() *rankSight {
	s := &rankSight{r: r, text: make([]bool, len(r.rarity)), all: make([]bool, len(r.rarity)), pairs: make([]bool, len(r.pairs))}
	for k := range s.count {
		s.count[k] = make([]float64, len(r.bags[k].weight))
	}
	return s
}

// readWords reads the words of the title, part 0, or the text, part 1.
func (s *rankSight) readWords(words []analysis.RankWord, part int) {
	r, before := s.r, ""
	var both []byte
	for i, w := range words {
		w.Terms(func(kind int, term string) {
			if kind == analysis.RankRoots {
				s.root(term, part)
				return
			}
			s.length[kind] += partTimes[part]
			if p, ok := r.bags[kind].place[term]; ok {
				s.count[kind][p] += partTimes[part]
			}
		})
		for _, p := range r.joined[w.Form] {
			s.all[p] = true
		}
		root := w.Root()
		if i > 0 {
			both = append(append(both[:0], words[i-1].Form...), w.Form...)
			if p, ok := r.long[string(both)]; ok {
				s.all[p] = true
			}
			if p, ok := r.pairs[[2]string{before, root}]; ok && part == 1 {
				s.pairs[p] = true
			}
		}
		before = root
	}
}

func (s *rankSight) root(root string, part int) {
	p, asked := s.r.roots[root]
	if asked {
		s.all[p] = true
		s.text[p] = s.text[p] || part == 1
	}
	if part == 0 {
		x := s.r.collection.rarity(analysis.RankRoots, root)
		s.title += x
		if asked {
			s.asked += x
		}
	}
}
