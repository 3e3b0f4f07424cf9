package evalrun

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/eval"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/generator/record"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// report is the form of -json.
type report struct {
	Metric string `json:"metric"`
	Seed   uint64 `json:"seed"`
	Rows   []row  `json:"parts"`
	Costs  []cost `json:"models"`
	// Calls says how many calls were replayed, nil if no model is at a server.
	Calls *record.Counts `json:"calls,omitempty"`
	// Baseline is nil without -baseline.
	Baseline []run.Comparison `json:"baseline,omitempty"`
	Sweeps   []sweep          `json:"sweeps,omitempty"`
	// Sensitivity is nil unless the file asks for it.
	Sensitivity *eval.CriticErrors `json:"sensitivity,omitempty"`

	facts        []fact
	differences  []difference
	differAbout  string
	calibrations []calibration
}

type fact struct{ name, value string }

// row is a part.
type row struct {
	Part      string `json:"part"`
	Set       string `json:"set"`
	Questions int    `json:"questions"`
	Groups    int    `json:"groups"`
	// Scores are means with 95 % intervals. A score that is defined for no question is
	// missing.
	Scores        map[string]metric.Interval `json:"scores"`
	RetrievalRate metric.Interval            `json:"retrieval_rate"`
	// MinusFirst is the difference in the primary metric from the first part on the same
	// set, with an interval that holds for all parts of the run at once; nil for that part.
	MinusFirst *metric.Comparison `json:"minus_first,omitempty"`
	Usage      budget.Usage       `json:"usage"`
	// Cost is that of Usage; nil if it is not known.
	Cost *float64 `json:"cost,omitempty"`
	// MedianSeconds is nil if no time is known.
	MedianSeconds *float64 `json:"median_seconds,omitempty"`

	first string
	units string
}

// cost is what a model was asked in this process, and what that costs.
type cost struct {
	Model string       `json:"model"`
	Usage budget.Usage `json:"usage"`
	Cost  *float64     `json:"cost,omitempty"`
}

// report makes the figures.
func (b *built) report(ctx context.Context, results, before *run.Results, stderr io.Writer) (*report, error) {
	f := b.file
	r := &report{Metric: f.Metric, Seed: f.Seed, facts: b.facts(results)}
	for i, p := range b.parts {
		if p.extra {
			continue
		}
		x, err := rowOf(&results.Parts[i], p, f.Seed)
		if err != nil {
			return nil, err
		}
		r.Rows = append(r.Rows, x)
		if err := r.calibrate(&results.Parts[i]); err != nil {
			return nil, err
		}
	}
	if err := r.compare(results, f.Seed); err != nil {
		return nil, err
	}
	for _, m := range b.models {
		if m.URL == "" {
			continue // what runs in the process is not asked of anyone
		}
		c := cost{Model: m.Name, Usage: m.meter.Usage()}
		c.Cost = priced(m.prices(), c.Usage)
		r.Costs = append(r.Costs, c)
	}
	if b.tape != nil {
		counts := b.tape.Counts()
		r.Calls = &counts
	}
	var err error
	if before != nil {
		if r.Baseline, err = run.Compare(before, results, run.CompareOptions{Metrics: []string{f.Metric}, Seed: f.Seed}); err != nil {
			return nil, fmt.Errorf("-baseline: %w", err)
		}
	}
	if err := r.differ(results, before); err != nil {
		return nil, err
	}
	if err := r.sweep(ctx, b, results, stderr); err != nil {
		return nil, err
	}
	if f.Sensitivity {
		r.Sensitivity, err = b.sensitivity(ctx, results, stderr)
	}
	return r, err
}

func priced(p run.Prices, u budget.Usage) *float64 {
	if v, known := p.Of(u); known {
		return &v
	}
	return nil
}

