package evalrun

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/chart"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/internal/show"
)

//go:embed page.html
var pageText string

var pageTemplate = chart.Page(pageText)

// page is what the template shows.
type page struct {
	Facts       []chart.Fact
	Metric      string
	Heads       []string
	Rows        []pageRow
	Verdicts    []string
	Plots       []chart.Plot
	About       string
	Differences []pageDifference
}

type pageRow struct {
	Name  string
	Cells []cell
}

type cell struct{ Value, Interval, Difference, Sign string }

type pageDifference struct {
	Part, ID, Question string
	Sides              []pageSide
}

type pageSide struct {
	Name, Score, Answer, Cited string
	Trace                      *traceView
}

// columns are the scores of the table besides the primary one.
var columns = []string{"match", "f1", "words", "citation_precision", "citation_recall", "abstained_wrong", "abstained_right"}

func writePage(w io.Writer, r *report) error {
	p := page{Metric: r.Metric, Plots: r.plots(), About: r.differAbout}
	for _, f := range r.facts {
		if f.value != "" {
			p.Facts = append(p.Facts, chart.Fact{Name: show.Clean(f.name), Value: show.Clean(f.value)})
		}
	}
	for _, c := range r.cautions() {
		p.Facts = append(p.Facts, chart.Fact{Name: "caution", Value: c})
	}
	names := append([]string{r.Metric}, slices.DeleteFunc(slices.Clone(columns), func(n string) bool {
		// A column that no part has would only take room.
		return n == r.Metric || !slices.ContainsFunc(r.Rows, func(x row) bool { _, ok := x.Scores[n]; return ok })
	})...)
	for _, n := range names {
		p.Heads = append(p.Heads, strings.ReplaceAll(n, "_", " "))
	}
	p.Heads = append(p.Heads, "retrieved", "calls", "prompt tokens", "tokens", "cost", "median ms")
	for _, x := range r.Rows {
		p.Rows = append(p.Rows, x.page(r.Metric, names))
	}
	for _, c := range r.Baseline {
		p.Verdicts = append(p.Verdicts, show.Clean(c.String()))
	}
	for _, d := range r.differences {
		p.Differences = append(p.Differences, d.page())
	}
	return pageTemplate.Execute(w, p)
}

func (x row) page(primary string, names []string) pageRow {
	p := pageRow{Name: show.Clean(x.Part)}
	n := float64(x.Questions)
	for _, name := range names {
		i, ok := x.Scores[name]
		if !ok {
			p.Cells = append(p.Cells, cell{Value: "–"})
			continue
		}
		digits := 3
		if name == "words" {
			digits = 1
		}
		c := cell{Value: fmt.Sprintf("%.*f", digits, i.Value), Interval: fmt.Sprintf("[%.*f, %.*f]", digits, i.Low, digits, i.High)}
		if name == primary && x.MinusFirst != nil {
			d := x.MinusFirst.Simultaneous
			c.Difference = fmt.Sprintf("%+.3f [%+.3f, %+.3f]", d.Value, d.Low, d.High)
			if x.MinusFirst.Claim {
				c.Sign = map[bool]string{true: "up", false: "down"}[d.Value > 0]
			}
		}
		p.Cells = append(p.Cells, c)
	}
	ms := "–"
	if x.MedianSeconds != nil {
		ms = fmt.Sprintf("%.1f", 1000**x.MedianSeconds)
	}
	rate := x.RetrievalRate
	p.Cells = append(p.Cells, cell{Value: fmt.Sprintf("%.3f", rate.Value), Interval: fmt.Sprintf("[%.3f, %.3f]", rate.Low, rate.High)})
	for _, v := range []string{
		fmt.Sprintf("%.1f", float64(x.Usage.Calls)/n), fmt.Sprintf("%.0f", float64(x.Usage.PromptTokens)/n), fmt.Sprintf("%.1f", float64(x.Usage.GeneratedTokens)/n), money(x.Cost), ms,
	} {
		p.Cells = append(p.Cells, cell{Value: v})
	}
	return p
}

func (d difference) page() pageDifference {
	side := func(name string, score float64, rec *run.Record, t *traceView) pageSide {
		return pageSide{name, fmt.Sprintf("%.3f", score), show.Clean(rec.Answer), show.Clean(strings.Join(rec.Cited, ", ")), t}
	}
	return pageDifference{
		Part: show.Clean(d.part), ID: show.Clean(d.pair.New.ID), Question: show.Clean(d.pair.New.Question),
		Sides: []pageSide{
			side(show.Clean(d.left), d.base, d.pair.Base, viewOf(d.baseTrace)),
			side(show.Clean(d.right), d.new, d.pair.New, viewOf(d.newTrace)),
		},
	}
}

// facts say what was run.
func (b *built) facts(results *run.Results) []fact {
	f := b.file
	list := []fact{{"run file", f.name}, {"results", results.Dir}, {"passages", fmt.Sprint(b.passages)}, {"primary metric", f.Metric}}
	for _, s := range f.Sets {
		list = append(list, fact{"set " + s.Name, s.Docs + s.Corpus + ", " + s.Questions})
	}
	for _, m := range f.Models {
		text := m.URL
		if text == "" {
			text = "embedded, which quotes sentences: its figures say nothing about decoders"
		}
		list = append(list, fact{"model " + m.Name, text})
	}
	for _, p := range b.settings.Retrieval {
		list = append(list, fact{"retrieval", p})
	}
	return append(list, fact{"embeddings", f.Embeddings}, fact{"passages of a question", fmt.Sprint(f.K)}, fact{"seed", fmt.Sprint(f.Seed)})
}

// calibration compares the relevance of answers with how often they match.
type calibration struct {
	row    int // of the part
	bins   []metric.Bin
	shares []metric.Interval // of the bins
	error  float64
	n      int
}

// calibrate adds the diagram of a part, if relevance was judged for at least as many answers
// as a claim needs.
func (r *report) calibrate(p *run.PartResults) error {
	const bins = 10
	var probabilities []float64
	var right []bool
	var values [bins][]float64
	var groups [bins][]string
	for _, rec := range p.Records {
		c := rec.Confidence
		if c == nil || !(*c >= 0 && *c <= 1) {
			continue
		}
		match := rec.Scores["match"]
		probabilities, right = append(probabilities, *c), append(right, match == 1)
		b := min(int(*c*bins), bins-1)
		values[b], groups[b] = append(values[b], match), append(groups[b], rec.Group)
	}
	if len(probabilities) < metric.MinClusters {
		return nil
	}
	c := calibration{row: len(r.Rows) - 1, n: len(right)}
	var err error
	if c.bins, err = metric.Reliability(probabilities, right, bins); err != nil {
		return err
	}
	if c.error, err = metric.CalibrationError(probabilities, right, bins); err != nil {
		return err
	}
	for b := range values {
		if len(values[b]) == 0 {
			continue
		}
		share, err := (metric.Bootstrap{Seed: r.Seed, Groups: groups[b]}).Mean(values[b])
		if err != nil {
			return err
		}
		c.shares = append(c.shares, share)
	}
	r.calibrations = append(r.calibrations, c)
	return nil
}
