package critics

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// slowThreshold tries every threshold and every two classes for each part.
func slowThreshold(examples []example, classes, clusters int, balanced bool) []int {
	predicted := make([]int, len(examples))
	parts := min(folds, clusters)
	for part := range parts {
		counts := make([]float64, classes)
		var values []float64
		for _, e := range examples {
			if e.cluster%parts != part {
				counts[e.class]++
				values = append(values, e.value)
			}
		}
		slices.Sort(values)
		values = slices.Compact(values)
		limits := []float64{values[0]}
		for i := 1; i < len(values); i++ {
			limits = append(limits, values[i-1]+(values[i]-values[i-1])/2)
		}
		best, limit, below, above := -1.0, 0.0, 0, 0
		for _, l := range limits {
			for b := range classes {
				for a := range classes {
					if l == values[0] && a != b {
						continue // nothing is below
					}
					score := 0.0
					for _, e := range examples {
						if e.cluster%parts == part || (e.value < l) && e.class != b || (e.value >= l) && e.class != a {
							continue
						}
						if balanced {
							score += 1 / counts[e.class]
						} else {
							score++
						}
					}
					if score > best+1e-9 {
						best, limit, below, above = score, l, b, a
					}
				}
			}
		}
		for i, e := range examples {
			if e.cluster%parts == part {
				if predicted[i] = above; e.value < limit {
					predicted[i] = below
				}
			}
		}
	}
	return predicted
}

func TestThresholdAgainstASlowOne(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		classes, clusters := 2+random.IntN(3), 2+random.IntN(14)
		var examples []example
		for c := range clusters {
			for range 1 + random.IntN(3) {
				class := random.IntN(classes)
				examples = append(examples, example{float64(class + random.IntN(4)), class, c})
			}
		}
		for _, balanced := range []bool{false, true} {
			got, want := threshold(examples, classes, clusters, balanced), slowThreshold(examples, classes, clusters, balanced)
			if !slices.Equal(got, want) {
				t.Errorf("seed %d, balanced %v: %v, want %v", seed, balanced, got, want)
			}
		}
	}
}

// A number that says nothing does not beat chance: no example is judged by a threshold
// chosen on itself.
func TestThresholdIsHonest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	right, all := 0, 0
	for range 40 {
		var examples []example
		for c := range 100 {
			examples = append(examples, example{random.Float64(), random.IntN(2), c})
		}
		for i, p := range threshold(examples, 2, 100, false) {
			if all++; p == examples[i].class {
				right++
			}
		}
	}
	if share := float64(right) / float64(all); share > 0.53 {
		t.Errorf("%v of 4000 are right, want about one half", share)
	}
}

// Length and overlap find what they should, in either direction.
func TestRules(t *testing.T) {
	var pairs []Pair
	for i := range 20 {
		p := Pair{ID: fmt.Sprint(i), Question: fmt.Sprintf("Where is it %d?", i), Text: "in the north", Expect: expected{reflection.IsSUP: reflection.FullySupported},
			Passage: generator.Evidence{Title: "It", Text: "It lies in the North."}}
		if i%2 == 1 {
			p.Text, p.Expect = "somewhere far away from here", expected{reflection.IsSUP: reflection.NoSupport}
		}
		pairs = append(pairs, p)
	}
	r, err := Measure(t.Context(), always{}, nil, pairs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := r.Groups[0].Figures
	for name, rule := range map[string]*Rule{"length": f.Length, "overlap": f.Overlap} {
		if rule == nil || rule.Accuracy != 1 || rule.BalancedAccuracy != 1 || rule.MacroF1 != 1 || rule.AUC == nil || *rule.AUC != 1 {
			t.Errorf("%s: %+v", name, rule)
		}
	}
	if d := f.Length.MinusCritic; d.Pointwise.Value != 0.5 || d.Claim { // 20 clusters are too few
		t.Errorf("%+v", d)
	}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil || !strings.Contains(b.String(), "20 clusters are too few") {
		t.Errorf("%v\n%s", err, &b)
	}
}

func TestNumbers(t *testing.T) {
	p := Pair{Question: "Who built the tower?", Text: "Ada built it", Passage: generator.Evidence{Title: "Tower", Text: "Ada built one, and THE ship."}}
	for g, want := range map[reflection.Group][2]float64{
		reflection.Retrieve: {4, -1},
		reflection.IsREL:    {6, 3.0 / 4}, // built, the, tower
		reflection.IsSUP:    {3, 2.0 / 3},
		reflection.IsUSE:    {3, 1.0 / 4},
	} {
		n := lengthOf(g, p)
		share, ok := overlapOf(g, p)
		if !ok {
			share = -1
		}
		if n != want[0] || math.Abs(share-want[1]) > 1e-12 {
			t.Errorf("%v: %v words, overlap %v, want %v", g, n, share, want)
		}
	}
	if overlap("", "a") != 0 || overlap("?!", "") != 0 {
		t.Error("a text without words overlaps")
	}
}

// always says that everything is fully supported.
type always struct{}

func (always) Critique(ctx context.Context, _ critique.Continuation) (critique.Verdict, error) {
	var v critique.Verdict
	v.IsSUP = reflection.Judged(reflection.OneHot(reflection.FullySupported), reflection.FullySupported, reflection.Heuristic)
	return v, ctx.Err()
}
