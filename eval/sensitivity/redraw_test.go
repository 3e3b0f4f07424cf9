package sensitivity_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/reflection"
)

// The shares of the drawn labels are those that noise and confusion promise, within five
// standard errors.
func TestRedraw(t *testing.T) {
	const n = 20_000
	for _, c := range []struct {
		p    sensitivity.Perturbation
		from reflection.Token
		want []float64
	}{
		{sensitivity.Noise{reflection.IsSUP: 0.3}, reflection.FullySupported, []float64{0.8, 0.1, 0.1}},
		{sensitivity.Noise{reflection.IsSUP: 1}, reflection.NoSupport, []float64{1. / 3, 1. / 3, 1. / 3}},
		{sensitivity.Noise{reflection.IsSUP: 0}, reflection.NoSupport, []float64{0, 0, 1}},
		{sensitivity.Noise{reflection.IsUSE: 1}, reflection.NoSupport, []float64{0, 0, 1}},
		{sensitivity.Confusion{reflection.IsREL: {{0.75, 0.25}, {0, 1}}}, reflection.Irrelevant, []float64{0.75, 0.25}},
		{sensitivity.Confusion{reflection.IsREL: {{0.75, 0.25}, {0, 1}}}, reflection.Relevant, []float64{0, 1}},
	} {
		draw, err := sensitivity.Redraw(c.p)
		if err != nil {
			t.Fatal(err)
		}
		count := map[reflection.Token]int{}
		for i := range n {
			id := fmt.Sprint(i)
			got := draw(c.from, id, 7)
			if got != draw(c.from, id, 7) {
				t.Fatalf("%v: two draws of %s differ", c.p, id)
			}
			count[got]++
		}
		for i, token := range c.from.Group().Tokens() {
			want := c.want[i]
			if got := float64(count[token]) / n; math.Abs(got-want) > 5*math.Sqrt(want*(1-want)/n) {
				t.Errorf("%v: %v becomes %v in %.4f: want %.4f", c.p, c.from, token, got, want)
			}
		}
		if draw(reflection.None, "1", 7) != reflection.None {
			t.Error("a label is drawn where there was none")
		}
	}
	for _, p := range []sensitivity.Perturbation{nil, sensitivity.Temper{reflection.IsSUP: 2}, sensitivity.Drop{reflection.IsSUP}, sensitivity.Noise{reflection.IsSUP: 2}} {
		input := new(sensitivity.InputError)
		if _, err := sensitivity.Redraw(p); !errors.As(err, &input) {
			t.Errorf("%v: %v", p, err)
		}
	}
}
