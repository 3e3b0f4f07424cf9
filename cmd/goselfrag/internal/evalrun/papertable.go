package evalrun

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/eval/task"
	"github.com/goselfrag/goselfrag/internal/show"
)

// paperReport is the form of -json. Figures are in percent.
type paperReport struct {
	Task      string        `json:"task"`
	Settings  task.Settings `json:"settings"`
	Model     string        `json:"generator"`
	Questions int           `json:"questions"`
	Figures   []paperFigure `json:"figures"`
	Ablations []ablation    `json:"ablations"`
	Usage     budget.Usage  `json:"usage"`
	// Files are written for other scorers, in the folder of -out.
	Files []string `json:"files"`
}

// paperFigure is a metric of the full system. Measured is nil if it takes another scorer.
type paperFigure struct {
	Metric   task.Metric      `json:"metric"`
	Measured *metric.Interval `json:"measured,omitempty"`
	// Paper7B, Paper13B and Baseline are of Table 2; nil if the task is not in it.
	Paper7B  *float64 `json:"paper_7b,omitempty"`
	Paper13B *float64 `json:"paper_13b,omitempty"`
	Baseline *float64 `json:"paper_retrieval_llama2_ft_7b,omitempty"`
}

// ablation is a variant in the primary metric. Paper is of a model that was trained on a third
// of the data; nil if the paper does not have it.
type ablation struct {
	Variant  string             `json:"variant"`
	Measured *metric.Interval   `json:"measured,omitempty"`
	Minus    *metric.Comparison `json:"minus_full,omitempty"`
	Paper    *float64           `json:"paper_50k,omitempty"`
}

func (p *paperRun) report(w io.Writer, results *run.Results, files []string) error {
	r := paperReport{Task: p.task.Name, Settings: p.task.Settings, Model: p.url, Questions: len(p.questions), Usage: spent(results), Files: files}
	for _, m := range p.task.Metrics {
		f := paperFigure{Metric: m}
		var err error
		if f.Measured, err = percent(&results.Parts[0], m); err != nil {
			return err
		}
		if known, ok := table2Of(p.task, m); ok {
			f.Paper7B, f.Paper13B, f.Baseline = &known.small, &known.large, &known.baseline
		}
		r.Figures = append(r.Figures, f)
	}
	if err := p.ablate(&r, results); err != nil {
		return err
	}
	if p.json {
		return encode(w, r)
	}
	return p.print(w, r)
}

// percent is the mean of a metric with its interval; nil if it was not computed.
func percent(part *run.PartResults, m task.Metric) (*metric.Interval, error) {
	values, groups := scores(part, string(m))
	if len(values) == 0 {
		return nil, nil
	}
	for i := range values {
		values[i] *= 100
	}
	got, err := (metric.Bootstrap{Groups: groups}).Mean(values)
	return &got, err
}

// ablate compares the variants with the full system, all at once.
func (p *paperRun) ablate(r *paperReport, results *run.Results) error {
	primary := p.task.Metrics[0]
	full, groups := scores(&results.Parts[0], string(primary))
	var others [][]float64
	for i, v := range p.variants {
		a := ablation{Variant: v.name}
		if known, ok := v.paper[p.task.Name]; ok {
			a.Paper = &known
		}
		var err error
		if a.Measured, err = percent(&results.Parts[i], primary); err != nil {
			return err
		}
		r.Ablations = append(r.Ablations, a)
		values, _ := scores(&results.Parts[i], string(primary))
		others = append(others, values)
	}
	if len(full) == 0 || len(others) < 2 {
		return nil
	}
	got, err := (metric.Bootstrap{Groups: groups}).Compare(full, others[1:]...)
	if err != nil {
		return err
	}
	for i := range got.Systems {
		r.Ablations[i+1].Minus = &got.Systems[i]
	}
	return nil
}

func (p *paperRun) print(w io.Writer, r paperReport) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, settings of %s, %d questions, percent\n\n", r.Task, map[task.Settings]string{task.Paper: "the paper", task.Released: "the released scripts"}[r.Settings], r.Questions)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tmeasured [95 %]\tpaper 7B\tpaper 13B\tpaper, Llama2-FT 7B with retrieval")
	for _, f := range r.Figures {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", f.Metric, points(f.Measured), figure(f.Paper7B), figure(f.Paper13B), figure(f.Baseline))
	}
	if len(r.Ablations) > 1 {
		fmt.Fprintf(t, "\n%s\tmeasured [95 %%]\tminus full, all at once\tclaim\tpaper, trained on 50k\n", p.task.Metrics[0])
		for _, a := range r.Ablations {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", a.Variant, points(a.Measured), a.difference(), figure(a.Paper))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(&b)
	if r.Questions < metric.MinClusters {
		fmt.Fprintf(&b, "With %d questions intervals are too narrow, and nothing is claimed.\n", r.Questions)
	}
	if p.url == "" {
		fmt.Fprintln(&b, "The embedded model quotes sentences: its figures say nothing about the paper.")
	}
	fmt.Fprintln(&b, "The paper's figures are of selfrag_llama2_7b and selfrag_llama2_13b. They can be checked only with\none of these, on all questions of the released file, at a server with a GPU.")
	for _, f := range r.Figures {
		if f.Measured == nil {
			fmt.Fprintf(&b, "%s is not computed here: %s.\n", f.Metric, p.elsewhere(f.Metric))
		}
	}
	for _, name := range r.Files {
		fmt.Fprintf(&b, "wrote %s\n", show.Clean(filepath.Join(p.out, name)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// elsewhere says what computes a metric.
func (p *paperRun) elsewhere(m task.Metric) string {
	switch {
	case p.task.Layout == dataset.FactScore:
		return "give factscore.jsonl to FActScore"
	case m == task.MAUVE:
		return "give mauve.json, or alce.json to ALCE's eval.py with --mauve"
	}
	return "give alce.json to ALCE's eval.py with --citations"
}

func points(i *metric.Interval) string {
	if i == nil {
		return "not here"
	}
	return fmt.Sprintf("%.1f [%.1f, %.1f]", i.Value, i.Low, i.High)
}

func figure(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f", *v)
}

// difference is that from the full system, in percent, and what may be claimed.
func (a ablation) difference() string {
	if a.Minus == nil {
		return "\t"
	}
	d := a.Minus.Simultaneous
	claim := "none"
	if a.Minus.Claim {
		claim = map[bool]string{true: "better", false: "worse"}[d.Value > 0]
	}
	return fmt.Sprintf("%+.1f [%+.1f, %+.1f]\t%s", 100*d.Value, 100*d.Low, 100*d.High, claim)
}
