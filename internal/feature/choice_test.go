package feature

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
)

// rows returns the features of sentences by name.
func rows(question, title string, sentences ...string) (out []map[string]float64) {
	lex := lexicon.New(64, lexicon.LanguageOf(append(sentences, question)...))
	a := ReadQuestion(question, "", nil)
	en := lex.Language().Tag()
	q := NewQuestion(lex, a, Rarity{Common: map[string]float64{en + "built": 1, en + "bridg": 2}, Other: 5})
	var words [][]lexicon.Word
	for _, s := range sentences {
		words = append(words, lex.Words(s))
	}
	names := ChoiceNames()
	q.Choice(lex.Words(title), words, func(_ int, f []float64) {
		row := map[string]float64{}
		for j, x := range f {
			row[names[j]] = x
		}
		out = append(out, row)
	})
	return out
}

// TestChoice has values computed by hand: of the words of the question, old has the
// weight 5, bridge 2 and built 1.
func TestChoice(t *testing.T) {
	got := rows("when was the old bridge built", "Old things",
		"The bridge opened in 1900 in Bern and was built of stone.", "They built it.", "Who built?")
	for i, want := range []map[string]float64{
		{"covered": 3.0 / 8, "title": 5.0 / 8, "missing": 0, "fit": 1, "first": 1, "open": 0, "when × year": 1, "when × name": 1, "who × name": 0, "nothing new": 0, "lead": 2.0 / 8, "best": 1, "mass": 0.3, "tight": 2.0 / 9},
		{"covered": 1.0 / 8, "before": 2.0 / 8, "fit": 0, "first": 0.5, "open": 1, "short": 0.25, "nothing new": 1, "lead": -2.0 / 8},
		{"covered": 1.0 / 8, "before": 0, "asks": 1, "first": 1.0 / 3, "short": 0.5},
	} {
		for name, x := range want {
			g, ok := got[i][name]
			if !ok || math.Abs(g-x) > 1e-12 {
				t.Errorf("sentence %d: %s is %v, want %v", i, name, g, x)
			}
		}
	}
}

func TestShapes(t *testing.T) {
	for _, tt := range []struct {
		question, sentence, feature string
		want                        float64
	}{
		{"who built it", "It was built by Ann Kerr.", "who × person", 1},
		{"who built it", "It was built by Ann.", "who × by", 1},
		{"who saw Ann", "We saw Ann.", "who × name", 0},
		{"where was it built", "It was built in the Alps.", "where × place", 1},
		{"when was it built", "It was built on 5 May 1932.", "when × date", 1},
		{"how many were built", "There were three built.", "number × number", 1},
		{"why was it built", "It was built because of floods.", "why × cause", 1},
		{"what is a bridge", "A bridge is a structure.", "definition × defines", 1},
		{"what year was it built", "It was built in 1932.", "when × year", 1},
		{"old stone bridge", "An old stone bridge.", "pairs", 1},
		{"old stone bridge", "A bridge, stone, old.", "pairs", 0},
	} {
		if got := rows(tt.question, "", tt.sentence)[0][tt.feature]; got != tt.want {
			t.Errorf("%q, %q: %s is %v, want %v", tt.question, tt.sentence, tt.feature, got, tt.want)
		}
	}
}

// TestFeaturesOfAPassage checks for random texts that the features listed as equal
// for all sentences of a passage are, and that every feature is finite.
func TestFeaturesOfAPassage(t *testing.T) {
	names, same := ChoiceNames(), map[string]bool{}
	for _, j := range ChoiceOfPassage() {
		same[names[j]] = true
	}
	if names[ChoiceOfPassage()[0]] != "one" {
		t.Errorf("the first is %q, want the one that is always 1", names[ChoiceOfPassage()[0]])
	}
	words := []string{"the ", "old ", "bridge ", "Ann ", "1932 ", "was ", "built ", "by ", ", ", "? ", "é ", "\xff"}
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 90).Draw(t, name), "")
		}
		got := rows("x"+text("question"), text("title"), text("first"), text("second"), text("third"))
		for _, row := range got {
			for name, x := range row {
				if math.IsNaN(x) || math.IsInf(x, 0) || same[name] && x != got[0][name] {
					t.Fatalf("%s is %v, in the first sentence %v", name, x, got[0][name])
				}
			}
		}
	})
}