func rowOf(p *run.PartResults, of part, seed uint64) (row, error) {
	x := row{Part: p.Name, Set: of.set, Questions: len(p.Records), Scores: map[string]metric.Interval{}, Usage: p.Usage(), units: of.units}
	x.Cost = priced(of.model.prices(), x.Usage)
	var groups []string
	var retrieved, seconds []float64
	names := map[string]bool{}
	for _, rec := range p.Records {
		groups = append(groups, rec.Group)
		retrieved = append(retrieved, map[bool]float64{true: 1}[rec.Retrieved])
		if rec.Seconds > 0 {
			seconds = append(seconds, rec.Seconds)
		}
		for name := range rec.Scores {
			names[name] = true
		}
	}
	x.Groups = len(slices.Compact(slices.Sorted(slices.Values(groups))))
	var err error
	if x.RetrievalRate, err = (metric.Bootstrap{Seed: seed, Groups: groups}).Mean(retrieved); err != nil {
		return x, err
	}
	for name := range names {
		values, groups := scores(p, name)
		if x.Scores[name], err = (metric.Bootstrap{Seed: seed, Groups: groups}).Mean(values); err != nil {
			return x, err
		}
	}
	if len(seconds) > 0 {
		median, err := metric.Quantile(seconds, 0.5)
		if err != nil {
			return x, err
		}
		x.MedianSeconds = &median
	}
	return x, nil
}

// scores returns a score of the questions that have it, and their groups.
func scores(p *run.PartResults, name string) (values []float64, groups []string) {
	for _, rec := range p.Records {
		if v, ok := rec.Scores[name]; ok {
			values, groups = append(values, v), append(groups, rec.Group)
		}
	}
	return values, groups
}

// compare puts the differences from the first part of each set into the rows. With several
// sets each gets its share of what may go wrong.
func (r *report) compare(results *run.Results, seed uint64) error {
	bySet := map[string][]int{}
	for i, x := range r.Rows {
		bySet[x.Set] = append(bySet[x.Set], i)
	}
	for _, rows := range bySet {
		base, groups := scores(results.Part(r.Rows[rows[0]].Part), r.Metric)
		if len(rows) < 2 || len(base) == 0 {
			continue
		}
		var others [][]float64
		for _, i := range rows[1:] {
			values, _ := scores(results.Part(r.Rows[i].Part), r.Metric)
			others = append(others, values)
		}
		got, err := (metric.Bootstrap{Seed: seed, Groups: groups, Level: 1 - 0.05/float64(len(bySet))}).Compare(base, others...)
		if err != nil {
			return err
		}
		for j, i := range rows[1:] {
			r.Rows[i].MinusFirst, r.Rows[i].first = &got.Systems[j], r.Rows[rows[0]].Part
		}
	}
	return nil
}

// sweep is one setting at several values.
type sweep struct {
	Part    string      `json:"part"`
	Setting string      `json:"setting"`
	Values  []float64   `json:"values"`
	Points  []run.Point `json:"points"`
}

// sweep answers again from the traces, for each setting of the file.
func (r *report) sweep(ctx context.Context, b *built, results *run.Results, stderr io.Writer) error {
	for _, p := range b.parts {
		if !p.extra || len(b.file.Sweep) == 0 {
			continue
		}
		set, end := progress.Bar(stderr, "sweep")
		var settings []run.Setting
		for _, name := range sweeps {
			for _, v := range b.file.Sweep[name] {
				settings = append(settings, setting(name, v))
			}
		}
		points, err := results.Sweep(ctx, p.Name, p.Questions, settings, run.SweepOptions{
			Score: p.Score, Metrics: slices.Compact([]string{r.Metric, "citation_precision"}), Seed: r.Seed, Progress: set,
		})
		end()
		if err != nil {
			return err
		}
		for _, name := range sweeps {
			if values := b.file.Sweep[name]; len(values) > 0 {
				r.Sweeps = append(r.Sweeps, sweep{p.Name, name, values, points[:len(values)]})
				points = points[len(values):]
			}
		}
	}
	return nil
}

// setting is a point of a sweep.
func setting(name string, v float64) run.Setting {
	s := run.Setting{Name: fmt.Sprintf("%s %v", name, v)}
	w := scoring.DefaultWeights()
	switch name {
	case "threshold":
		s.Options = []selfrag.Option{selfrag.WithThreshold(v)}
		return s
	case "support":
		w.Support = v
	case "relevance":
		w.Relevance = v
	case "utility":
		w.Utility = v
	case "sequence":
		w.Sequence = v
	}
	s.Options = []selfrag.Option{selfrag.WithWeights(w)}
	return s
}

