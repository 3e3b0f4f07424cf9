package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// point is one place on a curve of recall against queries per second.
type point struct {
	Lib     string  `json:"lib"`
	EF      int     `json:"ef"` // 0: all vectors are compared
	Recall  float64 `json:"recall"`
	QPS     float64 `json:"qps"` // median of the rounds
	BuildS  float64 `json:"build_s"`
	Bytes   int64   `json:"bytes"`
	Set     string  `json:"set"`
	N       int     `json:"n"`
	Dim     int     `json:"dim"`
	Metric  string  `json:"metric"`
	K       int     `json:"k"`
	Queries int     `json:"queries"`
	Rounds  int     `json:"rounds"`
	Workers int     `json:"workers"`
	Clock   string  `json:"clock"`
}

// figure is anything else that was measured.
type figure struct {
	Measure string  `json:"measure"`
	What    string  `json:"what"`
	Lib     string  `json:"lib"`
	Against string  `json:"against,omitempty"`
	Unit    string  `json:"unit"` // ratio, qps, s, bytes or share
	Value   float64 `json:"value"`
	Low     float64 `json:"low"` // of the rounds
	High    float64 `json:"high"`
	Note    string  `json:"note,omitempty"`
	Set     string  `json:"set"`
	N       int     `json:"n"`
}

// rounds is the figure of values measured in rounds, with their median.
func rounds(measure, what, lib, against, unit string, values []float64, note string) figure {
	return figure{
		Measure: measure, What: what, Lib: lib, Against: against, Unit: unit,
		Value: median(values), Low: slices.Min(values), High: slices.Max(values), Note: note,
	}
}

// exactly is a figure that was taken once.
func exactly(measure, what, lib, against, unit string, value float64, note string) figure {
	return figure{Measure: measure, What: what, Lib: lib, Against: against, Unit: unit, Value: value, Low: value, High: value, Note: note}
}

// output writes points and figures as JSON lines, or in columns, or as tables in
// Markdown.
type output struct {
	w              io.Writer
	json, markdown bool
	set            string
	n              int
	rows           [][]string // of the table begun, the first its head
}

func (o *output) point(p point) error {
	p.Clock = clock
	if o.json {
		return json.NewEncoder(o.w).Encode(p)
	}
	o.row("lib ef recall qps build_s MiB", p.Lib, p.EF, fmt.Sprintf("%.4f", p.Recall), fmt.Sprintf("%.0f", p.QPS), fmt.Sprintf("%.1f", p.BuildS), fmt.Sprintf("%.1f", mib(p.Bytes)))
	return nil
}

func (o *output) figure(f figure) error {
	f.Set, f.N = o.set, o.n
	if o.json {
		return json.NewEncoder(o.w).Encode(f)
	}
	show := map[string]string{"ratio": "%.2f", "qps": "%.0f", "s": "%.4f", "bytes": "%.0f", "share": "%.4f"}[f.Unit]
	spread := ""
	if f.Low != f.High {
		spread = fmt.Sprintf(show+" – "+show, f.Low, f.High)
	}
	o.row("measure lib against what value unit rounds note", f.Measure, f.Lib, f.Against, f.What, fmt.Sprintf(show, f.Value), f.Unit, spread, f.Note)
	return nil
}

// row adds to the table with that head; another head ends the table before.
func (o *output) row(head string, cells ...any) {
	names := strings.Fields(head)
	if len(o.rows) > 0 && len(o.rows[0]) != len(names) {
		o.flush()
	}
	if len(o.rows) == 0 {
		o.rows = append(o.rows, names)
	}
	var row []string
	for _, c := range cells {
		row = append(row, fmt.Sprint(c))
	}
	o.rows = append(o.rows, row)
}

// flush prints the table begun.
func (o *output) flush() error {
	defer func() { o.rows = nil }()
	if len(o.rows) == 0 {
		return nil
	}
	if o.markdown {
		for i, row := range o.rows {
			if _, err := fmt.Fprintf(o.w, "| %s |\n", strings.Join(row, " | ")); err != nil {
				return err
			}
			if i == 0 {
				fmt.Fprintln(o.w, strings.Repeat("| --- ", len(row))+"|")
			}
		}
		_, err := fmt.Fprintln(o.w)
		return err
	}
	t := tabwriter.NewWriter(o.w, 0, 0, 2, ' ', 0)
	for _, row := range o.rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	fmt.Fprintln(t)
	return t.Flush()
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
