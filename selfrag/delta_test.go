package selfrag_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/selfrag"
)

// deltas holds the deltas of a stream and its last event.
type deltas struct {
	parts  []string
	early  bool // one came before the last segment was chosen
	answer *selfrag.Answer
	err    error
}

func stream(t testing.TB, e *selfrag.Engine, question string, options ...selfrag.Option) (d deltas) {
	t.Helper()
	for ev, err := range e.Stream(t.Context(), question, options...) {
		switch ev.Kind {
		case selfrag.EventDelta:
			if ev.Text == "" || ev.Node != 0 || ev.Segment != 0 {
				t.Errorf("delta %+v", ev)
			}
			d.parts = append(d.parts, ev.Text)
		case selfrag.EventAnswer:
			d.answer, d.err = ev.Answer, err
		default:
			d.early = d.early || len(d.parts) > 0
		}
	}
	return d
}

// failing is a model that fails from a call on.
func failing(inner generator.Generator, from int64) generator.Generator {
	var calls atomic.Int64
	return generator.Wrap(inner, func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		if calls.Add(1) > from {
			return func(yield func(generator.Step, error) bool) {
				yield(generator.Step{}, errors.New("the server is down"))
			}
		}
		return inner.Generate(ctx, req)
	})
}

// The deltas of a stream are the text of its answer, in order, whatever ends it: over
// random models, forms, widths, constraints, abstention, labels, budgets and failures.
func TestDeltasAreTheAnswer(t *testing.T) {
	cases := testsize.Raced(500, testsize.Of(4_000, 40_000))
	seen := map[string]int{}
	for i := range cases {
		c := drawLazyCase(uint64(i))
		r := rand.New(rand.NewPCG(uint64(i), 2))
		model, options := generator.Generator(c.model), c.options
		if r.IntN(2) == 0 {
			options = append(options, c.lazy...)
		}
		switch r.IntN(4) {
		case 0:
			model = failing(model, int64(r.IntN(20)))
		case 1:
			options = append(options, selfrag.WithBudget(budget.Limits{Calls: 1 + r.IntN(20)}))
		}
		e, err := selfrag.New(model, finds(c.hits...), options...)
		if err != nil {
			t.Fatal(err)
		}
		d := stream(t, e, "q")
		if got := strings.Join(d.parts, ""); got != d.answer.Text {
			t.Fatalf("case %d: deltas %q, the answer (%s, error %v) is %q", i, d.parts, d.answer.Stop, d.err, d.answer.Text)
		}
		if d.early {
			seen["early"]++
			if d.err != nil {
				seen["early, then an error"]++
			}
		}
		if len(d.parts) > 1 {
			seen["several"]++
		}
		seen["stop: "+string(d.answer.Stop)]++
		if d.answer.Abstained {
			seen["abstained"]++
		}
		if d.answer.Label != "" {
			seen["label"]++
		}
	}
	t.Log(seen)
	for _, kind := range []string{"early", "early, then an error", "several", "abstained", "label", "stop: budget", "stop: failed", "stop: length", "stop: depth", "stop: rejected"} {
		if seen[kind] < cases/400 {
			t.Errorf("%d cases of %q: the test shows little", seen[kind], kind)
		}
	}
}

// A delta comes as soon as the paths of the beam agree, and no sooner: by hand.
func TestDeltasComeWhenSettled(t *testing.T) {
	m := script(
		on(more(said("The tower is tall."), 0, 1, 0), generatortest.Depth(0), generatortest.Shows("A")),
		on(more(said("The town is small."), 0, 1, 0), generatortest.Depth(0), generatortest.Shows("B")),
		on(said("It has a lamp."), generatortest.Depth(1)),
	)
	e := newEngine(t, m, finds(hits("A", "B")...), always)
	for name, c := range map[string]struct {
		width int
		want  string
	}{
		"one path":  {1, "The tower is tall.| It has a lamp."},
		"two paths": {2, "The tow|er is tall. It has a lamp."},
	} {
		d := stream(t, e, "q", selfrag.WithLongForm(c.width, 2))
		if got := strings.Join(d.parts, "|"); got != c.want || !d.early || d.err != nil {
			t.Errorf("%s: %q, error %v, want %q", name, got, d.err, c.want)
		}
	}
}

// The text of an abstention is the text of the answer, and comes as one delta.
func TestDeltasOfAnAbstention(t *testing.T) {
	d := stream(t, newEngine(t, script(), finds()), "q", always, selfrag.WithAbstention(0.5, "Nobody knows."))
	if len(d.parts) != 1 || d.parts[0] != "Nobody knows." || !d.answer.Abstained {
		t.Errorf("deltas %q of %+v", d.parts, d.answer)
	}
}

// A reader that leaves at a delta receives nothing more.
func TestDeltasBreak(t *testing.T) {
	for e := range longEngine(t).Stream(t.Context(), "q") {
		if e.Kind == selfrag.EventDelta {
			break
		}
	}
}
