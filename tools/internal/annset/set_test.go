package annset

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// The values are part of what is measured: a change of a set shows here.
func TestSyntheticSetsStayTheSame(t *testing.T) {
	for _, tt := range []struct {
		m           Mixture
		base, query [3]float32 // the first of the first row
	}{
		{A, [3]float32{-0.19162774, 0.19887161, -1.026585}, [3]float32{-0.2146286, 0.054864112, -1.5758486}},
		{B, [3]float32{-0.021612471, 0.008861137, 0.03832453}, [3]float32{-0.009453903, 0.044889648, -0.00395465}},
	} {
		t.Run(tt.m.Name, func(t *testing.T) {
			s := tt.m.Set(2, 1)
			if got := [3]float32(s.Base.Row(0)); got != tt.base {
				t.Errorf("base begins with %v, want %v", got, tt.base)
			}
			if got := [3]float32(s.Queries.Row(0)); got != tt.query {
				t.Errorf("queries begin with %v, want %v", got, tt.query)
			}
		})
	}
}

// slowMixture follows the formula one value at a time.
func slowMixture(m Mixture, n int, stream uint64) [][]float64 {
	r := rand.New(rand.NewPCG(m.Seed, 1))
	centers := make([][]float64, m.Clusters)
	matrices := make([][][]float64, m.Clusters)
	for k := range m.Clusters {
		for range m.Dim {
			centers[k] = append(centers[k], r.NormFloat64()*m.Center)
		}
		for range m.Dim {
			var row []float64
			for t := range m.Rank {
				row = append(row, r.NormFloat64()*math.Pow(float64(t+1), -0.25)/math.Sqrt(float64(m.Rank)))
			}
			matrices[k] = append(matrices[k], row)
		}
	}
	r = rand.New(rand.NewPCG(m.Seed, stream))
	var out [][]float64
	for range n {
		k := r.IntN(m.Clusters)
		var z []float64
		for range m.Rank {
			z = append(z, r.NormFloat64())
		}
		x := make([]float64, m.Dim)
		norm := 0.0
		for i := range x {
			x[i] = centers[k][i] + m.Noise*r.NormFloat64()
			for t := range z {
				x[i] += matrices[k][i][t] * z[t]
			}
			norm += x[i] * x[i]
		}
		if m.Metric == Cosine {
			for i := range x {
				x[i] /= math.Sqrt(norm)
			}
		}
		out = append(out, x)
	}
	return out
}

func TestSyntheticSetsFollowTheFormula(t *testing.T) {
	for _, m := range []Mixture{
		{Name: "l2", Metric: L2, Dim: 9, Clusters: 3, Rank: 4, Center: 0.3, Noise: 0.2, Seed: 1},
		{Name: "cosine", Metric: Cosine, Dim: 6, Clusters: 2, Rank: 8, Center: 0.5, Noise: 0.1, Seed: 2},
	} {
		t.Run(m.Name, func(t *testing.T) {
			s := m.Set(50, 20)
			for _, part := range []struct {
				got  Vectors
				want [][]float64
			}{{s.Base, slowMixture(m, 50, 2)}, {s.Queries, slowMixture(m, 20, 3)}} {
				for i, want := range part.want {
					for j, got := range part.got.Row(i) {
						if math.Abs(float64(got)-want[j]) > 1e-6 {
							t.Fatalf("row %d value %d is %g, want %g", i, j, got, want[j])
						}
					}
				}
			}
			longer := m.Set(80, 20)
			for i, x := range s.Base.Data {
				if longer.Base.Data[i] != x {
					t.Fatalf("value %d changes with the number of vectors", i)
				}
			}
		})
	}
}

func TestWithMetric(t *testing.T) {
	s := &Set{Name: "s", Metric: L2, Base: Vectors{2, []float32{3, 4, 0, 2}}, Queries: Vectors{2, []float32{-5, 0}}}
	c, err := s.WithMetric(Cosine)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Base.Row(0); got[0] != 0.6 || got[1] != 0.8 || c.Queries.Data[0] != -1 || c.Metric != Cosine {
		t.Errorf("got %v", c)
	}
	if s.Base.Data[0] != 3 || s.Metric != L2 {
		t.Errorf("the set itself became %v", s)
	}
	if _, err := s.WithMetric("l1"); err == nil || !strings.Contains(err.Error(), "want l2, cosine or ip") {
		t.Errorf("metric l1: error %v", err)
	}
	s.Base.Data[2], s.Base.Data[3] = 0, 0
	if _, err := s.WithMetric(Cosine); err == nil || !strings.Contains(err.Error(), "row 1") {
		t.Errorf("vector of length 0: error %v", err)
	}
}
