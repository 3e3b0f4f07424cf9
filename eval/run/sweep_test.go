package run_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// A point of a sweep has the figures of a run with its setting.
func TestSweepIsARun(t *testing.T) {
	questions, b := world(t, 12, selfrag.WithTrace(selfrag.TraceFull))
	for i := range questions {
		if i%4 == 1 { // looked for or not, by the threshold
			questions[i].Question = fmt.Sprintf("What is %d plus %d?", i, i)
		}
	}
	dir := t.TempDir()
	results, err := run.Do(t.Context(), dir, parts(t, questions, b, "selfrag"), run.Options{Traces: true})
	if err != nil {
		t.Fatal(err)
	}
	var settings []run.Setting
	for _, d := range []float64{0, 0.1, 0.3, 0.5, 0.9, 1} {
		settings = append(settings, run.Setting{Name: fmt.Sprint("threshold ", d), Options: []selfrag.Option{selfrag.WithThreshold(d)}})
	}
	for _, w := range []float64{0, 5} {
		weights := scoring.DefaultWeights()
		weights.Support = w
		settings = append(settings, run.Setting{Name: fmt.Sprint("support ", w), Options: []selfrag.Option{selfrag.WithWeights(weights)}})
	}
	metrics := []string{"match", "f1", "citation_precision"}
	points, err := results.Sweep(t.Context(), "selfrag", questions, settings, run.SweepOptions{Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	rates := map[float64]bool{}
	for i, p := range points {
		engine, err := b.Engine(settings[i].Options...)
		if err != nil {
			t.Fatal(err)
		}
		sum, retrieved := map[string]float64{}, 0.0
		for _, q := range questions {
			a, err := engine.Answer(t.Context(), q.Question)
			if err != nil {
				t.Fatal(err)
			}
			for m, v := range run.Score(q, a) {
				sum[m] += v
			}
			if run.Retrieved(a) {
				retrieved++
			}
		}
		n := float64(len(questions))
		for _, m := range metrics {
			if got := p.Scores[m].Value; math.Abs(got-sum[m]/n) > 1e-12 {
				t.Errorf("%s: %s %v, and a run gives %v", p.Setting, m, got, sum[m]/n)
			}
		}
		if p.Unknown != 0 || p.Questions != len(questions) || math.Abs(p.RetrievalRate.Value-retrieved/n) > 1e-12 {
			t.Errorf("%+v: a run retrieves for %v", p, retrieved/n)
		}
		rates[p.RetrievalRate.Value] = true
	}
	if len(rates) < 2 {
		t.Errorf("no threshold changes the retrieval rate: %v", rates)
	}
}

// What a trace does not know is counted and in no figure.
func TestSweepUnknown(t *testing.T) {
	questions, b := world(t, 3, selfrag.WithTrace(selfrag.TraceOn))
	results, err := run.Do(t.Context(), t.TempDir(), parts(t, questions, b, "selfrag", "floor"), run.Options{Traces: true})
	if err != nil {
		t.Fatal(err)
	}
	settings := []run.Setting{{Name: "never", Options: []selfrag.Option{selfrag.WithMode(selfrag.Never)}}}
	points, err := results.Sweep(t.Context(), "selfrag", questions, settings, run.SweepOptions{})
	if err != nil || points[0].Unknown == 0 || points[0].Unknown+points[0].Questions != 3 {
		t.Errorf("%v: %+v", err, points)
	}
	for name, try := range map[string]error{
		"no such part":   second(results.Sweep(t.Context(), "x", questions, settings, run.SweepOptions{})),
		"no setting":     second(results.Sweep(t.Context(), "selfrag", questions, nil, run.SweepOptions{})),
		"no trace":       second(results.Sweep(t.Context(), "floor", questions, settings, run.SweepOptions{})),
		"other question": second(results.Sweep(t.Context(), "selfrag", questions[1:], settings, run.SweepOptions{})),
	} {
		if !errors.Is(try, run.ErrOption) {
			t.Errorf("%s: %v", name, try)
		}
	}
	without, err := run.Do(t.Context(), t.TempDir(), parts(t, questions, b, "selfrag"), run.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := second(without.Sweep(t.Context(), "selfrag", questions, settings, run.SweepOptions{})); !errors.Is(err, run.ErrFile) {
		t.Errorf("no traces were kept: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// Traces belong to their records, in each part, also where only some are read.
func TestTraces(t *testing.T) {
	questions, b := world(t, 5)
	results, err := run.Do(t.Context(), t.TempDir(), parts(t, questions, b, "floor", "selfrag", "top1"), run.Options{Traces: true})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for x, err := range results.Traces("selfrag", func(r *run.Record) bool { return r.ID != "q2" }) {
		if err != nil || x.Record.Part != "selfrag" || x.Trace.Question != x.Record.Question || x.Record.ID == "q2" {
			t.Errorf("%v: %+v", err, x.Record)
		}
		n++
	}
	if n != 4 {
		t.Errorf("%d traces", n)
	}
	for x, err := range results.Traces("floor", nil) {
		if err != nil || x.Trace != nil {
			t.Errorf("%v: the floor has a trace", err)
		}
	}
}
