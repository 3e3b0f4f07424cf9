package selfrag_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique/critiquetest"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// tale is a model whose every number is written down here: it retrieves for the
// first segment and goes on with the same passage in the second.
func tale() *generatortest.Script {
	p := func(steps []generator.Step, lp float64) []generator.Step {
		for i := range steps {
			if steps[i].Token == reflection.None {
				steps[i].LogProb = reflection.ExactLog(lp)
			}
		}
		return steps
	}
	use := [5]float64{0, 0, 0.25, 0.25, 0.5}
	return script(
		on(generatortest.Decision(0.75), generatortest.Decides()),
		on(generatortest.Words(0.5, "I would guess Prague."), generatortest.Forces(reflection.NoRetrieval)),
		on(more(p(generatortest.Segment(0.75, "Kafka was born in Prague.", [3]float64{0.5, 0.25, 0.25}, [5]float64{}), -0.5), 0.25, 0.25, 0.5), generatortest.Depth(0), generatortest.Shows("A")),
		on(more(p(generatortest.Segment(0.25, "He was born in 1883.", [3]float64{0.25, 0.25, 0.5}, [5]float64{}), -1), 0.5, 0.25, 0.25), generatortest.Depth(0), generatortest.Shows("B")),
		on(append(p(generatortest.Words(1, " He wrote in German."), -0.25), generatortest.Judge(reflection.IsUSE, use[:]...)), generatortest.Forces(reflection.ContinueEvidence)),
		on(p(generatortest.Segment(0.5, "He wrote The Trial.", full, use), -0.25), generatortest.Depth(1)),
	)
}

// traces are the runs whose traces are kept in files.
var traces = map[string][]selfrag.Option{
	"short":     {selfrag.WithConstraints(scoring.Constraints{RejectNoSupport: true}, selfrag.FallbackStop)},
	"full_long": {selfrag.WithTrace(selfrag.TraceFull), selfrag.WithLongForm(2, 2)},
	"closed":    {selfrag.WithLabels("Kafka was born in Prague", "He was born in 1883")},
	"abstained": {selfrag.WithAbstention(0.9, ""), selfrag.WithFilter(filter.Not{Filter: filter.Exists{Field: "secret"}})},
	"lazy":      {selfrag.WithLazy(1), selfrag.WithWeights(scoring.Weights{Relevance: 3, Support: 1}), noSequence()},
	"lazy_off":  {selfrag.WithLazy(2), selfrag.WithCallTimeout(time.Minute)},
	"eager":     {selfrag.WithEagerRetrieval(true), selfrag.WithThreshold(0.8)},
	"budget":    {selfrag.WithBudget(budget.Limits{Calls: 2, Tokens: 1000})},
}

func taleTrace(t *testing.T, options ...selfrag.Option) *selfrag.Trace {
	t.Helper()
	list := hits("A", "B", "A")
	list[0].Passage.Metadata = filter.Metadata{"year": filter.Int(1883)}
	list[1].Passage.Source = retriever.Source{URI: "b.txt", Start: 5, End: 25}
	return ask(t, newEngine(t, tale(), exactly(list...)), "Where was Kafka born?", options...).Trace
}

func TestGoldenTraces(t *testing.T) {
	for name, options := range traces {
		t.Run(name, func(t *testing.T) {
			b, err := taleTrace(t, options...).Canonical()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "trace_"+name+".golden.json")
			if *update {
				var pretty bytes.Buffer
				if err := json.Indent(&pretty, b, "", "\t"); err != nil {
					t.Fatal(err)
				}
				pretty.WriteByte('\n')
				golden(t, file, pretty.Bytes())
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			decode := func(b []byte) (v any) {
				if err := json.Unmarshal(b, &v); err != nil {
					t.Fatal(err)
				}
				return v
			}
			// Processors differ in the last digit of a logarithm.
			near := cmp.Comparer(func(x, y float64) bool { return math.Abs(x-y) <= 1e-12*max(1, math.Abs(x)) })
			if d := cmp.Diff(decode(want), decode(b), near); d != "" {
				t.Errorf("%s differs:\n%s\nrun the test with -update and look at the difference", file, d)
			}
		})
	}
}

// Reading a trace and writing it again gives the same bytes.
func TestTraceRoundTrip(t *testing.T) {
	for name, options := range traces {
		t.Run(name, func(t *testing.T) {
			tr := taleTrace(t, options...)
			for form, write := range map[string]func(*selfrag.Trace) ([]byte, error){
				"canonical": (*selfrag.Trace).Canonical,
				"whole":     func(tr *selfrag.Trace) ([]byte, error) { return json.Marshal(tr) },
			} {
				first, err := write(tr)
				if err != nil {
					t.Fatal(err)
				}
				back, err := selfrag.ParseTrace(first)
				if err != nil {
					t.Fatal(err)
				}
				second, err := write(back)
				if err != nil || !bytes.Equal(first, second) {
					t.Errorf("%s: error %v\n%s\n%s", form, err, first, second)
				}
				if form == "whole" && (back.Timing == nil || len(back.Timing.Calls) == 0 || strings.Contains(string(first), `"calls":null`)) {
					t.Error("the timing is missing")
				}
			}
		})
	}
}

