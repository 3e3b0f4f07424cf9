package metric_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/goselfrag/goselfrag/eval/metric"
)

// The example of two readers of 50 grant proposals: both say yes to 20 and no to 15, the
// first alone says yes to 5, the second alone to 10.
func TestKappaOfTheProposals(t *testing.T) {
	var first, second []string
	add := func(n int, a, b string) {
		for range n {
			first, second = append(first, a), append(second, b)
		}
	}
	add(20, "yes", "yes")
	add(5, "yes", "no")
	add(10, "no", "yes")
	add(15, "no", "no")
	c, err := metric.NewConfusion([]string{"yes", "no"}, first, second)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := c.Kappa(); err != nil || math.Abs(k-0.4) > 1e-12 {
		t.Errorf("%v, %v: want 0.4", k, err)
	}
}

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
