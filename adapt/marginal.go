package adapt

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
)

// Marginal trains an adapter by the marginal likelihood of RAG-Sequence, with the gold
// answers as y: p(y|x,z) is the probability that the model of s writes one of them. The
// passages are found anew for each step by the adapted retriever. A question without an
// answer is not trained on. Labels are not needed; where there are some, the adapter must
// not find them less well.
//
// The log-likelihood is measured with the T that fits best, before and after: a gain of the
// scale alone is none. Errors are those of [Contrastive] and of s.
func Marginal(ctx context.Context, e dense.Embedder, passages []retriever.Passage, examples []Example, s Scorer, o Options) (*Result, error) {
	if isnil.Value(s) {
		return nil, fmt.Errorf("%w: the scorer is nil", ErrOption)
	}
	var answered []Example
	for i := range examples {
		if len(examples[i].Answers) > 0 {
			answered = append(answered, examples[i])
		}
	}
	if len(answered) == 0 {
		return nil, fmt.Errorf("%w: no question has an answer: the marginal likelihood needs them", ErrData)
	}
	o.marginal = true
	t, err := newTrainer(ctx, e, passages, answered, o)
	if err != nil {
		return nil, err
	}
	t.signal = &marginal{t, s}
	return t.run(ctx)
}

// marginal is the signal of Marginal.
type marginal struct {
	*trainer
	scorer Scorer
}

func (m *marginal) epoch(context.Context) ([]int, error) {
	return m.rng.Perm(len(m.split.train)), nil
}

func (m *marginal) items(ctx context.Context, batch []int) ([]item, error) {
	questions := make([]int, len(batch))
	for i, b := range batch {
		questions[i] = m.split.train[b]
	}
	return m.found(ctx, m.net, questions)
}

// found returns the items of questions over the passages that a net finds. Questions that
// find nothing have none.
func (m *marginal) found(ctx context.Context, n *net, questions []int) ([]item, error) {
	places := make([][]int, len(questions))
	errs := make([]error, len(questions))
	parallel(len(questions), func(i int) { places[i], errs[i] = m.near(ctx, n, questions[i], m.o.K) })
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var asked []ask
	for i, q := range questions {
		for _, at := range places[i] {
			asked = append(asked, ask{&m.examples[q], &m.corpus.passages[at]})
		}
	}
	logs, err := likelihoods(ctx, m.scorer, asked)
	if err != nil {
		return nil, err
	}
	var list []item
	for i, q := range questions {
		it := item{query: m.queries[q]}
		for _, at := range places[i] {
			it.candidates = append(it.candidates, m.vectors[at])
		}
		it.weights, logs = logs[:len(places[i])], logs[len(places[i]):]
		if len(places[i]) > 0 && !math.IsInf(logSum(it.weights), -1) {
			list = append(list, it)
		}
	}
	return list, nil
}

// leastLog is what an answer counts that no passage makes possible.
const leastLog = -1000

// figure returns the log-likelihood of each question with the T that fits questions best.
func (m *marginal) figure(ctx context.Context, n *net, questions []int) ([]float64, error) {
	var items []item
	values := make([]float64, len(questions))
	var at []int
	for i, q := range questions {
		one, err := m.found(ctx, n, []int{q})
		if err != nil {
			return nil, err
		}
		values[i] = leastLog
		if len(one) == 1 {
			items, at = append(items, one[0]), append(at, i)
		}
	}
	fit := n.clone()
	measure := func(tau float64) float64 {
		fit.tau = tau
		losses := make([]float64, len(items))
		parallel(len(items), func(i int) { losses[i] = fit.evaluate(&items[i]).loss })
		sum := 0.0
		for i, loss := range losses {
			values[at[i]] = max(-loss, leastLog)
			sum += values[at[i]]
		}
		return sum
	}
	measure(goldenSection(measure, math.Log(1e-4), math.Log(100)))
	return values, nil
}

// goldenSection returns where f, with one maximum between low and high, is greatest.
func goldenSection(f func(float64) float64, low, high float64) float64 {
	const ratio = 0.6180339887498949
	x, y := high-ratio*(high-low), low+ratio*(high-low)
	fx, fy := f(x), f(y)
	for range 30 {
		if fx >= fy {
			high, y, fy = y, x, fx
			x = high - ratio*(high-low)
			fx = f(x)
		} else {
			low, x, fx = x, y, fy
			y = low + ratio*(high-low)
			fy = f(y)
		}
	}
	return (low + high) / 2
}
