package annset

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The oracle sorts all vectors by distance in float64.
func TestExactAgreesWithSorting(t *testing.T) {
	small := Mixture{Name: "s", Metric: L2, Dim: 7, Clusters: 4, Rank: 3, Center: 0.3, Noise: 0.2, Seed: 9}.Set(300, 40)
	for _, metric := range []Metric{L2, Cosine, InnerProduct} {
		t.Run(string(metric), func(t *testing.T) {
			s, err := small.WithMetric(metric)
			if err != nil {
				t.Fatal(err)
			}
			truth, err := Exact(context.Background(), s, 12)
			if err != nil {
				t.Fatal(err)
			}
			for q := range s.Queries.Len() {
				order := make([]int32, s.Base.Len())
				far := make([]float64, s.Base.Len())
				for i := range order {
					order[i] = int32(i)
					for j, x := range s.Base.Row(i) {
						a, b := float64(x), float64(s.Queries.Row(q)[j])
						if metric == L2 {
							far[i] += (a - b) * (a - b)
						} else {
							far[i] -= a * b
						}
					}
				}
				sort.SliceStable(order, func(i, j int) bool { return far[order[i]] < far[order[j]] })
				if d := cmp.Diff(order[:12], truth.Of(q)); d != "" {
					t.Fatalf("query %d (-want +got):\n%s", q, d)
				}
			}
		})
	}
}

// grid has many vectors that are as near as each other.
func grid() *Set {
	s := &Set{Name: "grid", Metric: L2, Base: Vectors{Dim: 1}, Queries: Vectors{1, []float32{0, 3}}}
	for i := range 20 {
		s.Base.Data = append(s.Base.Data, float32(i/4))
	}
	return s
}

func TestExactTies(t *testing.T) {
	truth, err := Exact(context.Background(), grid(), 6)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := truth.IDs, []int32{0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRecall(t *testing.T) {
	s := grid()
	truth, err := Exact(context.Background(), s, 6)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		ids  []int32
		want float64
	}{
		{"all", []int32{5, 4, 3, 2, 1, 0}, 1},
		{"others as near", []int32{0, 1, 2, 3, 6, 7}, 1},
		{"two too far", []int32{0, 1, 2, 3, 8, 19}, 4.0 / 6},
		{"the same again", []int32{0, 0, 0, 0, 0, 0}, 1.0 / 6},
		{"too few", []int32{0}, 1.0 / 6},
		{"only the first count", []int32{19, 18, 17, 16, 15, 14, 0, 1}, 0},
		{"none", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := truth.Recall(s, 0, tt.ids)
			if err != nil || got != tt.want {
				t.Errorf("recall %v, error %v; want %v", got, err, tt.want)
			}
		})
	}
	for _, id := range []int32{-1, 20} {
		if _, err := truth.Recall(s, 0, []int32{id}); err == nil {
			t.Errorf("no error for neighbor %d", id)
		}
	}
}

func TestExactErrors(t *testing.T) {
	for _, k := range []int{0, 21} {
		if _, err := Exact(context.Background(), grid(), k); err == nil {
			t.Errorf("no error for k %d", k)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Exact(ctx, grid(), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: error %v", err)
	}
}

func TestCachedExact(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	s := grid()
	compute := func() *Truth {
		t.Helper()
		truth, err := CachedExact(context.Background(), dir, s, 6)
		if err != nil {
			t.Fatal(err)
		}
		return truth
	}
	first := compute()
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) != 1 {
		t.Fatalf("files %v, want one", files)
	}

	// The content of the file is returned.
	other := &Truth{K: 6, IDs: slices.Clone(first.IDs)}
	other.IDs[0] = 7
	if err := os.WriteFile(files[0], encode(other), 0o666); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(other, compute()); d != "" {
		t.Errorf("the file was not read (-want +got):\n%s", d)
	}

	// A damaged one is replaced.
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		raw := encode(other)
		raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
		for _, bad := range [][]byte{raw, raw[:r.IntN(len(raw))], nil} {
			if err := os.WriteFile(files[0], bad, 0o666); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(first, compute()); d != "" {
				t.Fatalf("damaged file (-want +got):\n%s", d)
			}
		}
	}

	// Another set has a file of its own.
	s.Base.Data[0] = -9
	compute()
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 2 {
		t.Errorf("files %v, want two", files)
	}
}
