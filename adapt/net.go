package adapt

import (
	"math"
	"math/rand/v2"
	"runtime"

	"github.com/goselfrag/goselfrag/internal/fanout"
)

// net holds what is trained, in float64.
type net struct {
	dim, rank int
	a, b      []float64 // as in Adapter
	tau       float64   // ln T
	cosine    bool      // scores are cosines, else inner products
}

// gradient has the derivatives of a loss by the numbers of a net.
type gradient struct {
	a, b []float64
	tau  float64
}

// item is a question with the passages of one term of the loss,
//
//	−ln Σ_c p_c · exp(weight_c),  p = softmax(score_c / T)
//
// With weight 0 for one passage and −∞ for the others it is InfoNCE. With ln p(y|x,z) it is
// the marginal likelihood of RAG-Sequence.
type item struct {
	query      []float32
	candidates [][]float32 // of length 1 if scores are cosines
	weights    []float64   // logarithms; at least one is finite
}

// pass holds what the backward pass needs of an item.
type pass struct {
	q, u, y, dy []float64
	loss, dtau  float64
}

// forward computes y = q + B·A·q.
func (n *net) forward(query []float32) pass {
	p := pass{q: make([]float64, n.dim), u: make([]float64, n.rank), y: make([]float64, n.dim), dy: make([]float64, n.dim)}
	for i, x := range query {
		p.q[i] = float64(x)
	}
	copy(p.y, p.q)
	for k := range n.rank {
		p.u[k] = dot(n.a[k*n.dim:(k+1)*n.dim], p.q)
		addTo(p.y, p.u[k], n.b[k*n.dim:(k+1)*n.dim])
	}
	return p
}

// evaluate computes the loss of an item and its derivatives by y and tau.
func (n *net) evaluate(it *item) pass {
	p := n.forward(it.query)
	t, length := math.Exp(n.tau), 1.0
	if n.cosine {
		length = math.Sqrt(dot(p.y, p.y))
		if length == 0 {
			return p // a blank question has no direction
		}
	}
	logits := make([]float64, len(it.candidates))
	joint := make([]float64, len(it.candidates))
	for c, v := range it.candidates {
		logits[c] = mixedDot(p.y, v) / length / t
		joint[c] = logits[c] + it.weights[c]
	}
	all, good := logSum(logits), logSum(joint)
	p.loss = all - good
	along := 0.0 // Σ dl/ds_c · s_c, for the derivative of the length
	for c, v := range it.candidates {
		d := (math.Exp(logits[c]-all) - math.Exp(joint[c]-good)) / t
		along += d * logits[c] * t
		p.dtau -= d * t * logits[c]
		mixedAddTo(p.dy, d/length, v)
	}
	if n.cosine {
		addTo(p.dy, -along/(length*length), p.y)
	}
	return p
}

// step returns the mean loss of items and its derivatives. The result does not depend on
// the number of processors.
func (n *net) step(items []item) (loss float64, g gradient) {
	passes := make([]pass, len(items))
	parallel(len(items), func(i int) { passes[i] = n.evaluate(&items[i]) })
	scale := 1 / float64(len(items))
	g = gradient{a: make([]float64, len(n.a)), b: make([]float64, len(n.b))}
	for i := range passes {
		loss += passes[i].loss * scale
		g.tau += passes[i].dtau * scale
	}
	parallel(n.rank, func(k int) {
		from, to := k*n.dim, (k+1)*n.dim
		for i := range passes {
			p := &passes[i]
			addTo(g.b[from:to], scale*p.u[k], p.dy)
			addTo(g.a[from:to], scale*dot(n.b[from:to], p.dy), p.q)
		}
	})
	return loss, g
}

