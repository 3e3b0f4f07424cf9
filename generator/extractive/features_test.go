package extractive

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestFeatures has values worked out by hand. Of three sentences, a word of the
// question that stands in n of them has the weight ln(1 + 4/(n + 1/2)).
func TestFeatures(t *testing.T) {
	// old 0, bridge 1, built 3 of 3 sentences.
	const passage = "The bridge stands since 1900 in Bern and was built of stone. They built it. Who built?"
	old, bridge, built := math.Log1p(4/0.5), math.Log1p(4/1.5), math.Log1p(4/3.5)
	total := old + bridge + built

	got := map[string]features{}
	for _, question := range []string{"when was the old bridge built"} {
		w, _, err := New().open(t.Context(), about(question, passage))
		if err != nil {
			t.Fatal(err)
		}
		for i := range w.quotes {
			got[w.spell(w.quotes[i].symbols)] = w.question.features(&w.quotes[i])
		}
	}
	want := map[string]features{
		"The bridge stands since 1900 in Bern and was built of stone.": {
			fCovered: (bridge + built) / total, fShape: 1, fFirst: 1,
		},
		"They built it.": {
			fCovered: built / total, fContext: bridge / total, fShape: -1, fFirst: 0.5, fShort: 0.5, fNothingNew: 1, fOpen: 1,
		},
		"Who built?": {
			fCovered: built / total, fShape: -1, fFirst: 1.0 / 3, fShort: 4.0 / 6, fNothingNew: 1, fAsks: 1,
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}
}

func TestFeatureOf(t *testing.T) {
	of := func(question, passage string) features {
		w, _, err := New().open(t.Context(), about(question, passage))
		if err != nil {
			t.Fatal(err)
		}
		return w.question.features(&w.quotes[0])
	}
	for _, tt := range []struct {
		name, question, passage string
		feature                 int
		want                    float64
	}{
		{"neighbours in order", "old stone bridge", "An old stone bridge.", fPairs, 1},
		{"neighbours apart", "old stone bridge", "An old and very, very big house of stone has no bridge.", fPairs, 0.5},
		{"neighbours turned round", "old stone bridge", "A bridge, stone, old.", fPairs, 0},
		{"a name", "who built it", "It was built by Ann.", fShape, 1},
		{"only the capital of the sentence", "who built it", "Builders built it.", fShape, -1},
		{"a name the question has", "who saw Ann", "We saw Ann.", fShape, -1},
		{"a place", "where was it built", "It was built in the Alps.", fShape, 1},
		{"a name that is no place", "where was it built", "It was built by Ann.", fShape, -1},
		{"a month", "when was it built", "It was built in May, or in June.", fShape, 1},
		{"a number word", "how many were built", "There were three built.", fShape, 1},
		{"any will do", "why was it built", "It was built.", fShape, 0},
		{"definition", "what is a bridge", "A bridge is a structure.", fDefinition, 1},
		{"no definition", "what is a bridge", "They saw a structure, the bridge.", fDefinition, 0},
		{"a long sentence", "bridge", "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p q r s t u v.", fLong, 13.0 / 25},
	} {
		if got := of(tt.question, tt.passage)[tt.feature]; math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
