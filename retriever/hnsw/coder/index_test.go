//go:build !windows

package coder

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

func vectors(r *rand.Rand, n, dim int) []hnsw.Item[int] {
	items := make([]hnsw.Item[int], n)
	for i := range items {
		items[i] = hnsw.Item[int]{Key: 10 * i, Vector: make([]float32, dim)}
		for j := range dim {
			items[i].Vector[j] = float32(r.NormFloat64())
		}
	}
	return items
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Where there are no more vectors than links and neighbors asked for, the graph finds
// all, and the adapter must return what an exact index does: the same keys, order and
// distances, equal distances in the order of their addition.
func TestSmallIndexIsExact(t *testing.T) {
	for _, metric := range []hnsw.Metric{hnsw.Cosine, hnsw.SquaredL2} {
		t.Run(metric.String(), func(t *testing.T) {
			for seed := range uint64(50) {
				r := rand.New(rand.NewPCG(seed, 1))
				items := vectors(r, 1+r.IntN(12), 3)
				for i := range items {
					items[i].Vector[0] = float32(r.IntN(2)) // so that some are equal
					items[i].Vector[1], items[i].Vector[2] = float32(r.IntN(2)), 1
				}
				r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
				x, err := New[int](3, Options{Metric: metric, Seed: int64(seed)})
				must(t, err)
				flat, err := hnsw.NewFlat[int](3, hnsw.FlatOptions{Metric: metric})
				must(t, err)
				for _, index := range []hnsw.VectorIndex[int]{x, flat} {
					must(t, index.Add(t.Context(), items))
					if index.Len() != len(items) {
						t.Fatalf("Len is %d: want %d", index.Len(), len(items))
					}
				}
				q := hnsw.Query[int]{K: 12}
				want, err := flat.Search(t.Context(), nil, []float32{1, 0.5, 0.25}, q)
				must(t, err)
				before := []hnsw.Neighbor[int]{{Key: -1}}
				got, err := x.Search(t.Context(), before, []float32{1, 0.5, 0.25}, q)
				must(t, err)
				if got[0] != before[0] {
					t.Fatalf("what was in dst became %v", got[0])
				}
				if d := cmp.Diff(want, got[1:], cmpopts.EquateApprox(0, 1e-6)); d != "" {
					t.Fatalf("seed %d (-exact +got):\n%s", seed, d)
				}
			}
		})
	}
}

func TestSearchOfMany(t *testing.T) {
	for _, metric := range []hnsw.Metric{hnsw.Cosine, hnsw.SquaredL2} {
		t.Run(metric.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			items := vectors(r, 300, 8)
			x, err := New[int](8, Options{Metric: metric})
			must(t, err)
			must(t, x.Add(t.Context(), items))
			for range 50 {
				query := vectors(r, 1, 8)[0].Vector
				got, err := x.Search(t.Context(), nil, query, hnsw.Query[int]{K: 10, Ef: 1 << 40})
				must(t, err)
				if len(got) == 0 || len(got) > 10 {
					t.Fatalf("%d neighbors: want 1 to 10", len(got))
				}
				seen := map[int]bool{}
				for i, n := range got {
					if want := slowDistance(metric, query, items[n.Key/10].Vector); math.Abs(float64(n.Distance)-want) > 1e-5*(1+want) {
						t.Fatalf("distance of %d is %g: want %g", n.Key, n.Distance, want)
					}
					if seen[n.Key] || i > 0 && n.Distance < got[i-1].Distance {
						t.Fatalf("neighbors %v: want each once, the nearest first", got)
					}
					seen[n.Key] = true
				}
			}
		})
	}
}

func slowDistance(m hnsw.Metric, a, b []float32) float64 {
	dot, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	if m == hnsw.Cosine {
		return 1 - dot/math.Sqrt(aa*bb)
	}
	return aa + bb - 2*dot
}

