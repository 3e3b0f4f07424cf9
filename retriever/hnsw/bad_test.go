package hnsw

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

func TestBadOptions(t *testing.T) {
	for name, make := range map[string]func() error{
		"dimension 0":        func() error { _, err := New[int](0, Options{}); return err },
		"dimension too high": func() error { _, err := New[int](maxDim+1, Options{}); return err },
		"metric":             func() error { _, err := New[int](3, Options{Metric: 9}); return err },
		"M too low":          func() error { _, err := New[int](3, Options{M: 1}); return err },
		"M too high":         func() error { _, err := New[int](3, Options{M: 129}); return err },
		"EfConstruction":     func() error { _, err := New[int](3, Options{EfConstruction: -1}); return err },
		"Ef":                 func() error { _, err := New[int](3, Options{Ef: 1 << 17}); return err },
		"Workers":            func() error { _, err := New[int](3, Options{Workers: -2}); return err },
		"storage":            func() error { _, err := New[int](3, Options{Storage: 7}); return err },
		"flat dimension":     func() error { _, err := NewFlat[int](-1, FlatOptions{}); return err },
		"flat metric":        func() error { _, err := NewFlat[int](3, FlatOptions{Metric: 3}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if err := make(); !errors.Is(err, ErrOption) {
				t.Errorf("got %v: want ErrOption", err)
			}
		})
	}
}

// both returns an index of either sort with three vectors of three components.
func both(t *testing.T, metric Metric) map[string]VectorIndex[int] {
	x, err := New[int](3, Options{Metric: metric})
	must(t, err)
	f, err := NewFlat[int](3, FlatOptions{Metric: metric})
	must(t, err)
	indexes := map[string]VectorIndex[int]{"graph": x, "flat": f}
	for _, index := range indexes {
		must(t, index.Add(t.Context(), []Item[int]{{1, []float32{1, 0, 0}}, {2, []float32{0, 1, 0}}, {3, []float32{0, 0, 1}}}))
	}
	return indexes
}

func TestBadVectors(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		metric Metric
		vector []float32
		want   error
	}{
		"short":           {SquaredL2, []float32{1, 2}, ErrDimension},
		"long":            {SquaredL2, []float32{1, 2, 3, 4}, ErrDimension},
		"nil":             {Cosine, nil, ErrDimension},
		"NaN":             {InnerProduct, []float32{1, nan, 3}, ErrNotFinite},
		"infinite":        {Cosine, []float32{1, 2, -inf}, ErrNotFinite},
		"square too big":  {SquaredL2, []float32{1e19, 1e19, 0}, ErrNotFinite},
		"zero":            {Cosine, []float32{0, 0, 0}, ErrZeroVector},
		"zero, allowed":   {SquaredL2, []float32{0, 0, 0}, nil},
		"huge, allowed":   {Cosine, []float32{1e30, 1e30, 0}, nil},
		"tiny, allowed":   {Cosine, []float32{1e-40, 0, 1e-40}, nil},
		"mixed, allowed":  {Cosine, []float32{math.MaxFloat32, math.SmallestNonzeroFloat32, 0}, nil},
		"small, allowed":  {InnerProduct, []float32{1e-30, 0, 0}, nil},
		"almost too much": {SquaredL2, []float32{1e18, 0, 0}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, x := range both(t, c.metric) {
				got, err := x.Search(t.Context(), nil, c.vector, Query[int]{K: 3})
				if !errors.Is(err, c.want) || c.want == nil && len(got) != 3 {
					t.Errorf("%s: a search gave %v and %v: want %v", kind, got, err, c.want)
				}
				for _, g := range got {
					if g.Distance-g.Distance != 0 {
						t.Errorf("%s: distance %v", kind, g.Distance)
					}
				}
				err = x.Add(t.Context(), []Item[int]{{4, []float32{1, 1, 1}}, {5, c.vector}})
				if !errors.Is(err, c.want) {
					t.Errorf("%s: an addition gave %v: want %v", kind, err, c.want)
				}
				if want := map[bool]int{true: 5, false: 3}[c.want == nil]; x.Len() != want {
					t.Errorf("%s: %d vectors after it: want %d", kind, x.Len(), want)
				}
			}
		})
	}
}

