package feature

import (
	"math"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
)

// relevance returns the features of a passage by name.
func relevance(question, title string, z []float64, sentences ...string) map[string]float64 {
	lex := lexicon.New(64, lexicon.LanguageOf(append(sentences, question)...))
	a := ReadQuestion(question, "", nil)
	en := lex.Language().Tag()
	q := NewQuestion(lex, a, Rarity{Common: map[string]float64{en + "built": 1, en + "bridg": 2}, Other: 5})
	var words [][]lexicon.Word
	for _, s := range sentences {
		words = append(words, lex.Words(s))
	}
	row := q.Choice(lex.Words(title), words, func(int, []float64) {}).Relevance(z)
	out := map[string]float64{}
	for j, name := range RelevanceNames() {
		out[name] = row[j]
	}
	return out
}

// TestRelevance has values computed by hand: of the words of the question, old has
// the weight 5, bridge 2 and built 1.
func TestRelevance(t *testing.T) {
	const question = "when was the old bridge built"
	for _, tt := range []struct {
		title     string
		z         []float64
		sentences []string
		want      map[string]float64
	}{
		{
			"Old things", []float64{1, 3, 2},
			[]string{"The bridge opened in 1900 in Bern and was built of stone.", "They built it.", "Who built?"},
			map[string]float64{
				"one": 1, "score": 3, "quote covers": 1.0 / 8, "quote and title cover": 6.0 / 8, "quote covers rest": 1.0 / 3, "quote fits": 0,
				"first not in quote": 1, "last not in quote": 0, "rarest not in quote": 1, "figures not in quote": 0,
				"top": 3.0 / 8, "top of two": 3.0 / 8, "top with title": 1, "top rest": 1, "top fit": 1, "top fit rest": 1, "top square": 1, "top complete": 1,
				"passage": 1, "passage rest": 1, "complete": 1, "lost": 0, "lost words": 0, "rarest of lost": 0, "rarest lost": 0,
				"title": 5.0 / 8, "title in question": 0.5, "title all in question": 0, "words": 0.3, "rarity": 0.2, "rarity of rest": 0.3,
				"rank": (7/2.2 + 3/4.2) / 8, "rank of rest": (2/2.2 + 3/4.2) / 3,
			},
		},
		{
			"Bern", []float64{-1, -2}, []string{"It is old.", "The bridge."},
			map[string]float64{
				"score": -1, "quote covers": 5.0 / 8, "top": 5.0 / 8, "top of two": 7.0 / 8, "top rest of two": 7.0 / 8, "top complete": 0,
				"first not in quote": 0, "last not in quote": 1, "rarest not in quote": 0,
				"top square": 25.0 / 30, "passage": 7.0 / 8, "complete": 0, "lost": 0.1, "lost words": 0.25, "rarest of lost": 0.1,
				"first lost": 0, "last lost": 1, "rarest lost": 0, "title": 0, "title in question": 0,
			},
		},
		{"", nil, nil, map[string]float64{"one": 1, "score": 0, "passage": 0}},
	} {
		got := relevance(question, tt.title, tt.z, tt.sentences...)
		for name, x := range tt.want {
			if g, ok := got[name]; !ok || math.Abs(g-x) > 1e-12 {
				t.Errorf("%q: %s is %v, want %v", tt.sentences, name, g, x)
			}
		}
	}
}

// TestRelevanceHasNoLength adds sentences without a word of the question, which
// changes no feature.
func TestRelevanceHasNoLength(t *testing.T) {
	z, sentences := []float64{1, 0}, []string{"The bridge was built in 1900.", "It is old."}
	want := relevance("when was the old bridge built", "Bern", z, sentences...)
	for range 30 {
		z, sentences = append(slices.Clone(z), -3), append(slices.Clone(sentences), "Soft rain fell on green hills.")
	}
	for name, x := range relevance("when was the old bridge built", "Bern", z, sentences...) {
		if x != want[name] {
			t.Errorf("%s goes from %v to %v in a longer passage", name, want[name], x)
		}
	}
}
