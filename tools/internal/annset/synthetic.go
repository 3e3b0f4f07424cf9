package annset

import (
	"math"
	"math/rand/v2"
)

// Mixture describes a synthetic set: clusters on random planes, with noise. A vector is
//
//	x = c + A z + noise * e
//
// with the center c and the Dim x Rank matrix A of a cluster drawn uniformly, and z and
// e standard normal. Entries of c are normal with deviation Center, those in column t
// (from 0) of A with deviation (t+1)^(-1/4) / sqrt(Rank).
//
// Values come from math/rand/v2's PCG with the seed pair (Seed, 1) for the clusters,
// (Seed, 2) for the base and (Seed, 3) for the queries, by NormFloat64, except
// the choice of a cluster (IntN), in this order: for each cluster the entries of c, then
// those of A row by row; for each vector the cluster, then z, then e. Sums run in
// float64, c first, then the columns of A from the first on, then the noise. So the
// first n vectors are the same for every n.
type Mixture struct {
	Name     string
	Metric   Metric // Cosine scales vectors to length 1
	Dim      int
	Clusters int
	Rank     int
	Center   float64
	Noise    float64
	Seed     uint64
}

// The sets that the index is measured on.
var (
	A = Mixture{Name: "a", Metric: L2, Dim: 128, Clusters: 100, Rank: 64, Center: 0.3, Noise: 0.2, Seed: 42}     // 100,000 vectors
	B = Mixture{Name: "b", Metric: Cosine, Dim: 768, Clusters: 100, Rank: 64, Center: 0.3, Noise: 0.1, Seed: 43} // 50,000 vectors
)

// Set makes n vectors and the queries.
func (m Mixture) Set(n, queries int) *Set {
	clusters := m.clusters()
	return &Set{
		Name:    m.Name,
		Metric:  m.Metric,
		Base:    m.vectors(clusters, n, rand.New(rand.NewPCG(m.Seed, 2))),
		Queries: m.vectors(clusters, queries, rand.New(rand.NewPCG(m.Seed, 3))),
	}
}

// cluster has the columns of A one after the other.
type cluster struct{ center, columns []float64 }

func (m Mixture) clusters() []cluster {
	r := rand.New(rand.NewPCG(m.Seed, 1))
	scale := make([]float64, m.Rank)
	for t := range scale {
		scale[t] = 1 / math.Sqrt(math.Sqrt(float64(t+1))) / math.Sqrt(float64(m.Rank))
	}
	out := make([]cluster, m.Clusters)
	for k := range out {
		c := cluster{center: make([]float64, m.Dim), columns: make([]float64, m.Rank*m.Dim)}
		for i := range c.center {
			c.center[i] = m.Center * r.NormFloat64()
		}
		for i := range m.Dim {
			for t := range m.Rank {
				c.columns[t*m.Dim+i] = scale[t] * r.NormFloat64()
			}
		}
		out[k] = c
	}
	return out
}

func (m Mixture) vectors(clusters []cluster, n int, r *rand.Rand) Vectors {
	out := Vectors{Dim: m.Dim, Data: make([]float32, n*m.Dim)}
	x, z := make([]float64, m.Dim), make([]float64, m.Rank)
	for j := range n {
		c := clusters[r.IntN(len(clusters))]
		for t := range z {
			z[t] = r.NormFloat64()
		}
		copy(x, c.center)
		for t, zt := range z {
			column := c.columns[t*m.Dim:][:len(x)]
			for i := range x {
				x[i] += float64(zt * column[i]) // rounded by itself: no fused addition, the same on every processor
			}
		}
		row := out.Row(j)
		for i := range x {
			row[i] = float32(x[i] + float64(m.Noise*r.NormFloat64()))
		}
		if m.Metric == Cosine {
			normalize(row)
		}
	}
	return out
}
