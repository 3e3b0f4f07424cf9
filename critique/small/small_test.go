package small_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/critique/small"
)

// Of ten examples with x = 0 two are "yes", of ten with x = 1 seven: without a
// penalty the fitted probabilities are these shares.
func examples() (out []small.Example) {
	for x, yes := range []int{2, 7} {
		out = append(out,
			small.Example{Features: []float64{1, float64(x)}, Class: 1, Weight: float64(yes)},
			small.Example{Features: []float64{1, float64(x)}, Class: 0, Weight: float64(10 - yes)})
	}
	return out
}

func TestTrainFindsTheShares(t *testing.T) {
	c, err := small.Train([]string{"one", "x"}, []string{"no", "yes"}, examples(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range []float64{0.2, 0.7} {
		if got := c.Probs([]float64{1, float64(x)})[1]; math.Abs(got-want) > 1e-4 {
			t.Errorf("at %d: %v, want %v", x, got, want)
		}
	}
	tight, err := small.Train([]string{"one", "x"}, []string{"no", "yes"}, examples(), 1e6)
	if err != nil {
		t.Fatal(err)
	}
	// With x held at nothing, what is left is the share of all.
	for x := range 2 {
		if got := tight.Probs([]float64{1, float64(x)})[1]; math.Abs(got-0.45) > 1e-3 {
			t.Errorf("with a strong penalty, at %d: %v, want 0.45", x, got)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	c, err := small.Train([]string{"one", "x"}, []string{"no", "yes"}, examples(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var a, b bytes.Buffer
	if err := c.Save(&a, map[string]string{"data": "made up"}); err != nil {
		t.Fatal(err)
	}
	again, err := small.Load(bytes.NewReader(a.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Save(&b, map[string]string{"data": "made up"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.String(), b.String()); diff != "" {
		t.Errorf("saved, loaded and saved (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{c.Features(), c.Classes()}, [][]string{again.Features(), again.Classes()}); diff != "" {
		t.Error(diff)
	}
	if _, err := small.Load(bytes.NewReader(a.Bytes()[:100])); !errors.Is(err, small.ErrTruncated) {
		t.Errorf("half a file: %v", err)
	}
}

func TestTrainErrors(t *testing.T) {
	for name, e := range map[string][]small.Example{
		"none":       nil,
		"class":      {{Features: []float64{1, 0}, Class: 2}},
		"features":   {{Features: []float64{1}, Class: 0}},
		"not finite": {{Features: []float64{1, math.NaN()}, Class: 0}},
	} {
		if _, err := small.Train([]string{"one", "x"}, []string{"no", "yes"}, e, 1); !errors.Is(err, small.ErrExamples) {
			t.Errorf("%s: %v, want ErrExamples", name, err)
		}
	}
}
