package metric_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/eval/metric"
)

// With four values there are 256 ways to draw four of them, and the interval can be
// read off the list of their means.
func TestBootstrapAgainstEnumeration(t *testing.T) {
	values := []float64{0, 1, 3, 10}
	var means []float64
	for i := range 256 {
		means = append(means, (values[i&3]+values[i>>2&3]+values[i>>4&3]+values[i>>6&3])/4)
	}
	slices.Sort(means)
	low, high := means[6], means[249] // 2.5 and 97.5 % of 256
	if low != 0.5 || high != 7.75 {   // the totals 2 and 31
		t.Fatalf("the enumeration gives %v and %v", low, high)
	}
	got, err := metric.Bootstrap{Seed: 1}.Mean(values)
	if err != nil || got.Value != 3.5 || got.Low != low || got.High != high {
		t.Errorf("interval %+v, %v, want 3.5 in %v to %v", got, err, low, high)
	}
}

func TestBootstrapAgainstNormalApproximation(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 1))
	values := make([]float64, 400)
	sum, squares := 0.0, 0.0
	for i := range values {
		values[i] = random.NormFloat64()
		sum += values[i]
		squares += values[i] * values[i]
	}
	mean := sum / 400
	deviation := math.Sqrt(squares/400-mean*mean) / 20 // of the mean
	for level, z := range map[float64]float64{0.95: 1.959964, 0.8: 1.281552} {
		got, err := metric.Bootstrap{Level: level, Seed: 2}.Mean(values)
		if err != nil || math.Abs(got.Value-mean) > 1e-12 {
			t.Fatalf("%+v, %v, want the value %v", got, err, mean)
		}
		// 10000 draws leave a few per cent of chance in the tails.
		if math.Abs(got.Low-(mean-z*deviation)) > 0.1*deviation || math.Abs(got.High-(mean+z*deviation)) > 0.1*deviation {
			t.Errorf("level %v: %+v, want about %v ± %v", level, got, mean, z*deviation)
		}
	}
}

// An interval at level 0.9 holds the true mean in about nine of ten samples.
func TestBootstrapCovers(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 1))
	const samples = 200
	held := 0
	for range samples {
		values := make([]float64, 60)
		for i := range values {
			values[i] = float64(random.IntN(2))
		}
		got, err := metric.Bootstrap{Level: 0.9, Resamples: 500}.Mean(values)
		if err != nil {
			t.Fatal(err)
		}
		if got.Low <= 0.5 && 0.5 <= got.High {
			held++
		}
	}
	if share := float64(held) / samples; share < 0.84 || share > 0.96 {
		t.Errorf("%v of the intervals hold the mean, want about 0.9", share)
	}
}

func TestBootstrapDifference(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 1))
	x, y, shifted := make([]float64, 100), make([]float64, 100), make([]float64, 100)
	for i := range x {
		hard := 8 * random.Float64() // of the example, the same for both
		x[i], y[i] = hard+random.Float64(), hard+random.Float64()
		shifted[i] = y[i] + 0.25
	}
	b := metric.Bootstrap{Seed: 3}
	difference := func(x, y []float64) metric.Interval {
		t.Helper()
		d, err := b.Difference(x, y)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d, again, back := difference(x, y), difference(x, y), difference(y, x)
	if d != again {
		t.Errorf("two runs differ: %+v and %+v", d, again)
	}
	if math.Abs(d.Value+back.Value) > 1e-12 || math.Abs(d.Low+back.High) > 1e-12 || math.Abs(d.High+back.Low) > 1e-12 {
		t.Errorf("turned round %+v is %+v", d, back)
	}
	if s := difference(shifted, y); math.Abs(s.Low-0.25) > 1e-12 || math.Abs(s.High-0.25) > 1e-12 {
		t.Errorf("a constant difference gives %+v", s)
	}
	// The pairs hang together, so that their difference is better known than either.
	alone, err := b.Mean(x)
	if err != nil {
		t.Fatal(err)
	}
	if d.High-d.Low > (alone.High-alone.Low)/3 {
		t.Errorf("the paired interval %+v is not much narrower than %+v", d, alone)
	}
	o, err := metric.Bootstrap{Seed: 4}.Difference(x, y)
	if err != nil || o == d || o.Value != d.Value {
		t.Errorf("with another seed %+v, %v", o, err)
	}
}

// If the examples of a group are all alike, the groups are the examples.
func TestBootstrapGroups(t *testing.T) {
	values := []float64{0, 1, 3, 10}
	names := []string{"a", "b", "c", "d"}
	var many []float64
	var groups []string
	for range 5 { // the groups are mixed, not side by side
		many = append(many, values...)
		groups = append(groups, names...)
	}
	want, err := metric.Bootstrap{Seed: 1}.Mean(values)
	if err != nil {
		t.Fatal(err)
	}
	got, err := metric.Bootstrap{Seed: 1, Groups: groups}.Mean(many)
	if err != nil || !near(got.Value, want.Value) || !near(got.Low, want.Low) || !near(got.High, want.High) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	apart, err := metric.Bootstrap{Seed: 1}.Mean(many)
	if err != nil || apart.High-apart.Low > 0.7*(want.High-want.Low) {
		t.Errorf("without groups %+v, %v: not much narrower than %+v", apart, err, want)
	}
	// A group counts as much as it has examples.
	uneven, err := metric.Bootstrap{Groups: []string{"a", "b", "b", "b"}}.Mean([]float64{0, 4, 4, 4})
	if err != nil || uneven.Value != 3 || uneven.Low != 0 || uneven.High != 4 {
		t.Errorf("uneven groups give %+v, %v", uneven, err)
	}
}

