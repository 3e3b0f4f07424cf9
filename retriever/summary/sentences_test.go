package summary_test

import (
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/summary"
)

func TestSentences(t *testing.T) {
	const text = "It rained. The bridge over the river Ebro is a stone bridge. Tourists like food. The river floods the stone bridge often. Ann left."
	for n, want := range map[int]string{
		// bridge 3, river 2, stone 2 of 16 words. With bridge: 12/6 against 9/5.
		1: "The bridge over the river Ebro is a stone bridge.",
		// Squared, these are less likely than 1/16; of those with 1, floods is the first.
		0: "The bridge over the river Ebro is a stone bridge. The river floods the stone bridge often.",
		9: text,
	} {
		got, err := summary.Sentences{Max: n}.Summarize(t.Context(), retriever.Passage{Text: text})
		if err != nil || got != want {
			t.Errorf("%d: %q, %v: want %q", n, got, err, want)
		}
	}
	if _, err := (summary.Sentences{Max: -1}).Summarize(t.Context(), retriever.Passage{Text: text}); !errors.Is(err, summary.ErrOption) {
		t.Errorf("-1: %v", err)
	}
	if got, err := (summary.Sentences{}).Summarize(t.Context(), retriever.Passage{}); err != nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

// slowSentences is SumBasic step by step as in the paper, in exact arithmetic.
func slowSentences(sentences []string, most int) string {
	words := make([][]string, len(sentences))
	p := map[string]*big.Rat{}
	total := int64(0)
	for i, s := range sentences {
		for _, w := range strings.Fields(strings.ToLower(strings.Trim(s, "."))) {
			if len(w) >= 4 {
				words[i] = append(words[i], w)
				total++
			}
		}
	}
	for _, list := range words {
		for _, w := range list {
			if p[w] == nil {
				p[w] = new(big.Rat)
			}
			p[w].Add(p[w], big.NewRat(1, total))
		}
	}
	taken := make([]bool, len(sentences))
	for range most {
		top := ""
		for i, list := range words {
			for _, w := range list {
				if c := 0; !taken[i] {
					if top != "" {
						c = p[w].Cmp(p[top])
					}
					if top == "" || c > 0 || c == 0 && w < top {
						top = w
					}
				}
			}
		}
		best, mean := -1, new(big.Rat)
		for i, list := range words {
			if taken[i] || top != "" && !slices.Contains(list, top) {
				continue
			}
			m := new(big.Rat)
			for _, w := range list {
				m.Add(m, p[w])
			}
			m.Quo(m, big.NewRat(int64(max(len(list), 1)), 1))
			if best < 0 || m.Cmp(mean) > 0 {
				best, mean = i, m
			}
		}
		taken[best] = true
		squared := map[string]bool{}
		for _, w := range words[best] {
			if !squared[w] {
				squared[w] = true
				p[w] = new(big.Rat).Mul(p[w], p[w])
			}
		}
	}
	var list []string
	for i, s := range sentences {
		if taken[i] {
			list = append(list, s)
		}
	}
	return strings.Join(list, " ")
}

func TestSentencesAgreeWithSumBasic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		word := rapid.SampledFrom(strings.Fields("ebro bridge stone flood was old river the mason"))
		var sentences []string
		for range rapid.IntRange(1, 7).Draw(rt, "sentences") {
			words := rapid.SliceOfN(word, 1, 6).Draw(rt, "words")
			sentences = append(sentences, "Then "+strings.Join(words, " ")+".")
		}
		most := rapid.IntRange(1, 4).Draw(rt, "most")
		got, err := summary.Sentences{Max: most}.Summarize(t.Context(), retriever.Passage{Text: strings.Join(sentences, " ")})
		want := slowSentences(sentences, min(most, len(sentences)))
		if err != nil || got != want {
			rt.Fatalf("%q, %v: want %q of %q", got, err, want, sentences)
		}
	})
}
