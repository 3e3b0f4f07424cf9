package main

import (
	"image/color"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// colors of the distributions, from the palette of Okabe and Ito, which readers with any
// color vision can distinguish.
var colors = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
}

// points are the ratios of tokens of one line, over the widths.
type points []row

func (p points) Len() int                { return len(p) }
func (p points) XY(i int) (x, y float64) { return float64(p[i].Width), p[i].Tokens }
func (p points) YError(i int) (_, _ float64) {
	return p[i].Tokens - p[i].Interval[0], p[i].Interval[1] - p[i].Tokens
}

// drawPlot plots the ratio of generated tokens in short answers against the width,
// without the sequence term (solid) and with the surest one (dashed).
func drawPlot(file string, rows []row) error {
	plot.DefaultFont.Variant = "Sans"
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "width: candidates completed at a time", "generated tokens, full / lazy"
	p.X.Scale, p.Y.Min, p.Y.Max = plot.LogScale{}, 0, 4.5
	var ticks []plot.Tick
	for _, w := range widths {
		ticks = append(ticks, plot.Tick{Value: float64(w), Label: strconv.Itoa(w)})
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	p.Add(plotter.NewGrid())
	p.Legend.Top, p.Legend.Padding = true, vg.Points(2)
	for i, ab := range distributions {
		for j, q := range sequences[:2] {
			var line points
			for _, r := range rows {
				if r.Relevance == relevanceName(ab) && r.Sequence == q.name && r.Form == forms[0].name {
					line = append(line, r)
				}
			}
			l, s, err := plotter.NewLinePoints(line)
			if err != nil {
				return err
			}
			bars, err := plotter.NewYErrorBars(line)
			if err != nil {
				return err
			}
			l.Color, s.Color, bars.Color = colors[i], colors[i], colors[i]
			l.Width, s.Shape = vg.Points(1.5), draw.CircleGlyph{}
			name := relevanceName(ab)
			if j > 0 {
				l.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
				name += ", with q"
			}
			p.Add(l, s, bars)
			p.Legend.Add(name, l, s)
		}
	}
	return p.Save(16*vg.Centimeter, 10*vg.Centimeter, file)
}
