package adapt

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// problem returns a net away from its start, and items of both kinds.
func problem(rng *rand.Rand, cosine bool) (*net, []item) {
	const dim, rank = 6, 3
	n := &net{dim: dim, rank: rank, cosine: cosine, tau: math.Log(0.3)}
	for range dim * rank {
		n.a, n.b = append(n.a, rng.NormFloat64()/3), append(n.b, rng.NormFloat64()/3)
	}
	var items []item
	for i := range 4 {
		it := item{query: narrow(random(rng, dim))}
		for c := range 5 {
			v := random(rng, dim)
			length := math.Sqrt(dot(v, v))
			for j := range v {
				v[j] /= length
			}
			it.candidates = append(it.candidates, narrow(v))
			switch {
			case i%2 == 1:
				it.weights = append(it.weights, -3*rng.Float64())
			case c == 0:
				it.weights = append(it.weights, 0)
			default:
				it.weights = append(it.weights, math.Inf(-1))
			}
		}
		items = append(items, it)
	}
	return n, items
}

// slowLoss computes the loss by its definition, matrix by matrix.
func slowLoss(n *net, items []item) float64 {
	sum := 0.0
	for _, it := range items {
		y := make([]float64, n.dim)
		for i := range y {
			y[i] = float64(it.query[i])
			for k := range n.rank {
				for j := range it.query {
					y[i] += n.b[k*n.dim+i] * n.a[k*n.dim+j] * float64(it.query[j])
				}
			}
		}
		length := 1.0
		if n.cosine {
			length = 0
			for _, x := range y {
				length += x * x
			}
			length = math.Sqrt(length)
		}
		all, good := 0.0, 0.0
		for c, v := range it.candidates {
			s := 0.0
			for i := range y {
				s += y[i] * float64(v[i])
			}
			e := math.Exp(s / length / math.Exp(n.tau))
			all += e
			good += e * math.Exp(it.weights[c])
		}
		sum -= math.Log(good / all)
	}
	return sum / float64(len(items))
}

// The derivatives by A, B and ln T are those of finite differences of an independent
// computation of the loss.
func TestGradients(t *testing.T) {
	for _, cosine := range []bool{true, false} {
		t.Run(fmt.Sprint("cosine ", cosine), func(t *testing.T) {
			n, items := problem(rand.New(rand.NewPCG(7, 8)), cosine)
			loss, g := n.step(items)
			if want := slowLoss(n, items); math.Abs(loss-want) > 1e-12 {
				t.Errorf("loss %v, want %v", loss, want)
			}
			compare := func(name string, at *float64, got float64) {
				const h = 1e-5
				x := *at
				*at = x + h
				up := slowLoss(n, items)
				*at = x - h
				down := slowLoss(n, items)
				*at = x
				if want := (up - down) / (2 * h); math.Abs(got-want) > 1e-6 {
					t.Errorf("derivative by %s: %v, want %v", name, got, want)
				}
			}
			for i := range n.a {
				compare(fmt.Sprint("a", i), &n.a[i], g.a[i])
				compare(fmt.Sprint("b", i), &n.b[i], g.b[i])
			}
			compare("tau", &n.tau, g.tau)
		})
	}
}

// The derivative of the log-likelihood by the score of a passage is (p(z|x,y) − p(z|x)) / T.
// With inner products and orthonormal passages, the derivative by y has it as components.
func TestSignalOfMarginal(t *testing.T) {
	n := &net{dim: 3, tau: math.Log(0.5)}
	it := item{query: []float32{0.3, -0.2, 0.1}, weights: []float64{math.Log(0.1), math.Log(0.7), math.Log(0.2)}}
	it.candidates = [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}
	p := n.evaluate(&it)
	prior, joint, all, good := [3]float64{}, [3]float64{}, 0.0, 0.0
	for z, s := range it.query {
		prior[z] = math.Exp(float64(s) / 0.5)
		joint[z] = prior[z] * math.Exp(it.weights[z])
		all, good = all+prior[z], good+joint[z]
	}
	for z := range prior {
		if want := (joint[z]/good - prior[z]/all) / 0.5; math.Abs(-p.dy[z]-want) > 1e-12 {
			t.Errorf("passage %d: %v, want %v", z, -p.dy[z], want)
		}
	}
}

// The rows of A are orthonormal, and span the directions of questions whose loss falls.
func TestStart(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	n, items := problem(rng, true)
	n.start(items, rng)
	for i := range n.rank {
		for j := range n.rank {
			want := 0.0
			if i == j {
				want = 1
			}
			if got := dot(n.a[i*n.dim:(i+1)*n.dim], n.a[j*n.dim:(j+1)*n.dim]); math.Abs(got-want) > 1e-9 {
				t.Errorf("rows %d and %d: inner product %v, want %v", i, j, got, want)
			}
		}
	}
	for _, x := range n.b {
		if x != 0 {
			t.Fatal("B is not 0 at the start")
		}
	}
	// The derivative of the loss by the whole matrix has most of its length in the rows.
	g := make([]float64, n.dim*n.dim)
	for i := range items {
		p := n.evaluate(&items[i])
		for a := range n.dim {
			for b := range n.dim {
				g[a*n.dim+b] += p.dy[a] * p.q[b]
			}
		}
	}
	within, whole := 0.0, dot(g, g)
	for a := range n.dim {
		for k := range n.rank {
			x := dot(g[a*n.dim:(a+1)*n.dim], n.a[k*n.dim:(k+1)*n.dim])
			within += x * x
		}
	}
	if within < 0.9*whole {
		t.Errorf("%.3f of the derivative is in the rows of A", within/whole)
	}
}

// Fewer questions than rows leave rows at random, not at 0.
func TestOrthonormalizeDependent(t *testing.T) {
	a := []float64{1, 0, 0, 1, 0, 0, 0, 0, 0}
	orthonormalize(a, 3, 3, rand.New(rand.NewPCG(1, 1)))
	for k := range 3 {
		if l := dot(a[3*k:3*k+3], a[3*k:3*k+3]); math.Abs(l-1) > 1e-9 {
			t.Errorf("row %d has the squared length %v", k, l)
		}
	}
}
