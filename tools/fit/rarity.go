package main

import (
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
	"github.com/goselfrag/goselfrag/internal/feature"
)

// counts holds the number of texts of a language with each stem.
type counts struct {
	texts int
	in    map[string]int
}

// countRarity counts the stems of texts, each in its language. Stems in fewer than least texts
// are not kept: they all count as if they were in half as many. Of a language at most most
// stems are kept, those in most texts; the language with most texts has no limit.
//
// The rarity of a stem in n of N texts of a language is ln(1 + (N - n + 0.5) / (n + 0.5)), as
// in BM25, rounded to 1/100. All languages are scaled to the one with most texts, so that a
// stem that is not kept has the same rarity in all.
func countRarity(texts []string, least, most int) feature.Rarity {
	of := map[keyword.Language]*counts{}
	top := &counts{}
	for _, text := range texts {
		l := lexicon.LanguageOf(text)
		if of[l] == nil {
			of[l] = &counts{in: map[string]int{}}
		}
		c := of[l]
		c.texts++
		if c.texts > top.texts {
			top = c
		}
		lex := lexicon.New(64, l)
		lex.Words(text)
		for _, s := range lex.Stems() {
			c.in[s]++
		}
	}
	other := top.idf(float64(least) / 2)
	r := feature.Rarity{Common: map[string]float64{}, Other: round(other)}
	for l, c := range of {
		scale := other / c.idf(float64(least)/2)
		kept := c.common(l, least)
		if c != top {
			kept = kept[:min(len(kept), most)]
		}
		for _, s := range kept {
			r.Common[s] = round(scale * c.idf(float64(c.in[s])))
		}
	}
	return r
}

func (c *counts) idf(n float64) float64 {
	return math.Log1p((float64(c.texts) - n + 0.5) / (n + 0.5))
}

// common returns the stems of a language in at least so many texts, those in most first.
func (c *counts) common(l keyword.Language, least int) []string {
	var list []string
	for s, n := range c.in {
		if n >= least && keyword.LanguageOf(s) == l && l != keyword.Plain {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b string) int {
		if c.in[a] != c.in[b] {
			return c.in[b] - c.in[a]
		}
		if a < b {
			return -1
		}
		return 1
	})
	return list
}

func round(x float64) float64 { return math.Round(100*x) / 100 }