func TestRefusals(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	full := func(t *testing.T, m hnsw.Metric) *Index[float64] {
		x, err := New[float64](2, Options{Metric: m})
		must(t, err)
		must(t, x.Add(t.Context(), []hnsw.Item[float64]{{Key: 1, Vector: []float32{1, 0}}, {Key: 2, Vector: []float32{0, 1}}}))
		return x
	}
	add := func(key float64, v ...float32) func(*Index[float64]) error {
		return func(x *Index[float64]) error {
			return x.Add(context.Background(), []hnsw.Item[float64]{{Key: 9, Vector: []float32{1, 1}}, {Key: key, Vector: v}})
		}
	}
	search := func(q hnsw.Query[float64], v ...float32) func(*Index[float64]) error {
		return func(x *Index[float64]) error {
			dst := []hnsw.Neighbor[float64]{{Key: 7}}
			got, err := x.Search(context.Background(), dst, v, q)
			if err != nil && (len(got) != 1 || got[0].Key != 7) {
				return errors.New("dst was changed")
			}
			return err
		}
	}
	for _, tt := range []struct {
		name   string
		metric hnsw.Metric
		call   func(*Index[float64]) error
		want   error
	}{
		{"overwrite", hnsw.Cosine, add(2, 1, 1), errors.ErrUnsupported},
		{"add NaN as a key", hnsw.Cosine, add(math.NaN(), 1, 1), hnsw.ErrBadKey},
		{"add too short", hnsw.Cosine, add(3, 1), hnsw.ErrDimension},
		{"add too long", hnsw.Cosine, add(3, 1, 1, 1), hnsw.ErrDimension},
		{"add NaN", hnsw.SquaredL2, add(3, 1, nan), hnsw.ErrNotFinite},
		{"add infinity", hnsw.Cosine, add(3, -inf, 1), hnsw.ErrNotFinite},
		{"add too large", hnsw.SquaredL2, add(3, 3e19, 1), hnsw.ErrNotFinite},
		{"add zero", hnsw.Cosine, add(3, 0, 0), hnsw.ErrZeroVector},
		{"delete", hnsw.Cosine, func(x *Index[float64]) error { return x.Delete(1) }, errors.ErrUnsupported},
		{"delete unknown", hnsw.Cosine, func(x *Index[float64]) error { return x.Delete(1, 5) }, hnsw.ErrUnknownKey},
		{"K 0", hnsw.Cosine, search(hnsw.Query[float64]{}, 1, 1), hnsw.ErrOption},
		{"Ef -1", hnsw.Cosine, search(hnsw.Query[float64]{K: 1, Ef: -1}, 1, 1), hnsw.ErrOption},
		{"Where", hnsw.Cosine, search(hnsw.Query[float64]{K: 1, Where: func(float64) bool { return true }}, 1, 1), errors.ErrUnsupported},
		{"In", hnsw.Cosine, search(hnsw.Query[float64]{K: 1, In: &hnsw.Set[float64]{}}, 1, 1), errors.ErrUnsupported},
		{"search too short", hnsw.Cosine, search(hnsw.Query[float64]{K: 1}, 1), hnsw.ErrDimension},
		{"search zero", hnsw.Cosine, search(hnsw.Query[float64]{K: 1}, 0, 0), hnsw.ErrZeroVector},
		{"search in nothing", hnsw.Cosine, func(*Index[float64]) error {
			x, _ := New[float64](2, Options{})
			_, err := x.Search(context.Background(), nil, []float32{1, 1}, hnsw.Query[float64]{K: 1})
			return err
		}, hnsw.ErrEmpty},
		{"delete nothing", hnsw.Cosine, func(x *Index[float64]) error { return x.Delete() }, nil},
		{"add nothing", hnsw.Cosine, func(x *Index[float64]) error { return x.Add(context.Background(), nil) }, nil},
		{"zero under L2", hnsw.SquaredL2, search(hnsw.Query[float64]{K: 1}, 0, 0), nil},
		{"tiny under cosine", hnsw.Cosine, search(hnsw.Query[float64]{K: 1}, 1e-40, 0), nil},
		{"huge under cosine", hnsw.Cosine, search(hnsw.Query[float64]{K: math.MaxInt, Ef: math.MaxInt}, 3e38, 3e38), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := full(t, tt.metric)
			if err := tt.call(x); !errors.Is(err, tt.want) {
				t.Errorf("error %v: want %v", err, tt.want)
			}
			if x.Len() != 2 {
				t.Errorf("Len is %d: want the 2 that were there", x.Len())
			}
		})
	}
}

func TestNewErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		dim  int
		o    Options
	}{
		{"no dimension", 0, Options{}},
		{"too many", 1<<16 + 1, Options{}},
		{"inner product", 2, Options{Metric: hnsw.InnerProduct}},
		{"M 1", 2, Options{M: 1}},
		{"M too large", 2, Options{M: 1025}},
		{"Ef -1", 2, Options{Ef: -1}},
		{"Ef too large", 2, Options{Ef: 1<<16 + 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New[int](tt.dim, tt.o); !errors.Is(err, hnsw.ErrOption) {
				t.Errorf("error %v: want %v", err, hnsw.ErrOption)
			}
		})
	}
}

