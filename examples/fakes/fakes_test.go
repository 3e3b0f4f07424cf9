// Package fakes shows how a service is tested without a model, a server or an index. Every
// test runs the real engine; only its two ends are scripted.
package fakes

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
	"github.com/goselfrag/goselfrag/selfrag"
)

// model returns a model that answers from one passage and finds another irrelevant.
func model() *generatortest.Script {
	return &generatortest.Script{Rules: []generatortest.Rule{
		{When: generatortest.Decides(), Steps: generatortest.Decision(0.9)}, // p(Retrieval)
		{When: generatortest.Shows("red button"), Steps: generatortest.Segment(
			0.95, "Press the red button.", // p(Relevant) and the text
			[3]float64{0.9, 0.1, 0},     // fully, partially, not supported
			[5]float64{0, 0, 0, 0, 1})}, // utility 1 to 5
		{When: generatortest.Shows("green"), Steps: generatortest.Segment(0.05, "It is green.", [3]float64{0.1, 0.1, 0.8}, [5]float64{1, 0, 0, 0, 0})},
	}}
}

var (
	stop  = retriever.Passage{ID: "manual#7", Text: "To stop the machine, press the red button."}
	color = retriever.Passage{ID: "manual#8", Text: "The machine is green."}
)

const question = "How do I stop the machine?"

func engine(t *testing.T, m *generatortest.Script, r retriever.Retriever, options ...selfrag.Option) *selfrag.Engine {
	t.Helper()
	e, err := selfrag.New(m, r, options...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestCitesTheManual(t *testing.T) {
	answer, err := engine(t, model(), retriever.List(color, stop)).Answer(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := answer.Cited(), "Press the red button [1]."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAbstains(t *testing.T) {
	answer, err := engine(t, model(), retriever.List(color), selfrag.WithAbstention(0.5, "")).Answer(t.Context(), question)
	if err != nil || !answer.Abstained || len(answer.Citations) > 0 {
		t.Errorf("%v, %v: want an abstention", answer, err)
	}
}

// A store that fails is an error, which the service can tell from others.
func TestStoreIsDown(t *testing.T) {
	down := errors.New("store is down")
	store := &retrievertest.Script{Rules: []retrievertest.Rule{{Err: down}}}
	if _, err := engine(t, model(), store).Answer(t.Context(), question); !errors.Is(err, down) {
		t.Errorf("%v: want the error of the store", err)
	}
}

// A slow model meets the time budget; in a bubble of synctest that takes no time.
func TestModelIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := model()
		for i := range slow.Rules {
			slow.Rules[i].Delay = time.Hour
		}
		e := engine(t, slow, retriever.List(stop), selfrag.WithBudget(budget.Limits{Time: time.Minute}))
		if _, err := e.Answer(t.Context(), question); !errors.Is(err, budget.ErrExceeded) {
			t.Errorf("%v: want ErrExceeded", err)
		}
	})
}
