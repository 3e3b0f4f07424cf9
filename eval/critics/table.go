package critics

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/reflection"
)

// Published is what a paper reports of a critic.
type Published struct {
	Critic string
	// Accuracy is the share of agreement with the labels of GPT-4 on the paper's own held
	// out data, in [0, 1].
	Accuracy map[reflection.Group]float64
}

// PaperCritics returns the figures of the Self-RAG paper (arXiv 2310.11511) for its critic
// and for a smaller one. The labels are those of GPT-4 on questions, passages and answers
// that were not published. So the figures show an order of magnitude and are no target for
// other data.
func PaperCritics() []Published {
	of := func(retrieve, sup, rel, use float64) map[reflection.Group]float64 {
		return map[reflection.Group]float64{reflection.Retrieve: retrieve, reflection.IsSUP: sup, reflection.IsREL: rel, reflection.IsUSE: use}
	}
	return []Published{
		{"Llama2-7B", of(0.938, 0.935, 0.802, 0.735)},
		{"FLAN-3B", of(0.856, 0.731, 0.820, 0.721)},
	}
}

// WriteTable writes the report as a text in lines of at most 80 characters, beside the
// paper's figures of its critics.
func (r Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	accuracy := func(r *Rule) *float64 { return &r.Accuracy }
	balanced := func(r *Rule) *float64 { return &r.BalancedAccuracy }
	area := func(r *Rule) *float64 { return r.AUC }
	published := PaperCritics()
	fmt.Fprint(t, "\taccuracy [95 %]\tmajority\tlength\toverlap")
	for _, p := range published {
		fmt.Fprint(t, "\t", p.Critic)
	}
	fmt.Fprintln(t)
	for _, g := range r.Groups {
		if f := g.Figures; f != nil {
			fmt.Fprintf(t, "%v\t%s\t%s\t%s\t%s", g.Group, interval(f.Accuracy), rule(&f.Majority, accuracy), rule(f.Length, accuracy), rule(f.Overlap, accuracy))
		} else {
			fmt.Fprintf(t, "%v\t-\t-\t-\t-", g.Group)
		}
		for _, p := range published {
			fmt.Fprintf(t, "\t%.3f", p.Accuracy[g.Group])
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t, "\n\tjudged\tbalanced [95 %]\tmajority\tlength\toverlap")
	for _, g := range r.Groups {
		fmt.Fprintf(t, "%v\t%d/%d", g.Group, g.Judged, g.Pairs)
		if f := g.Figures; f != nil {
			fmt.Fprintf(t, "\t%s\t%s\t%s\t%s", interval(f.BalancedAccuracy), rule(&f.Majority, balanced), rule(f.Length, balanced), rule(f.Overlap, balanced))
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t, "\n\tAUC\tlength\toverlap\tmacro-F1\tcalibration\tlog loss")
	for _, g := range r.Groups {
		if f := g.Figures; f != nil {
			fmt.Fprintf(t, "%v\t%s\t%s\t%s\t%.3f\t%s\t%s\n", g.Group, optional(f.AUC), rule(f.Length, area), rule(f.Overlap, area),
				f.MacroF1.Value, optional(f.CalibrationError), optional(f.LogLoss))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	b.WriteString("\nThe last two columns of the first table are the accuracies of the critics of\n" +
		"arXiv 2310.11511 against GPT-4, on other data: an order of magnitude, no target.\n")
	for _, g := range r.Groups {
		if g.Judged < g.Pairs {
			fmt.Fprintf(&b, "%v: not judged, and in no figure: %d unknown, %d pending, %d absent,\n%d undecided.\n",
				g.Group, g.Missing.Unknown, g.Missing.Pending, g.Missing.Absent, g.Missing.Undecided)
		}
		if g.Figures != nil && g.Clusters < metric.MinClusters {
			fmt.Fprintf(&b, "%v: %d clusters are too few for a claim: want at least %d.\n", g.Group, g.Clusters, metric.MinClusters)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func interval(i metric.Interval) string {
	return fmt.Sprintf("%.3f [%.3f, %.3f]", i.Value, i.Low, i.High)
}

func rule(r *Rule, figure func(*Rule) *float64) string {
	if r == nil {
		return "-"
	}
	return optional(figure(r))
}

func optional(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f", *v)
}
