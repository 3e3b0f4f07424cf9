//go:build !windows

package coder

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand"
	randv2 "math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	coder "github.com/coder/hnsw"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// realExport writes a graph of coder/hnsw itself.
func realExport[K cmp.Ordered](t testing.TB, distance coder.DistanceFunc, items []hnsw.Item[K]) []byte {
	t.Helper()
	g := coder.NewGraph[K]()
	g.Distance, g.Rng = distance, rand.New(rand.NewSource(1))
	for _, it := range items {
		g.Add(coder.MakeNode(it.Key, it.Vector))
	}
	var b bytes.Buffer
	must(t, g.Export(&b))
	return b.Bytes()
}

// readBack checks that every key is found at its vector.
func readBack[K int | string](t *testing.T, data []byte, metric hnsw.Metric, items []hnsw.Item[K]) {
	t.Helper()
	x, err := Read[K](t.Context(), bytes.NewReader(data), hnsw.Options{})
	must(t, err)
	if x.Len() != len(items) || x.Metric() != metric {
		t.Fatalf("%d vectors, %v; want %d, %v", x.Len(), x.Metric(), len(items), metric)
	}
	for _, it := range items {
		got, err := x.Search(t.Context(), nil, it.Vector, hnsw.Query[K]{K: 1, Ef: 200})
		must(t, err)
		if len(got) != 1 || got[0].Key != it.Key || got[0].Distance > 1e-6 {
			t.Fatalf("at the vector of %v is %v", it.Key, got)
		}
	}
}

func TestReadOfRealExports(t *testing.T) {
	numbered := vectors(randv2.New(randv2.NewPCG(1, 1)), 500, 6)
	var named []hnsw.Item[string]
	for _, it := range numbered {
		named = append(named, hnsw.Item[string]{Key: fmt.Sprintf("páge %d", it.Key-500), Vector: it.Vector})
	}
	for _, tt := range []struct {
		metric   hnsw.Metric
		distance coder.DistanceFunc
	}{{hnsw.Cosine, coder.CosineDistance}, {hnsw.SquaredL2, coder.EuclideanDistance}} {
		t.Run(tt.metric.String(), func(t *testing.T) {
			numbers := realExport(t, tt.distance, numbered)
			readBack(t, numbers, tt.metric, numbered)
			names := realExport(t, tt.distance, named)
			readBack(t, names, tt.metric, named)
			var fe *FormatError
			if _, err := Read[string](t.Context(), bytes.NewReader(numbers), hnsw.Options{}); !errors.As(err, &fe) {
				t.Errorf("whole numbers read as strings: error %v", err)
			}
		})
	}
}

func TestReadOfSavedGraph(t *testing.T) {
	path := filepath.Join(t.TempDir(), "graph")
	g, err := coder.LoadSavedGraph[int](path)
	must(t, err)
	items := vectors(randv2.New(randv2.NewPCG(2, 1)), 10, 3)
	for _, it := range items {
		g.Add(coder.MakeNode(it.Key, it.Vector))
	}
	must(t, g.Save())
	data, err := os.ReadFile(path)
	must(t, err)
	readBack(t, data, hnsw.Cosine, items)
}

func FuzzRead(f *testing.F) {
	items := vectors(randv2.New(randv2.NewPCG(3, 1)), 20, 2)
	f.Add(realExport(f, coder.CosineDistance, items), false)
	f.Add(realExport(f, coder.EuclideanDistance, []hnsw.Item[string]{{Key: "a", Vector: []float32{1}}, {Key: "b", Vector: []float32{2}}}), true)
	f.Add(three, false)
	f.Fuzz(func(t *testing.T, data []byte, named bool) {
		if named {
			fuzzRead[string](t, data)
		} else {
			fuzzRead[int](t, data)
		}
	})
}

func fuzzRead[K int | string](t *testing.T, data []byte) {
	x, err := Read[K](t.Context(), bytes.NewReader(data), hnsw.Options{Workers: 1})
	if err == nil {
		if n := x.Len(); n < 1 || n*(4*x.Dim()+3) > len(data) {
			t.Fatalf("%d vectors of %d dimensions in %d bytes", n, x.Dim(), len(data))
		}
		return
	}
	var fe *FormatError
	for _, known := range []error{hnsw.ErrEmpty, hnsw.ErrZeroVector, hnsw.ErrNotFinite} {
		if errors.Is(err, known) {
			return
		}
	}
	if x != nil || !errors.As(err, &fe) {
		t.Fatalf("index %v, error %v", x, err)
	}
}