func TestBadQueries(t *testing.T) {
	for kind, x := range both(t, SquaredL2) {
		for name, q := range map[string]Query[int]{"K 0": {}, "K negative": {K: -1}, "Ef negative": {K: 1, Ef: -1}} {
			before := []Neighbor[int]{{9, 9}}
			got, err := x.Search(t.Context(), before, []float32{1, 2, 3}, q)
			if !errors.Is(err, ErrOption) || len(got) != 1 || got[0] != before[0] {
				t.Errorf("%s, %s: got %v, %v: want ErrOption and the slice as it was", kind, name, got, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := x.Search(ctx, nil, []float32{1, 2, 3}, Query[int]{K: 1}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a canceled search gave %v", kind, err)
		}
		// More than there are, and a filter that lets nothing through.
		if got, err := x.Search(t.Context(), nil, []float32{1, 2, 3}, Query[int]{K: 100}); err != nil || len(got) != 3 {
			t.Errorf("%s: K 100 gave %v, %v: want all three", kind, got, err)
		}
		if got, err := x.Search(t.Context(), nil, []float32{1, 2, 3}, Query[int]{K: 1, Where: func(int) bool { return false }}); err != nil || len(got) != 0 {
			t.Errorf("%s: a filter that lets nothing through gave %v, %v", kind, got, err)
		}
	}
	one, other := both(t, SquaredL2)["graph"].(*Index[int]), both(t, SquaredL2)["graph"]
	set, err := one.Select(func(int) bool { return true })
	must(t, err)
	if _, err := other.Search(t.Context(), nil, []float32{1, 2, 3}, Query[int]{K: 1, In: set}); !errors.Is(err, ErrOption) {
		t.Errorf("a set of another index gave %v: want ErrOption", err)
	}
}

// A K beyond all vectors returns as many as there are.
func TestHugeQueries(t *testing.T) {
	vectors := uniform(rand.New(rand.NewPCG(1, 2)), 1500, 4)
	indexes := map[string]VectorIndex[int]{}
	for name, storage := range map[string]Storage{"float32": Float32, "int8": Int8, "int8 only": Int8Only} {
		x, err := New[int](4, Options{Storage: storage, EfConstruction: 40})
		must(t, err)
		indexes[name] = x
	}
	flat, err := NewFlat[int](4, FlatOptions{})
	must(t, err)
	indexes["flat"] = flat
	for name, x := range indexes {
		must(t, x.Add(t.Context(), items(vectors)))
		for _, huge := range []int{1 << 31, 1 << 50, math.MaxInt / 2, math.MaxInt} {
			for _, q := range []Query[int]{{K: huge}, {K: huge, Ef: huge}, {K: 1500, Ef: huge}, {K: huge, Where: func(int) bool { return true }}} {
				got, err := x.Search(t.Context(), nil, vectors[0], q)
				if err != nil || len(got) != len(vectors) {
					t.Errorf("%s, K %d, Ef %d: %d neighbors, %v: want all", name, q.K, q.Ef, len(got), err)
				}
			}
		}
	}
}

func TestBadKeys(t *testing.T) {
	x, err := New[float64](2, Options{})
	must(t, err)
	if err := x.Add(t.Context(), []Item[float64]{{math.NaN(), []float32{1, 2}}}); !errors.Is(err, ErrBadKey) {
		t.Errorf("a NaN as key gave %v: want ErrBadKey", err)
	}
	must(t, x.Add(t.Context(), []Item[float64]{{1, []float32{1, 2}}}))
	if err := x.Delete(2); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("deleting an unknown key gave %v", err)
	}
	if err := x.Delete(1, 2); !errors.Is(err, ErrUnknownKey) || x.Len() != 1 {
		t.Errorf("deleting a known and an unknown key gave %v and left %d", err, x.Len())
	}
	must(t, x.Delete())
	must(t, x.Delete(1, 1))
	if x.Len() != 0 {
		t.Errorf("%d vectors are left: want none", x.Len())
	}
}

// Keys whose type is comparable may hold values that are not.
func TestIncomparableKeys(t *testing.T) {
	type wrapped struct{ key any }
	for name, key := range map[string]any{"slice": []int{1}, "map": map[int]int{}, "within": wrapped{[]int{1}}, "NaN within": wrapped{math.NaN()}} {
		x, err := New[any](2, Options{})
		must(t, err)
		f, err := NewFlat[any](2, FlatOptions{})
		must(t, err)
		for kind, x := range map[string]VectorIndex[any]{"graph": x, "flat": f} {
			must(t, x.Add(t.Context(), []Item[any]{{wrapped{1}, []float32{1, 2}}}))
			if err := x.Add(t.Context(), []Item[any]{{2, []float32{1, 2}}, {key, []float32{1, 2}}}); !errors.Is(err, ErrBadKey) {
				t.Errorf("%s, %s: an addition gave %v: want ErrBadKey", kind, name, err)
			}
			if err := x.Delete(wrapped{1}, key); !errors.Is(err, ErrUnknownKey) || x.Len() != 1 {
				t.Errorf("%s, %s: deleting gave %v and left %d: want ErrUnknownKey and 1", kind, name, err, x.Len())
			}
		}
	}
}

// The caller's vectors are copied, and not changed.
func TestVectorsAreCopied(t *testing.T) {
	v := []float32{3, 4, 0}
	for kind, x := range both(t, Cosine) {
		must(t, x.Add(t.Context(), []Item[int]{{7, v}}))
		if v[0] != 3 {
			t.Fatalf("%s: the vector was changed to %v", kind, v)
		}
		w := []float32{0, 0, 1}
		copy(v, w)
		got, err := x.Search(t.Context(), nil, []float32{3, 4, 0}, Query[int]{K: 1})
		must(t, err)
		if got[0].Key != 7 || got[0].Distance > 1e-6 {
			t.Errorf("%s: got %v: want key 7 at 0", kind, got)
		}
		copy(v, []float32{3, 4, 0})
	}
}
