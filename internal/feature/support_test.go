package feature

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
)

// TestEvidenceAgainstScan compares look-ups with a scan of all sentences.
func TestEvidenceAgainstScan(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	draw := func(n int) (terms []int32) {
		for range n {
			terms = append(terms, int32(random.IntN(3)))
		}
		return terms
	}
	words := func(terms []int32) (list []lexicon.Word) {
		for _, t := range terms {
			w := lexicon.Word{Term: t}
			if t == 2 {
				w.Is = lexicon.Stop
			}
			list = append(list, w)
		}
		return list
	}
	found := [2]int{}
	for range 3000 {
		var sentences [][]int32
		var passage [][]lexicon.Word
		for range random.IntN(5) {
			s := draw(random.IntN(4))
			sentences, passage = append(sentences, s), append(passage, words(s))
		}
		text := draw(random.IntN(6))
		e := NewEvidence(passage)

		whole := false
		for i := range sentences {
			for j := i + 1; j <= len(sentences); j++ {
				whole = whole || slices.Equal(slices.Concat(sentences[i:j]...), text)
			}
		}
		if got := e.whole(text); got != whole {
			t.Fatalf("%v in %v: whole %v, want %v", text, sentences, got, whole)
		}
		if whole {
			found[1]++
		} else {
			found[0]++
		}
		shared := e.shared(words(text))
		for i, s := range sentences {
			want := 0
			for _, w := range text {
				if w != 2 && slices.Contains(s, w) {
					want++
				}
			}
			if shared[i] != want {
				t.Fatalf("%v shares %d content words with %v, want %d", text, shared[i], s, want)
			}
		}
	}
	if min(found[0], found[1]) < 100 {
		t.Errorf("not whole and whole %v times: the test shows little", found)
	}
}
