// Package fit fits the models of package linear by penalized maximum
// likelihood, with the L-BFGS of gonum. The outcome depends on the examples and
// their order only; it draws no random numbers.
package fit

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize"

	"github.com/goselfrag/goselfrag/internal/linear"
)

const leastScale = 0.1

// List is one choice among alternatives. Its loss is
//
//	-log Σ_{i in Right} exp(z_i) / Σ_i exp(z_i)
//
// where alternative 0 is "nothing", with z_0 = 0, if HasNothing is set, and the
// others are Rows in order.
type List struct {
	Rows       [][]float64
	Right      []bool // of Rows; which are right
	HasNothing bool
	// NothingRight says that "nothing" is right; Right must then be all false.
	NothingRight bool
	Weight       float64
}

// Labeled is a vector and the number of its class.
type Labeled struct {
	Row    []float64
	Class  int
	Weight float64
}

// Options of a fit.
type Options struct {
	// L2 is the strength λ of the penalty λ/2·Σ (w_j·s_j)², where s_j is the root
	// mean square of feature j, so that the unit of a feature hardly matters, but
	// at least 0.1, so that rare features do not get large weights.
	// Features whose names are in Free are not penalized.
	L2   float64
	Free map[string]bool
	// Stop, if set, is called between passes over the examples. Its error ends the fit.
	Stop func() error
}

// ErrExamples is wrapped by the error about examples that nothing can be fitted
// to.
var ErrExamples = errors.New("linear: bad examples")

// Choice fits a conditional logit to lists. A list without a right alternative is an
// error.
func Choice(features []string, lists []List, o Options) (*linear.Model, error) {
	var rows [][]float64
	for i, l := range lists {
		right := l.NothingRight && l.HasNothing
		for k := range l.Rows {
			right = right || l.Right[k]
		}
		if !right {
			return nil, fmt.Errorf("%w: in list %d no alternative is right", ErrExamples, i)
		}
		rows = append(rows, l.Rows...)
	}
	scale, err := scales(features, rows)
	if err != nil {
		return nil, err
	}
	loss := func(w, grad []float64) float64 {
		sum := 0.0
		var p []float64
		for _, l := range lists {
			p = p[:0]
			for _, r := range l.Rows {
				p = append(p, floats.Dot(w, r))
			}
			top := math.Inf(-1)
			if l.HasNothing {
				top = 0
			}
			for _, z := range p {
				top = max(top, z)
			}
			all, good := 0.0, 0.0
			if l.HasNothing {
				all = math.Exp(-top)
				if l.NothingRight {
					good = all
				}
			}
			for k, z := range p {
				p[k] = math.Exp(z - top)
				all += p[k]
				if l.Right[k] {
					good += p[k]
				}
			}
			good = max(good, 1e-300)
			sum += l.Weight * (math.Log(all) - math.Log(good))
			for k, r := range l.Rows {
				g := p[k] / all
				if l.Right[k] {
					g -= p[k] / good
				}
				if g != 0 {
					floats.AddScaled(grad, l.Weight*g, r)
				}
			}
		}
		return sum
	}
	w, err := minimize(features, scale, 1, loss, o)
	if err != nil {
		return nil, err
	}
	return &linear.Model{Features: features, Weights: w}, nil
}

// Classes fits multinomial logistic regression.
func Classes(features, classes []string, examples []Labeled, o Options) (*linear.Model, error) {
	var rows [][]float64
	for i, e := range examples {
		if e.Class < 0 || e.Class >= len(classes) {
			return nil, fmt.Errorf("%w: example %d has class %d of %d", ErrExamples, i, e.Class, len(classes))
		}
		rows = append(rows, e.Row)
	}
	scale, err := scales(features, rows)
	if err != nil {
		return nil, err
	}
	n := len(features)
	p := make([]float64, len(classes))
	loss := func(w, grad []float64) float64 {
		sum := 0.0
		for _, e := range examples {
			for c := range classes {
				p[c] = floats.Dot(w[c*n:(c+1)*n], e.Row)
			}
			linear.Softmax(p)
			sum -= e.Weight * math.Log(max(p[e.Class], 1e-300))
			for c := range classes {
				g := p[c]
				if c == e.Class {
					g--
				}
				floats.AddScaled(grad[c*n:(c+1)*n], e.Weight*g, e.Row)
			}
		}
		return sum
	}
	w, err := minimize(features, scale, len(classes), loss, o)
	if err != nil {
		return nil, err
	}
	return &linear.Model{Features: features, Classes: classes, Weights: w}, nil
}

// scales returns the root mean square of each feature, 1 for one that is always
// 0.
func scales(features []string, rows [][]float64) ([]float64, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: there are none", ErrExamples)
	}
	scale := make([]float64, len(features))
	for i, r := range rows {
		if len(r) != len(features) {
			return nil, fmt.Errorf("%w: row %d has %d values for %d features", ErrExamples, i, len(r), len(features))
		}
		for j, x := range r {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, fmt.Errorf("%w: %q is %v in row %d", ErrExamples, features[j], x, i)
			}
			scale[j] += float64(x * x)
		}
	}
	for j := range scale {
		if scale[j] = math.Sqrt(scale[j] / float64(len(rows))); scale[j] == 0 {
			scale[j] = 1
		}
	}
	return scale, nil
}

// minimize returns the weights, in rows, with the least penalized loss. loss
// adds its gradient to grad.
func minimize(features []string, scale []float64, rows int, loss func(w, grad []float64) float64, o Options) ([][]float64, error) {
	n := len(features)
	penalty := make([]float64, rows*n)
	for i := range penalty {
		if !o.Free[features[i%n]] {
			s := max(leastScale, scale[i%n])
			penalty[i] = o.L2 * s * s
		}
	}
	// The search runs over w·scale, which suits its first steps.
	w, grad := make([]float64, rows*n), make([]float64, rows*n)
	eval := func(v []float64) float64 {
		for i := range v {
			w[i] = v[i] / scale[i%n]
			grad[i] = 0
		}
		f := loss(w, grad)
		for i := range w {
			f += penalty[i] / 2 * w[i] * w[i]
			grad[i] = (grad[i] + penalty[i]*w[i]) / scale[i%n]
		}
		return f
	}
	last := make([]float64, rows*n)
	lastF, have := 0.0, false
	at := func(v []float64) float64 {
		if !have || !floats.Equal(v, last) {
			lastF, have = eval(v), true
			copy(last, v)
		}
		return lastF
	}
	p := optimize.Problem{
		Func: func(v []float64) float64 { return at(v) },
		Grad: func(g, v []float64) { at(v); copy(g, grad) },
	}
	if o.Stop != nil {
		p.Status = func() (optimize.Status, error) { return optimize.NotTerminated, o.Stop() }
	}
	settings := &optimize.Settings{MajorIterations: 300, GradientThreshold: 1e-4, Concurrent: 0,
		Converger: &optimize.FunctionConverge{Relative: 1e-7, Iterations: 5}}
	r, err := optimize.Minimize(p, make([]float64, rows*n), settings, &optimize.LBFGS{Store: 10})
	if o.Stop != nil && r != nil {
		if stopped := o.Stop(); stopped != nil {
			r, err = nil, stopped
		}
	}
	if r == nil {
		return nil, fmt.Errorf("linear: fitting: %w", err)
	}
	// A line search that can go no lower in float64 has found the minimum.
	out := make([][]float64, rows)
	for k := range out {
		out[k] = make([]float64, n)
		for j := range out[k] {
			out[k][j] = r.X[k*n+j] / scale[j]
		}
	}
	return out, nil
}
