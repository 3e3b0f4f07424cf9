package metric_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/testsize"
)

// The quantile of the normal distribution at which 0.8 lies below.
const power80 = 0.8416212335729143

// slowCompare is Compare by the book: each draw is written out example by example, and the
// standard error is computed from the residuals of the groups.
func slowCompare(b metric.Bootstrap, level float64, baseline []float64, systems [][]float64) (critical []float64, all float64, se []float64) {
	var names []string
	members := map[string][]int{}
	for i := range baseline {
		name := fmt.Sprint(i)
		if b.Groups != nil {
			name = b.Groups[i]
		}
		if members[name] == nil {
			names = append(names, name)
		}
		members[name] = append(members[name], i)
	}
	figures := func(system []float64, drawn []string) (d, se float64) {
		n := 0.0
		for _, name := range drawn {
			for _, i := range members[name] {
				d += system[i] - baseline[i]
				n++
			}
		}
		d /= n
		squares := 0.0
		for _, name := range drawn {
			residual := 0.0
			for _, i := range members[name] {
				residual += system[i] - baseline[i] - d
			}
			squares += residual * residual
		}
		g := float64(len(drawn))
		return d, math.Sqrt(g/(g-1)*squares) / n
	}
	random := rand.New(rand.NewPCG(b.Seed, 0))
	t := make([][]float64, len(systems))
	var most []float64
	se = make([]float64, len(systems))
	for range b.Resamples {
		drawn := make([]string, len(names))
		for j := range drawn {
			drawn[j] = names[random.IntN(len(names))]
		}
		greatest := 0.0
		for f, system := range systems {
			d, e := figures(system, names)
			se[f] = e
			dd, _ := figures(system, drawn)
			x := math.Abs(dd-d) / e
			t[f] = append(t[f], x)
			greatest = max(greatest, x)
		}
		most = append(most, greatest)
	}
	at := func(values []float64) float64 {
		q, err := metric.Quantile(values, level)
		if err != nil {
			panic(err)
		}
		return max(q, math.Sqrt2*math.Erfinv(level))
	}
	for _, values := range t {
		critical = append(critical, at(values))
	}
	return critical, at(most), se
}

func TestCompareAgainstASlowOne(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 11))
		b := metric.Bootstrap{Resamples: 200, Seed: seed, Level: 0.9}
		baseline := make([]float64, 40)
		systems := make([][]float64, 3)
		for i := range baseline {
			baseline[i] = random.Float64()
			for f := range systems {
				systems[f] = append(systems[f], baseline[i]/2+random.Float64()*float64(f+1))
			}
			if seed%2 == 1 { // unequal groups, mixed; else each example is one
				b.Groups = append(b.Groups, fmt.Sprint(random.IntN(3)*random.IntN(6)))
			}
		}
		got, err := b.Compare(baseline, systems...)
		if err != nil {
			t.Fatal(err)
		}
		critical, all, se := slowCompare(b, 0.9, baseline, systems)
		for f, s := range got.Systems {
			d, err := b.Difference(systems[f], baseline)
			if err != nil {
				t.Fatal(err)
			}
			for name, x := range map[string][2]float64{
				"value":             {s.Pointwise.Value, d.Value},
				"standard error":    {s.StandardError, se[f]},
				"pointwise low":     {s.Pointwise.Low, d.Value - critical[f]*se[f]},
				"pointwise high":    {s.Pointwise.High, d.Value + critical[f]*se[f]},
				"simultaneous":      {s.Simultaneous.Value, d.Value},
				"simultaneous low":  {s.Simultaneous.Low, d.Value - all*se[f]},
				"simultaneous high": {s.Simultaneous.High, d.Value + all*se[f]},
				"detectable":        {s.Detectable, (all + power80) * se[f]},
			} {
				if math.Abs(x[0]-x[1]) > 1e-9 {
					t.Errorf("seed %d, system %d: %s is %v, want %v", seed, f, name, x[0], x[1])
				}
			}
		}
		if again, err := b.Compare(baseline, systems...); err != nil || !slices.Equal(again.Systems, got.Systems) {
			t.Errorf("seed %d: two runs differ: %v", seed, err)
		}
	}
}

