package chart

import (
	"math"
	"strconv"
	"testing"
)

// A point lies where its value is: on the straight line between the labels around it.
func TestAxes(t *testing.T) {
	a := NewAxes("", Scale{Low: 1, High: 100, Log: true}, Scale{Low: 0.5, High: 1})
	if a.X(10) != Px(a.Left+a.Width/2) || a.Y(0.75) != Px(a.Top+a.Height/2) || a.Y(1) != Px(a.Top) || a.X(1) != Px(a.Left) {
		t.Errorf("%v %v %v", a.X(10), a.Y(0.75), a.Y(1))
	}
	for _, x := range a.Texts {
		v, err := strconv.ParseFloat(x.Text, 64)
		if err != nil || math.Abs(float64(a.Y(v)+4-x.Y)) > 1e-9 {
			t.Errorf("the label %q is at %v", x.Text, x.Y)
		}
	}
	for _, c := range []struct {
		span, want float64
		n          int
		label      string
	}{{1, 0.2, 6, "0.2"}, {0.05, 0.01, 6, "0.01"}, {0.011, 0.002, 6, "0.002"}, {30, 5, 6, "5"}, {0.6, 0.1, 6, "0.1"}} {
		if got := NiceStep(c.span, c.n); math.Abs(got-c.want) > 1e-12 || Decimal(got, got) != c.label {
			t.Errorf("the step of %v is %v, written %s, want %v", c.span, got, Decimal(got, got), c.want)
		}
	}
}
