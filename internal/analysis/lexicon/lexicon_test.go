package lexicon

import (
	"fmt"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/analysis/analysistest"
)

func TestPinned(t *testing.T) {
	analysistest.Pinned(t, "lexicon", func(text string) string {
		l := New(0, LanguageOf(text))
		var b strings.Builder
		fmt.Fprintf(&b, "%q ", l.Language().Code())
		for _, w := range l.Words(text) {
			stem := "none"
			if w.Term >= 0 {
				stem = fmt.Sprintf("%d %+q", w.Term, l.Stem(w.Term))
			}
			fmt.Fprintf(&b, "%#x %s; ", uint32(w.Is), stem)
		}
		return b.String()
	})
}

// Traits that follow from letters, signs and positions, and from the words of a
// language.
func TestTraits(t *testing.T) {
	for _, tc := range []struct {
		text string
		last Trait // traits that the last word has
		not  Trait // and traits that it does not have
	}{
		{"in 1932", Number | Year, Stop},
		{"in 15,000", Number, Year},
		{"on 3 May", Month | Capital, Stop},
		{"it may", 0, Month},
		{"she isn't", Negation, 0},
		{"the", Stop, Capital},
		{"Das ist nicht das Haus", 0, Capital}, // all nouns have a capital
		{"Sie heißt Anna Berg", Capital, 0},    // two in a row do in a name
		{"er kam nicht", Negation, 0},
		{"我们不", Negation, 0},
		{"3月", Month | Unit, 0},
		{"明月", 0, Month | Unit},
		{"共40分", Unit, Month},
		{"十", Number, 0},
		{"的", Stop, 0},
		{"वह नहीं", Negation, 0},
	} {
		words := New(0, LanguageOf(tc.text)).Words(tc.text)
		if w := words[len(words)-1]; w.Is&tc.last != tc.last || w.Is&tc.not != 0 {
			t.Errorf("%q: traits %#x of the last word: want %#x and none of %#x", tc.text, uint32(w.Is), uint32(tc.last), uint32(tc.not))
		}
	}
}

// Other forms of a word have the same term in every language; other words have
// other terms.
func TestTerms(t *testing.T) {
	for _, tc := range []struct {
		text string
		same bool
	}{
		{"released the releases", true},
		{"die Häuser das Haus", true},
		{"der Fluß fluss", true},
		{"ﬁle file", true},
		{"Ｔokyo tokyo", true},
		{"in the well-known well", true},
		{"bus but", false},
		{"king kin", false},
	} {
		l := New(0, LanguageOf(tc.text))
		words := l.Words(tc.text)
		first, last := -1, words[len(words)-1].Term
		for i, w := range words[:len(words)-1] {
			if w.Term == last {
				first = i
			}
		}
		if (first >= 0) != tc.same {
			t.Errorf("%q: the last word comes before: %v, want %v", tc.text, first >= 0, tc.same)
		}
	}
	// In a script without spaces: each character, or every three if a word takes
	// several.
	for text, want := range map[string]int{"北京市": 3, "กรุงเทพ": 4, strings.Repeat("ก", 2): 1} {
		if n := len(New(0, LanguageOf(text)).Words(text)); n != want {
			t.Errorf("%q has %d words, want %d", text, n, want)
		}
	}
}
