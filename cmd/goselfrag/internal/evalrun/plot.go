package evalrun

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/chart"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/internal/show"
)

func (r *report) plots() (list []chart.Plot) {
	if rows := r.forest(); len(rows) > 0 {
		list = append(list, chart.Plot{
			Head: "Differences", About: "Paired differences from the first part on the same set, with 95 % intervals that hold for all parts of the run at once. Where an interval holds 0, these questions do not tell the two apart.",
			Drawings: []*chart.Drawing{chart.Forest(r.Metric, r.Metric+" minus that of the first part", rows)},
		})
	}
	if rows := r.changes(); len(rows) > 0 {
		list = append(list, chart.Plot{
			Head: "Against the baseline", About: "Paired differences from the baseline, with 95 % intervals that hold for all at once.",
			Drawings: []*chart.Drawing{chart.Forest("run minus baseline", "run minus baseline", rows)},
		})
	}
	if len(r.Rows) > 0 {
		list = append(list, r.costs())
	}
	list = append(list, r.sweepPlots()...)
	if len(r.calibrations) > 0 {
		list = append(list, r.calibrationPlot())
	}
	if r.Sensitivity != nil {
		list = append(list, r.Sensitivity.Plots(r.Metric)...)
	}
	return list
}

func (r *report) forest() (rows []chart.Row) {
	for i, x := range r.Rows {
		if x.MinusFirst != nil {
			rows = append(rows, forestRow(i, x.Part, x.MinusFirst.Simultaneous))
		}
	}
	return rows
}

func (r *report) changes() (rows []chart.Row) {
	for i, c := range r.Baseline {
		rows = append(rows, forestRow(i, c.Part+", "+c.Metric, c.Difference))
	}
	return rows
}

func forestRow(i int, name string, d metric.Interval) chart.Row {
	name = show.Clean(name)
	return chart.Row{Name: name, Label: show.Shorten(name, 27), Class: chart.Class(i), Difference: d}
}

func (r *report) costs() chart.Plot {
	p := chart.Plot{Head: "Quality against cost", About: "Up and left is better. Bars are 95 % intervals, each for itself. Cost is what an answer needs, whether it was asked or replayed; a part whose price is not known is not in the last drawing."}
	for i, x := range r.Rows {
		p.Key = append(p.Key, chart.Entry{Name: show.Clean(x.Part), Class: chart.Class(i)})
	}
	n := func(x row) float64 { return float64(x.Questions) }
	for _, axis := range []struct {
		name string
		of   func(row) (float64, bool)
	}{
		{"model calls per question", func(x row) (float64, bool) { return float64(x.Usage.Calls) / n(x), true }},
		{"tokens per question, prompt and generated", func(x row) (float64, bool) {
			return float64(x.Usage.PromptTokens+x.Usage.GeneratedTokens) / n(x), true
		}},
		{"cost of 1000 questions", func(x row) (float64, bool) {
			if x.Cost == nil || *x.Cost == 0 {
				return 0, false
			}
			return 1000 * *x.Cost / n(x), true
		}},
	} {
		if d := r.cost(axis.name, axis.of); d != nil {
			p.Drawings = append(p.Drawings, d)
		}
	}
	return p
}

// cost draws quality against a cost of those rows for which it is known.
func (r *report) cost(axis string, of func(row) (float64, bool)) *chart.Drawing {
	var dots []chart.Dot
	for i, x := range r.Rows {
		at, known := of(x)
		q, scored := x.Scores[r.Metric]
		if known && scored {
			dots = append(dots, chart.Dot{Name: show.Clean(x.Part), Class: chart.Class(i), Cost: at, Quality: q})
		}
	}
	return chart.Scatter(r.Metric, axis, dots)
}

