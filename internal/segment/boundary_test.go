package segment

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/internal/sentence"
)

// FuzzBoundary checks that the words around a full stop decide as the whole text does.
func FuzzBoundary(f *testing.F) {
	for _, s := range []string{
		"one two three four five six seven eight nine ten e.g. Dr. Smith, J. R. Smith and No. 5. Then", "A. A. A. A. A. A. A. A. A. A. A. B", ". . . . . . . . . . . . x. Y", "1. 2. 3. 4. 5. 6. 7. 8. 9. 10. The end. So",
		"- a b c d e f g h i j. # K l. M", "a b c d e f g h i \"Yahoo! is.\" He 3.5 no. 5 p.m. The",
		"a b c d e f g h i z. B. am 3. Mai 2024. 5. 3. i. d. R. 1: 2. So", "a b c d e f g h « Oui. » Il av. J.-C. S. A. La", "a b c d e f g h i… J… k 3 in. tall",
	} {
		f.Add(s, uint8(len(s)))
	}
	f.Fuzz(func(t *testing.T, text string, open uint8) {
		at := int(open)
		if !utf8.ValidString(text) || at >= len(text) || !utf8.RuneStart(text[at]) || analysis.Count(text) > sentence.MaxWords {
			return
		}
		r, _ := utf8.DecodeRuneInString(text[at:])
		if !sentence.Terminal(r) {
			return
		}
		// Sentences that end before are not in the text of a cutter.
		if _, ok := endFrom(text[:at], 0); ok {
			return
		}
		c := cutter{text: text, open: at, lines: strings.ContainsAny(text, lineEnds)}
		end, ok := c.boundary(len(text))
		if want, wanted := endFrom(text, at); end != want || ok != wanted {
			t.Fatalf("%q from %d: %d %v, want %d %v", text, at, end, ok, want, wanted)
		}
	})
}

// A model that repeats itself is read in time that grows with the length of its text.
func TestRepetition(t *testing.T) {
	text := strings.Repeat("A. ", 20_000)
	if got := collect(t, First(stream(generator.FinishEnd, words(text)...))); got.Text() != text {
		t.Errorf("cut to %d of %d bytes", len(got.Text()), len(text))
	}
}
