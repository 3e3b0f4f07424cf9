package sensitivity_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// BenchmarkRun measures 1000 questions with ten candidates: four groups at six strengths,
// 200 redraws each, with all bands.
func BenchmarkRun(b *testing.B) {
	w := &world{seed: 1, candidates: 10, accuracy: all(0.8), weights: scoring.DefaultWeights(), plainRight: 0.2, mode: selfrag.Adaptive}
	questions := w.questions(1000)
	var cases []sensitivity.Case
	for _, g := range reflection.Groups() {
		for _, e := range []float64{0, 0.2, 0.4, 0.6, 0.8, 1} {
			cases = append(cases, sensitivity.Case{Perturbation: sensitivity.Noise{g: e}})
		}
	}
	for b.Loop() {
		if _, err := sensitivity.Run(context.Background(), questions, right, cases, sensitivity.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(questions)*len(cases)*200)/b.Elapsed().Seconds()*float64(b.N), "draws/s")
}

// BenchmarkLong measures long answers. Every changed draw of these is re-scored.
func BenchmarkLong(b *testing.B) {
	var questions []sensitivity.Question
	for i := range 50 {
		questions = append(questions, sensitivity.Question{ID: fmt.Sprint(i), Trace: randomTrace(b, uint64(i), selfrag.WithLongForm(2, 3))})
	}
	for b.Loop() {
		if _, err := sensitivity.Run(context.Background(), questions, right, sensitivity.NoiseCases(1)[:4], sensitivity.Options{Resamples: 1}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(50*4*200)/b.Elapsed().Seconds()*float64(b.N), "draws/s")
}

// BenchmarkRescored is one draw by way of Rescore, which a short answer does not need.
func BenchmarkRescored(b *testing.B) {
	w := &world{seed: 1, candidates: 10, accuracy: all(0.8), weights: scoring.DefaultWeights(), plainRight: 0.2, mode: selfrag.Adaptive}
	q := w.questions(1)[0]
	i := uint64(0)
	for b.Loop() {
		i++
		t, err := sensitivity.Apply(q.Trace, sensitivity.Noise{reflection.IsREL: 0.5}, q.ID, i)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := selfrag.Rescore(t); err != nil {
			b.Fatal(err)
		}
	}
}