func TestParseTraceErrors(t *testing.T) {
	for name, in := range map[string]string{
		"empty":         ``,
		"not an object": `7`,
		"no version":    `{}`,
		"newer version": `{"version":2}`,
		"null":          `{"version":1,"expansions":[null]}`,
		"mode":          `{"version":1,"settings":{"mode":"sometimes"}}`,
		"probability":   `{"version":1,"expansions":[{"candidates":[{"log_prob":{"log":3}}]}]}`,
		"token":         `{"version":1,"expansions":[{"candidates":[{"boundary":"[Maybe]"}]}]}`,
	} {
		if tr, err := selfrag.ParseTrace([]byte(in)); err == nil {
			t.Errorf("%s: no error, trace %+v", name, tr)
		}
	}
	if _, err := selfrag.ParseTrace([]byte(`{"version":1,"what_is_new":[]}`)); err != nil {
		t.Errorf("a field that came later: %v", err)
	}
}

// Re-scoring a trace with settings that no run has is an error, never a panic.
func TestRescoreHostileSettings(t *testing.T) {
	change := map[string]func(*selfrag.Trace){
		"width":       func(tr *selfrag.Trace) { tr.Settings.Long, tr.Settings.Width = true, -1 },
		"depth":       func(tr *selfrag.Trace) { tr.Settings.Long, tr.Settings.Depth = true, 0 },
		"threshold":   func(tr *selfrag.Trace) { tr.Settings.Threshold = 7 },
		"weights":     func(tr *selfrag.Trace) { tr.Settings.Scoring.Weights.Support = -1 },
		"constraints": func(tr *selfrag.Trace) { tr.Settings.Constraints.MaxNoSupport = 2 },
		"labels":      func(tr *selfrag.Trace) { tr.Settings.Labels = []string{"one"} },
		"count":       func(tr *selfrag.Trace) { tr.Settings.Count = "some" },
		"mode":        func(tr *selfrag.Trace) { tr.Settings.Mode = "99" },
	}
	for name, f := range change {
		t.Run(name, func(t *testing.T) {
			tr := taleTrace(t)
			f(tr)
			if a, err := selfrag.Rescore(tr); err == nil || !strings.Contains(err.Error(), "settings") {
				t.Errorf("%+v, error %v", a, err)
			}
		})
	}
	if _, err := selfrag.Rescore(nil); err == nil {
		t.Error("no error for a nil trace")
	}
	var d *selfrag.Diverged
	tr := taleTrace(t)
	tr.Expansions[0] = nil
	if _, err := selfrag.Rescore(tr); !errors.As(err, &d) || d.Segment != 1 {
		t.Errorf("error %v for a trace without its first expansion", err)
	}
}

func FuzzParseTrace(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "trace_*.golden.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("files %v, error %v", files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"version":1,"settings":{"long":true,"width":-3,"depth":99},"expansions":[{"segment":1,"candidates":[{"node":0,"passage":5}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, err := selfrag.ParseTrace(b)
		if err != nil {
			return
		}
		if first, err := tr.Canonical(); err == nil {
			back, err := selfrag.ParseTrace(first)
			if err != nil {
				t.Fatalf("what was written cannot be read: %v\n%s", err, first)
			}
			if second, err := back.Canonical(); err != nil || !bytes.Equal(first, second) {
				t.Errorf("error %v\n%s\n%s", err, first, second)
			}
		}
		for _, options := range [][]selfrag.Option{
			nil,
			{selfrag.WithMode(selfrag.Always)},
			{selfrag.WithMode(selfrag.Never), selfrag.WithWeights(scoring.Weights{})},
			{selfrag.WithMode(selfrag.Hard), selfrag.WithAbstention(1, "")},
			{selfrag.WithShortForm(), selfrag.WithLabels("a", "b")},
			{selfrag.WithLongForm(3, 3), selfrag.WithPathScore(scoring.PathProduct)},
		} {
			a, err := selfrag.Rescore(tr, options...)
			if err == nil {
				_, _ = a.Cited(), a.String()
				checkSpans(t, a)
			}
		}
	})
}

// prompted is a critic and a decider that names its prompts.
type prompted struct {
	*critiquetest.Critic
	*critiquetest.Decider
	templates []generator.TaskTemplate
}

func (p prompted) Templates() []generator.TaskTemplate { return p.templates }

func TestTraceNamesThePromptsOfCriticAndDecider(t *testing.T) {
	b := generator.MustTaskTemplate("b", "", "Relevant? {{question}}")
	a := generator.MustTaskTemplate("a", "Judge.", "Useful? {{question}}")
	other := generator.MustTaskTemplate("a", "", "Retrieve? {{question}}")
	judge := func(templates ...generator.TaskTemplate) prompted {
		return prompted{
			&critiquetest.Critic{Rules: []critiquetest.CriticRule{{Answer: critiquetest.Verdict(0.5, full, [5]float64{})}}},
			&critiquetest.Decider{Rules: []critiquetest.DeciderRule{{Answer: critiquetest.Decision(0.75)}}},
			templates,
		}
	}
	trace := taleTrace(t, selfrag.WithCritic(judge(b, a)), selfrag.WithDecider(judge(a, other)))
	want := []selfrag.TemplateTrace{{Template: "a", TemplateHash: a.Hash()}, {Template: "a", TemplateHash: other.Hash()}, {Template: "b", TemplateHash: b.Hash()}}
	if a.Hash() > other.Hash() {
		want[0], want[1] = want[1], want[0]
	}
	if d := cmp.Diff(want, trace.Templates); d != "" {
		t.Error(d)
	}
	again, err := selfrag.Rescore(trace)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, again.Trace.Templates); d != "" {
		t.Errorf("after re-scoring: %s", d)
	}
	if plain := taleTrace(t); plain.Templates != nil {
		t.Errorf("a critic without prompts has %v", plain.Templates)
	}
}