// Five systems that are no better than the baseline, on 40 groups of unequal size. The
// simultaneous intervals hold all five zeros at about the level; those of one system
// each hold theirs at the level, and all five much more rarely.
func TestCompareCovers(t *testing.T) {
	testsize.SkipRaced(t)
	const samples, level = 400, 0.9
	random := rand.New(rand.NewPCG(12, 1))
	var all, allPointwise, one int
	for sample := range samples {
		var baseline []float64
		var groups []string
		systems := make([][]float64, 5)
		for g := range 40 {
			effects := make([]float64, 5) // of the group, on each system
			for f := range effects {
				effects[f] = random.NormFloat64()
			}
			common := random.NormFloat64()
			for range 1 + random.IntN(4) {
				baseline = append(baseline, 0)
				groups = append(groups, fmt.Sprint(g))
				for f := range systems {
					systems[f] = append(systems[f], 0.6*common+0.8*effects[f]+0.5*random.NormFloat64())
				}
			}
		}
		got, err := metric.Bootstrap{Resamples: 400, Level: level, Seed: uint64(sample), Groups: groups}.Compare(baseline, systems...)
		if err != nil {
			t.Fatal(err)
		}
		holds, holdsPointwise := true, true
		for f, s := range got.Systems {
			holds = holds && s.Simultaneous.Low <= 0 && 0 <= s.Simultaneous.High
			inside := s.Pointwise.Low <= 0 && 0 <= s.Pointwise.High
			holdsPointwise = holdsPointwise && inside
			if f == 0 && inside {
				one++
			}
			if s.Claim == (s.Simultaneous.Low <= 0 && 0 <= s.Simultaneous.High) {
				t.Fatalf("claim %v of %+v", s.Claim, s.Simultaneous)
			}
		}
		if holds {
			all++
		}
		if holdsPointwise {
			allPointwise++
		}
	}
	t.Logf("of %d: all simultaneous %d, all pointwise %d, the first pointwise %d", samples, all, allPointwise, one)
	for name, x := range map[string]struct {
		held      int
		low, high float64
	}{
		"all simultaneous": {all, 0.86, 0.95},
		"the first alone":  {one, 0.86, 0.95},
		"all pointwise":    {allPointwise, 0.55, 0.8},
	} {
		if share := float64(x.held) / samples; share < x.low || share > x.high {
			t.Errorf("%s: %v hold the true difference, want %v to %v", name, share, x.low, x.high)
		}
	}
}

// A true difference of Detectable is found about four times in five.
func TestCompareDetects(t *testing.T) {
	testsize.SkipRaced(t)
	const samples = 300
	random := rand.New(rand.NewPCG(13, 1))
	draw := func(shift float64) [][]float64 {
		systems := make([][]float64, 3)
		for f := range systems {
			for range 60 {
				systems[f] = append(systems[f], shift+random.NormFloat64())
			}
		}
		return systems
	}
	baseline := make([]float64, 60)
	mean := 0.0
	for range 40 {
		got, err := metric.Bootstrap{Resamples: 400}.Compare(baseline, draw(0)...)
		if err != nil {
			t.Fatal(err)
		}
		mean += got.Systems[0].Detectable / 40
	}
	found := 0
	for range samples {
		got, err := metric.Bootstrap{Resamples: 400}.Compare(baseline, draw(mean)...)
		if err != nil {
			t.Fatal(err)
		}
		if got.Systems[0].Claim && got.Systems[0].Simultaneous.Low > 0 {
			found++
		}
	}
	if share := float64(found) / samples; share < 0.72 || share > 0.88 {
		t.Errorf("a difference of %.3f is found in %v of the samples, want about 0.8", mean, share)
	}
}

