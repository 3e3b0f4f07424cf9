package extractive_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/selfrag"
)

// TestLongAnswers asks for long answers through the engine: they have several
// sentences, none twice, each a sentence of the cited passage, and they end before
// the greatest depth.
func TestLongAnswers(t *testing.T) {
	passages := []retriever.Passage{
		{ID: "light", Title: "Brannock lighthouse", Text: "The lighthouse of Brannock was built in 1871 by Ada Kerr. The lighthouse of Brannock is on the northern cliff. The lamp of the lighthouse turns once in twelve seconds."},
		{ID: "keeper", Title: "Keepers of Brannock", Text: "The last keeper of the Brannock lighthouse was Tom Hale. The keeper of the lighthouse left in 1984, when the lamp became automatic. The lighthouse of Brannock was built in 1871 by Ada Kerr."},
		{ID: "food", Title: "Food", Text: "The harbour inn serves crab soup on Fridays. Children eat for half the price."},
	}
	index, err := lexical.New(t.Context(), passages, lexical.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := selfrag.New(extractive.New(), index, selfrag.WithLongForm(2, 7))
	if err != nil {
		t.Fatal(err)
	}
	for _, question := range []string{
		"Tell me about the lighthouse of Brannock, its lamp and its keeper.",
		"Explain how the lamp of the Brannock lighthouse works.",
	} {
		a, err := engine.Answer(t.Context(), question)
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Segments) < 2 || a.Stop != selfrag.StopEnd {
			t.Errorf("%s: %d segments, stopped by %s: want 2 or more that end by themselves\n%s", question, len(a.Segments), a.Stop, a)
		}
		var said []string
		for _, s := range a.Segments {
			if slices.Contains(said, s.Text) {
				t.Errorf("%s: %q is said twice", question, s.Text)
			}
			said = append(said, s.Text)
			if n := analysis.Count(s.Text); n > sentence.MaxWords {
				t.Errorf("%s: a segment of %d words", question, n)
			}
			if len(s.Citations) != 1 || !strings.Contains(a.Citations[s.Citations[0]-1].Passage.Text, s.Text) {
				t.Errorf("%s: %q is not in what it cites", question, s.Text)
			}
		}
	}
}
