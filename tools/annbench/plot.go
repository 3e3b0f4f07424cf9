package main

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// nines is the scale of the axis of recall: 0.9, 0.99 and 0.999 are as far from each
// other. A recall of 1 has no place there; it is drawn at the largest value.
type nines struct{}

const largestRecall = 0.9999

func toNines(recall float64) float64 { return -math.Log10(1 - min(recall, largestRecall)) }

func (nines) Normalize(least, most, x float64) float64 {
	return (toNines(x) - toNines(least)) / (toNines(most) - toNines(least))
}

// plotCurves draws recall against queries per second. The ending of the name says the
// format, such as .svg.
func (b *bench) plotCurves(path string) error {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("set %s: %d vectors, %d dimensions, %s; one thread", b.w.set.Name, b.w.set.Base.Len(), b.w.set.Base.Dim, b.w.set.Metric)
	p.X.Label.Text = fmt.Sprintf("recall@%d", b.k)
	p.Y.Label.Text = "queries per second"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.X.Scale = nines{}
	p.X.Max = largestRecall
	p.Add(plotter.NewGrid())
	// On the right, but with its words after the marks, where a font that is broader
	// than the one measured has room.
	p.Legend.Top, p.Legend.Left, p.Legend.XOffs = true, true, 12*vg.Centimeter
	for i, s := range b.subjects {
		var at plotter.XYs
		for _, c := range s.curves {
			at = append(at, plotter.XY{X: min(c.recall, largestRecall), Y: median(c.qps)})
		}
		line, marks, err := plotter.NewLinePoints(at)
		if err != nil {
			return err
		}
		line.Color, line.Width = plotutil.Color(i), vg.Points(1.5)
		marks.Color, marks.Shape = plotutil.Color(i), plotutil.Shape(i)
		p.Add(line, marks)
		p.Legend.Add(s.name, line, marks)
	}
	var ticks plot.ConstantTicks
	for _, r := range []float64{0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9995, largestRecall} {
		if len(ticks) == 1 && r <= p.X.Min {
			ticks = nil
		}
		ticks = append(ticks, plot.Tick{Value: r, Label: fmt.Sprint(r)})
	}
	ticks[len(ticks)-1].Label = "1"
	p.X.Min, p.X.Tick.Marker = ticks[0].Value, ticks
	return p.Save(18*vg.Centimeter, 12*vg.Centimeter, path)
}
