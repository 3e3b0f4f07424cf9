package metric_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/eval/metric"
)

func TestRiskCoverage(t *testing.T) {
	got, err := metric.RiskCoverage([]float64{0.2, 0.9, 0.5, 0.5}, []bool{false, true, false, true})
	want := []metric.CoveragePoint{{Threshold: 0.9, Coverage: 0.25}, {Threshold: 0.5, Coverage: 0.75, Risk: 1.0 / 3}, {Threshold: 0.2, Coverage: 1, Risk: 0.5}}
	if err != nil || !cmp.Equal(got, want) {
		t.Error(err, cmp.Diff(want, got))
	}
	area, err := metric.RiskCoverageArea([]float64{0.2, 0.9, 0.5, 0.5}, []bool{false, true, false, true})
	if err != nil || !near(area, 0.5/3+0.25/2) {
		t.Error(area, err)
	}
}

// Every point is what answering with that threshold gives.
func TestRiskCoverageByCounting(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		n := 1 + random.IntN(20)
		scores, right := make([]float64, n), make([]bool, n)
		for i := range scores {
			scores[i], right[i] = float64(random.IntN(6)), random.IntN(2) == 0
		}
		points, err := metric.RiskCoverage(scores, right)
		if err != nil {
			t.Fatal(err)
		}
		different := map[float64]bool{}
		for _, s := range scores {
			different[s] = true
		}
		if len(points) != len(different) || points[len(points)-1].Coverage != 1 {
			t.Fatalf("%v of %v", points, scores)
		}
		for _, p := range points {
			answered, wrong := 0.0, 0.0
			for i, s := range scores {
				if s >= p.Threshold {
					answered++
					if !right[i] {
						wrong++
					}
				}
			}
			if !near(p.Coverage, answered/float64(n)) || !near(p.Risk, wrong/answered) {
				t.Fatalf("%+v: %v answered, %v wrong of %d", p, answered, wrong, n)
			}
		}
	}
}

func TestBrier(t *testing.T) {
	got, err := metric.Brier([]float64{0.8, 0.3, 1}, []bool{true, true, false})
	if err != nil || !near(got, (0.04+0.49+1)/3) {
		t.Error(got, err)
	}
}

// The penalty for 1, 5, 10 and 11 facts is published; that for 9 is exp(-1/9).
func TestFactScore(t *testing.T) {
	for n, penalty := range map[int]float64{1: 0.000123410, 5: 0.367879441, 9: 0.894839317, 10: 1, 11: 1} {
		supported := make([]bool, n)
		supported[0] = true
		if got := metric.FactScore(supported, 10); math.Abs(got-penalty/float64(n)) > 1e-9 {
			t.Errorf("%d facts: %v, want %v", n, got, penalty/float64(n))
		}
		if got := metric.FactScore(supported, 0); !near(got, 1/float64(n)) {
			t.Errorf("%d facts without penalty: %v", n, got)
		}
	}
	if got := metric.FactScore(nil, 10); got != 0 {
		t.Error(got)
	}
}

func TestKappa(t *testing.T) {
	// 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: 0.7 agree, 0.5 by chance.
	var truth, predicted []string
	add := func(n int, a, b string) {
		for range n {
			truth, predicted = append(truth, a), append(predicted, b)
		}
	}
	add(20, "yes", "yes")
	add(5, "yes", "no")
	add(10, "no", "yes")
	add(15, "no", "no")
	c, err := metric.NewConfusion([]string{"yes", "no", "never"}, truth, predicted)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := c.Kappa(); err != nil || !near(k, 0.4) {
		t.Error(k, err)
	}
	one, err := metric.NewConfusion([]string{"yes", "no"}, []string{"yes"}, []string{"yes"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := one.Kappa(); !errors.As(err, new(*metric.InputError)) {
		t.Error(err)
	}
}

func TestSelectiveErrors(t *testing.T) {
	nan := math.NaN()
	for name, err := range map[string]error{
		"lengths": second(metric.RiskCoverage([]float64{1}, nil)), "none": second(metric.RiskCoverage(nil, nil)),
		"NaN": second(metric.RiskCoverage([]float64{nan}, []bool{true})), "area": second(metric.RiskCoverageArea([]float64{nan}, []bool{true})),
		"Brier": second(metric.Brier([]float64{nan}, []bool{true})), "above 1": second(metric.Brier([]float64{1.1}, []bool{true})), "no Brier": second(metric.Brier(nil, nil)),
	} {
		if !errors.As(err, new(*metric.InputError)) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
