package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"

	"github.com/goselfrag/goselfrag/examples/internal/show"
)

// The page needs nothing but itself: no script, no font and no address of anything.
// Package html/template escapes whatever comes from data.
//
//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is what the template shows.
type page struct {
	First         string
	Most          int
	Facts         []fact
	Pipelines     []fact
	Heads         []string
	Rows          []row
	Plots         []plot
	Disagreements []listed
}

type fact struct{ Name, Value string }

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
		if known := (fact{show.Clean(s.Name), show.Clean(s.Pipeline)}); !slices.Contains(p.Pipelines, known) {
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

func (r report) facts() []fact {
	list := []fact{
		{"corpus", fmt.Sprintf("%s, %d passages", r.Corpus, r.Passages)},
		{"questions", fmt.Sprintf("%s, %d questions", r.File, r.Questions)},
		{"model", r.Generator}, {"embeddings", r.Embeddings},
		{"joined by", r.Join},
		{"seed of the intervals", strconv.FormatUint(r.Seed, 10)},
		{"caution", r.Caution},
	}
	if r.Overlap > 0 {
		list = append(list, fact{"overlap", fmt.Sprintf("%d words", r.Overlap)})
	}
	var known []fact
	for _, f := range list {
		if f.Value != "" {
			known = append(known, fact{f.Name, show.Clean(f.Value)})
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
