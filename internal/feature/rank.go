package feature

import (
	"math"
	"strings"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

// The parameters of BM25 for stems, forms and grams: the power of the rarity, and k1.
// b is 0.75 for all.
var rankPowers, rankK1 = [...]float64{1.5, 1, 1}, [...]float64{1.2, 1.2, 2}

const (
	rankB      = 0.75
	leastJoint = 6 // bytes of a word that two neighboring words can make
)

// partTimes holds the weights of a term of the title and of the text.
var partTimes = [...]float64{2, 1}

// Collection holds how rare terms are among passages, and the lengths of the
// passages. Once all are added, it may be used by several goroutines at once.
type Collection struct {
	passages int
	holders  [analysis.RankKinds]map[string]int // passages that hold a term
	length   [analysis.RankKinds]float64        // terms of all passages
}

// NewCollection returns a collection without passages.
func NewCollection() *Collection {
	c := &Collection{}
	for k := range c.holders {
		c.holders[k] = map[string]int{}
	}
	return c
}

// Add counts a passage.
func (c *Collection) Add(title, text string) {
	c.passages++
	seen := [analysis.RankKinds]map[string]bool{{}, {}, {}, {}}
	for part, text := range [...]string{title, text} {
		for _, w := range analysis.RankWords(text) {
			w.Terms(func(kind int, term string) {
				c.length[kind] += partTimes[part]
				if seen[kind][term] {
					return
				}
				term = strings.Clone(term) // a copy does not keep the whole text in memory
				seen[kind][term] = true
				c.holders[kind][term]++
			})
		}
	}
}

// rarity is the idf of BM25 as a share of that of a term that no passage holds, so
// that it is comparable for all numbers of passages.
func (c *Collection) rarity(kind int, term string) float64 {
	all, n := float64(c.passages), float64(c.holders[kind][term])
	return math.Log(1+(all-n+0.5)/(n+0.5)) / math.Log(1+(all+0.5)/0.5)
}
