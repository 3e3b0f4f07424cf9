package main

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
)

// Claims are made of passages in any language: quotes, parts of them, and such with another
// number, another name or a negation.
func TestClaims(t *testing.T) {
	for _, tc := range []struct {
		own, foreign, negated string
	}{
		{"The bridge was opened in 1932 by Anna Berg. It has cost 40 pounds in all, as Max Orr wrote.", "The mill burned down in 1950, as Tim Voss wrote to Ann Bell.", "not opened"},
		{"大桥是1932年由市长开通的。渡轮每天运送40名乘客到对岸去。", "磨坊在1950年的火灾中被烧毁了。", "不是"},
		{"पुल 1932 में महापौर ने खोला था। नाव हर दिन 40 यात्री ले जाती है।", "चक्की 1950 की आग में जल गई थी।", "नहीं"},
		{"Die Brücke war 1932 das Werk von Anna Berg. Sie hat 40 Pfund gekostet, wie Max Orr schrieb.", "Die Mühle brannte 1950 ab, wie Tim Voss schrieb.", "war nicht"},
	} {
		own, foreign := split(tc.own), split(tc.foreign)
		if len(own) != 2 || len(foreign) != 1 {
			t.Fatalf("sentences %q, %q", own, foreign)
		}
		lex := lexicon.New(16, lexicon.LanguageOf(own...))
		count := map[int]int{}
		negated, swapped := false, 0
		for seed := range uint64(20) {
			for _, c := range makeClaims(rand.New(rand.NewPCG(seed, 1)), lex, own, foreign) {
				count[c.class]++
				negated = negated || strings.Contains(c.text, tc.negated)
				if c.clean != "" {
					swapped++
					if c.text == c.clean || c.class != none {
						t.Errorf("%q made of %q has class %d", c.text, c.clean, c.class)
					}
				}
			}
		}
		if count[full] == 0 || count[partial] == 0 || count[none] == 0 || !negated || swapped == 0 {
			t.Errorf("%q: classes %v, negated %v, %d swapped", tc.own, count, negated, swapped)
		}
	}
}
