package sensitivity

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/fanout"
)

// group numbers the groups of questions.
func (r *runner) group() {
	index := map[string]int{}
	for i := range r.list {
		p := &r.list[i]
		at, known := index[p.Group]
		if p.Group == "" || !known {
			at = r.groups
			r.groups++
			r.sizes = append(r.sizes, 0)
			if p.Group != "" {
				index[p.Group] = at
			}
		}
		p.of = at
		r.sizes[at]++
	}
}

// bands fills in the figures of all points.
func (r *runner) bands(figures []*figure, out *Result) error {
	groups := make([]string, len(r.list))
	for i := range r.list {
		groups[i] = fmt.Sprint(r.list[i].of)
	}
	b := metric.Bootstrap{Resamples: r.Resamples, Level: r.Level, Seed: r.Seed, Groups: groups}
	// Per case four figures; two are the same if nothing diverged. They share
	// the drawn questions.
	var lists [][]float64
	base := figures[0]
	exact := true
	for _, f := range figures {
		exact = exact && f.diverged == 0
		lists = append(lists, f.low, minus(f.low, base.high))
	}
	if !exact {
		for _, f := range figures {
			lists = append(lists, f.high, minus(f.high, base.low))
		}
	}
	means, err := b.Means(lists...)
	if err != nil {
		return err
	}
	worst, best := means[:2*len(figures)], means[:2*len(figures)]
	if !exact {
		best = means[2*len(figures):]
	}
	for i, f := range figures {
		p := &out.Baseline
		if i > 0 {
			p = &out.Points[i-1]
		}
		p.Diverged = f.diverged
		p.Worst, p.Best = worst[2*i].Value, best[2*i].Value
		p.Questions = enclose(worst[2*i], best[2*i])
		p.Value = p.Questions.Value
		p.Change = enclose(worst[2*i+1], best[2*i+1])
		p.Redraws, p.RedrawError, p.Joint = f.redraws, f.redrawError, f.joint
		p.Redraws.Value, p.Joint.Value = p.Value, p.Value
	}
	out.Baseline.Change = metric.Interval{} // from itself
	return nil
}

func minus(x, y []float64) []float64 {
	d := make([]float64, len(x))
	for i := range x {
		d[i] = x[i] - y[i]
	}
	return d
}

// enclose returns the interval from the worst to the best, with the middle between.
func enclose(worst, best metric.Interval) metric.Interval {
	if worst == best {
		return worst
	}
	return metric.Interval{Value: worst.Value + (best.Value-worst.Value)/2, Low: worst.Low, High: best.High}
}

// overRedraws returns the interval of the means of single redraws, and the standard
// error of the mean of them all.
func (r *runner) overRedraws(f sums) (metric.Interval, float64) {
	low, high, middle := make([]float64, f.redraws), make([]float64, f.redraws), make([]float64, f.redraws)
	n := float64(len(r.list))
	mean := 0.0
	for d := range low {
		for g := range r.groups {
			low[d] += f.low[d*r.groups+g]
			high[d] += f.high[d*r.groups+g]
		}
		low[d] /= n
		high[d] /= n
		middle[d] = low[d] + (high[d]-low[d])/2
		mean += middle[d]
	}
	i := r.between(low, high)
	if f.redraws < 2 {
		return i, 0
	}
	mean /= float64(f.redraws)
	squares := 0.0
	for _, m := range middle {
		squares += float64((m - mean) * (m - mean))
	}
	return i, math.Sqrt(squares / float64(f.redraws-1) / float64(f.redraws))
}

// between returns the interval from the lower quantile of low to the upper one of high.
// The values are finite, so that there is no error.
func (r *runner) between(low, high []float64) metric.Interval {
	tail := (1 - r.Level) / 2
	l, _ := metric.Quantile(low, tail)
	h, _ := metric.Quantile(high, 1-tail)
	return metric.Interval{Low: l, High: h}
}

// joint draws groups of questions and a redraw at a time.
func (r *runner) joint(s sums) metric.Interval {
	low, high := make([]float64, r.Resamples), make([]float64, r.Resamples)
	const part = 100 // resamples that share a source, so that parts can run side by side
	fanout.Do((r.Resamples+part-1)/part, r.Concurrency, func(c int) error {
		random := rand.New(rand.NewPCG(r.Seed, uint64(c)+1)) // 0 is that of metric.Bootstrap
		drawn := make([]int, r.groups)
		for i := c * part; i < min((c+1)*part, r.Resamples); i++ {
			n := 0.0
			for j := range drawn {
				drawn[j] = random.IntN(r.groups)
				n += r.sizes[drawn[j]]
			}
			at := random.IntN(s.redraws) * r.groups
			low[i] = sum(s.low[at:at+r.groups], drawn) / n
			high[i] = sum(s.high[at:at+r.groups], drawn) / n
		}
		return nil
	})
	return r.between(low, high)
}

func sum(values []float64, drawn []int) float64 {
	s := 0.0
	for _, g := range drawn {
		s += values[g]
	}
	return s
}