func TestBootstrapErrors(t *testing.T) {
	one := []float64{1}
	for name, f := range map[string]func() (metric.Interval, error){
		"empty":      func() (metric.Interval, error) { return metric.Bootstrap{}.Mean(nil) },
		"empty pair": func() (metric.Interval, error) { return metric.Bootstrap{}.Difference(nil, nil) },
		"lengths":    func() (metric.Interval, error) { return metric.Bootstrap{}.Difference(one, nil) },
		"NaN":        func() (metric.Interval, error) { return metric.Bootstrap{}.Mean([]float64{math.NaN()}) },
		"NaN in x":   func() (metric.Interval, error) { return metric.Bootstrap{}.Difference([]float64{math.NaN()}, one) },
		"Inf in y":   func() (metric.Interval, error) { return metric.Bootstrap{}.Difference(one, []float64{math.Inf(1)}) },
		"resamples":  func() (metric.Interval, error) { return metric.Bootstrap{Resamples: -1}.Mean(one) },
		"level":      func() (metric.Interval, error) { return metric.Bootstrap{Level: 1}.Mean(one) },
		"level NaN":  func() (metric.Interval, error) { return metric.Bootstrap{Level: math.NaN()}.Mean(one) },
		"groups":     func() (metric.Interval, error) { return metric.Bootstrap{Groups: []string{"a", "b"}}.Mean(one) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f()
			wantInputError(t, err)
		})
	}
}

func TestBootstrapOfOneValue(t *testing.T) {
	got, err := metric.Bootstrap{Resamples: 1}.Mean([]float64{2})
	if want := (metric.Interval{Value: 2, Low: 2, High: 2}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// With four groups of unequal size there are 256 ways to draw four of them; a draw counts
// examples, not groups.
func TestBootstrapDifferenceOfGroupsAgainstEnumeration(t *testing.T) {
	d := [][]float64{{2}, {-1, 0}, {0, -3, -3}, {-1, 0}}
	var x, y []float64
	var groups []string
	for place := range 3 { // the groups are mixed, not side by side
		for g, values := range d {
			if place < len(values) {
				hard := float64(3*g - place)
				x, y, groups = append(x, hard+values[place]), append(y, hard), append(groups, string(rune('a'+g)))
			}
		}
	}
	var means []float64
	for i := range 256 {
		sum, n := 0.0, 0
		for _, g := range []int{i & 3, i >> 2 & 3, i >> 4 & 3, i >> 6 & 3} {
			for _, v := range d[g] {
				sum += v
				n++
			}
		}
		means = append(means, sum/float64(n))
	}
	slices.Sort(means)
	low, high := means[6], means[249]
	// Their neighbors are equal, so that chance in 10000 draws changes nothing; neither is
	// the least or the greatest of all.
	if low != means[4] || low != means[8] || high != means[247] || high != means[251] || low == means[0] || high == means[255] {
		t.Fatalf("%v", means)
	}
	got, err := metric.Bootstrap{Seed: 1, Groups: groups}.Difference(x, y)
	if err != nil || !near(got.Value, -0.75) || !near(got.Low, low) || !near(got.High, high) {
		t.Errorf("%+v, %v, want -0.75 in %v to %v", got, err, low, high)
	}
}

// Several figures at once are what each is alone, bit by bit.
func TestBootstrapMeans(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 1))
	figures := make([][]float64, 4)
	var groups []string
	for range 90 {
		for f := range figures {
			figures[f] = append(figures[f], random.Float64())
		}
		groups = append(groups, string(rune('a'+random.IntN(20))))
	}
	for name, b := range map[string]metric.Bootstrap{"alone": {Seed: 3}, "grouped": {Seed: 3, Groups: groups}} {
		got, err := b.Means(figures...)
		if err != nil || len(got) != len(figures) {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
		for f, values := range figures {
			if want, err := b.Mean(values); err != nil || got[f] != want {
				t.Errorf("%s, figure %d: %+v, want %+v, %v", name, f, got[f], want, err)
			}
		}
	}
	if got, err := (metric.Bootstrap{}).Means(); len(got) > 0 || err != nil {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	for name, bad := range map[string][][]float64{"length": {{1}, {1, 2}}, "empty": {{}}, "NaN": {{1}, {math.NaN()}}} {
		if _, err := (metric.Bootstrap{}).Means(bad...); !errors.As(err, new(*metric.InputError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The ratio is to one figure after the other.
func BenchmarkBootstrapMeans(b *testing.B) {
	random := rand.New(rand.NewPCG(8, 1))
	figures := make([][]float64, 14)
	for f := range figures {
		for range 1300 {
			figures[f] = append(figures[f], random.Float64())
		}
	}
	var together, alone time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := (metric.Bootstrap{}).Means(figures...); err != nil {
			b.Fatal(err)
		}
		together += time.Since(start)
		start = time.Now()
		for _, values := range figures {
			if _, err := (metric.Bootstrap{}).Mean(values); err != nil {
				b.Fatal(err)
			}
		}
		alone += time.Since(start)
	}
	b.ReportMetric(float64(together)/float64(alone), "of-one-by-one")
}