func TestLaterOfTwoStands(t *testing.T) {
	x, err := New[string](1, Options{Metric: hnsw.SquaredL2})
	must(t, err)
	v := []float32{5}
	must(t, x.Add(t.Context(), []hnsw.Item[string]{{Key: "a", Vector: []float32{1}}, {Key: "b", Vector: []float32{2}}, {Key: "a", Vector: v}}))
	v[0] = 9 // vectors are copied
	got, err := x.Search(t.Context(), nil, []float32{5}, hnsw.Query[string]{K: 9})
	must(t, err)
	if d := cmp.Diff([]hnsw.Neighbor[string]{{Key: "a", Distance: 0}, {Key: "b", Distance: 9}}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x, err := New[int](1, Options{})
	must(t, err)
	if err := x.Add(ctx, []hnsw.Item[int]{{Key: 1, Vector: []float32{1}}}); !errors.Is(err, context.Canceled) || x.Len() != 0 {
		t.Errorf("Add: error %v, Len %d", err, x.Len())
	}
	must(t, x.Add(t.Context(), []hnsw.Item[int]{{Key: 1, Vector: []float32{1}}}))
	if _, err := x.Search(ctx, nil, []float32{1}, hnsw.Query[int]{K: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Search: error %v", err)
	}
}

// Keys deleted behind the adapter's back bring the graph to panic, which it must not
// do when it is used through the adapter.
func TestPanicBecomesAnError(t *testing.T) {
	items := vectors(rand.New(rand.NewPCG(3, 4)), 300, 8)
	damaged := func() *Index[int] {
		x, err := New[int](8, Options{})
		must(t, err)
		must(t, x.Add(t.Context(), items[:200]))
		for i := range 200 {
			x.graph.Delete(items[i].Key)
		}
		return x
	}
	x := damaged()
	for range 2 {
		if _, err := x.Search(t.Context(), nil, items[0].Vector, hnsw.Query[int]{K: 1}); !errors.Is(err, ErrPanic) {
			t.Errorf("Search: error %v, want ErrPanic", err)
		}
	}
	x = damaged()
	if err := x.Add(t.Context(), items[200:]); !errors.Is(err, ErrPanic) {
		t.Fatalf("Add: error %v, want ErrPanic", err)
	}
	_, err := x.Search(t.Context(), nil, items[0].Vector, hnsw.Query[int]{K: 1})
	for _, err := range []error{err, x.Add(t.Context(), items[:1]), x.Delete(1)} {
		if !errors.Is(err, ErrPanic) {
			t.Errorf("after a panic: error %v, want ErrPanic", err)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	items := vectors(rand.New(rand.NewPCG(5, 6)), 400, 4)
	x, err := New[int](4, Options{Metric: hnsw.SquaredL2})
	must(t, err)
	must(t, x.Add(t.Context(), items[:1]))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := 1 + g; i < len(items); i += 4 {
				if err := x.Add(t.Context(), items[i:i+1]); err != nil {
					t.Error(err)
				}
				if _, err := x.Search(t.Context(), nil, items[i].Vector, hnsw.Query[int]{K: 3, Ef: 1 + i}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if x.Len() != len(items) {
		t.Errorf("Len is %d: want %d", x.Len(), len(items))
	}
}

// during calls a function whenever it is looked at.
type during struct {
	context.Context
	do func()
}

func (d during) Err() error {
	d.do()
	return d.Context.Err()
}

// A search does not wait for all that an Add has to add.
func TestSearchDuringAdd(t *testing.T) {
	x, err := New[int](2, Options{Metric: hnsw.SquaredL2})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ctx := during{t.Context(), func() {
		list, err := x.Search(context.Background(), nil, []float32{1, 1}, hnsw.Query[int]{K: 1})
		if err == nil {
			found += len(list)
		} else if !errors.Is(err, hnsw.ErrEmpty) {
			t.Error(err)
		}
	}}
	if err := x.Add(ctx, []hnsw.Item[int]{{Key: 1, Vector: []float32{1, 2}}, {Key: 2, Vector: []float32{2, 2}}, {Key: 3, Vector: []float32{3, 2}}}); err != nil || found != 2 {
		t.Errorf("%d searches found something, %v", found, err)
	}
}
