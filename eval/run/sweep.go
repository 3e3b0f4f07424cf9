package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Setting is a point of a sweep: options that selfrag.Rescore can change.
type Setting struct {
	Name    string
	Options []selfrag.Option
}

// SweepOptions are the options of [Results.Sweep]. The zero value is ready to use.
type SweepOptions struct {
	// Score measures the answers; nil means [Score].
	Score Scorer
	// Metrics are the scores to report; nil means match.
	Metrics []string
	// Workers is how many questions are worked on at the same time; 0 means 2.
	Workers int
	// Seed is that of the intervals.
	Seed uint64
	// Progress, if set, is called with the number of questions done and of all.
	Progress func(done, total int)
}

// Point is the result of one setting of a sweep.
type Point struct {
	Setting string `json:"setting"`
	// Scores holds the mean of each metric with its 95 % interval, over the questions for
	// which it is defined and the answer is known. A metric that is defined for none is
	// missing.
	Scores map[string]metric.Interval `json:"scores"`
	// RetrievalRate is the share of questions for which passages are asked for.
	RetrievalRate metric.Interval `json:"retrieval_rate"`
	// Questions is how many were answered again, Unknown how many were not, because the
	// trace does not know what the setting leads to. Those are in no figure: where there
	// are many, run the setting itself.
	Questions int `json:"questions"`
	Unknown   int `json:"unknown"`
}

// outcome is a question under all settings: for each the share of retrieval, 0 or 1, and the
// metrics. A value that is not defined is NaN, and so are all of a setting that the trace does
// not know.
type outcome struct {
	group  string
	values [][]float64
}

// Sweep answers the questions of a part again under each setting, from the stored traces and
// without a model. Traces made with selfrag.TraceFull know all of a short answer. The
// intervals hold for one point each: a best point that is chosen by them is too good.
//
// The error wraps [ErrOption] or [ErrFile], ctx.Err(), or is an error of selfrag.Rescore
// other than *selfrag.Diverged, such as for a trace of another decoder.
func (r *Results) Sweep(ctx context.Context, part string, questions []dataset.Question, settings []Setting, o SweepOptions) ([]Point, error) {
	if o.Score == nil {
		o.Score = Score
	}
	if o.Metrics == nil {
		o.Metrics = []string{"match"}
	}
	o.Workers = cmp.Or(o.Workers, 2)
	p := r.Part(part)
	if p == nil || len(settings) == 0 || o.Workers < 1 {
		return nil, fmt.Errorf("%w: part %q, %d settings, %d workers: want a part of the run, a setting and a worker", ErrOption, part, len(settings), o.Workers)
	}
	byID := map[string]dataset.Question{}
	for _, q := range questions {
		byID[q.ID] = q
	}
	var list []outcome
	for x, err := range r.outcomes(ctx, part, byID, settings, o) {
		if err != nil {
			return nil, err
		}
		list = append(list, x)
		if o.Progress != nil {
			o.Progress(len(list), len(p.Records))
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: part %q has no answer yet", ErrOption, part)
	}
	return pointsOf(list, settings, o)
}

// rescored answers the question of a trace under every setting. Most settings lead to one of
// a few answers, and each is measured once.
func rescored(t Trace, q dataset.Question, settings []Setting, o SweepOptions) (outcome, error) {
	x := outcome{group: t.Record.Group}
	known := map[string]Scores{}
	for _, s := range settings {
		values := make([]float64, 1+len(o.Metrics))
		for i := range values {
			values[i] = math.NaN()
		}
		x.values = append(x.values, values)
		a, err := selfrag.Rescore(t.Trace, s.Options...)
		var diverged *selfrag.Diverged
		if errors.As(err, &diverged) {
			continue
		}
		if err != nil {
			return x, fmt.Errorf("run: question %q, setting %s: %w", q.ID, s.Name, err)
		}
		key := strings.Join(append(Cited(a), string(a.Stop), a.Text), "\x00")
		if known[key] == nil {
			known[key] = o.Score(q, a)
		}
		values[0] = number(Retrieved(a))
		for i, m := range o.Metrics {
			if v, ok := known[key][m]; ok {
				values[1+i] = v
			}
		}
	}
	return x, nil
}

// column is a figure of a setting over the questions for which it is defined.
type column struct {
	setting, figure int
	values          []float64
}

// pointsOf makes the figures of all settings. Those over the same questions share their draws,
// which is faster.
func pointsOf(list []outcome, settings []Setting, o SweepOptions) ([]Point, error) {
	points := make([]Point, len(settings))
	columns := map[string][]column{} // by which questions they are over
	groups := map[string][]string{}
	for i, s := range settings {
		points[i] = Point{Setting: s.Name, Scores: map[string]metric.Interval{}}
		for f := range 1 + len(o.Metrics) {
			c := column{setting: i, figure: f}
			over := make([]byte, len(list))
			var names []string
			for j := range list {
				if v := list[j].values[i][f]; !math.IsNaN(v) {
					over[j] = 1
					c.values, names = append(c.values, v), append(names, list[j].group)
				}
			}
			if f == 0 {
				points[i].Questions, points[i].Unknown = len(c.values), len(list)-len(c.values)
			}
			if len(c.values) > 0 {
				columns[string(over)] = append(columns[string(over)], c)
				groups[string(over)] = names
			}
		}
	}
	for key, same := range columns {
		figures := make([][]float64, len(same))
		for i, c := range same {
			figures[i] = c.values
		}
		intervals, err := (metric.Bootstrap{Seed: o.Seed, Groups: groups[key], Resamples: 1000}).Means(figures...)
		if err != nil {
			return nil, fmt.Errorf("run: %w", err)
		}
		for i, c := range same {
			if c.figure == 0 {
				points[c.setting].RetrievalRate = intervals[i]
			} else {
				points[c.setting].Scores[o.Metrics[c.figure-1]] = intervals[i]
			}
		}
	}
	return points, nil
}

// outcomes yields what comes of each trace, in order, several at the same time.
func (r *Results) outcomes(ctx context.Context, part string, questions map[string]dataset.Question, settings []Setting, o SweepOptions) func(yield func(outcome, error) bool) {
	return func(yield func(outcome, error) bool) {
		batch := make([]Trace, 0, 32*o.Workers)
		flush := func() bool {
			out := make([]outcome, len(batch))
			errs := fanout.Do(len(batch), o.Workers, func(i int) (err error) {
				if err := ctx.Err(); err != nil {
					return err
				}
				q, ok := questions[batch[i].Record.ID]
				if !ok {
					return fmt.Errorf("%w: question %q is not among those that are given", ErrOption, batch[i].Record.ID)
				}
				out[i], err = rescored(batch[i], q, settings, o)
				return err
			})
			batch = batch[:0]
			for i := range out {
				var err error
				if errs != nil {
					err = errs[i]
				}
				if !yield(out[i], err) || err != nil {
					return false
				}
			}
			return true
		}
		for t, err := range r.Traces(part, nil) {
			if err == nil && t.Trace == nil {
				err = fmt.Errorf("%w: the system of part %q makes no traces", ErrOption, part)
			}
			if err != nil {
				yield(outcome{}, err)
				return
			}
			if batch = append(batch, t); len(batch) == cap(batch) && !flush() {
				return
			}
		}
		flush()
	}
}
