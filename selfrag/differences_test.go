package selfrag_test

import (
	"context"
	"iter"
	"math"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// The statements of docs/differences.md beside the released code's behavior.

// writer is a model that writes the same steps after every passage, and given steps
// after the prompts that it keeps.
type writer struct {
	first, then []generator.Step
	prompts     *[]string
}

func (w writer) Describe(context.Context) (generator.Capabilities, error) {
	return generator.Capabilities{Model: "writer", Level: reflection.ExactIDs, LogProbs: true, EndLogProb: true}, nil
}

func (w writer) Generate(_ context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		text, err := generator.SelfRAGTemplate{}.Render(req.Prompt)
		if err != nil {
			yield(generator.Step{}, err)
			return
		}
		*w.prompts = append(*w.prompts, text)
		steps := w.first
		if len(req.Prompt.Path) > 0 {
			steps = w.then
		}
		for _, s := range steps {
			if !yield(s, nil) {
				return
			}
			for _, stop := range req.Stop {
				if s.Token == stop {
					yield(generator.Step{Finish: generator.FinishStop}, nil)
					return
				}
			}
		}
		yield(generator.Step{Finish: generator.FinishEnd, LogProb: reflection.ExactLog(-0.25)}, nil)
	}
}

func plain(s string) generator.Step {
	return generator.Step{Text: s, LogProb: reflection.ExactLog(-0.5)}
}

// Of several tokens of IsSUP a prompt shows the first, after the text.
func TestPathIsWrittenAnew(t *testing.T) {
	var prompts []string
	w := writer{prompts: &prompts, first: []generator.Step{
		generatortest.Judge(reflection.IsREL, 0.1, 0.9), plain("One."), generatortest.Judge(reflection.IsSUP, 0.8, 0.1, 0.1),
		plain(" Two."), generatortest.Judge(reflection.IsSUP, 0.1, 0.8, 0.1), generatortest.Judge(reflection.Retrieve, 0.1, 0.8, 0.1),
	}, then: []generator.Step{generatortest.Judge(reflection.IsREL, 0.1, 0.9), plain("End.")}}
	e := newEngine(t, w, listed("A"), selfrag.WithMode(selfrag.Always), selfrag.WithLongForm(1, 2), selfrag.WithConcurrency(1))
	ask(t, e, "Who?")
	want := "### Instruction:\nWho?\n\n### Response:\n[Retrieval]<paragraph>A\nText of passage A.</paragraph>" +
		"[Relevant]One. Two.[Fully supported]" +
		"[Retrieval]<paragraph>A\nText of passage A.</paragraph>"
	if got := prompts[len(prompts)-1]; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A short answer ends at the first token of the group Retrieve, unless the whole
// output is wanted.
func TestWholeOutput(t *testing.T) {
	var prompts []string
	w := writer{prompts: &prompts, first: []generator.Step{
		generatortest.Judge(reflection.IsREL, 0.1, 0.9), plain("One."), generatortest.Judge(reflection.Retrieve, 0.8, 0.1, 0.1),
		plain(" Two."), generatortest.Judge(reflection.IsSUP, 0.8, 0.1, 0.1),
	}}
	weights := selfrag.WithWeights(scoring.Weights{Support: 1, Sequence: 1})
	for _, c := range []struct {
		whole bool
		text  string
		score float64
	}{
		{false, "One.", math.Exp((math.Log(0.9) - 0.5 + math.Log(0.8)) / 3)},
		{true, "One. Two.", 0.85 + math.Exp((math.Log(0.9)-0.5+math.Log(0.8)-0.5+math.Log(0.8)-0.25)/6)},
	} {
		e := newEngine(t, w, listed("A"), selfrag.WithMode(selfrag.Always), weights, selfrag.WithWholeOutput(c.whole))
		var streamed string
		for event, err := range e.Stream(t.Context(), "Who?") {
			if err != nil {
				t.Fatal(err)
			}
			if event.Kind == selfrag.EventText {
				streamed += event.Text
			}
		}
		a := ask(t, e, "Who?")
		if a.Text != c.text || streamed != c.text || math.Abs(a.Score-c.score) > 1e-12 {
			t.Errorf("whole %t: %q, streamed %q, score %v: want %q with %v", c.whole, a.Text, streamed, a.Score, c.text, c.score)
		}
		if a.Trace.Settings.WholeOutput != c.whole {
			t.Errorf("the trace says %t of whole outputs", a.Trace.Settings.WholeOutput)
		}
	}
}

// A candidate without text is rejected, however good its judgments are.
func TestCandidateWithoutText(t *testing.T) {
	var prompts []string
	w := writer{prompts: &prompts, first: []generator.Step{generatortest.Judge(reflection.IsREL, 0.1, 0.9), generatortest.Judge(reflection.IsSUP, 0.9, 0.05, 0.05)}}
	a := ask(t, newEngine(t, w, listed("A"), selfrag.WithMode(selfrag.Always)), "Who?")
	if c := a.Trace.Expansions[0].Candidates[0]; c.Status != selfrag.Rejected || a.Stop != selfrag.StopRejected || a.Text != "" {
		t.Errorf("candidate %v, %q, stop %v: want it rejected", c.Status, a.Text, a.Stop)
	}
}
