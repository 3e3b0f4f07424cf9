package sensitivity

import (
	"context"
	"math"
	"sync"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/selfrag"
)

// runner is one use of Run.
type runner struct {
	Options
	metric Metric
	list   []prepared
	groups int
	sizes  []float64 // of the groups
}

// prepared is a question made ready. One goroutine uses it at a time.
type prepared struct {
	*Question
	key   uint64
	base  float64 // the value of the stored run, NaN if it diverges
	of    int     // the number of its group
	short *short  // nil if every draw is re-scored
	memo  map[string]float64
}

// chunk is how many questions a goroutine takes at once.
const chunk = 8

// each calls work for the numbers of all questions, side by side. It calls done, unless
// nil, with the number of questions done since the last call.
func (r *runner) each(ctx context.Context, work func(i int) error, done func(n int)) error {
	var mu sync.Mutex
	n := len(r.list)
	errs := fanout.Do((n+chunk-1)/chunk, r.Concurrency, func(c int) error {
		end := min((c+1)*chunk, n)
		for i := c * chunk; i < end; i++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := work(i); err != nil {
				return err
			}
		}
		if done != nil {
			mu.Lock()
			defer mu.Unlock()
			done(end - c*chunk)
		}
		return nil
	})
	if err := ctx.Err(); err != nil {
		return err // whatever stopped first
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) prepare(i int, q *Question) error {
	p := &r.list[i]
	p.Question, p.key, p.memo = q, questionKey(r.Seed, q.ID), map[string]float64{}
	a, err := q.rescored(q.Trace)
	if err != nil {
		return err
	}
	if err := q.checkFull(); err != nil {
		return err
	}
	if p.base, err = r.value(p, a); err != nil || a == nil {
		return err
	}
	p.short = newShort(q.Trace, &a.Trace.Settings)
	return nil
}

// value measures an answer; NaN if there is none.
func (r *runner) value(p *prepared, a *selfrag.Answer) (float64, error) {
	if a == nil {
		return math.NaN(), nil
	}
	v := r.metric(p.Question, said(a))
	if !(v >= r.Low && v <= r.High) {
		return 0, inputError("metric", "is %v for %s: want a number in [%v, %v], or other Options.Low and High", v, p.name(), r.Low, r.High)
	}
	return v, nil
}

// draw returns the value of one redraw, NaN if it diverges.
func (r *runner) draw(p *prepared, c *compiled, redraw int) (float64, error) {
	key := redrawKey(p.key, redraw)
	if !c.random || p.short == nil {
		return r.rescore(p, c, key)
	}
	outcome := p.short.outcomeKey(c, key)
	if outcome == nil {
		return r.rescore(p, c, key)
	}
	v, known := p.memo[string(outcome)]
	if !known {
		var err error
		if v, err = r.rescore(p, c, key); err != nil {
			return 0, err
		}
		p.memo[string(outcome)] = v
	}
	return v, nil
}

func (r *runner) rescore(p *prepared, c *compiled, key uint64) (float64, error) {
	t, changed := apply(p.Trace, c, key)
	if !changed {
		return p.base, nil
	}
	a, err := p.rescored(t)
	if err != nil {
		return 0, err
	}
	return r.value(p, a)
}

// figure is what was measured for one case.
type figure struct {
	// By question, the mean over redraws, with diverged draws as low and as high.
	low, high   []float64
	diverged    float64
	redraws     metric.Interval
	redrawError float64
	joint       metric.Interval
}

// sums holds, by redraw and group, the sums of the values of the group's questions.
type sums struct {
	low, high []float64
	redraws   int
}

// figure returns the figures of the values by question and redraw.
func (r *runner) figure(values []float64, redraws int) *figure {
	n := len(r.list)
	f := &figure{low: make([]float64, n), high: make([]float64, n)}
	s := sums{make([]float64, redraws*r.groups), make([]float64, redraws*r.groups), redraws}
	diverged := 0
	for i := range r.list {
		for d, v := range values[i*redraws : (i+1)*redraws] {
			low, high := v, v
			if math.IsNaN(v) {
				low, high = r.Low, r.High
				diverged++
			}
			f.low[i] += low
			f.high[i] += high
			at := d*r.groups + r.list[i].of
			s.low[at] += low
			s.high[at] += high
		}
		f.low[i] /= float64(redraws)
		f.high[i] /= float64(redraws)
	}
	f.diverged = float64(diverged) / float64(len(values))
	if diverged == 0 {
		f.high, s.high = f.low, s.low
	}
	f.redraws, f.redrawError = r.overRedraws(s)
	f.joint = r.joint(s)
	return f
}

func (r *runner) baseline() *figure {
	values := make([]float64, len(r.list))
	for i := range r.list {
		values[i] = r.list[i].base
	}
	return r.figure(values, 1)
}

func (r *runner) measure(ctx context.Context, p Perturbation, at, of int) (*figure, error) {
	c, redraws := compile(p), 1
	if c.random {
		redraws = r.Redraws
	}
	values := make([]float64, len(r.list)*redraws)
	var done func(int)
	if r.Progress != nil {
		sum := at * len(r.list)
		done = func(n int) {
			sum += n
			r.Progress(sum, of*len(r.list))
		}
	}
	err := r.each(ctx, func(i int) error {
		for d := range redraws {
			if d%16 == 15 && ctx.Err() != nil {
				return ctx.Err()
			}
			v, err := r.draw(&r.list[i], c, d)
			if err != nil {
				return err
			}
			values[i*redraws+d] = v
		}
		return nil
	}, done)
	if err != nil {
		return nil, err
	}
	return r.figure(values, redraws), nil
}