// start sets B to 0 and the rows of A to an orthonormal basis of the directions of
// questions in which the loss falls fastest: the greatest right singular vectors of the
// derivative of the loss by the whole matrix B·A, by subspace iteration.
func (n *net) start(items []item, rng *rand.Rand) {
	clear(n.b)
	for i := range n.a {
		n.a[i] = rng.NormFloat64()
	}
	orthonormalize(n.a, n.rank, n.dim, rng)
	passes := make([]pass, len(items))
	parallel(len(items), func(i int) { passes[i] = n.evaluate(&items[i]) })
	for range 3 {
		next := make([]float64, len(n.a))
		parallel(n.rank, func(k int) {
			row, z := n.a[k*n.dim:(k+1)*n.dim], make([]float64, n.dim)
			for i := range passes {
				addTo(z, dot(row, passes[i].q), passes[i].dy)
			}
			for i := range passes {
				addTo(next[k*n.dim:(k+1)*n.dim], dot(z, passes[i].dy), passes[i].q)
			}
		})
		n.a = next
		orthonormalize(n.a, n.rank, n.dim, rng)
	}
}

// orthonormalize makes rows orthonormal. A row that depends on those before it becomes a
// random one.
func orthonormalize(a []float64, rank, dim int, rng *rand.Rand) {
	for k := range rank {
		row := a[k*dim : (k+1)*dim]
		before := math.Sqrt(dot(row, row))
		for tries := 0; ; tries++ {
			for range 2 { // twice is enough (Kahan and Parlett)
				for j := range k {
					other := a[j*dim : (j+1)*dim]
					addTo(row, -dot(row, other), other)
				}
			}
			length := math.Sqrt(dot(row, row))
			if length > 1e-9*before && length > 0 {
				for i := range row {
					row[i] /= length
				}
				break
			}
			for i := range row {
				row[i] = rng.NormFloat64()
			}
			before = math.Sqrt(dot(row, row))
		}
	}
}

// momentum is gradient descent with momentum. A step is divided by the running length of
// the gradient of the whole matrix, not of each number as Adam does: in high dimensions
// that would blow up the noise of all numbers that hardly matter.
type momentum struct {
	m      []float64
	v      float64
	steps  int
	length float64 // of a step, times the rate
}

const momentumKeep, lengthKeep = 0.9, 0.99

func (o *momentum) update(x, g []float64, rate float64) {
	if o.m == nil {
		o.m = make([]float64, len(x))
	}
	o.steps++
	o.v = lengthKeep*o.v + (1-lengthKeep)*dot(g, g)
	unbiased := math.Sqrt(o.v / (1 - math.Pow(lengthKeep, float64(o.steps))))
	by := 0.0
	if unbiased > 0 {
		by = rate * o.length / unbiased / (1 - math.Pow(momentumKeep, float64(o.steps)))
	}
	for i, y := range g {
		o.m[i] = momentumKeep*o.m[i] + (1-momentumKeep)*y
		x[i] -= by * o.m[i]
	}
}

func dot(x, y []float64) float64 {
	var s0, s1, s2, s3 float64
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i] * y[i]
		s1 += x[i+1] * y[i+1]
		s2 += x[i+2] * y[i+2]
		s3 += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		s0 += x[i] * y[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// addTo adds by·x to y.
func addTo(y []float64, by float64, x []float64) {
	x = x[:len(y)]
	for i := range y {
		y[i] += by * x[i]
	}
}

// mixedDot is dot with a stored vector.
func mixedDot(x []float64, y []float32) float64 {
	var s0, s1, s2, s3 float64
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i] * float64(y[i])
		s1 += x[i+1] * float64(y[i+1])
		s2 += x[i+2] * float64(y[i+2])
		s3 += x[i+3] * float64(y[i+3])
	}
	for ; i < len(x); i++ {
		s0 += x[i] * float64(y[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// mixedAddTo is addTo with a stored vector.
func mixedAddTo(y []float64, by float64, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += by * float64(x[i])
	}
}

// logSum returns ln Σ exp(x).
func logSum(list []float64) float64 {
	most := math.Inf(-1)
	for _, x := range list {
		most = max(most, x)
	}
	if math.IsInf(most, -1) {
		return most
	}
	sum := 0.0
	for _, x := range list {
		sum += math.Exp(x - most)
	}
	return most + math.Log(sum)
}

// parallel calls f for 0 to n-1 on all processors.
func parallel(n int, f func(i int)) {
	workers := max(1, min(runtime.GOMAXPROCS(0), n))
	fanout.Do(workers, workers, func(w int) error {
		for i := w * n / workers; i < (w+1)*n/workers; i++ {
			f(i)
		}
		return nil
	})
}
