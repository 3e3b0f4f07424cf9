package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/chart"
	"github.com/goselfrag/goselfrag/internal/show"
)

func (r report) plots() []chart.Plot {
	list := []chart.Plot{r.recallPlot(), r.qualityPlot()}
	if len(r.Systems) > 1 {
		list = slices.Insert(list, 1, r.forestPlot())
	}
	if slices.ContainsFunc(r.Systems, func(s system) bool { return s.Words > 0 }) {
		list = slices.Insert(list, 0, r.sweepPlot())
	}
	return list
}

// key returns the key of the plots: an entry for each system.
func (r report) key() []chart.Entry {
	var list []chart.Entry
	for i, s := range r.Systems {
		list = append(list, chart.Entry{Name: name(s), Class: chart.Class(i)})
	}
	return list
}

// recallPlot has intervals where recall@k is a figure, if there is room for them.
func (r report) recallPlot() chart.Plot {
	var all []float64
	for _, s := range r.Systems {
		all = append(all, s.Curve...)
	}
	n := len(r.Systems[0].Curve)
	for _, s := range r.Systems {
		n = max(n, len(s.Curve))
	}
	var ks []int // that have intervals
	about := "The share of right passages among the first k hits."
	few := n <= 20
	if few {
		for k := 1; k <= n; k++ {
			if slices.Contains(r.Figures, recallName(k)) {
				ks = append(ks, k)
			}
		}
		about += " Bars are 95 % intervals, side by side at the k of the table."
	}
	for _, s := range r.Systems {
		for _, k := range ks {
			all = append(all, s.Figures[recallName(k)].Low, s.Figures[recallName(k)].High)
		}
	}
	beside := 0.7 * float64(n-1) / 10 // of k, for the bars of all systems
	a := chart.NewAxes("recall@k of each system", chart.Scale{Low: 1 - beside/2, High: float64(n) + beside/2}, chart.Span(all...))
	step := max(1, int(chart.NiceStep(float64(n-1), 10)))
	a.Tick(1, "1")
	for k := max(step, 2); k <= n; k += step {
		a.Tick(float64(k), strconv.Itoa(k))
	}
	a.Titles("k", "recall@k")
	for i, s := range r.Systems {
		var xs []float64
		for k, v := range s.Curve {
			xs = append(xs, float64(k+1))
			if few {
				a.Mark(xs[k], v, chart.Class(i), fmt.Sprintf("%s: recall@%d %.3f", name(s), k+1, v))
			}
		}
		aside := beside * (float64(i) - float64(len(r.Systems)-1)/2) / float64(len(r.Systems))
		for _, k := range ks {
			a.Bar(float64(k)+aside, s.Figures[recallName(k)].Interval, chart.Class(i))
		}
		a.Join(xs, s.Curve, chart.Class(i))
	}
	return chart.Plot{Head: "Recall", About: about, Drawings: []*chart.Drawing{a.Drawing}, Key: r.key()}
}

// forestPlot shows a few of the differences: recall at the least k, MRR and nDCG, and in a
// sweep the answers.
func (r report) forestPlot() chart.Plot {
	p := chart.Plot{Head: "Differences from " + name(r.Systems[0]), About: "Paired differences with their 95 % intervals. Where an interval holds 0, these questions do not tell the two apart."}
	for i, n := range r.Figures {
		if n != calls && (i == 0 || !strings.HasPrefix(n, "recall@")) {
			p.Drawings = append(p.Drawings, r.forest(n))
		}
	}
	return p
}

// forest draws the differences in one figure, a line for each system.
func (r report) forest(figure string) *chart.Drawing {
	var rows []chart.Row
	labels := labels(r.Systems, 27)
	for i, s := range r.Systems[1:] {
		rows = append(rows, chart.Row{Name: name(s), Label: labels[i+1], Class: chart.Class(i + 1), Difference: *s.Figures[figure].MinusFirst})
	}
	return chart.Forest(figure, figure+" minus that of "+name(r.Systems[0]), rows)
}

func (r report) qualityPlot() chart.Plot {
	mrr := rankName("MRR")
	var values, times []float64
	for _, s := range r.Systems {
		f := s.Figures[mrr]
		values = append(values, f.Low, f.High)
		times = append(times, max(s.MedianMillis, 1e-3))
	}
	x := chart.Scale{Low: slices.Min(times) / 1.5, High: slices.Max(times) * 1.5, Log: true}
	a := chart.NewAxes("MRR against latency", x, chart.Span(values...))
	a.LogTicks()
	a.Titles("median time of a query, milliseconds (logarithmic)", mrr)
	for i, s := range r.Systems {
		f := s.Figures[mrr]
		a.Bar(times[i], f.Interval, chart.Class(i))
		a.Mark(times[i], f.Value, chart.Class(i), fmt.Sprintf("%s: %s %.3f, median %s ms", name(s), mrr, f.Value, millis(s.MedianMillis)))
	}
	return chart.Plot{Head: "Quality against latency", About: "Up and left is better. Bars are 95 % intervals.", Drawings: []*chart.Drawing{a.Drawing}, Key: r.key()}
}

// sweepPlot shows figures against the size of chunks, a line for each pipeline.
func (r report) sweepPlot() chart.Plot {
	var names []string
	sizes := map[string][]system{}
	for _, s := range r.Systems {
		if sizes[s.Name] == nil {
			names = append(names, s.Name)
		}
		sizes[s.Name] = append(sizes[s.Name], s)
	}
	p := chart.Plot{Head: "Size of chunks", About: "A chunk is right if it shares a byte with a positive passage, so that a longer one is right more easily. " +
		"The share of answers in the first words of what was retrieved is comparable. Bars are 95 % intervals."}
	for i, n := range names {
		p.Key = append(p.Key, chart.Entry{Name: show.Clean(n), Class: chart.Class(i)})
	}
	words := sizes[names[0]]
	room := 1.15 * math.Pow(1.02, float64(len(names)))
	x := chart.Scale{Low: float64(words[0].Words) / room, High: float64(words[len(words)-1].Words) * room, Log: true}
	for _, figure := range []string{r.Figures[len(r.Figures)-2], r.Figures[0], rankName("MRR")} {
		var values []float64
		for _, s := range r.Systems {
			values = append(values, s.Figures[figure].Low, s.Figures[figure].High)
		}
		a := chart.NewAxes(figure+" against the size of chunks", x, chart.Span(values...))
		for _, s := range words {
			a.Tick(float64(s.Words), strconv.Itoa(s.Words))
		}
		a.Titles("words of a chunk (logarithmic)", figure)
		for i, n := range names {
			var xs, ys []float64
			for _, s := range sizes[n] {
				f := s.Figures[figure]
				// Side by side, or bars would hide each other.
				at := float64(s.Words) * math.Pow(1.02, float64(i)-float64(len(names)-1)/2)
				xs, ys = append(xs, at), append(ys, f.Value)
				a.Bar(at, f.Interval, chart.Class(i))
				a.Mark(at, f.Value, chart.Class(i), fmt.Sprintf("%s: %s", name(s), interval(f.Interval, "")))
			}
			a.Join(xs, ys, chart.Class(i))
		}
		p.Drawings = append(p.Drawings, a.Drawing)
	}
	return p
}
