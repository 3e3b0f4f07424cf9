package feature

import (
	"fmt"
	"maps"
	"math"
)

// Rarity says how rare the stems of a language are: their inverse document
// frequency, in nats.
type Rarity struct {
	// Common holds the rarity of stems that are not rare.
	Common map[string]float64
	// Other is that of all other stems.
	Other float64
}

// Of returns the rarity of a stem.
func (r Rarity) Of(stem string) float64 {
	if x, ok := r.Common[stem]; ok {
		return x
	}
	return r.Other
}

// CountRarity counts the stems of texts. Stems in fewer than least texts are not
// kept: they all count as if they stood in half as many.
//
// The rarity of a stem in n of N texts is ln(1 + (N - n + 0.5) / (n + 0.5)), as
// in BM25, rounded to 1/100.
func CountRarity(texts []string, least int) Rarity {
	in := map[string]int{}
	for _, text := range texts {
		lex := NewLexicon(64)
		lex.Words(text)
		for _, s := range lex.stems {
			in[s]++
		}
	}
	idf := func(n float64) float64 {
		x := math.Log1p((float64(len(texts)) - n + 0.5) / (n + 0.5))
		return math.Round(100*x) / 100
	}
	r := Rarity{Common: map[string]float64{}, Other: idf(float64(least) / 2)}
	for s, n := range in {
		if n >= least {
			r.Common[s] = idf(float64(n))
		}
	}
	return r
}

// otherKey is the name of Other in a table; no stem has a space.
const otherKey = "other stems"

// Table returns r as one table of numbers.
func (r Rarity) Table() map[string]float64 {
	t := maps.Clone(r.Common)
	t[otherKey] = r.Other
	return t
}

// RarityOf is the inverse of [Rarity.Table]. The error says that the table is
// missing or which number is not positive.
func RarityOf(table map[string]float64) (Rarity, error) {
	for s, x := range table {
		if !(x > 0 && x < 100) {
			return Rarity{}, fmt.Errorf("the rarity of %q is %v: want a number above 0 and below 100", s, x)
		}
	}
	other, ok := table[otherKey]
	if !ok {
		return Rarity{}, fmt.Errorf("the table of rarities lacks %q", otherKey)
	}
	common := maps.Clone(table)
	delete(common, otherKey)
	return Rarity{Common: common, Other: other}, nil
}
