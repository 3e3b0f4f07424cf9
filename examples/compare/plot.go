package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/examples/internal/show"
)

// plot is a heading with drawings that share a key.
type plot struct {
	Head, About string
	Drawings    []*drawing
	Key         []entry
}

type entry struct{ Name, Class string }

// drawing is what an SVG shows. Lengths are in pixels, y grows downwards, and classes are
// those of the style sheet of the page.
type drawing struct {
	Width, Height int
	Label         string
	Lines         []line
	Curves        []curve
	Marks         []mark
	Texts         []text
}

type line struct {
	X1, Y1, X2, Y2 px
	Class          string
}

type curve struct{ Points, Class string }

type mark struct {
	X, Y       px
	Class, Tip string
}

type text struct {
	X, Y                     px
	Anchor, Class, Text, Tip string
}

// px is a length as SVG writes it.
type px float64

func (x px) String() string { return strconv.FormatFloat(float64(x), 'f', 1, 64) }

// colours is how many colours the style sheet has; the lines of further series are
// dashed.
const colours = 8

func class(series int) string {
	return fmt.Sprintf("s%d dash%d", series%colours, min(series/colours, 2))
}

// axes are a drawing with a plane for points, left in the drawing for labels of y, and
// below for those of x.
type axes struct {
	*drawing
	left, top, width, height float64
	x, y                     scale
}

// scale maps values to [0, 1].
type scale struct {
	low, high float64
	log       bool
}

func (s scale) at(v float64) float64 {
	if s.log {
		return (math.Log(v) - math.Log(s.low)) / (math.Log(s.high) - math.Log(s.low))
	}
	return (v - s.low) / (s.high - s.low)
}

func (a axes) px(v float64) px { return px(a.left + a.width*a.x.at(v)) }
func (a axes) py(v float64) px { return px(a.top + a.height*(1-a.y.at(v))) }

// newAxes draws the frame and the labels of y.
func newAxes(label string, x, y scale) axes {
	a := axes{&drawing{Width: 480, Height: 334, Label: label}, 52, 30, 416, 250, x, y}
	step := niceStep(y.high-y.low, 6)
	for i := math.Ceil(y.low/step - 1e-9); i*step <= y.high+1e-9; i++ {
		v := i * step
		a.Lines = append(a.Lines, line{px(a.left), a.py(v), px(a.left + a.width), a.py(v), "rule"})
		a.Texts = append(a.Texts, text{X: px(a.left - 8), Y: a.py(v) + 4, Anchor: "end", Class: "soft", Text: decimal(v, step)})
	}
	a.Lines = append(a.Lines, line{px(a.left), px(a.top + a.height), px(a.left + a.width), px(a.top + a.height), "axis"})
	return a
}

// tick labels a value of x.
func (a axes) tick(v float64, label string) {
	a.Lines = append(a.Lines, line{a.px(v), px(a.top + a.height), a.px(v), px(a.top + a.height + 5), "axis"})
	a.Texts = append(a.Texts, text{X: a.px(v), Y: px(a.top + a.height + 20), Anchor: "middle", Class: "soft", Text: label})
}

// titles names both axes.
func (a axes) titles(x, y string) {
	a.Texts = append(a.Texts,
		text{X: px(a.left + a.width/2), Y: px(a.top + a.height + 40), Anchor: "middle", Text: x},
		text{X: px(4), Y: px(a.top - 14), Anchor: "start", Text: y})
}

// bar draws an interval of y.
func (a axes) bar(x float64, i metric.Interval, class string) {
	a.Lines = append(a.Lines, line{a.px(x), a.py(i.Low), a.px(x), a.py(i.High), "bar " + class})
}

// join draws a line through points.
func (a axes) join(xs, ys []float64, class string) {
	var b strings.Builder
	for i := range xs {
		fmt.Fprintf(&b, "%v,%v ", a.px(xs[i]), a.py(ys[i]))
	}
	a.Curves = append(a.Curves, curve{strings.TrimSpace(b.String()), class})
}

// niceStep returns a step of 1, 2 or 5 times a power of ten that parts span into at most n.
func niceStep(span float64, n int) float64 {
	step := math.Pow(10, math.Floor(math.Log10(span/float64(n))))
	for _, f := range []float64{1, 2, 5, 10} {
		if span/(step*f) <= float64(n) {
			return step * f
		}
	}
	return step * 10
}

