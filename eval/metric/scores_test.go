package metric_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/eval/metric"
)

// wantInputError reports an error that is not of the package's type.
func wantInputError(t *testing.T, err error) {
	t.Helper()
	if input := new(*metric.InputError); !errors.As(err, input) || (*input).Metric == "" || (*input).Reason == "" {
		t.Errorf("error %v, want an *InputError", err)
	}
}

func TestAUC(t *testing.T) {
	for name, c := range map[string]struct {
		scores   []float64
		positive []bool
		want     float64
	}{
		"parted":     {[]float64{3, 1, 2, 0}, []bool{true, false, true, false}, 1},
		"turned":     {[]float64{0, 1}, []bool{true, false}, 0},
		"all equal":  {[]float64{7, 7, 7}, []bool{true, false, false}, 0.5},
		"one tie":    {[]float64{1, 2, 2, 3}, []bool{false, true, false, true}, 3.5 / 4}, // 2>1, 2=2, 3>1, 3>2
		"infinities": {[]float64{math.Inf(1), math.Inf(-1), 0}, []bool{true, false, false}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := metric.AUC(c.scores, c.positive); err != nil || !near(got, c.want) {
				t.Errorf("AUC is %v, %v, want %v", got, err, c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		scores   []float64
		positive []bool
	}{
		"empty":       {nil, nil},
		"lengths":     {[]float64{1, 2}, []bool{true}},
		"NaN":         {[]float64{1, math.NaN()}, []bool{true, false}},
		"no negative": {[]float64{1, 2}, []bool{true, true}},
		"no positive": {[]float64{1, 2}, []bool{false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := metric.AUC(c.scores, c.positive)
			wantInputError(t, err)
		})
	}
}

func TestAUCAgainstAllPairs(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		n := 2 + random.IntN(30)
		scores, positive := make([]float64, n), make([]bool, n)
		for i := range scores {
			scores[i], positive[i] = float64(random.IntN(6)), random.IntN(2) == 0
		}
		positive[0], positive[1] = true, false
		won, pairs := 0.0, 0.0
		for i := range scores {
			for j := range scores {
				if !positive[i] || positive[j] {
					continue
				}
				pairs++
				if scores[i] > scores[j] {
					won++
				} else if scores[i] == scores[j] {
					won += 0.5
				}
			}
		}
		if got, err := metric.AUC(scores, positive); err != nil || !near(got, won/pairs) {
			t.Fatalf("AUC of %v %v is %v, %v, want %v", scores, positive, got, err, won/pairs)
		}
	}
}

func TestCalibrationError(t *testing.T) {
	for name, c := range map[string]struct {
		p    []float64
		y    []bool
		bins int
		want float64
	}{
		"perfect":  {[]float64{0, 1}, []bool{false, true}, 10, 0},
		"opposite": {[]float64{0, 1}, []bool{true, false}, 10, 1},
		// Bin 0 to 0.5: mean 0.3, none of 2 happened, gap 0.3. Bin 0.5 to 1: mean
		// 0.7, 2 of 3 happened, gap 1/30.
		"two bins": {[]float64{0.2, 0.4, 0.6, 0.6, 0.9}, []bool{false, false, true, false, true}, 2, (2*0.3 + 3*(0.7-2.0/3)) / 5},
		// In one bin the errors of the examples cancel.
		"one bin": {[]float64{0.2, 0.8}, []bool{true, false}, 1, 0},
		// 0.5 is of the upper bin: apart from 0.4.
		"an edge":  {[]float64{0.4, 0.5}, []bool{true, false}, 2, (0.6 + 0.5) / 2},
		"the last": {[]float64{0.6, 1}, []bool{true, false}, 2, 0.3}, // 1 is of the bin of 0.6
		"many":     {[]float64{0.25}, []bool{true}, 1 << 40, 0.75},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := metric.CalibrationError(c.p, c.y, c.bins); err != nil || !near(got, c.want) {
				t.Errorf("CalibrationError is %v, %v, want %v", got, err, c.want)
			}
			list, err := metric.Reliability(c.p, c.y, c.bins)
			if err != nil {
				t.Fatal(err)
			}
			sum, n := 0.0, 0
			for _, b := range list {
				sum += float64(b.Count) * math.Abs(b.Mean-b.Share)
				n += b.Count
			}
			if n != len(c.p) || !near(sum/float64(n), c.want) {
				t.Errorf("the bins %+v give %v, want %v", list, sum/float64(n), c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		p    []float64
		y    []bool
		bins int
	}{
		"empty":   {nil, nil, 10},
		"lengths": {[]float64{1}, []bool{true, true}, 10},
		"bins":    {[]float64{1}, []bool{true}, 0},
		"NaN":     {[]float64{math.NaN()}, []bool{true}, 10},
		"above 1": {[]float64{1.1}, []bool{true}, 10},
		"below 0": {[]float64{-0.1}, []bool{true}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := metric.CalibrationError(c.p, c.y, c.bins)
			wantInputError(t, err)
			_, err = metric.Reliability(c.p, c.y, c.bins)
			wantInputError(t, err)
		})
	}
}

func TestReliability(t *testing.T) {
	got, err := metric.Reliability([]float64{0.9, 0.25, 1, 0.5, 0.25}, []bool{true, true, true, false, false}, 4)
	want := []metric.Bin{
		{Low: 0.25, High: 0.5, Count: 2, Mean: 0.25, Share: 0.5},
		{Low: 0.5, High: 0.75, Count: 1, Mean: 0.5, Share: 0},
		{Low: 0.75, High: 1, Count: 2, Mean: 0.95, Share: 1},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestLogLoss(t *testing.T) {
	for name, c := range map[string]struct {
		p    []float64
		want float64
	}{
		"certain":    {[]float64{1, 1}, 0},
		"mixed":      {[]float64{0.5, 0.25}, 1.5 * math.Ln2},
		"impossible": {[]float64{0}, 15 * math.Ln10},
	} {
		if got, err := metric.LogLoss(c.p); err != nil || !near(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
	for _, bad := range [][]float64{nil, {math.NaN()}, {1.5}, {-0.5}} {
		_, err := metric.LogLoss(bad)
		wantInputError(t, err)
	}
}

func TestConfusion(t *testing.T) {
	// Of 6 fish 5 are seen as fish and 1 as a bird; of 2 birds 1 as a fish; of 2 cats
	// both as fish. Nothing is a dog.
	truth := []string{"fish", "fish", "fish", "fish", "fish", "fish", "bird", "bird", "cat", "cat"}
	seen := []string{"fish", "fish", "fish", "fish", "fish", "bird", "bird", "fish", "fish", "fish"}
	c, err := metric.NewConfusion([]string{"fish", "bird", "cat", "dog"}, truth, seen)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		truth, predicted string
		want             int
	}{{"fish", "fish", 5}, {"fish", "bird", 1}, {"bird", "fish", 1}, {"cat", "fish", 2}, {"cat", "cat", 0}, {"dog", "fish", 0}, {"fish", "cow", 0}} {
		if got := c.Count(x.truth, x.predicted); got != x.want {
			t.Errorf("Count(%s, %s) is %d, want %d", x.truth, x.predicted, got, x.want)
		}
	}
	for name, x := range map[string]struct{ got, want float64 }{
		"Accuracy":         {c.Accuracy(), 0.6},
		"Majority":         {c.Majority(), 0.6},
		"BalancedAccuracy": {c.BalancedAccuracy(), (5.0/6 + 1.0/2 + 0) / 3},
		"MacroF1":          {c.MacroF1(), (10.0/14 + 2.0/4 + 0) / 3}, // fish 2·5/(6+8), bird 2·1/(2+2)
	} {
		if !near(x.got, x.want) {
			t.Errorf("%s is %v, want %v", name, x.got, x.want)
		}
	}
	for _, x := range []struct {
		class             string
		precision, recall float64
	}{{"fish", 5.0 / 8, 5.0 / 6}, {"bird", 0.5, 0.5}, {"cat", 0, 0}, {"dog", 0, 0}, {"cow", 0, 0}} {
		if p, r := c.Precision(x.class), c.Recall(x.class); !near(p, x.precision) || !near(r, x.recall) {
			t.Errorf("%s has precision %v and recall %v, want %v and %v", x.class, p, r, x.precision, x.recall)
		}
	}
	// A class that is only predicted lowers macro-F1, not balanced accuracy.
	c2, err := metric.NewConfusion([]bool{false, true}, []bool{true, true}, []bool{true, false})
	if err != nil {
		t.Fatal(err)
	}
	if got := c2.BalancedAccuracy(); !near(got, 0.5) {
		t.Errorf("BalancedAccuracy is %v, want 0.5", got)
	}
	if got := c2.MacroF1(); !near(got, 1.0/3) { // true 2·1/(2+1), false 0
		t.Errorf("MacroF1 is %v, want 1/3", got)
	}
	var zero metric.Confusion[int]
	if zero.Accuracy() != 0 || zero.Majority() != 0 || zero.BalancedAccuracy() != 0 || zero.MacroF1() != 0 || zero.Precision(1) != 0 || zero.Recall(1) != 0 || zero.Count(1, 1) != 0 {
		t.Error("the figures of no example are not 0")
	}
}

func TestNewConfusionErrors(t *testing.T) {
	for name, c := range map[string]struct{ classes, truth, predicted []int }{
		"empty":        {[]int{1}, nil, nil},
		"lengths":      {[]int{1}, []int{1, 1}, []int{1}},
		"truth":        {[]int{1, 2}, []int{3}, []int{1}},
		"predicted":    {[]int{1, 2}, []int{1}, []int{3}},
		"listed twice": {[]int{1, 1}, []int{1}, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := metric.NewConfusion(c.classes, c.truth, c.predicted)
			wantInputError(t, err)
		})
	}
}

func TestMean(t *testing.T) {
	if got, err := metric.Mean([]float64{1, 2, 6}); err != nil || got != 3 {
		t.Errorf("Mean is %v, %v, want 3", got, err)
	}
	for _, bad := range [][]float64{nil, {1, math.NaN()}, {math.Inf(1)}} {
		_, err := metric.Mean(bad)
		wantInputError(t, err)
	}
}

// Worked out by hand: of n values the place of q is q·(n−1), from 0.
func TestQuantile(t *testing.T) {
	for name, c := range map[string]struct {
		values  []float64
		q, want float64
	}{
		"median of three":   {[]float64{3, 1, 2}, 0.5, 2},
		"median of four":    {[]float64{4, 1, 3, 2}, 0.5, 2.5},
		"least":             {[]float64{3, 1, 2}, 0, 1},
		"greatest":          {[]float64{3, 1, 2}, 1, 3},
		"between neighbors": {[]float64{10, 20, 30, 40, 50}, 0.9, 46}, // place 3.6
		"95 of 11":          {[]float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100}, 0.95, 9 + 0.5*91},
		"one":               {[]float64{7}, 0.95, 7},
		"equal":             {[]float64{2, 2, 2}, 0.3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(c.values)
			got, err := metric.Quantile(c.values, c.q)
			if err != nil || !near(got, c.want) {
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
			if !slices.Equal(c.values, before) {
				t.Errorf("the values were changed to %v", c.values)
			}
		})
	}
	for _, c := range []struct {
		values []float64
		q      float64
	}{{nil, 0.5}, {[]float64{math.NaN()}, 0.5}, {[]float64{1}, -0.1}, {[]float64{1}, 1.1}, {[]float64{1}, math.NaN()}} {
		_, err := metric.Quantile(c.values, c.q)
		wantInputError(t, err)
	}
}
