package selfrag_test

import (
	"context"
	"iter"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// full is a distribution of IsSUP that is certain of full support.
var full = [3]float64{1, 0, 0}

// passages returns one hit per id, best first, whose title is the id.
func hits(ids ...string) []retriever.Hit {
	var out []retriever.Hit
	for i, id := range ids {
		out = append(out, retriever.Hit{
			Passage: retriever.Passage{ID: id, Title: id, Text: "Text of passage " + id + "."},
			Score:   float64(len(ids) - i),
		})
	}
	return out
}

// finds returns a retriever that gives the same hits to every query.
func finds(list ...retriever.Hit) retriever.Retriever {
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: slices.Clone(list[:min(q.K, len(list))]), Scores: retriever.RankOnly}, ctx.Err()
	})
}

// exactly returns a retriever that gives hits for every query.
func exactly(list ...retriever.Hit) retriever.Retriever {
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: slices.Clone(list), Scores: retriever.RankOnly}, ctx.Err()
	})
}

// listed returns a retriever that declares a cost of zero.
func listed(ids ...string) retriever.Retriever {
	var list []retriever.Passage
	for _, h := range hits(ids...) {
		list = append(list, h.Passage)
	}
	return retriever.List(list...)
}

func newEngine(t testing.TB, g generator.Generator, r retriever.Retriever, options ...selfrag.Option) *selfrag.Engine {
	t.Helper()
	e, err := selfrag.New(g, r, options...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// ask answers a question that must not fail.
func ask(t testing.TB, e *selfrag.Engine, question string, options ...selfrag.Option) *selfrag.Answer {
	t.Helper()
	a, err := e.Answer(t.Context(), question, options...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// run makes an engine and asks it one question.
func run(t testing.TB, g generator.Generator, r retriever.Retriever, options ...selfrag.Option) *selfrag.Answer {
	t.Helper()
	return ask(t, newEngine(t, g, r), "What is it?", options...)
}

func canonical(t testing.TB, a *selfrag.Answer) string {
	t.Helper()
	b, err := a.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// script returns a model that answers by the given rules.
func script(rules ...generatortest.Rule) *generatortest.Script {
	return &generatortest.Script{Rules: rules}
}

// on returns a rule for requests that satisfy all matches.
func on(steps []generator.Step, matches ...generatortest.Match) generatortest.Rule {
	return generatortest.Rule{When: generatortest.All(matches...), Steps: steps}
}

// more appends to steps the token with which the model decides what comes next; p
// holds the probabilities of no, yes and continue.
func more(steps []generator.Step, p ...float64) []generator.Step {
	return append(slices.Clip(steps), generatortest.Judge(reflection.Retrieve, p...))
}

// said returns a segment that used a passage with certain judgments.
func said(text string) []generator.Step {
	return generatortest.Segment(1, text, full, [5]float64{})
}

// noSequence leaves the sequence term out of the scores.
func noSequence() selfrag.Option {
	return selfrag.WithSequence(scoring.SequenceNone, generator.CountAuto)
}

// counter wraps a model and observes its calls.
type counter struct {
	generator.Generator

	mu          sync.Mutex
	calls       int
	tokens      int
	inFlight    int
	maxInFlight int
	requests    []generator.Request
}

// counting returns a model with the optional methods of inner that counts calls to
// Generate.
func counting(inner generator.Generator) *counter {
	c := new(counter)
	c.Generator = generator.Wrap(inner, func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		return func(yield func(generator.Step, error) bool) {
			c.mu.Lock()
			c.calls++
			c.inFlight++
			c.maxInFlight = max(c.maxInFlight, c.inFlight)
			c.requests = append(c.requests, req)
			c.mu.Unlock()
			n := 0
			defer func() {
				c.mu.Lock()
				c.inFlight--
				c.tokens += n
				c.mu.Unlock()
			}()
			for s, err := range inner.Generate(ctx, req) {
				if err == nil && s.Finish == generator.Running || s.Finish == generator.FinishEnd {
					n++
				}
				if !yield(s, err) {
					return
				}
			}
		}
	})
	return c
}

// GroupProbs is a call, too.
func (c *counter) GroupProbs(ctx context.Context, req generator.Request, after []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	d, err := generator.GroupProbs(ctx, c.Generator, req, after, g)
	c.mu.Lock()
	c.calls++
	c.tokens++
	c.mu.Unlock()
	return d, err
}

// Describe forwards the optional method, which embedding an interface hides.
func (c *counter) Describe(ctx context.Context) (generator.Capabilities, error) {
	return generator.Describe(ctx, c.Generator)
}

// texts returns the texts of an answer's segments.
func texts(a *selfrag.Answer) []string {
	var out []string
	for _, s := range a.Segments {
		out = append(out, s.Text)
	}
	return out
}