// decimal writes v with the digits that tell multiples of step apart.
func decimal(v, step float64) string {
	return strconv.FormatFloat(v, 'f', max(0, int(-math.Floor(math.Log10(step)+1e-9))), 64)
}

// span returns a scale for values in [0, 1] that leaves out what no value needs.
func span(values ...float64) scale {
	low, high := slices.Min(values), slices.Max(values)
	room := max((high-low)*0.06, 0.005)
	return scale{low: max(0, low-room), high: min(1, max(high+room, low+0.01))}
}

func (r report) plots() []plot {
	list := []plot{r.recallPlot(), r.qualityPlot()}
	if len(r.Systems) > 1 {
		list = slices.Insert(list, 1, r.forestPlot())
	}
	if slices.ContainsFunc(r.Systems, func(s system) bool { return s.Words > 0 }) {
		list = slices.Insert(list, 0, r.sweepPlot())
	}
	return list
}

// key tells the systems apart.
func (r report) key() []entry {
	var list []entry
	for i, s := range r.Systems {
		list = append(list, entry{name(s), class(i)})
	}
	return list
}

// recallPlot has intervals where recall@k is a figure, if there is room for them.
func (r report) recallPlot() plot {
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
	a := newAxes("recall@k of each system", scale{low: 1 - beside/2, high: float64(n) + beside/2}, span(all...))
	step := max(1, int(niceStep(float64(n-1), 10)))
	a.tick(1, "1")
	for k := max(step, 2); k <= n; k += step {
		a.tick(float64(k), strconv.Itoa(k))
	}
	a.titles("k", "recall@k")
	for i, s := range r.Systems {
		var xs []float64
		for k, v := range s.Curve {
			xs = append(xs, float64(k+1))
			if few {
				a.Marks = append(a.Marks, mark{a.px(xs[k]), a.py(v), class(i), fmt.Sprintf("%s: recall@%d %.3f", name(s), k+1, v)})
			}
		}
		aside := beside * (float64(i) - float64(len(r.Systems)-1)/2) / float64(len(r.Systems))
		for _, k := range ks {
			a.bar(float64(k)+aside, s.Figures[recallName(k)].Interval, class(i))
		}
		a.join(xs, s.Curve, class(i))
	}
	return plot{"Recall", about, []*drawing{a.drawing}, r.key()}
}

// forestPlot shows a few of the differences: recall at the least k, MRR and nDCG, and in a
// sweep the answers.
func (r report) forestPlot() plot {
	p := plot{Head: "Differences from " + name(r.Systems[0]), About: "Paired differences with their 95 % intervals. Where an interval holds 0, these questions do not tell the two apart."}
	for i, n := range r.Figures {
		if n != calls && (i == 0 || !strings.HasPrefix(n, "recall@")) {
			p.Drawings = append(p.Drawings, r.forest(n))
		}
	}
	return p
}

// forest draws the differences in one figure, a line for each system.
func (r report) forest(figure string) *drawing {
	const left, rowHeight, top = 200.0, 24.0, 40.0
	others := r.Systems[1:]
	bottom := top + rowHeight*float64(len(others))
	d := &drawing{Width: 480, Height: int(bottom) + 34, Label: figure + " minus that of " + name(r.Systems[0])}
	far := 0.001
	for _, s := range others {
		m := s.Figures[figure].MinusFirst
		far = max(far, math.Abs(m.Low), math.Abs(m.High))
	}
	a := axes{d, left, top, float64(d.Width) - left - 24, bottom - top, scale{low: -far * 1.05, high: far * 1.05}, scale{}}
	d.Texts = append(d.Texts, text{X: px(a.left + a.width/2), Y: 18, Anchor: "middle", Class: "head", Text: figure + ", difference"})
	step := niceStep(far, 2)
	if step > far { // 5, and only 0 would be labelled
		step *= 0.4
	}
	for i := -2.0; i <= 2; i++ {
		x, class := a.px(i*step), "rule"
		if i == 0 {
			class = "axis"
		}
		if i*step < -far || i*step > far {
			continue
		}
		d.Lines = append(d.Lines, line{x, px(top - 8), x, px(bottom), class})
		d.Texts = append(d.Texts, text{X: x, Y: px(bottom + 18), Anchor: "middle", Class: "soft", Text: decimal(i*step, step)})
	}
	labels := labels(r.Systems, 27)[1:]
	for i, s := range others {
		m := *s.Figures[figure].MinusFirst
		y := top + rowHeight*(float64(i)+0.5)
		d.Lines = append(d.Lines, line{a.px(m.Low), px(y), a.px(m.High), px(y), "bar " + class(i+1)})
		d.Marks = append(d.Marks, mark{a.px(m.Value), px(y), class(i + 1), fmt.Sprintf("%s: %s %s", name(s), figure, interval(m, "+"))})
		d.Texts = append(d.Texts, text{X: left - 14, Y: px(y + 4), Anchor: "end", Text: labels[i], Tip: name(s)})
	}
	return d
}

