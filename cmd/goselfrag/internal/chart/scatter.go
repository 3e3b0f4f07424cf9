package chart

import (
	"fmt"

	"github.com/goselfrag/goselfrag/eval/metric"
)

// Dot is a point of a scatter plot: a quality with its interval, at a cost of at least 0.
type Dot struct {
	Name, Class string
	Cost        float64
	Quality     metric.Interval
}

// Scatter draws qualities, in [0, 1], against costs; nil without a dot.
func Scatter(quality, cost string, dots []Dot) *Drawing {
	if len(dots) == 0 {
		return nil
	}
	var values []float64
	most := 0.0
	for _, d := range dots {
		values = append(values, d.Quality.Low, d.Quality.High)
		most = max(most, d.Cost)
	}
	if most == 0 {
		most = 1
	}
	a := NewAxes(quality+" against "+cost, Scale{Low: -0.03 * most, High: 1.03 * most}, Span(values...))
	step := NiceStep(most, 8)
	for i := 0.0; i*step <= most; i++ {
		a.Tick(i*step, Decimal(i*step, step))
	}
	a.Titles(cost, quality)
	for _, d := range dots {
		q := d.Quality
		a.Bar(d.Cost, q, d.Class)
		a.Mark(d.Cost, q.Value, d.Class, fmt.Sprintf("%s: %.3f [%.3f, %.3f], %.4g %s", d.Name, q.Value, q.Low, q.High, d.Cost, cost))
	}
	return a.Drawing
}
