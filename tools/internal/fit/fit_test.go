package fit

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// lists draws choices among alternatives with two features.
func lists() (out []List) {
	r := rand.New(rand.NewPCG(7, 0))
	for range 60 {
		l := List{HasNothing: r.IntN(2) == 0, Weight: 0.5 + r.Float64()}
		for range 1 + r.IntN(5) {
			l.Rows = append(l.Rows, []float64{1, r.NormFloat64(), r.NormFloat64()})
			l.Right = append(l.Right, false)
		}
		if l.HasNothing && r.IntN(2) == 0 {
			l.NothingRight = true
		} else {
			for n := 1 + r.IntN(2); n > 0; n-- {
				l.Right[r.IntN(len(l.Right))] = true
			}
		}
		out = append(out, l)
	}
	return out
}

// loss is the penalized loss written down plainly.
func loss(w []float64, ls []List, l2 float64) float64 {
	var squares [3]float64
	n, sum := 0.0, 0.0
	for _, l := range ls {
		all, good := 0.0, 0.0
		if l.HasNothing {
			all = 1
			if l.NothingRight {
				good = 1
			}
		}
		for i, row := range l.Rows {
			z := 0.0
			for j, x := range row {
				z += w[j] * x
				squares[j] += x * x
			}
			n++
			all += math.Exp(z)
			if l.Right[i] {
				good += math.Exp(z)
			}
		}
		sum -= l.Weight * math.Log(good/all)
	}
	for j := 1; j < 3; j++ { // the first is free
		sum += l2 / 2 * w[j] * w[j] * max(0.01, squares[j]/n)
	}
	return sum
}

// TestChoiceIsAtTheMinimum checks that no small step in any direction lowers the
// loss, computed anew.
func TestChoiceIsAtTheMinimum(t *testing.T) {
	ls := lists()
	for _, l2 := range []float64{0.1, 5} {
		m, err := Choice([]string{"one", "a", "b"}, ls, Options{L2: l2, Free: map[string]bool{"one": true}})
		if err != nil {
			t.Fatal(err)
		}
		w := m.Weights[0]
		at := loss(w, ls, l2)
		for j := range w {
			for _, step := range []float64{-0.01, 0.01} {
				v := append([]float64(nil), w...)
				v[j] += step
				if other := loss(v, ls, l2); other <= at {
					t.Errorf("penalty %v: a step of %v along feature %d lowers the loss from %v to %v", l2, step, j, at, other)
				}
			}
		}
	}
}

func TestChoiceErrors(t *testing.T) {
	for name, ls := range map[string][]List{
		"none":           nil,
		"nothing right":  {{Rows: [][]float64{{1}}, Right: []bool{false}, Weight: 1}},
		"only nothing":   {{HasNothing: true, NothingRight: true, Weight: 1}},
		"wrong features": {{Rows: [][]float64{{1, 2}}, Right: []bool{true}, Weight: 1}},
	} {
		if _, err := Choice([]string{"one"}, ls, Options{}); !errors.Is(err, ErrExamples) {
			t.Errorf("%s: %v, want ErrExamples", name, err)
		}
	}
}

// Of ten examples with x = 0 two are "yes", of ten with x = 1 seven: without a penalty
// the fitted probabilities are these shares, and with x held at nothing the share of all.
func TestClassesFindTheShares(t *testing.T) {
	var examples []Labeled
	for x, yes := range []float64{2, 7} {
		row := []float64{1, float64(x)}
		examples = append(examples, Labeled{Row: row, Class: 1, Weight: yes}, Labeled{Row: row, Class: 0, Weight: 10 - yes})
	}
	for _, c := range []struct {
		l2, slack float64
		want      []float64
	}{{0, 1e-4, []float64{0.2, 0.7}}, {1e6, 1e-3, []float64{0.45, 0.45}}} {
		m, err := Classes([]string{"one", "x"}, []string{"no", "yes"}, examples, Options{L2: c.l2, Free: map[string]bool{"one": true}})
		if err != nil {
			t.Fatal(err)
		}
		for x, want := range c.want {
			if got := m.Probs([]float64{1, float64(x)})[1]; math.Abs(got-want) > c.slack {
				t.Errorf("penalty %v, at %d: %v, want %v", c.l2, x, got, want)
			}
		}
	}
}

func TestClassesErrors(t *testing.T) {
	for name, examples := range map[string][]Labeled{
		"none":       nil,
		"class":      {{Row: []float64{1, 0}, Class: 2}},
		"features":   {{Row: []float64{1}, Class: 0}},
		"not finite": {{Row: []float64{1, math.NaN()}, Class: 0}},
	} {
		if _, err := Classes([]string{"one", "x"}, []string{"no", "yes"}, examples, Options{}); !errors.Is(err, ErrExamples) {
			t.Errorf("%s: %v, want ErrExamples", name, err)
		}
	}
}
