package adapt

import (
	"fmt"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// Options are the options of training. The zero value is ready to use.
type Options struct {
	// Positives says which passages Contrastive trains on.
	Positives Positives
	// Metric is hnsw.Cosine, the default, or hnsw.InnerProduct: that of the index.
	Metric hnsw.Metric
	// Rank is that of the adapter, from 1 to the dimension of the vectors; 0 means 64, or
	// the dimension if that is less. Each direction of questions that is to change in a way
	// of its own needs one.
	Rank int
	// Temperature divides the scores, above 0; 0 means 0.05. Marginal begins with it and
	// fits it.
	Temperature float64
	// Negatives is how many passages of the adapted retriever's own ranking each positive
	// of Contrastive is told from, besides the positives of other questions, from 1 to
	// 1,000; 0 means 7. They are drawn anew each epoch from the first Depth passages.
	Negatives int
	// Depth is how far down negatives are looked for, and K how many passages Marginal
	// and Transfer sum over, from 1 to 10,000; 0 means 50 and 10.
	Depth, K int
	// Epochs is the greatest number of passes over the examples, from 1 to 10,000; 0 means
	// 40. Training stops earlier after Patience passes without an improvement on the
	// part for early stopping; 0 means 5.
	Epochs, Patience int
	// Batch is the number of positives, or of questions for Marginal, in a step, from 1 to
	// 10,000; 0 means 32.
	Batch int
	// Rate is the length of the first steps, above 0; 0 means 0.03. After a pass without an
	// improvement training goes back to the best adapter so far, and on with steps of half
	// the length.
	Rate float64
	// HeldOut is the share of the questions that is not trained on, half of it for early
	// stopping and half for the test, in (0, 1); 0 means 0.4.
	HeldOut float64
	// Seed is what every random choice depends on.
	Seed uint64
	// Transfer, if set, is a model that is not trained for. Report.Transfer says what the
	// adapter does for it. It does not decide.
	Transfer Scorer
	// Note is kept in the card of the adapter, such as the names of the embedder and of
	// the source of preferences.
	Note string
	// Progress, if set, is called after each epoch by the goroutine that trains.
	Progress func(Epoch)

	marginal bool
}

// fill sets defaults for vectors of a dimension and checks ranges.
func (o *Options) fill(dim int) error {
	def := func(x *int, value int) {
		if *x == 0 {
			*x = value
		}
	}
	def(&o.Rank, min(64, dim))
	def(&o.Negatives, 7)
	def(&o.Depth, 50)
	def(&o.K, 10)
	def(&o.Epochs, 40)
	def(&o.Patience, 5)
	def(&o.Batch, 32)
	for _, f := range []struct {
		x     *float64
		value float64
	}{{&o.Temperature, 0.05}, {&o.Rate, 0.03}, {&o.HeldOut, 0.4}} {
		if *f.x == 0 {
			*f.x = f.value
		}
	}
	if o.Positives == "" {
		o.Positives = Union
	}
	bad := func(name string, value, want any) error {
		return fmt.Errorf("%w: %s is %v: want %v", ErrOption, name, value, want)
	}
	for _, c := range []struct {
		name       string
		value, max int
	}{
		{"Rank", o.Rank, dim}, {"Negatives", o.Negatives, 1000}, {"Depth", o.Depth, 10_000}, {"K", o.K, 10_000},
		{"Epochs", o.Epochs, 10_000}, {"Patience", o.Patience, 10_000}, {"Batch", o.Batch, 10_000},
	} {
		if c.value < 1 || c.value > c.max {
			return bad(c.name, c.value, fmt.Sprintf("1 to %d", c.max))
		}
	}
	switch {
	case !slices.Contains([]Positives{Union, Labeled, Preferred}, o.Positives):
		return bad("Positives", o.Positives, "union, labeled or preferred")
	case o.Transfer != nil && isnil.Value(o.Transfer):
		return bad("Transfer", "a nil pointer", "a scorer, or nothing")
	case o.Metric != hnsw.Cosine && o.Metric != hnsw.InnerProduct:
		return bad("Metric", o.Metric, "the cosine or the inner product")
	case !(o.Temperature > 0) || math.IsInf(o.Temperature, 0):
		return bad("Temperature", o.Temperature, "a finite number above 0")
	case !(o.Rate > 0) || math.IsInf(o.Rate, 0):
		return bad("Rate", o.Rate, "a finite number above 0")
	case !(o.HeldOut > 0 && o.HeldOut < 1):
		return bad("HeldOut", o.HeldOut, "a number between 0 and 1")
	}
	return nil
}

// Result is what training returns.
type Result struct {
	Adapter *Adapter
	Report  Report
}

// Report says what training measured. Equal input gives equal reports.
type Report struct {
	Positives Positives `json:"positives"`
	// Train, Stop and Test count the questions of the three parts, Groups those of the
	// test part that are apart from each other: they share no passage.
	Train  int `json:"train"`
	Stop   int `json:"stop"`
	Test   int `json:"test"`
	Groups int `json:"groups"`
	// Passages is the size of the collection that is searched.
	Passages int `json:"passages"`
	// Dropped counts the positives of training questions that were not trained on, because
	// a held-out question is measured by them.
	Dropped int     `json:"dropped"`
	Overlap Overlap `json:"overlap"`
	// Epochs are the passes that were made; Best is the number of the one whose adapter
	// was kept, 0 for none.
	Epochs []Epoch `json:"epochs"`
	Best   int     `json:"best"`
	// Figure is what decides: "mean reciprocal rank", or for Marginal "log-likelihood".
	Figure string `json:"figure"`
	// Before and After are the means on the test part.
	Before Figures `json:"before"`
	After  Figures `json:"after"`
	// Gain is the change of Figure, Labels that of the mean reciprocal rank and Recall that
	// of the recall at 5, on the test part, paired by question, with 95 % intervals over
	// groups. Labels and Recall are 0 without labels or preferences.
	Gain   metric.Interval `json:"gain"`
	Labels metric.Interval `json:"labels"`
	Recall metric.Interval `json:"recall"`
	// Transfer is nil without Options.Transfer.
	Transfer *Transferred `json:"transfer,omitempty"`
}

// worse reports whether the adapter finds what is labeled less well, beyond chance.
func (r *Report) worse() bool { return r.Labels.High < 0 }

// Figures are means over questions, of the labeled passages or, where there are none, the
// preferred ones. Recall5 and MRR10 are in [0, 1]: the share of these passages among the first
// 5, and 1 divided by the rank of the first of them, 0 behind rank 10.
type Figures struct {
	Recall5 float64 `json:"recall_at_5"`
	MRR10   float64 `json:"mrr_at_10"`
	// LogLikelihood is the mean ln Σ_z p(z|x) p(y|x,z), each with its best T; Marginal only.
	LogLikelihood float64 `json:"log_likelihood,omitempty"`
}

// Epoch is a pass over the examples.
type Epoch struct {
	Number int     `json:"number"` // from 1
	Loss   float64 `json:"loss"`
	// Figure is that of the report, on the part for early stopping.
	Figure float64 `json:"figure"`
}