// No number is ever infinite or NaN, whatever the examples leave undefined.
func TestCompareOfLittle(t *testing.T) {
	names := func(n int) []string { // so many groups of two
		var list []string
		for i := range n {
			list = append(list, fmt.Sprint(i), fmt.Sprint(i))
		}
		return list
	}
	repeat := func(n int, values ...float64) []float64 { return slices.Repeat(values, n) }
	sparse := repeat(80, 0)
	sparse[0], sparse[7], sparse[40] = 1, 1, 1
	constant := repeat(40, 0.1, 0.7)
	for i := range constant {
		constant[i] += 0.3
	}
	for name, c := range map[string]struct {
		groups           []string
		baseline, system []float64
		width, claim     bool
	}{
		"one group":            {names(1), []float64{0, 0}, []float64{1, 0}, false, false},
		"two groups":           {names(2), repeat(4, 0), []float64{1, 1, 0, 0}, true, false},
		"29 groups":            {names(29), repeat(58, 0), repeat(29, 1, 1.01), false, false},
		"29 groups, unequal":   {names(29), repeat(58, 0), append(repeat(28, 1, 1), 2, 2), true, false},
		"30 groups, unequal":   {names(30), repeat(60, 0), append(repeat(29, 1, 1), 2, 2), true, true},
		"30 groups, worse":     {names(30), repeat(60, 1), append(repeat(29, 0, 0), 0.5, 0.5), true, true},
		"equal":                {names(40), repeat(40, 0.1, 0.7), repeat(40, 0.1, 0.7), false, false},
		"a constant more":      {names(40), repeat(40, 0.1, 0.7), constant, false, true},
		"three of 80 differ":   {nil, repeat(80, 0), sparse, true, false},
		"huge":                 {nil, repeat(20, 1e100, -1e100), repeat(20, -1e100, 1e100), true, false},
		"a system beside that": {nil, repeat(20, 0, 1), repeat(20, 1, 0), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := metric.Bootstrap{Groups: c.groups, Resamples: 1000}
			got, err := b.Compare(c.baseline, c.system, c.baseline)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := json.Marshal(got); err != nil {
				t.Fatalf("%+v: %v", got, err)
			}
			s, self := got.Systems[0], got.Systems[1]
			if width := s.Simultaneous.High > s.Simultaneous.Low; width != c.width || s.Claim != c.claim {
				t.Errorf("%+v: want a width %v, a claim %v", s, c.width, c.claim)
			}
			if s.Simultaneous.Low > s.Pointwise.Low || s.Simultaneous.High < s.Pointwise.High || s.Detectable < s.Simultaneous.High-s.Simultaneous.Value {
				t.Errorf("%+v: the simultaneous interval is narrower", s)
			}
			if self != (metric.Comparison{}) {
				t.Errorf("the baseline beside itself: %+v", self)
			}
			alone, err := b.Compare(c.baseline, c.system)
			if err != nil || alone.Systems[0] != s || s.Simultaneous != s.Pointwise {
				t.Errorf("alone %+v, %v, want %+v: a system that never differs adds nothing", alone.Systems, err, s)
			}
		})
	}
	if got, err := (metric.Bootstrap{}).Compare([]float64{1, 2}); err != nil || got.Clusters != 2 || len(got.Systems) != 0 {
		t.Errorf("no system: %+v, %v", got, err)
	}
}

// A system that differs from the baseline in one example, which half of the draws lack,
// does not widen the interval of another much.
func TestCompareBesideASparseDifference(t *testing.T) {
	random := rand.New(rand.NewPCG(14, 1))
	baseline, sparse, system := make([]float64, 60), make([]float64, 60), make([]float64, 60)
	sparse[17] = 1
	for i := range system {
		system[i] = random.NormFloat64()
	}
	b := metric.Bootstrap{}
	alone, err := b.Compare(baseline, system)
	if err != nil {
		t.Fatal(err)
	}
	both, err := b.Compare(baseline, system, sparse)
	if err != nil {
		t.Fatal(err)
	}
	width := func(c metric.Comparisons) float64 {
		return c.Systems[0].Simultaneous.High - c.Systems[0].Simultaneous.Low
	}
	if ratio := width(both) / width(alone); ratio < 1 || ratio > 1.6 {
		t.Errorf("the interval is %.2f times as wide beside the other system", ratio)
	}
}

