// Package chart draws the plots of the pages that subcommands write, as SVG within HTML,
// and writes such a page as a whole or not at all.
package chart

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goselfrag/goselfrag/eval/metric"
)

// Plot is a heading with drawings that share a key.
type Plot struct {
	Head, About string
	Drawings    []*Drawing
	Key         []Entry
}

// Entry names a series in the key of a plot.
type Entry struct{ Name, Class string }

// Drawing is what an SVG shows. Lengths are in pixels, y grows downwards, and classes are
// those of the style sheet of the page.
type Drawing struct {
	Width, Height int
	Label         string
	Lines         []Line
	Curves        []Curve
	Marks         []Mark
	Texts         []Text
}

// Line is a straight line.
type Line struct {
	X1, Y1, X2, Y2 Px
	Class          string
}

// Curve joins points.
type Curve struct{ Points, Class string }

// Mark is a dot with a text that a pointer shows.
type Mark struct {
	X, Y       Px
	Class, Tip string
}

// Text is a label.
type Text struct {
	X, Y                     Px
	Anchor, Class, Text, Tip string
}

// Px is a length in pixels.
type Px float64

// String writes x as SVG has it.
func (x Px) String() string { return strconv.FormatFloat(float64(x), 'f', 1, 64) }

// colors is how many colors the style sheet has; the lines of further series are dashed.
const colors = 8

// Class returns the classes of a series, counted from 0.
func Class(series int) string {
	return fmt.Sprintf("s%d dash%d", series%colors, min(series/colors, 2))
}

// Axes are a drawing with a plane for points, Left in the drawing for labels of y, and
// below for those of x.
type Axes struct {
	*Drawing
	Left, Top, Width, Height float64
	x, y                     Scale
}

// Scale maps values to the length of an axis.
type Scale struct {
	Low, High float64
	Log       bool // logarithmic; Low is then above 0
}

func (s Scale) at(v float64) float64 {
	if s.Log {
		return (math.Log(v) - math.Log(s.Low)) / (math.Log(s.High) - math.Log(s.Low))
	}
	return (v - s.Low) / (s.High - s.Low)
}

// X returns where a value of x is drawn.
func (a Axes) X(v float64) Px { return Px(a.Left + a.Width*a.x.at(v)) }

// Y returns where a value of y is drawn.
func (a Axes) Y(v float64) Px { return Px(a.Top + a.Height*(1-a.y.at(v))) }

// NewAxes draws the frame and the labels of y.
func NewAxes(label string, x, y Scale) Axes {
	a := Axes{&Drawing{Width: 480, Height: 334, Label: label}, 52, 30, 416, 250, x, y}
	step := NiceStep(y.High-y.Low, 6)
	for i := math.Ceil(y.Low/step - 1e-9); i*step <= y.High+1e-9; i++ {
		v := i*step + 0 // not -0
		a.Lines = append(a.Lines, Line{Px(a.Left), a.Y(v), Px(a.Left + a.Width), a.Y(v), "rule"})
		a.Texts = append(a.Texts, Text{X: Px(a.Left - 8), Y: a.Y(v) + 4, Anchor: "end", Class: "soft", Text: Decimal(v, step)})
	}
	a.Lines = append(a.Lines, Line{Px(a.Left), Px(a.Top + a.Height), Px(a.Left + a.Width), Px(a.Top + a.Height), "axis"})
	return a
}

// Tick labels a value of x.
func (a Axes) Tick(v float64, label string) {
	a.Lines = append(a.Lines, Line{a.X(v), Px(a.Top + a.Height), a.X(v), Px(a.Top + a.Height + 5), "axis"})
	a.Texts = append(a.Texts, Text{X: a.X(v), Y: Px(a.Top + a.Height + 20), Anchor: "middle", Class: "soft", Text: label})
}

// LogTicks labels the values 1, 2 and 5 times a power of ten of a logarithmic x.
func (a Axes) LogTicks() {
	for e := math.Floor(math.Log10(a.x.Low)); math.Pow(10, e) <= a.x.High; e++ {
		for _, f := range []float64{1, 2, 5} {
			if v := f * math.Pow(10, e); v >= a.x.Low && v <= a.x.High && (f == 1 || a.x.High/a.x.Low < 200) {
				a.Tick(v, strconv.FormatFloat(v, 'g', 3, 64))
			}
		}
	}
}

// Titles names both axes.
func (a Axes) Titles(x, y string) {
	a.Texts = append(a.Texts,
		Text{X: Px(a.Left + a.Width/2), Y: Px(a.Top + a.Height + 40), Anchor: "middle", Text: x},
		Text{X: Px(4), Y: Px(a.Top - 14), Anchor: "start", Text: y})
}

// Bar draws an interval of y.
func (a Axes) Bar(x float64, i metric.Interval, class string) {
	a.Lines = append(a.Lines, Line{a.X(x), a.Y(i.Low), a.X(x), a.Y(i.High), "bar " + class})
}

// Mark draws a point.
func (a Axes) Mark(x, y float64, class, tip string) {
	a.Marks = append(a.Marks, Mark{a.X(x), a.Y(y), class, tip})
}

// Foot marks a value of x on its axis.
func (a Axes) Foot(x float64, class, tip string) {
	a.Lines = append(a.Lines, Line{a.X(x), Px(a.Top + a.Height - 14), a.X(x), Px(a.Top + a.Height), "bar " + class})
	a.Marks = append(a.Marks, Mark{a.X(x), Px(a.Top + a.Height - 14), class, tip})
}

// Join draws a line through points.
func (a Axes) Join(xs, ys []float64, class string) {
	var b strings.Builder
	for i := range xs {
		fmt.Fprintf(&b, "%v,%v ", a.X(xs[i]), a.Y(ys[i]))
	}
	a.Curves = append(a.Curves, Curve{strings.TrimSpace(b.String()), class})
}

// NiceStep returns a step of 1, 2 or 5 times a power of ten that parts span into at most n.
func NiceStep(span float64, n int) float64 {
	step := math.Pow(10, math.Floor(math.Log10(span/float64(n))))
	for _, f := range []float64{1, 2, 5, 10} {
		if span/(step*f) <= float64(n) {
			return step * f
		}
	}
	return step * 10
}

// Decimal writes v with the digits needed to distinguish multiples of step.
func Decimal(v, step float64) string {
	return strconv.FormatFloat(v, 'f', max(0, int(-math.Floor(math.Log10(step)+1e-9))), 64)
}

// Span returns a scale for values in [0, 1] that is limited to the range of the values.
func Span(values ...float64) Scale {
	low, high := slices.Min(values), slices.Max(values)
	room := max((high-low)*0.06, 0.005)
	return Scale{Low: max(0, low-room), High: min(1, max(high+room, low+0.01))}
}
