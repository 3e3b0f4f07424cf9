package metric_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/metric"
)

func TestRankings(t *testing.T) {
	for name, c := range map[string]struct {
		ranked, relevant string // ids separated by spaces
		k                int
		recall, rr, ap   float64 // ap over the whole list
	}{
		"two of three":       {"x a y b z", "a b c", 5, 2.0 / 3, 0.5, (1.0/2 + 2.0/4) / 3},
		"cut":                {"x a y b z", "a b c", 3, 1.0 / 3, 0.5, (1.0/2 + 2.0/4) / 3},
		"cut before any":     {"x a y b z", "a b c", 1, 0, 0, (1.0/2 + 2.0/4) / 3},
		"no cut":             {"x a y b z", "a b", 0, 1, 0.5, (1.0/2 + 2.0/4) / 2},
		"k beyond the list":  {"a", "a", 10, 1, 1, 1},
		"all in front":       {"a b x", "b a", 3, 1, 1, 1},
		"none found":         {"x y", "a", 2, 0, 0, 0},
		"nothing relevant":   {"x y", "", 2, 0, 0, 0},
		"nothing ranked":     {"", "a", 2, 0, 0, 0},
		"ranked twice":       {"x a a b", "a b", 3, 0.5, 0.5, (1.0/2 + 2.0/4) / 2},
		"named twice":        {"a x", "a a", 2, 1, 1, 1},
		"last of three only": {"x y a", "a", 3, 1, 1.0 / 3, 1.0 / 3},
	} {
		t.Run(name, func(t *testing.T) {
			ranked, relevant := strings.Fields(c.ranked), strings.Fields(c.relevant)
			if got := metric.Recall(ranked, relevant, c.k); !near(got, c.recall) {
				t.Errorf("Recall is %v, want %v", got, c.recall)
			}
			if got := metric.ReciprocalRank(ranked, relevant, c.k); !near(got, c.rr) {
				t.Errorf("ReciprocalRank is %v, want %v", got, c.rr)
			}
			if got := metric.AveragePrecision(ranked, relevant); !near(got, c.ap) {
				t.Errorf("AveragePrecision is %v, want %v", got, c.ap)
			}
		})
	}
}

func TestNDCG(t *testing.T) {
	log2 := math.Log2
	for name, c := range map[string]struct {
		ranked string
		gains  map[string]float64
		k      int
		want   float64
	}{
		"ideal":          {"a b c", map[string]float64{"a": 3, "b": 2, "c": 1}, 3, 1},
		"one at place 2": {"x a", map[string]float64{"a": 1}, 5, 1 / log2(3)}, // 0.6309297535714574
		// DCG 1/log2(3) + 1/log2(5), ideal 1 + 1/log2(3) + 1/2: 0.4984 as trec_eval prints.
		"places 2 and 4 of 3": {"x a y b", map[string]float64{"a": 1, "b": 1, "c": 1}, 0, (1/log2(3) + 1/log2(5)) / (1 + 1/log2(3) + 0.5)},
		// The ideal list is cut at 2, too, so that two right places are all.
		"ideal cut at k": {"a b", map[string]float64{"a": 1, "b": 1, "c": 1, "d": 1}, 2, 1},
		"graded": {"b x a", map[string]float64{"a": 3, "b": 2}, 3,
			(2 + 3.0/2) / (3 + 2/log2(3))}, // 3.5 / 4.2618595071429155
		"gain below the cut": {"x y a", map[string]float64{"a": 1}, 2, 0},
		"no gain":            {"a", map[string]float64{"a": 0}, 1, 0},
		"no gains":           {"a", nil, 1, 0},
		"nothing ranked":     {"", map[string]float64{"a": 1}, 1, 0},
		"ranked twice":       {"x a a", map[string]float64{"a": 1}, 3, 1 / log2(3)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := metric.NDCG(strings.Fields(c.ranked), c.gains, c.k)
			if err != nil || !near(got, c.want) {
				t.Errorf("NDCG is %v, %v, want %v", got, err, c.want)
			}
		})
	}
	for _, gain := range []float64{-1, math.NaN(), math.Inf(1), 1e101} {
		_, err := metric.NDCG([]string{"a"}, map[string]float64{"a": gain}, 1)
		if input := new(*metric.InputError); !errors.As(err, input) {
			t.Errorf("gain %v: error %v", gain, err)
		}
	}
}

// Of several gains that are wrong the error names the same one every time.
func TestNDCGNamesTheFirstWrongGain(t *testing.T) {
	gains := map[string]float64{}
	for _, id := range strings.Fields("h g f e d c b a") {
		gains[id] = -1
	}
	for range 20 {
		if _, err := metric.NDCG(nil, gains, 1); err == nil || !strings.Contains(err.Error(), `"a"`) {
			t.Fatal(err)
		}
	}
}

// The figures that trec_eval's formula gives, worked out by hand to four places.
func TestNDCGAsPrinted(t *testing.T) {
	for _, c := range []struct {
		ranked string
		k      int
		want   float64
	}{
		{"x a y b", 0, 0.4982}, // (0.63093 + 0.43068) / (1 + 0.63093 + 0.5) = 1.06161 / 2.13093
		{"x a y b", 2, 0.3869}, // 0.63093 / 1.63093
		{"a y x b", 0, 0.6714}, // (1 + 0.43068) / 2.13093
	} {
		got, err := metric.NDCG(strings.Fields(c.ranked), map[string]float64{"a": 1, "b": 1, "c": 1}, c.k)
		if err != nil || math.Abs(got-c.want) > 0.00005 {
			t.Errorf("NDCG of %s at %d is %v, %v, want %v", c.ranked, c.k, got, err, c.want)
		}
	}
}

// permutations calls f with every order of ids.
func permutations(ids []string, done int, f func([]string)) {
	if done == len(ids) {
		f(ids)
		return
	}
	for i := done; i < len(ids); i++ {
		ids[done], ids[i] = ids[i], ids[done]
		permutations(ids, done+1, f)
		ids[done], ids[i] = ids[i], ids[done]
	}
}

// The ideal is the best of all orders.
func TestNDCGAgainstEnumeration(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 1))
	dcg := func(ids []string, gains map[string]float64, k int) float64 {
		sum := 0.0
		for i := 0; i < len(ids) && i < k; i++ {
			sum += gains[ids[i]] * math.Ln2 / math.Log(float64(i+2))
		}
		return sum
	}
	for range 100 {
		ids := strings.Fields("a b c d e")
		gains := map[string]float64{}
		for _, id := range ids {
			gains[id] = float64(random.IntN(4))
		}
		k := 1 + random.IntN(6)
		best := 0.0
		permutations(ids, 0, func(order []string) { best = max(best, dcg(order, gains, k)) })
		random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		want := 0.0
		if best > 0 {
			want = dcg(ids, gains, k) / best
		}
		if got, err := metric.NDCG(ids, gains, k); err != nil || !near(got, want) {
			t.Fatalf("NDCG of %v with %v at %d is %v, %v, want %v", ids, gains, k, got, err, want)
		}
	}
}