// A system that is a constant ahead, but for rounding, does not widen the intervals of others.
func TestCompareBesideAConstant(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 1))
	baseline, system, ahead := make([]float64, 50), make([]float64, 50), make([]float64, 50)
	for i := range baseline {
		baseline[i] = random.Float64()
		system[i], ahead[i] = random.Float64(), baseline[i]+0.3
	}
	alone, err := metric.Bootstrap{}.Compare(baseline, system)
	if err != nil {
		t.Fatal(err)
	}
	both, err := metric.Bootstrap{}.Compare(baseline, system, ahead)
	if err != nil || both.Systems[0] != alone.Systems[0] || both.Systems[1].StandardError != 0 || !both.Systems[1].Claim {
		t.Errorf("%+v, %v, want %+v", both, err, alone)
	}
}

func TestCompareErrors(t *testing.T) {
	one := []float64{1}
	for name, f := range map[string]func() (metric.Comparisons, error){
		"empty":     func() (metric.Comparisons, error) { return metric.Bootstrap{}.Compare(nil) },
		"no system": func() (metric.Comparisons, error) { return metric.Bootstrap{}.Compare(one, nil) },
		"lengths":   func() (metric.Comparisons, error) { return metric.Bootstrap{}.Compare(one, one, []float64{1, 2}) },
		"NaN":       func() (metric.Comparisons, error) { return metric.Bootstrap{}.Compare(one, []float64{math.NaN()}) },
		"baseline":  func() (metric.Comparisons, error) { return metric.Bootstrap{}.Compare([]float64{math.Inf(1)}, one) },
		"resamples": func() (metric.Comparisons, error) { return metric.Bootstrap{Resamples: -1}.Compare(one, one) },
		"level":     func() (metric.Comparisons, error) { return metric.Bootstrap{Level: 2}.Compare(one, one) },
		"group name": func() (metric.Comparisons, error) {
			return metric.Bootstrap{Groups: []string{"a", "b"}}.Compare(one, one)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f()
			wantInputError(t, err)
		})
	}
}

// Figure of a mean is Mean, and of a figure that is none it is what enumeration gives.
func TestBootstrapFigure(t *testing.T) {
	values := []float64{0, 1, 3, 10, 2, 2, 5}
	groups := []string{"a", "b", "a", "c", "d", "b", "d"}
	b := metric.Bootstrap{Seed: 5, Groups: groups}
	mean := func(examples []int) float64 {
		sum := 0.0
		for _, i := range examples {
			sum += values[i]
		}
		return sum / float64(len(examples))
	}
	want, err := b.Mean(values)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Figure(len(values), mean)
	if err != nil || !near(got.Value, want.Value) || !near(got.Low, want.Low) || !near(got.High, want.High) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	// The greatest of four: 10 is in 175 of 256 draws.
	got, err = metric.Bootstrap{Level: 0.6}.Figure(4, func(examples []int) float64 {
		most := 0.0
		for _, i := range examples {
			most = max(most, values[i])
		}
		return most
	})
	if want := (metric.Interval{Value: 10, Low: 3, High: 10}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for name, f := range map[string]func() (metric.Interval, error){
		"empty": func() (metric.Interval, error) { return metric.Bootstrap{}.Figure(0, mean) },
		"NaN": func() (metric.Interval, error) {
			return metric.Bootstrap{}.Figure(3, func([]int) float64 { return math.NaN() })
		},
		"level":  func() (metric.Interval, error) { return metric.Bootstrap{Level: -1}.Figure(3, mean) },
		"groups": func() (metric.Interval, error) { return b.Figure(3, mean) },
	} {
		_, err := f()
		t.Run(name, func(t *testing.T) { wantInputError(t, err) })
	}
}

// The ratio is to the differences one after the other, which have no simultaneous interval.
func BenchmarkCompare(b *testing.B) {
	random := rand.New(rand.NewPCG(14, 1))
	figures := make([][]float64, 14)
	for f := range figures {
		for range 1300 {
			figures[f] = append(figures[f], random.Float64())
		}
	}
	var together, alone time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := (metric.Bootstrap{}).Compare(figures[0], figures[1:]...); err != nil {
			b.Fatal(err)
		}
		together += time.Since(start)
		start = time.Now()
		for _, values := range figures[1:] {
			if _, err := (metric.Bootstrap{}).Difference(values, figures[0]); err != nil {
				b.Fatal(err)
			}
		}
		alone += time.Since(start)
	}
	b.ReportMetric(float64(together)/float64(alone), "of-one-by-one")
}
