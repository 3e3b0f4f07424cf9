package adapt

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// trainer holds what training works on.
type trainer struct {
	o        Options
	corpus   *corpus
	examples []Example
	split    *split
	queries  [][]float32 // by example; of length 1 if scores are cosines
	raw      []float32   // of the first example, as the embedder gave it
	vectors  [][]float32 // by place of the passage, the same
	index    *hnsw.Flat[int]
	net      *net
	rng      *rand.Rand
	signal   signal
}

// signal is what is learned from.
type signal interface {
	// epoch returns what to train on in the next epoch, in order: numbers that items
	// understands.
	epoch(ctx context.Context) ([]int, error)
	// items returns the terms of the loss for some of these numbers.
	items(ctx context.Context, batch []int) ([]item, error)
	// figure returns what decides, by question.
	figure(ctx context.Context, n *net, questions []int) ([]float64, error)
}

// newTrainer embeds passages and questions.
func newTrainer(ctx context.Context, e dense.Embedder, passages []retriever.Passage, examples []Example, o Options) (*trainer, error) {
	if isnil.Value(e) {
		return nil, fmt.Errorf("%w: the embedder is nil", ErrOption)
	}
	if len(passages) == 0 || len(examples) == 0 {
		return nil, fmt.Errorf("%w: %d passages and %d questions: want some of both", ErrData, len(passages), len(examples))
	}
	c, err := newCorpus(passages)
	if err != nil {
		return nil, err
	}
	t := &trainer{corpus: c, examples: examples, rng: rand.New(rand.NewPCG(o.Seed, 0x5eed))}
	first, err := e.EmbedQuery(ctx, examples[0].Question.Question)
	if err != nil {
		return nil, fmt.Errorf("adapt: embedding questions: %w", ctxerr.Wrap(ctx, err))
	}
	t.raw = first
	if err := o.fill(len(first)); err != nil {
		return nil, err
	}
	t.o = o
	if t.split, err = newSplit(examples, c, &t.o); err != nil {
		return nil, err
	}
	t.net = &net{dim: len(first), rank: o.Rank, cosine: o.Metric == hnsw.Cosine, tau: math.Log(o.Temperature)}
	t.net.a = make([]float64, t.net.dim*t.net.rank)
	t.net.b = make([]float64, t.net.dim*t.net.rank)
	return t, t.embed(ctx, e)
}

// embed makes the vectors and the index.
func (t *trainer) embed(ctx context.Context, e dense.Embedder) error {
	texts := dense.Texts(t.corpus.passages)
	for part := range slices.Chunk(texts, 64) {
		vectors, err := e.EmbedDocuments(ctx, part)
		if err == nil && len(vectors) != len(part) {
			err = fmt.Errorf("%d vectors for %d texts", len(vectors), len(part))
		}
		if err != nil {
			return fmt.Errorf("adapt: embedding passages %d to %d of %d: %w", len(t.vectors)+1, len(t.vectors)+len(part), len(texts), ctxerr.Wrap(ctx, err))
		}
		t.vectors = append(t.vectors, vectors...)
	}
	for i := range t.examples {
		q, err := e.EmbedQuery(ctx, t.examples[i].Question.Question)
		if err != nil {
			return fmt.Errorf("adapt: embedding question %q: %w", t.examples[i].ID, ctxerr.Wrap(ctx, err))
		}
		t.queries = append(t.queries, q)
	}
	for _, list := range [][][]float32{t.vectors, t.queries} {
		for i := range list {
			v, err := t.prepareVector(list[i])
			if err != nil {
				return err
			}
			list[i] = v
		}
	}
	index, err := hnsw.NewFlat[int](t.net.dim, hnsw.FlatOptions{Metric: t.o.Metric})
	if err != nil {
		return fmt.Errorf("adapt: %w", err)
	}
	t.index = index
	var items []hnsw.Item[int]
	for i, v := range t.vectors {
		if t.net.cosine && slices.Max(v) == 0 && slices.Min(v) == 0 {
			continue // nothing finds it
		}
		items = append(items, hnsw.Item[int]{Key: i, Vector: v})
	}
	if err := index.Add(ctx, items); err != nil {
		return fmt.Errorf("adapt: %w", ctxerr.Wrap(ctx, err))
	}
	return nil
}

