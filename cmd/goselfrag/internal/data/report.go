package data

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/training/check"
)

func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

func writeCounts(w io.Writer, r *check.Report) {
	t, by := table(w), "task"
	fmt.Fprintf(w, "%d records", r.Records)
	if len(r.Masks) > 0 { // generator data
		by = "data set"
		fmt.Fprintf(w, ", %d segments, %d of them a text alone, %d passages", r.Segments, r.Unjudged, r.Passages)
	}
	fmt.Fprintf(t, "\n\n%s\trecords\n", by)
	for _, name := range slices.Sorted(maps.Keys(r.Datasets)) {
		fmt.Fprintf(t, "%s\t%d\n", setName(name), r.Datasets[name])
	}
	fmt.Fprintf(t, "\ntoken\tcount\tof group\trecords\n")
	for _, token := range r.Tokens {
		share := "-"
		if token.Token.Group().Size() > 0 {
			share = fmt.Sprintf("%.3f", token.Share)
		}
		fmt.Fprintf(t, "%v\t%d\t%s\t%d\n", token.Token, token.Count, share, token.Records)
	}
	t.Flush()
}

// setName is the name of a data set in a table.
func setName(name string) string {
	if name == "" {
		return "(none)"
	}
	return show.Shorten(name, 40)
}

// writeLosses prints what shares have no loss.
func writeLosses(w io.Writer, r *check.Report) {
	if len(r.Masks) == 0 {
		return
	}
	t := table(w)
	fmt.Fprintf(t, "\nwithout loss under mask\tof sentences\tof tokens\tof marks\tof passages\trecords that lose\n")
	for _, l := range r.Masks {
		fmt.Fprintf(t, "%s", l.Mask)
		for _, p := range []check.Part{l.Sentences, l.Tokens, l.Marks, l.Passages} {
			fmt.Fprintf(t, "\t%.4f", p.Share())
		}
		fmt.Fprintf(t, "\t%d\n", l.Records)
	}
	t.Flush()
}

func writeFindings(w io.Writer, r *check.Report) {
	t := table(w)
	fmt.Fprintf(t, "\nfinding\tcount\n")
	for _, f := range r.Findings {
		fmt.Fprintf(t, "%s\t%d\n", f.Kind, f.Count)
	}
	t.Flush()
	for _, f := range r.Findings {
		if f.Count == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s:\n", f.Kind)
		for _, p := range f.Places {
			fmt.Fprintf(w, "  line %d%s\n", p.Line, detail(f.Kind, p))
		}
		if more := f.Count - len(f.Places); more > 0 {
			fmt.Fprintf(w, "  and %d more\n", more)
		}
	}
}

// detail says more of a place.
func detail(k check.Kind, p check.Place) string {
	text := ""
	switch {
	case k == check.Malformed:
		text = fmt.Sprintf(", byte %d of the output", p.Offset)
	case p.Of > 0 && (k == check.Overlap || k == check.NearOverlap):
		text = fmt.Sprintf(", line %d of the evaluation set", p.Of)
	case p.Of > 0:
		text = fmt.Sprintf(", as line %d", p.Of)
	}
	if p.Reason != "" {
		text += ": " + show.Shorten(command.Words(errors.New(p.Reason)), 120)
	}
	return text
}
