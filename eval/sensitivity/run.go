package sensitivity

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Question is a question with the stored trace of its answer.
type Question struct {
	// ID is not empty and unlike those of all others: draws depend on it.
	ID string
	// Trace is a full one ([selfrag.TraceFull]). Its settings are those of the system
	// that is measured: weights and threshold can be changed in it beforehand, as
	// [selfrag.Rescore] lists.
	Trace *selfrag.Trace
	// Group names a set of dependent questions, such as by the id of the passage that
	// they are about. Intervals over questions draw whole groups. A question with an empty
	// Group is a group of its own.
	Group string
	// Gold holds the ids of the passages that hold the answer; only [Attribute] needs it.
	Gold []string
}

// Metric measures an answer. It must depend only on the question and the answer, must not
// change them, and may be called from several goroutines at once. The answer holds its
// visible parts: text, label, segments and citations with their spans, the decisions, and
// why it ends. Scores, judgments, notes, usage and trace are left out: for short answers
// Run calls the metric once for all draws with the same answer.
type Metric func(q *Question, a *selfrag.Answer) float64

// Case is one point to measure.
type Case struct {
	// Name is free: that of a critic, for example.
	Name         string
	Perturbation Perturbation
}

// Options are the settings of [Run]; the zero value is ready to use.
type Options struct {
	// Seed chooses the draws, of noise and of questions.
	Seed uint64
	// Redraws is how often noise is drawn for each question, 0 for 200.
	Redraws int
	// Level is the probability of the intervals, in (0, 1), 0 for 0.95.
	Level float64
	// Resamples is how often questions are drawn for an interval, 0 for 10000.
	Resamples int
	// Low and High are the least and the greatest value of the metric; 0 and 1 if both
	// are 0. Questions that diverge are counted as both.
	Low, High float64
	// Concurrency bounds the goroutines, 0 for as many as there are processors. It
	// changes no figure.
	Concurrency int
	// Progress, unless nil, is called with the number of pairs of a question and a case
	// that are done, and of all. Its calls do not overlap.
	Progress func(done, total int)
}

// Result is a sensitivity analysis. It can be written as JSON.
type Result struct {
	Questions int     `json:"questions"`
	Groups    int     `json:"groups"` // of questions that hang together
	Redraws   int     `json:"redraws"`
	Level     float64 `json:"level"`
	Seed      uint64  `json:"seed"`
	// Baseline is the stored run.
	Baseline Point `json:"baseline"`
	// Points has one point per case, in the same order.
	Points []Point `json:"points"`
}

// Point is the value of the metric under one perturbation, with its bands.
//
// If some draws diverge, the value lies midway between Worst and Best, and each band
// reaches from the low end of the band of the worst to the high end of that of the best.
type Point struct {
	Name string `json:"name,omitempty"`
	// Group names the perturbed groups, joined by "+" in the order of
	// [reflection.Groups].
	Group string `json:"group,omitempty"`
	Kind  Kind   `json:"kind"`
	// Strength is the probability of noise or the temperature, the mean of them if the
	// groups have several; 0 for the other kinds, which have none.
	Strength float64 `json:"strength"`
	// Value is the mean over questions and redraws.
	Value float64 `json:"value"`
	// Questions is the error over questions: where the value would lie for other
	// questions of the same kind, each averaged over all redraws.
	Questions metric.Interval `json:"question_interval"`
	// Redraws is the error over redraws: where the figure of a single critic that is
	// wrong in this way would lie, for the same questions.
	Redraws metric.Interval `json:"redraw_interval"`
	// Joint is both at once: a single such critic and other questions.
	Joint metric.Interval `json:"joint_interval"`
	// RedrawError is the standard error of Value due to the limited number of redraws.
	RedrawError float64 `json:"redraw_error"`
	// Change is the difference from the baseline, question by question, with its error
	// over questions: negative if the metric falls.
	Change metric.Interval `json:"change"`
	// Diverged is the share of the pairs of a question and a redraw whose answer the trace
	// does not hold. They count as Options.Low in Worst, as High in Best.
	Diverged float64 `json:"diverged"`
	Worst    float64 `json:"worst"`
	Best     float64 `json:"best"`
}

// Run measures every case on every question. The error is an *[InputError] for bad input,
// that of ctx, or one of [selfrag.Rescore], with the id of the question; there is no
// result then. Equal input gives equal results, at any concurrency.
func Run(ctx context.Context, questions []Question, m Metric, cases []Case, o Options) (*Result, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, inputError("metric", "is nil")
	}
	for i, c := range cases {
		if err := checkPerturbation(c.Perturbation); err != nil {
			return nil, fmt.Errorf("case %d: %w", i, err)
		}
	}
	if err := checkQuestions(questions); err != nil {
		return nil, err
	}
	r := &runner{Options: o, metric: m, list: make([]prepared, len(questions))}
	if err := r.each(ctx, func(i int) error { return r.prepare(i, &questions[i]) }, nil); err != nil {
		return nil, err
	}
	r.group()
	out := &Result{Questions: len(questions), Groups: r.groups, Redraws: o.Redraws, Level: o.Level, Seed: o.Seed, Points: make([]Point, len(cases))}
	figures := make([]*figure, 1, len(cases)+1)
	figures[0] = r.baseline()
	out.Baseline.Kind = KindNone
	for i, c := range cases {
		f, err := r.measure(ctx, c.Perturbation, i, len(cases))
		if err != nil {
			return nil, err
		}
		figures = append(figures, f)
		p := &out.Points[i]
		kind, groups, strength := c.Perturbation.summary()
		p.Name, p.Kind, p.Strength, p.Group = c.Name, kind, strength, groupNames(groups)
	}
	if err := r.bands(figures, out); err != nil {
		return nil, err
	}
	return out, nil
}