func (r report) qualityPlot() plot {
	mrr := rankName("MRR")
	var values, times []float64
	for _, s := range r.Systems {
		f := s.Figures[mrr]
		values = append(values, f.Low, f.High)
		times = append(times, max(s.MedianMillis, 1e-3))
	}
	x := scale{low: slices.Min(times) / 1.5, high: slices.Max(times) * 1.5, log: true}
	a := newAxes("MRR against latency", x, span(values...))
	for e := math.Floor(math.Log10(x.low)); math.Pow(10, e) <= x.high; e++ {
		for _, f := range []float64{1, 2, 5} {
			if v := f * math.Pow(10, e); v >= x.low && v <= x.high && (f == 1 || x.high/x.low < 200) {
				a.tick(v, strconv.FormatFloat(v, 'g', 3, 64))
			}
		}
	}
	a.titles("median time of a query, milliseconds (logarithmic)", mrr)
	for i, s := range r.Systems {
		f := s.Figures[mrr]
		a.bar(times[i], f.Interval, class(i))
		a.Marks = append(a.Marks, mark{a.px(times[i]), a.py(f.Value), class(i), fmt.Sprintf("%s: %s %.3f, median %s ms", name(s), mrr, f.Value, millis(s.MedianMillis))})
	}
	return plot{"Quality against latency", "Up and left is better. Bars are 95 % intervals.", []*drawing{a.drawing}, r.key()}
}

// sweepPlot shows figures against the size of chunks, a line for each pipeline.
func (r report) sweepPlot() plot {
	var names []string
	sizes := map[string][]system{}
	for _, s := range r.Systems {
		if sizes[s.Name] == nil {
			names = append(names, s.Name)
		}
		sizes[s.Name] = append(sizes[s.Name], s)
	}
	p := plot{Head: "Size of chunks", About: "A chunk is right if it shares a byte with a positive passage, so that a longer one is right more easily. " +
		"The share of answers in the first words of what was retrieved is comparable. Bars are 95 % intervals."}
	for i, n := range names {
		p.Key = append(p.Key, entry{show.Clean(n), class(i)})
	}
	words := sizes[names[0]]
	room := 1.15 * math.Pow(1.02, float64(len(names)))
	x := scale{low: float64(words[0].Words) / room, high: float64(words[len(words)-1].Words) * room, log: true}
	for _, figure := range []string{r.Figures[len(r.Figures)-2], r.Figures[0], rankName("MRR")} {
		var values []float64
		for _, s := range r.Systems {
			values = append(values, s.Figures[figure].Low, s.Figures[figure].High)
		}
		a := newAxes(figure+" against the size of chunks", x, span(values...))
		for _, s := range words {
			a.tick(float64(s.Words), strconv.Itoa(s.Words))
		}
		a.titles("words of a chunk (logarithmic)", figure)
		for i, n := range names {
			var xs, ys []float64
			for _, s := range sizes[n] {
				f := s.Figures[figure]
				// Side by side, or bars would hide each other.
				at := float64(s.Words) * math.Pow(1.02, float64(i)-float64(len(names)-1)/2)
				xs, ys = append(xs, at), append(ys, f.Value)
				a.bar(at, f.Interval, class(i))
				a.Marks = append(a.Marks, mark{a.px(at), a.py(f.Value), class(i), fmt.Sprintf("%s: %s", name(s), interval(f.Interval, ""))})
			}
			a.join(xs, ys, class(i))
		}
		p.Drawings = append(p.Drawings, a.drawing)
	}
	return p
}
