package chart

import (
	"fmt"
	"math"

	"github.com/goselfrag/goselfrag/eval/metric"
)

// Row is a line of a forest plot: a difference of a series with its interval.
type Row struct {
	Name, Label string // Label is Name, shortened to fit
	Class       string
	Difference  metric.Interval
}

// Forest draws the differences of several series in one figure, a line for each, around 0.
func Forest(figure, label string, rows []Row) *Drawing {
	const left, rowHeight, top = 200.0, 24.0, 40.0
	bottom := top + rowHeight*float64(len(rows))
	d := &Drawing{Width: 480, Height: int(bottom) + 34, Label: label}
	far := 0.001
	for _, r := range rows {
		far = max(far, math.Abs(r.Difference.Low), math.Abs(r.Difference.High))
	}
	a := Axes{d, left, top, float64(d.Width) - left - 24, bottom - top, Scale{Low: -far * 1.05, High: far * 1.05}, Scale{}}
	d.Texts = append(d.Texts, Text{X: Px(a.Left + a.Width/2), Y: 18, Anchor: "middle", Class: "head", Text: figure + ", difference"})
	step := NiceStep(far, 2)
	if step > far { // 5, and only 0 would be labeled
		step *= 0.4
	}
	for i := -2.0; i <= 2; i++ {
		x, class := a.X(i*step), "rule"
		if i == 0 {
			class = "axis"
		}
		if i*step < -far || i*step > far {
			continue
		}
		d.Lines = append(d.Lines, Line{x, Px(top - 8), x, Px(bottom), class})
		d.Texts = append(d.Texts, Text{X: x, Y: Px(bottom + 18), Anchor: "middle", Class: "soft", Text: Decimal(i*step, step)})
	}
	for i, r := range rows {
		m, y := r.Difference, top+rowHeight*(float64(i)+0.5)
		d.Lines = append(d.Lines, Line{a.X(m.Low), Px(y), a.X(m.High), Px(y), "bar " + r.Class})
		d.Marks = append(d.Marks, Mark{a.X(m.Value), Px(y), r.Class, fmt.Sprintf("%s: %s %+.3f [%+.3f, %+.3f]", r.Name, figure, m.Value, m.Low, m.High)})
		d.Texts = append(d.Texts, Text{X: left - 14, Y: Px(y + 4), Anchor: "end", Text: r.Label, Tip: r.Name})
	}
	return d
}

// Amount is a bar of a plot of amounts. A bar without a name belongs to the one before it.
type Amount struct {
	Name, Class string
	Value       float64 // at least 0
}

// Amounts draws bars from left to right, one below the other.
func Amounts(label string, bars []Amount) *Drawing {
	const left, rowHeight, top = 160.0, 14.0, 16.0
	d := &Drawing{Width: 480, Height: int(top + rowHeight*float64(len(bars)) + 16), Label: label}
	most := 1.0
	for _, b := range bars {
		most = max(most, b.Value)
	}
	a := Axes{d, left, top, float64(d.Width) - left - 60, rowHeight * float64(len(bars)), Scale{Low: 0, High: most}, Scale{}}
	for i, b := range bars {
		y := Px(top + rowHeight*(float64(i)+0.5))
		d.Lines = append(d.Lines, Line{Px(left), y, a.X(b.Value), y, "thick " + b.Class})
		d.Texts = append(d.Texts, Text{X: a.X(b.Value) + 6, Y: y + 4, Anchor: "start", Class: "soft", Text: fmt.Sprint(b.Value)})
		if b.Name != "" {
			d.Texts = append(d.Texts, Text{X: left - 10, Y: y + 4 + rowHeight/2, Anchor: "end", Text: b.Name})
		}
	}
	return d
}
