package compare

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/chart"
	"github.com/goselfrag/goselfrag/internal/show"
)

//go:embed page.html
var pageText string

var pageTemplate = chart.Page(pageText)

// page is what the template shows.
type page struct {
	First         string
	Most          int
	Facts         []chart.Fact
	Pipelines     []chart.Fact
	Heads         []string
	Rows          []row
	Plots         []chart.Plot
	Disagreements []listed
}

type row struct {
	Name    string
	Missing int
	Cells   []cell
}

type cell struct{ Value, Interval, Difference, Between, Sign string }

type listed struct {
	Name string
	List []placed
}

type placed struct{ Rank, First, Question, ID string }

// writePage writes a report as a page of HTML.
func writePage(w io.Writer, r report) error {
	p := page{
		First: name(r.Systems[0]), Most: disagreements, Facts: r.facts(), Plots: r.plots(),
		Heads: slices.Concat(r.shown(), []string{"median ms", "p95 ms", "passages"}),
	}
	for _, s := range r.Systems {
		if known := (chart.Fact{Name: show.Clean(s.Name), Value: show.Clean(s.Pipeline)}); !slices.Contains(p.Pipelines, known) {
			p.Pipelines = append(p.Pipelines, known)
		}
		p.Rows = append(p.Rows, r.row(s))
		if len(s.Disagreements) == 0 {
			continue
		}
		l := listed{Name: name(s)}
		for _, d := range s.Disagreements {
			l.List = append(l.List, placed{rankText(d.Rank), rankText(d.First), show.Clean(d.Question), show.Clean(d.ID)})
		}
		p.Disagreements = append(p.Disagreements, l)
	}
	return pageTemplate.Execute(w, p)
}

func rankText(rank int) string {
	if rank == 0 {
		return "–"
	}
	return strconv.Itoa(rank)
}

// name is the name of a system as the page shows it.
func name(s system) string { return show.Clean(s.title) }

func (r report) facts() []chart.Fact {
	list := []chart.Fact{
		{Name: "corpus", Value: fmt.Sprintf("%s, %d passages", r.Corpus, r.Passages)},
		{Name: "questions", Value: fmt.Sprintf("%s, %d questions", r.File, r.Questions)},
		{Name: "model", Value: r.Generator}, {Name: "embeddings", Value: r.Embeddings}, {Name: "adapter", Value: r.Adapter},
		{Name: "joined by", Value: r.Join},
		{Name: "seed of the intervals", Value: strconv.FormatUint(r.Seed, 10)},
		{Name: "caution", Value: r.Caution},
	}
	if r.Overlap > 0 {
		list = append(list, chart.Fact{Name: "overlap", Value: fmt.Sprintf("%d words", r.Overlap)})
	}
	var known []chart.Fact
	for _, f := range list {
		if f.Value != "" {
			known = append(known, chart.Fact{Name: f.Name, Value: show.Clean(f.Value)})
		}
	}
	return known
}

func (r report) row(s system) row {
	x := row{Name: name(s), Missing: s.Missing}
	for _, n := range r.shown() {
		f := s.Figures[n]
		c := cell{Value: fmt.Sprintf("%.3f", f.Value), Interval: fmt.Sprintf("[%.3f, %.3f]", f.Low, f.High)}
		if d := f.MinusFirst; d != nil {
			c.Difference, c.Between = fmt.Sprintf("%+.3f", d.Value), fmt.Sprintf("[%+.3f, %+.3f]", d.Low, d.High)
			switch {
			case n == calls: // more is neither better nor worse
			case d.Low > 0:
				c.Sign = "up"
			case d.High < 0:
				c.Sign = "down"
			}
		}
		x.Cells = append(x.Cells, c)
	}
	for _, v := range []string{millis(s.MedianMillis), millis(s.P95Millis), strconv.Itoa(s.Passages)} {
		x.Cells = append(x.Cells, cell{Value: v})
	}
	return x
}
