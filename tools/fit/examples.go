package main

import (
	"slices"

	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/tools/internal/fit"
)

// followExamples returns places after a segment. Of a question with known supporting
// sentences, the answer has said the first few, by their probability to answer. If others
// are left, the answer continues; if none is left, it ends. After the best sentence of a
// passage that does not answer, other passages are needed. Both last cases are also made
// with no sentence of the passage left.
func (d *data) followExamples(choice, use *linear.Model, rarity feature.Rarity, in func(i int) bool) []fit.Labeled {
	var out []fit.Labeled
	for i, s := range d.clap {
		if !in(i) {
			continue
		}
		texts := s.Passage.Sentences
		c, q, lex := s.chosen(choice, rarity)
		u := make([]float64, len(texts))
		for k := range texts {
			u[k] = use.Probs(feature.Use(c.z[k], false, c.pi[1+k]))[1]
		}
		order := slices.Clone(s.Support)
		slices.SortStableFunc(order, func(a, b int) int {
			if u[a] > u[b] {
				return -1
			}
			return classOf(u[a] < u[b])
		})
		if len(order) == 0 && c.at >= 0 {
			open := 1 - q.Share(q.Holds(lex.Words(texts[c.at])))
			out = append(out,
				fit.Labeled{Row: feature.Follow(greatest(u, func(k int) bool { return k != c.at }), open, 1, q.Short()), Class: 1, Weight: 1},
				fit.Labeled{Row: feature.Follow(-1, open, 1, q.Short()), Class: 1, Weight: 0.5})
		}
		var covered uint64
		for n, k := range order {
			covered |= q.Holds(lex.Words(texts[k]))
			said, left := order[:n+1], order[n+1:]
			open := 1 - q.Share(covered)
			unsaid := func(k int) bool { return !slices.Contains(said, k) }
			row := feature.Follow(greatest(u, unsaid), open, n+1, q.Short())
			if len(left) > 0 {
				out = append(out, fit.Labeled{Row: row, Class: 0, Weight: 1})
				continue
			}
			out = append(out, fit.Labeled{Row: row, Class: 2, Weight: 1}, fit.Labeled{Row: feature.Follow(-1, open, n+1, q.Short()), Class: 2, Weight: 0.5})
		}
	}
	return out
}

// followShort returns places after the sentence that the model quotes from the first passage
// for a question with a short answer. If the sentence holds the answer, the answer ends. If
// the passage does not hold it, other passages are needed. Together they weigh as much as
// the given number of examples.
func followShort(choice, use *linear.Model, rarity feature.Rarity, examples []example, weight int) []fit.Labeled {
	var out []fit.Labeled
	for _, e := range examples {
		if len(e.views) == 0 {
			continue
		}
		v := e.views[0]
		c := choose(choice, v)
		class := 2
		if c.at < 0 || !v.right[c.at] && v.any {
			continue
		}
		if !v.any {
			class = 1
		}
		u := make([]float64, len(v.texts))
		for k := range u {
			u[k] = use.Probs(feature.Use(c.z[k], false, c.pi[1+k]))[1]
		}
		q, lex := readQuestion(e.question, rarity, v.texts...)
		if !q.Short() {
			continue // its one gold answer need not be all there is to say
		}
		open := 1 - q.Share(q.Holds(lex.Words(v.texts[c.at])))
		row := feature.Follow(greatest(u, func(k int) bool { return k != c.at }), open, 1, q.Short())
		out = append(out, fit.Labeled{Row: row, Class: class})
	}
	for i := range out {
		out[i].Weight = float64(weight) / float64(len(out))
	}
	return out
}

func greatest(u []float64, in func(int) bool) float64 {
	top := -1.0
	for k, x := range u {
		if in(k) {
			top = max(top, x)
		}
	}
	return top
}

// chosen returns what the choice makes of the question's own passage.
func (s supported) chosen(choice *linear.Model, rarity feature.Rarity) (chosen, *feature.Question, *lexicon.Lexicon) {
	q, lex := readQuestion(s.Question, rarity, s.Passage.Sentences...)
	return choose(choice, s.view(rarity)), q, lex
}

func (s supported) view(rarity feature.Rarity) view {
	return viewOf(s.Question, s.Passage.Title, s.Passage.Sentences, rarity, func(i int, _ string) bool { return slices.Contains(s.Support, i) })
}