// sensitivity measures what errors of the critic cost, on the first part with full traces.
func (b *built) sensitivity(ctx context.Context, results *run.Results, stderr io.Writer) (*eval.CriticErrors, error) {
	at := slices.IndexFunc(b.parts, func(p part) bool { return p.extra })
	p := b.parts[at]
	var list, gold []sensitivity.Question
	golds := map[string][]string{}
	i := 0
	for t, err := range results.Traces(p.Name, nil) {
		if err != nil {
			return nil, err
		}
		q := p.Questions[i]
		i++
		s := sensitivity.Question{ID: q.ID, Trace: t.Trace, Group: t.Record.Group, Gold: p.gold(q)}
		list = append(list, s)
		if len(q.Positive) > 0 {
			gold = append(gold, s)
		}
		golds[q.ID] = q.Answers
	}
	figure := "match"
	if b.file.Metric == "f1" {
		figure = "f1"
	}
	return eval.MeasureErrors(ctx, list, gold, golds, figure, b.file.Seed, stderr)
}

// print writes the report for people, or for programs.
func (r *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return encode(w, r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\tn\t%s [95 %%]\tagainst the first, all at once\tclaim\n", r.Metric)
	for _, x := range r.Rows {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", show.Clean(x.Part), x.Questions, interval(x.Scores, r.Metric), differenceCells(x))
	}
	fmt.Fprintln(t, "\n\tF1\tretrieved\tcited right\tcalls\tprompt\ttokens\tcost\tms")
	for _, x := range r.Rows {
		ms := "-"
		if x.MedianSeconds != nil {
			ms = fmt.Sprintf("%.1f", 1000**x.MedianSeconds)
		}
		fmt.Fprintf(t, "%s\t%s\t%.3f\t%s\t%d\t%d\t%d\t%s\t%s\n", show.Clean(x.Part), value(x.Scores, "f1"), x.RetrievalRate.Value, value(x.Scores, "citation_precision"),
			x.Usage.Calls, x.Usage.PromptTokens, x.Usage.GeneratedTokens, money(x.Cost), ms)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	lines := r.cautions()
	for _, s := range r.Sweeps {
		lines = append(lines, s.lines(r.Metric)...)
	}
	for _, c := range r.Costs {
		lines = append(lines, fmt.Sprintf("asked of %s now: %d calls, %d prompt tokens, %d generated, cost %s", show.Clean(c.Model), c.Usage.Calls, c.Usage.PromptTokens, c.Usage.GeneratedTokens, money(c.Cost)))
	}
	if r.Calls != nil {
		lines = append(lines, fmt.Sprintf("%d calls were replayed from the recording", r.Calls.Replayed))
	}
	for _, c := range r.Baseline {
		lines = append(lines, show.Clean(c.String()))
	}
	_, err := io.WriteString(w, "\n"+strings.Join(lines, "\n")+"\n")
	return err
}

// cautions says for which sets there are too few questions.
func (r *report) cautions() (list []string) {
	for _, x := range r.Rows {
		if x.Groups < metric.MinClusters && x.first == "" {
			list = append(list, fmt.Sprintf("only %d different %s of the set %s are asked about: intervals are too narrow, and no difference is claimed", x.Groups, x.units, show.Clean(x.Set)))
		}
	}
	return list
}

func differenceCells(x row) string {
	if x.MinusFirst == nil {
		return "\t"
	}
	d := x.MinusFirst.Simultaneous
	claim := "none"
	if x.MinusFirst.Claim {
		claim = map[bool]string{true: "better", false: "worse"}[d.Value > 0]
	}
	return fmt.Sprintf("%+.3f [%+.3f, %+.3f]\t%s", d.Value, d.Low, d.High, claim)
}

func (s sweep) lines(name string) []string {
	list := []string{fmt.Sprintf("%s of %s: %s, retrieved, cited right", s.Setting, show.Clean(s.Part), name)}
	for i, p := range s.Points {
		unknown := ""
		if p.Unknown > 0 {
			unknown = fmt.Sprintf(", %d questions unknown", p.Unknown)
		}
		list = append(list, fmt.Sprintf("  %v: %s, %.3f, %s%s", s.Values[i], interval(p.Scores, name), p.RetrievalRate.Value, value(p.Scores, "citation_precision"), unknown))
	}
	return append(list, "")
}

func interval(scores map[string]metric.Interval, name string) string {
	i, ok := scores[name]
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.3f [%.3f, %.3f]", i.Value, i.Low, i.High)
}

func value(scores map[string]metric.Interval, name string) string {
	i, ok := scores[name]
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.3f", i.Value)
}

// money writes a cost, which is never 0 because it is not known.
func money(c *float64) string {
	if c == nil {
		return "unknown"
	}
	return fmt.Sprintf("%.4g", *c)
}
