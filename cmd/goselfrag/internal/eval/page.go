package eval

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/chart"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/show"
)

//go:embed page.html
var pageText string

var pageTemplate = chart.Page(pageText)

// metrics are the primary metrics in the order of the columns.
var metrics = []string{"match", "f1"}

// page is what the template shows.
type page struct {
	First string
	Facts []chart.Fact
	Heads []string
	Rows  []tableRow
	Plots []chart.Plot
}

type tableRow struct {
	Name  string
	Cells []cell
}

type cell struct{ Value, Interval, Difference, Sign string }

func writePage(w io.Writer, r report) error {
	p := page{
		First: show.Clean(r.System), Facts: r.facts(), Plots: r.plots(),
		Heads: []string{"match", "F1", "words", "retrieved", "cited right", "gold cited", "abstention AUC", "calls", "prompt tokens", "tokens", "ms"},
	}
	for _, x := range r.rows {
		p.Rows = append(p.Rows, r.tableRow(x))
	}
	return pageTemplate.Execute(w, p)
}

func (r report) facts() []chart.Fact {
	list := []chart.Fact{
		{Name: "corpus", Value: fmt.Sprintf("%s, %d passages", r.cfg.source.Docs+r.cfg.source.Corpus, r.Passages)},
		{Name: "questions", Value: fmt.Sprintf("%s, %d questions about %d %s", r.cfg.source.Questions, r.Questions, r.Clusters, r.cfg.source.Units())},
		{Name: "model", Value: r.cfg.generator}, {Name: "embeddings", Value: r.cfg.embeddings}, {Name: "adapter", Value: r.cfg.adapter},
		{Name: "passages of a question", Value: strconv.Itoa(r.K)},
		{Name: "primary metric", Value: r.Metric},
		{Name: "verdict", Value: r.verdict()},
		{Name: "seed", Value: strconv.FormatUint(r.Seed, 10)},
	}
	for _, p := range r.cfg.pipelines {
		text := "the positive passages first"
		if p.Pipeline != nil {
			text = p.String()
		}
		list = append(list, chart.Fact{Name: "retrieval " + p.Name, Value: text})
	}
	if r.cfg.generator == "" {
		list = append(list, chart.Fact{Name: "caution", Value: "The embedded model quotes sentences: its figures say nothing about decoders."})
	}
	list = slices.DeleteFunc(list, func(f chart.Fact) bool { return f.Value == "" })
	for i, f := range list {
		list[i] = chart.Fact{Name: show.Clean(f.Name), Value: show.Clean(f.Value)}
	}
	return list
}

func (r report) verdict() string {
	switch {
	case r.Clusters < metric.MinClusters:
		return fmt.Sprintf("no difference is claimed: fewer than %d %s are asked about", metric.MinClusters, r.cfg.source.Units())
	case r.Verdict == nil:
		return ""
	}
	return r.Verdict.String()
}

func (r report) tableRow(x row) tableRow {
	n := float64(x.Questions)
	match := measuredCell(x.MatchInterval)
	cells := []cell{match, measuredCell(x.F1Interval)}
	if c := x.MinusFirst; c != nil {
		d := c.Simultaneous
		shown := &cells[slices.Index(metrics, r.Metric)]
		shown.Difference = fmt.Sprintf("%+.3f [%+.3f, %+.3f]", d.Value, d.Low, d.High)
		if c.Claim {
			shown.Sign = map[bool]string{true: "up", false: "down"}[d.Value > 0]
		}
	}
	for _, v := range []string{
		fmt.Sprintf("%.1f", x.MeanWords), fmt.Sprintf("%.3f", x.RetrievalRate), optional(x.CitationPrecision), optional(x.CitationRecall), optional(x.AbstentionAUC),
		fmt.Sprintf("%.1f", float64(x.ModelCalls)/n), fmt.Sprintf("%.0f", float64(x.PromptTokens)/n), fmt.Sprintf("%.1f", float64(x.GeneratedTokens)/n),
		fmt.Sprintf("%.1f", 1000*x.Seconds/n),
	} {
		cells = append(cells, cell{Value: v})
	}
	return tableRow{show.Clean(x.name), cells}
}

func measuredCell(i metric.Interval) cell {
	return cell{Value: fmt.Sprintf("%.3f", i.Value), Interval: fmt.Sprintf("[%.3f, %.3f]", i.Low, i.High)}
}

func (r report) plots() []chart.Plot {
	list := []chart.Plot{{
		Head: "Quality against cost", About: "Up and left is better. Bars are 95 % intervals.", Key: r.key(),
		Drawings: []*chart.Drawing{
			r.cost("model calls per question", func(f figures) float64 { return float64(f.ModelCalls) }),
			r.cost("generated tokens per question", func(f figures) float64 { return float64(f.GeneratedTokens) }),
		},
	}}
	if len(r.rows) > 1 {
		list = slices.Insert(list, 0, r.forest())
	}
	if r.Sensitivity != nil {
		list = append(list, r.Sensitivity.Plots(r.Metric)...)
	}
	if r.Critic != nil {
		list = append(list, calibration(r.Critic))
	}
	return list
}

func (r report) key() []chart.Entry {
	var list []chart.Entry
	for i, x := range r.rows {
		list = append(list, chart.Entry{Name: show.Clean(x.name), Class: chart.Class(i)})
	}
	return list
}

// quality is the primary figure with its interval.
func (r report) quality(f figures) metric.Interval {
	if r.Metric == "f1" {
		return f.F1Interval
	}
	return f.MatchInterval
}

// cost shows quality against what a question costs.
func (r report) cost(axis string, of func(figures) float64) *chart.Drawing {
	var dots []chart.Dot
	for i, x := range r.rows {
		dots = append(dots, chart.Dot{Name: show.Clean(x.name), Class: chart.Class(i), Cost: of(x.figures) / float64(x.Questions), Quality: r.quality(x.figures)})
	}
	return chart.Scatter(r.Metric, axis, dots)
}

func (r report) forest() chart.Plot {
	var rows []chart.Row
	for i, x := range r.rows[1:] {
		name := show.Clean(x.name)
		rows = append(rows, chart.Row{Name: name, Label: show.Shorten(name, 27), Class: chart.Class(i + 1), Difference: x.MinusFirst.Simultaneous})
	}
	first := show.Clean(r.System)
	return chart.Plot{
		Head: "Differences from " + first, About: "Paired differences with 95 % intervals that hold for all systems at once. Where an interval holds 0, these questions do not tell the two apart.",
		Drawings: []*chart.Drawing{chart.Forest(r.Metric, r.Metric+" minus that of "+first, rows)},
	}
}