// prepareVector checks a vector, and gives it the length 1 if scores are cosines.
func (t *trainer) prepareVector(v []float32) ([]float32, error) {
	if len(v) != t.net.dim {
		return nil, fmt.Errorf("%w: a vector has %d components and another one %d: use one model for all", ErrData, len(v), t.net.dim)
	}
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil, fmt.Errorf("%w: a vector of the embedder is not finite", ErrData)
	}
	if !t.net.cosine || sum == 0 {
		return v, nil
	}
	out, by := make([]float32, len(v)), 1/math.Sqrt(sum)
	for i, x := range v {
		out[i] = float32(float64(x) * by)
	}
	return out, nil
}

// near returns the places of the k passages nearest to a question, nearest first. A blank
// question finds nothing.
func (t *trainer) near(ctx context.Context, n *net, question, k int) ([]int, error) {
	y := n.forward(t.queries[question]).y
	v := make([]float32, len(y))
	blank := true
	for i, x := range y {
		v[i] = float32(x)
		blank = blank && v[i] == 0
	}
	if blank {
		return nil, nil
	}
	found, err := t.index.Search(ctx, nil, v, hnsw.Query[int]{K: k})
	if err != nil {
		return nil, fmt.Errorf("adapt: searching: %w", ctxerr.Wrap(ctx, err))
	}
	list := make([]int, len(found))
	for i, f := range found {
		list[i] = f.Key
	}
	return list, nil
}

// ranks returns the recall at 5 and the reciprocal rank of what is wanted of questions.
func (t *trainer) ranks(ctx context.Context, n *net, questions []int, wanted func(question int) []string) (recall, reciprocal []float64, err error) {
	recall, reciprocal = make([]float64, len(questions)), make([]float64, len(questions))
	errs := make([]error, len(questions))
	parallel(len(questions), func(i int) {
		var places []int
		if places, errs[i] = t.near(ctx, n, questions[i], 10); errs[i] != nil {
			return
		}
		ids := make([]string, len(places))
		for j, at := range places {
			ids[j] = t.corpus.passages[at].ID
		}
		truth := wanted(questions[i])
		recall[i], reciprocal[i] = metric.Recall(ids, truth, 5), metric.ReciprocalRank(ids, truth, 10)
	})
	return recall, reciprocal, errors.Join(errs...)
}

// truth is what the test measures.
func (t *trainer) truth(question int) []string { return t.split.truth[question] }

// run trains and measures.
func (t *trainer) run(ctx context.Context) (*Result, error) {
	none := &net{dim: t.net.dim, cosine: t.net.cosine, tau: t.net.tau}
	report := Report{
		Positives: t.o.Positives, Train: len(t.split.train), Stop: len(t.split.stop), Test: len(t.split.test),
		Passages: len(t.vectors), Dropped: t.split.dropped, Overlap: OverlapOf(t.examples), Figure: "mean reciprocal rank",
	}
	if t.o.marginal {
		report.Figure = "log-likelihood"
	}
	other, err := t.newTransfer(ctx, none)
	if err != nil {
		return nil, err
	}
	if err := t.learn(ctx, none, &report); err != nil {
		return nil, err
	}
	if err := t.test(ctx, none, &report); err != nil {
		return nil, err
	}
	if report.Transfer, err = other.measure(ctx); err != nil {
		return nil, err
	}
	r := &Result{Report: report, Adapter: t.adapter(report)}
	if !(report.Gain.Low > 0) || report.worse() {
		return nil, &RefusedError{r}
	}
	return r, nil
}

// adapter makes the adapter of the net.
func (t *trainer) adapter(report Report) *Adapter {
	a := &Adapter{dim: t.net.dim, rank: t.net.rank, a: make([]float32, len(t.net.a)), b: make([]float32, len(t.net.b))}
	for i := range t.net.a {
		a.a[i], a.b[i] = float32(t.net.a[i]), float32(t.net.b[i])
	}
	a.card = Card{
		Signal: "contrastive", Note: t.o.Note, Metric: t.o.Metric.String(), Temperature: math.Exp(t.net.tau), Seed: t.o.Seed,
		Report: report, Probe: t.examples[0].Question.Question, ProbeVector: t.raw,
	}
	if t.o.marginal {
		a.card.Signal = "marginal"
	}
	return a
}

// startItems bounds the terms of the loss from which the first matrix A is made.
const startItems = 1024

