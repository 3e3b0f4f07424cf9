package realserver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// shelf is a keyword index of what the toy model can read.
func shelf(t *testing.T) retriever.Retriever {
	t.Helper()
	var passages []retriever.Passage
	for i, text := range []string{
		"The old bridge is in London.",
		"The new bridge is perhaps in Paris.",
		"The bridge of Rome is not old.",
		"The old tower was built in the capital of England.",
		"The red tower and the old bridge.",
		"The moon is hot and long.",
		"Mercury is the planet nearest to the sun.",
		"The queen of England is in the tower.",
		"The river and the city of Paris.",
		"The capital of Italy is Rome.",
	} {
		words := strings.Fields(text)
		passages = append(passages, retriever.Passage{ID: fmt.Sprint("p", i), Title: "About " + words[1], Text: text})
	}
	index, err := lexical.New(t.Context(), passages, lexical.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return index
}

var questions = []string{
	"Where is the old bridge?",
	"Which planet is nearest to the sun?",
	"What is the capital of Italy?",
	"Is the queen in the tower?",
	"Hello there.",
	"List the old bridge and the red tower.",
	"List what was built in the capital of England.",
	"Is the moon a planet?",
}

func engine(t *testing.T, g generator.Generator, options ...selfrag.Option) *selfrag.Engine {
	t.Helper()
	e, err := selfrag.New(g, shelf(t), append([]selfrag.Option{selfrag.WithK(4), selfrag.WithMaxTokens(40)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// forms are the ways to answer that are tested.
var forms = map[string][]selfrag.Option{
	"short":       {selfrag.WithShortForm()},
	"always":      {selfrag.WithMode(selfrag.Always)},
	"never":       {selfrag.WithMode(selfrag.Never)},
	"hard":        {selfrag.WithMode(selfrag.Hard)},
	"long":        {selfrag.WithLongForm(2, 4)},
	"long, fixed": {selfrag.WithLongForm(2, 3), selfrag.WithFixedPassages(true), selfrag.WithPathScore(scoring.PathProduct)},
}

// Whole answers are those that the oracle gives through the same engine: which
// passage wins, what is cited, how it scores.
func TestAnswers(t *testing.T) {
	m := toy(t)
	onServers(t, func(t *testing.T, s server) {
		g := s.exact(m)
		for name, form := range forms {
			if !s.probs && name != "short" && name != "long" {
				continue // the engine treats all models without probabilities alike
			}
			t.Run(name, func(t *testing.T) {
				cited := 0
				for _, q := range questions {
					want, err := engine(t, g, form...).Answer(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					got, err := engine(t, s.model, form...).Answer(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					if err := sameAnswer(got, want); err != nil {
						t.Errorf("%q: %v", q, err)
					}
					cited += len(got.Citations)
				}
				if (name == "never") != (cited == 0) {
					t.Errorf("%d citations in all", cited)
				}
			})
		}
	})
}

// sameAnswer returns an error that says where two answers differ. What they cost
// differs: the oracle does not count.
func sameAnswer(got, want *selfrag.Answer) error {
	if got.Cited() != want.Cited() || got.Stop != want.Stop || got.Level != want.Level || got.Decision.Choice != want.Decision.Choice {
		return fmt.Errorf("%q (%v, %v, %v): want %q (%v, %v, %v)", got.Cited(), got.Stop, got.Level, got.Decision.Choice,
			want.Cited(), want.Stop, want.Level, want.Decision.Choice)
	}
	if d := math.Abs(got.Score - want.Score); d > 1e-3*math.Abs(want.Score) {
		return fmt.Errorf("score %v: want %v", got.Score, want.Score)
	}
	for i, w := range want.Segments {
		g := got.Segments[i]
		if g.Support != w.Support || g.Critique.IsREL.Token != w.Critique.IsREL.Token || g.Critique.IsUSE.Token != w.Critique.IsUSE.Token {
			return fmt.Errorf("segment %d is judged %v, %v, %v: want %v, %v, %v", i, g.Critique.IsREL.Token, g.Support, g.Critique.IsUSE.Token,
				w.Critique.IsREL.Token, w.Support, w.Critique.IsUSE.Token)
		}
	}
	return nil
}

// Many questions at once get the answers they get one by one, in their order.
func TestParallelQuestions(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		e := engine(t, s.model, selfrag.WithLongForm(2, 3))
		many := slices.Repeat(questions, 3)
		i := 0
		for got, err := range e.AnswerAll(t.Context(), many, 6) {
			if err != nil {
				t.Fatal(err)
			}
			want, err := e.Answer(t.Context(), many[i])
			if err != nil {
				t.Fatal(err)
			}
			if err := sameAnswer(got, want); err != nil {
				t.Errorf("question %d, %q: %v", i, many[i], err)
			}
			i++
		}
		if i != len(many) {
			t.Errorf("%d answers to %d questions", i, len(many))
		}
	})
}

// Lazy evaluation gives the same text, score and citations.
func TestLazy(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		for _, name := range []string{"short", "long"} {
			e := engine(t, s.model, forms[name]...)
			for _, q := range questions {
				full, err := e.Answer(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				lazy, err := e.Answer(t.Context(), q, selfrag.WithLazy(1))
				if err != nil {
					t.Fatal(err)
				}
				if err := sameAnswer(lazy, full); err != nil {
					t.Errorf("%s, %q: %v", name, q, err)
				}
			}
		}
	})
}

// A question that is canceled while its candidates are written ends with the
// context's error.
func TestCanceledQuestion(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for e, err := range engine(t, s.model).Stream(ctx, questions[0]) {
			if e.Kind == selfrag.EventText {
				cancel()
			}
			if e.Kind == selfrag.EventAnswer && !errors.Is(err, context.Canceled) {
				t.Errorf("the answer came with %v: want the context's error", err)
			}
		}
		if ctx.Err() == nil {
			t.Error("no candidate had any text")
		}
	})
}
