package metric_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/goselfrag/goselfrag/eval/metric"
)

// Chance agreement is the share of equal labels among all pairs of an example of one
// labeling and an example of the other.
func TestKappaAgainstAllPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n, k := 1+rng.IntN(30), 2+rng.IntN(4)
		classes := make([]int, k)
		for i := range classes {
			classes[i] = i
		}
		a, b := make([]int, n), make([]int, n)
		for i := range n {
			a[i], b[i] = rng.IntN(k), rng.IntN(k)
		}
		agree, chance := 0.0, 0.0
		for i := range n {
			if a[i] == b[i] {
				agree++
			}
			for j := range n {
				if a[i] == b[j] {
					chance++
				}
			}
		}
		agree, chance = agree/float64(n), chance/float64(n*n)
		c, err := metric.NewConfusion(classes, a, b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Kappa()
		if chance == 1 {
			if input := new(metric.InputError); !errors.As(err, &input) {
				t.Errorf("%v %v: %v", a, b, err)
			}
			continue
		}
		if want := (agree - chance) / (1 - chance); err != nil || math.Abs(got-want) > 1e-12 {
			t.Errorf("%v %v: %v, %v: want %v", a, b, got, err, want)
		}
	}
	if _, err := new(metric.Confusion[int]).Kappa(); err == nil {
		t.Error("there is a kappa of nothing")
	}
}