// learn trains until the part for early stopping improves no more, and leaves the best net
// in t.net.
func (t *trainer) learn(ctx context.Context, none *net, report *Report) error {
	stopped := func(n *net) (float64, error) {
		values, err := t.signal.figure(ctx, n, t.split.stop)
		if err != nil {
			return 0, err
		}
		return metric.Mean(values)
	}
	best, err := stopped(none)
	if err != nil {
		return err
	}
	steps, rate, waited := newSteps(t.net), t.o.Rate, 0
	var kept *net
	for number := 1; number <= t.o.Epochs && waited < t.o.Patience; number++ {
		units, err := t.signal.epoch(ctx)
		if err != nil {
			return err
		}
		if number == 1 {
			items, err := t.signal.items(ctx, units[:min(len(units), startItems)])
			if err != nil {
				return err
			}
			t.net.start(items, t.rng)
			kept = t.net.clone()
		}
		epoch := Epoch{Number: number}
		if epoch.Loss, err = t.trainEpoch(ctx, units, steps, rate); err != nil {
			return fmt.Errorf("%w, in epoch %d", err, number)
		}
		if epoch.Figure, err = stopped(t.net); err != nil {
			return err
		}
		report.Epochs = append(report.Epochs, epoch)
		if epoch.Figure > best {
			best, report.Best, kept, waited = epoch.Figure, number, t.net.clone(), 0
		} else { // go back, and on with shorter steps
			t.net, steps, rate = kept.clone(), newSteps(t.net), rate/2
			waited++
		}
		if t.o.Progress != nil {
			t.o.Progress(epoch)
		}
	}
	t.net = kept
	return nil
}

// steps holds the momentum of A, B and ln T.
type steps struct{ a, b, tau momentum }

func newSteps(n *net) *steps {
	length := math.Sqrt(float64(n.rank)) // that of an orthonormal A
	return &steps{momentum{length: length}, momentum{length: length}, momentum{length: 1}}
}

// trainEpoch makes the steps of an epoch and returns the mean loss.
func (t *trainer) trainEpoch(ctx context.Context, units []int, s *steps, rate float64) (float64, error) {
	mean := 0.0
	for batch := range slices.Chunk(units, t.o.Batch) {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("adapt: %w", err)
		}
		items, err := t.signal.items(ctx, batch)
		if err != nil {
			return 0, err
		}
		if len(items) == 0 {
			continue
		}
		loss, g := t.net.step(items)
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return 0, fmt.Errorf("%w: raise Temperature, which is %v, or lower Rate", ErrDiverged, t.o.Temperature)
		}
		mean += loss * float64(len(batch)) / float64(len(units))
		s.a.update(t.net.a, g.a, rate)
		s.b.update(t.net.b, g.b, rate)
		if t.o.marginal {
			tau := []float64{t.net.tau}
			s.tau.update(tau, []float64{g.tau}, rate)
			t.net.tau = tau[0]
		}
	}
	return mean, nil
}

func (n *net) clone() *net {
	c := *n
	c.a, c.b = slices.Clone(n.a), slices.Clone(n.b)
	return &c
}

// test measures the test part before and after.
func (t *trainer) test(ctx context.Context, none *net, report *Report) error {
	groups := make([]string, len(t.split.test))
	seen := map[string]bool{}
	for i, q := range t.split.test {
		groups[i] = t.split.groups[q]
		seen[groups[i]] = true
	}
	report.Groups = len(seen)
	recall, rank, err := t.ranks(ctx, none, t.split.test, t.truth)
	if err != nil {
		return err
	}
	recall2, rank2, err := t.ranks(ctx, t.net, t.split.test, t.truth)
	if err != nil {
		return err
	}
	figure, figure2 := rank, rank2
	if t.o.marginal {
		if figure, err = t.signal.figure(ctx, none, t.split.test); err != nil {
			return err
		}
		if figure2, err = t.signal.figure(ctx, t.net, t.split.test); err != nil {
			return err
		}
		report.Before.LogLikelihood, _ = metric.Mean(figure)
		report.After.LogLikelihood, _ = metric.Mean(figure2)
	}
	report.Before.Recall5, _ = metric.Mean(recall)
	report.Before.MRR10, _ = metric.Mean(rank)
	report.After.Recall5, _ = metric.Mean(recall2)
	report.After.MRR10, _ = metric.Mean(rank2)
	b := metric.Bootstrap{Seed: t.o.Seed, Groups: groups}
	for _, x := range []struct {
		to            *metric.Interval
		after, before []float64
	}{{&report.Gain, figure2, figure}, {&report.Labels, rank2, rank}, {&report.Recall, recall2, recall}} {
		if *x.to, err = b.Difference(x.after, x.before); err != nil {
			return fmt.Errorf("adapt: the test part: %w", err)
		}
	}
	return nil
}
