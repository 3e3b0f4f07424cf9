package main

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Ratios are taken over these recalls, in this many steps.
const recallFrom, recallTo, recallSteps = 0.90, 0.999, 100

// ours and theirs are the pairs that ratios are printed for.
var (
	ours   = []string{"hnsw", "hnsw-int8", "hnsw-int8only"}
	theirs = []string{"hnswlib", "faiss"}
)

// ratios prints how often the queries per second of another library ours answers, at
// equal recall and at equal ef. Rounds are compared one by one; the figure is the median.
func (b *bench) ratios(ctx context.Context) error {
	if err := b.searchAll(ctx); err != nil {
		return err
	}
	for _, o := range ours {
		for _, t := range theirs {
			x, y := b.subject(o), b.subject(t)
			if x == nil || y == nil {
				continue
			}
			if err := b.ratio(x, y); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) ratio(x, y *subject) error {
	var values []float64
	var from, to float64
	for round := range b.rounds {
		v, lo, hi := equalRecall(samples(x.curves, round), samples(y.curves, round))
		if math.IsNaN(v) {
			break
		}
		values, from, to = append(values, v), lo, hi
	}
	if values == nil {
		fmt.Fprintf(b.stderr, "annbench: %s and %s have no recall in common between %g and %g: name other values with -ef\n", x.name, y.name, recallFrom, recallTo)
	} else if err := b.out.figure(rounds("ratio", "qps at equal recall", x.name, y.name, "ratio", values, fmt.Sprintf("recall %.3f to %.3f", from, to))); err != nil {
		return err
	}
	for i := range min(len(x.curves), len(y.curves)) {
		cx, cy := x.curves[i], y.curves[i]
		values := make([]float64, b.rounds)
		for r := range values {
			values[r] = cx.qps[r] / cy.qps[r]
		}
		f := rounds("ratio", fmt.Sprintf("qps at ef %d", cx.ef), x.name, y.name, "ratio", values, fmt.Sprintf("recall %.4f and %.4f", cx.recall, cy.recall))
		if err := b.out.figure(f); err != nil {
			return err
		}
	}
	return nil
}

// sample is a point of a curve in one round.
type sample struct{ recall, qps float64 }

func samples(curves []curve, round int) []sample {
	var out []sample
	for _, c := range curves {
		out = append(out, sample{c.recall, c.qps[round]})
	}
	return out
}

// equalRecall averages log(QPS of x / QPS of y) over the recalls that both curves reach
// between recallFrom and recallTo, and returns its exponential and those bounds. The
// logarithm of QPS is interpolated linearly over recall. Without a common recall the
// ratio is NaN.
func equalRecall(x, y []sample) (ratio, from, to float64) {
	x, y = frontier(x), frontier(y)
	if len(x) == 0 || len(y) == 0 {
		return math.NaN(), 0, 0
	}
	from = max(recallFrom, x[0].recall, y[0].recall)
	to = min(recallTo, x[len(x)-1].recall, y[len(y)-1].recall)
	if from >= to {
		return math.NaN(), 0, 0
	}
	sum := 0.0
	for i := range recallSteps {
		// The middles of equal parts, so that the ends weigh no more than the rest.
		r := from + (to-from)*(float64(i)+0.5)/recallSteps
		sum += logQPS(x, r) - logQPS(y, r)
	}
	return math.Exp(sum / recallSteps), from, to
}

// frontier sorts a curve by recall and leaves out the points that another beats in both
// recall and QPS, which are useless settings.
func frontier(s []sample) []sample {
	s = slices.Clone(s)
	slices.SortFunc(s, func(a, b sample) int {
		if a.recall != b.recall {
			if a.recall > b.recall {
				return -1
			}
			return 1
		}
		if a.qps > b.qps {
			return -1
		}
		return 1
	})
	var out []sample
	for _, p := range s {
		if len(out) == 0 || p.qps > out[len(out)-1].qps {
			out = append(out, p)
		}
	}
	slices.Reverse(out)
	return out
}

// logQPS interpolates a curve, sorted by recall, at a recall within it.
func logQPS(s []sample, recall float64) float64 {
	i := 1
	for i < len(s)-1 && s[i].recall < recall {
		i++
	}
	a, b := s[i-1], s[i]
	t := (recall - a.recall) / (b.recall - a.recall)
	return math.Log(a.qps)*(1-t) + math.Log(b.qps)*t
}