// sweepPlots draw each setting that was swept: against the threshold the primary metric and
// the retrieval rate, as in the paper, against a weight the primary metric and the precision
// of citations.
func (r *report) sweepPlots() (list []chart.Plot) {
	var names []string
	for _, s := range r.Sweeps {
		if !slices.Contains(names, s.Setting) {
			names = append(names, s.Setting)
		}
	}
	for _, name := range names {
		title, second := "Weight of "+name, "citation_precision"
		if name == "threshold" {
			title, second = "Threshold of retrieval", "retrieval rate"
		}
		p := chart.Plot{Head: title, About: "Answers made again from the stored traces. Bars are 95 % intervals, each for itself: the best of many points looks better than it is. Choose on one half of the questions and report the other."}
		of := slices.DeleteFunc(slices.Clone(r.Sweeps), func(s sweep) bool { return s.Setting != name })
		for i, s := range of {
			p.Key = append(p.Key, chart.Entry{Name: show.Clean(s.Part), Class: chart.Class(i)})
			if n := slices.MaxFunc(s.Points, func(a, b run.Point) int { return a.Unknown - b.Unknown }).Unknown; n > 0 {
				p.About += fmt.Sprintf(" Of %s at most %d questions are unknown at a point, and left out there.", show.Clean(s.Part), n)
			}
		}
		for _, figure := range slices.Compact([]string{r.Metric, second}) {
			if d := sweepDrawing(of, name, figure); d != nil {
				p.Drawings = append(p.Drawings, d)
			}
		}
		list = append(list, p)
	}
	return list
}

// figureOf is a figure of a point of a sweep.
func figureOf(p run.Point, figure string) (metric.Interval, bool) {
	if figure == "retrieval rate" {
		return p.RetrievalRate, p.Questions > 0
	}
	i, ok := p.Scores[figure]
	return i, ok
}

func sweepDrawing(list []sweep, name, figure string) *chart.Drawing {
	var values, at []float64
	for _, s := range list {
		at = append(at, s.Values...)
		for _, p := range s.Points {
			if i, ok := figureOf(p, figure); ok {
				values = append(values, i.Low, i.High)
			}
		}
	}
	if len(values) == 0 {
		return nil
	}
	least, most := slices.Min(at), slices.Max(at)
	room := max((most-least)*0.04, 0.02)
	label := strings.ReplaceAll(figure, "_", " ")
	a := chart.NewAxes(label+" against "+name, chart.Scale{Low: least - room, High: most + room}, chart.Span(values...))
	step := chart.NiceStep(most-least+2*room, 8)
	for i := float64(int(least / step)); i*step <= most+1e-9; i++ {
		if i*step >= least-room {
			a.Tick(i*step, chart.Decimal(i*step, step))
		}
	}
	a.Titles(name, label)
	for n, s := range list {
		var xs, ys []float64
		for i, p := range s.Points {
			v, ok := figureOf(p, figure)
			if !ok {
				continue
			}
			xs, ys = append(xs, s.Values[i]), append(ys, v.Value)
			a.Bar(s.Values[i], v, chart.Class(n))
			a.Mark(s.Values[i], v.Value, chart.Class(n), fmt.Sprintf("%s %v: %.3f [%.3f, %.3f], %d questions", name, s.Values[i], v.Value, v.Low, v.High, p.Questions))
		}
		a.Join(xs, ys, chart.Class(n))
	}
	return a.Drawing
}

func (r *report) calibrationPlot() chart.Plot {
	p := chart.Plot{Head: "Calibration", About: "How often an answer matches, by the relevance that the critic gave its passage. On the line the relevance is the probability of a match. Bars are 95 % intervals; of a few answers they are too short, and of one they have no length. The text at a point has the number of answers."}
	for _, c := range r.calibrations {
		name, class := show.Clean(r.Rows[c.row].Part), chart.Class(c.row)
		a := chart.NewAxes("calibration of "+name, chart.Scale{Low: 0, High: 1}, chart.Scale{Low: 0, High: 1})
		for _, x := range []float64{0, 0.25, 0.5, 0.75, 1} {
			a.Tick(x, fmt.Sprint(x))
		}
		a.Titles("relevance", fmt.Sprintf("share that matches, error %.3f", c.error))
		a.Join([]float64{0, 1}, []float64{0, 1}, "axis")
		var xs, ys []float64
		for i, b := range c.bins {
			xs, ys = append(xs, b.Mean), append(ys, b.Share)
			a.Bar(b.Mean, c.shares[i], class)
			a.Mark(b.Mean, b.Share, class, fmt.Sprintf("%d answers: mean %.3f, match %.3f [%.3f, %.3f]", b.Count, b.Mean, b.Share, c.shares[i].Low, c.shares[i].High))
		}
		a.Join(xs, ys, class)
		p.Drawings = append(p.Drawings, a.Drawing)
		p.Key = append(p.Key, chart.Entry{Name: fmt.Sprintf("%s, %d answers", name, c.n), Class: class})
	}
	return p
}
