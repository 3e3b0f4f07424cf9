package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/goselfrag/goselfrag/eval/metric"
)

// row is one figure with its 95 % interval, if it has one, and the difference
// to the engine.
type row struct {
	Part       string           `json:"part"`
	Name       string           `json:"name"`
	Value      float64          `json:"value"`
	Interval   *metric.Interval `json:"interval,omitempty"`
	Difference *metric.Interval `json:"engine_minus_this,omitempty"`
	N          int              `json:"n"`
}

type report struct {
	Rows []row `json:"rows"`
	seed uint64
	err  error
}

func newReport(all, transfer *figures, d *data, o options) (*report, error) {
	r := &report{seed: o.seed}
	for _, s := range d.sets {
		r.answers(s.name+", out of fold", all.outcomes[s.name])
	}
	for _, s := range d.sets {
		if len(d.sets) > 1 {
			r.answers(s.name+", left out", transfer.outcomes[s.name])
		}
	}
	for _, s := range d.sets {
		r.binary("IsREL, "+s.name+" top passages", *all.rel[s.name])
		r.calibration("IsREL, "+s.name+" top passages", *all.rel[s.name])
	}
	for _, s := range d.sets {
		r.binary("IsUSE, "+s.name+" quotes", *all.use[s.name])
		r.calibration("IsUSE, "+s.name+" quotes", *all.use[s.name])
	}
	for _, s := range d.sets {
		r.auc("abstention, "+s.name+" with and without the passages that answer", "AUC by P([Relevant])", *all.withheld[s.name])
		r.auc("abstention, "+s.name+" with and without the passages that answer", "AUC by words in common", *all.overlap[s.name])
		if len(d.sets) > 1 {
			r.auc("abstention, "+s.name+" with and without, left out", "AUC by P([Relevant])", *transfer.withheld[s.name])
		}
	}
	for _, s := range d.sets {
		r.classes("IsSUP, made-up claims of "+s.name, *all.support[s.name], 3)
		r.auc("IsSUP, "+s.name+", clean quotes against the same with a name or number swapped", "AUC of the support score", *all.swapped[s.name])
	}
	r.calibration("IsSUP, fully supported", all.supported)
	for _, name := range pairsBy {
		if p := all.pairs[name]; len(p.p) > 0 {
			r.auc("IsSUP, answer pairs (not fitted)", "AUC by "+name, *p)
		}
	}
	for _, name := range abstainBy {
		r.auc("abstention, own passage", "AUC by "+name, *all.abstain[name])
	}
	r.classes("what follows a segment", all.follow, 3)
	for _, kind := range slices.Sorted(maps.Keys(all.searched)) {
		n := all.searched[kind]
		r.add(row{Part: "retrieval, " + kind, Name: "share above the threshold 0.2", Value: float64(n.yes) / float64(n.all), N: n.all})
	}
	return r, r.err
}

func (r *report) add(x row) { r.Rows = append(r.Rows, x) }

func (r *report) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *report) answers(part string, outcomes []outcome) {
	values := map[string][]float64{}
	var groups []string
	var words []float64
	for _, o := range outcomes {
		groups = append(groups, o.group)
		words = append(words, o.words)
		for _, name := range systems {
			values[name] = append(values[name], o.match[name])
		}
	}
	b := metric.Bootstrap{Resamples: 2000, Seed: r.seed, Groups: groups}
	for _, name := range systems {
		mean, err := b.Mean(values[name])
		if err != nil {
			r.fail(err)
			return
		}
		x := row{Part: part, Name: name, Value: mean.Value, Interval: &mean, N: len(outcomes)}
		if name != engineFull {
			diff, err := b.Difference(values[engineFull], values[name])
			if err != nil {
				r.fail(err)
				return
			}
			x.Difference = &diff
		}
		r.add(x)
	}
	mean, err := metric.Mean(words)
	if err != nil {
		r.fail(err)
	}
	r.add(row{Part: part, Name: "mean words of the engine's answers", Value: mean, N: len(words)})
	r.add(row{Part: part, Name: "most words of an answer", Value: slices.Max(words), N: len(words)})
}

func (r *report) auc(part, name string, j judged) {
	auc, err := metric.AUC(j.p, j.was)
	if err != nil {
		r.fail(fmt.Errorf("%s: %w", part, err))
		return
	}
	r.add(row{Part: part, Name: name, Value: auc, N: len(j.p)})
}

func (r *report) binary(part string, j judged) {
	r.auc(part, "AUC", j)
	var c classed
	for i, p := range j.p {
		c.add(classOf(j.was[i]), classOf(p > 0.5))
	}
	r.classes(part, c, 2)
}

func (r *report) classes(part string, c classed, n int) {
	var names []int
	for k := range n {
		names = append(names, k)
	}
	m, err := metric.NewConfusion(names, c.truth, c.predicted)
	if err != nil {
		r.fail(fmt.Errorf("%s: %w", part, err))
		return
	}
	for _, x := range []struct {
		name  string
		value float64
	}{{"accuracy", m.Accuracy()}, {"accuracy of the majority class", m.Majority()}, {"balanced accuracy", m.BalancedAccuracy()}, {"macro-F1", m.MacroF1()}} {
		r.add(row{Part: part, Name: x.name, Value: x.value, N: len(c.truth)})
	}
}

func (r *report) calibration(part string, j judged) {
	ece, err := metric.CalibrationError(j.p, j.was, 10)
	if err != nil {
		r.fail(fmt.Errorf("%s: %w", part, err))
		return
	}
	r.add(row{Part: part, Name: "calibration error, 10 bins", Value: ece, N: len(j.p)})
}

func (r *report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	part := ""
	for _, x := range r.Rows {
		if x.Part != part {
			part = x.Part
			fmt.Fprintf(w, "\n%s (n = %d)\n", part, x.N)
		}
		fmt.Fprintf(w, "  %s\t%.3f", x.Name, x.Value)
		if x.Interval != nil {
			fmt.Fprintf(w, "\t[%.3f, %.3f]", x.Interval.Low, x.Interval.High)
		}
		if x.Difference != nil {
			fmt.Fprintf(w, "\tengine minus this %+.3f\t[%+.3f, %+.3f]", x.Difference.Value, x.Difference.Low, x.Difference.High)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
