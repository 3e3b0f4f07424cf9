// Package show prints answers and how they came about, for the programs.
package show

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Answer prints the answer, its sources and the model's judgments of them, in lines of at
// most width columns.
func Answer(w io.Writer, a *selfrag.Answer, width int) {
	if a.Text == "" {
		fmt.Fprintf(w, "(no answer: %s)\n", a.Stop)
	} else {
		fmt.Fprintln(w, Wrap(a.Cited(), width, 0))
	}
	if len(a.Citations) > 0 {
		fmt.Fprintln(w)
	}
	for _, c := range a.Citations {
		fmt.Fprintln(w, Wrap(c.String(), width, 4))
	}
	judgments(w, a, width)
	for _, remark := range remarks(a) {
		fmt.Fprintln(w, Wrap("("+remark+")", width, 1))
	}
}

// Legend explains the columns of judgments. Without it a reader may take the support of a
// passage for the correctness of the answer.
func Legend(w io.Writer, width int) {
	fmt.Fprintln(w, Wrap("IsREL: the passage bears on the question (0 to 1). IsSUP: the passage says this, whether or not it answers. IsUSE: this answers the question (-1 to 1).", width, 0))
}

// judgments prints what was judged of each segment; see [Legend].
func judgments(w io.Writer, a *selfrag.Answer, width int) {
	quotes := a.Trace != nil && a.Trace.Model.Quotes
	rows := [][]string{{"", "IsREL", "IsSUP", "IsUSE", ""}}
	for _, s := range a.Segments {
		row := []string{"", term(s.Terms.Relevance), support(s.Support, quotes), term(s.Terms.Utility), ""}
		if !slices.ContainsFunc(row[1:4], func(cell string) bool { return cell != "-" }) {
			continue // nothing was judged
		}
		for _, n := range s.Citations {
			row[0] += fmt.Sprintf("[%d]", n)
		}
		if len(a.Segments) > 1 {
			row[4] = s.Text
		}
		rows = append(rows, row)
	}
	if len(rows) == 1 {
		return
	}
	fmt.Fprintln(w, "\njudged by the model:")
	table(w, rows, width)
}

// support says in a word how far a passage supports a segment.
func support(t reflection.Token, quotes bool) string {
	switch {
	case t == reflection.FullySupported && quotes:
		return "quoted"
	case t == reflection.FullySupported:
		return "yes"
	case t == reflection.PartiallySupported:
		return "partly"
	case t == reflection.NoSupport:
		return "no"
	}
	return "-"
}

// remarks are what else should be known about an answer.
func remarks(a *selfrag.Answer) []string {
	var list []string
	retrieved := a.Decision.Choice == scoring.ChooseRetrieval
	switch {
	case a.Abstained && a.Decision.Empty:
		list = append(list, "abstained: no passage was found")
	case a.Abstained && !retrieved:
		list = append(list, "abstained")
	case a.Abstained:
		list = append(list, "abstained: no passage is relevant enough"+nearest(a))
	case a.Stop != selfrag.StopEnd && a.Text != "":
		list = append(list, "stopped: "+string(a.Stop))
	}
	if !retrieved && a.Decision.Reason != "" {
		list = append(list, "no passage was looked for: "+Clean(a.Decision.Reason))
	} else if a.Decision.Empty && !a.Abstained {
		list = append(list, "no passage was found")
	}
	for _, n := range a.Notes {
		list = append(list, Clean(n))
	}
	return list
}

// nearest says how relevant the best passage was for an answer that is an abstention.
func nearest(a *selfrag.Answer) string {
	if a.Trace == nil || a.Trace.Settings.Abstention == nil {
		return ""
	}
	best := -1.0
	for _, e := range a.Trace.Expansions {
		for i := range e.Candidates {
			if c := &e.Candidates[i]; c.Passage >= 0 && c.Terms.Relevance.Kind == scoring.KindExact {
				best = max(best, c.Terms.Relevance.Value)
			}
		}
	}
	if best < 0 {
		return ""
	}
	return fmt.Sprintf(": the best has an IsREL of %.2f, and %.2f is wanted", best, a.Trace.Settings.Abstention.Below)
}

// Details prints how an answer came about, in lines of at most width columns: every
// decision, and the candidates with the terms of their scores.
func Details(w io.Writer, a *selfrag.Answer, width int) {
	if a.Trace == nil {
		return
	}
	for _, e := range a.Trace.Expansions {
		decision(w, e.Segment, e.Decision, width)
		if len(e.Candidates) > 0 {
			candidates(w, e, a.Trace.Path, width)
		}
	}
	fmt.Fprintln(w, Wrap("Each judgment and seq, for the probability of the text, is a term of the score before weighting; > is in the answer.", width, 0))
}

func decision(w io.Writer, segment int, d selfrag.Decision, width int) {
	text := fmt.Sprintf("decision %d: %v (%s)", segment, d.Choice, d.Reason)
	if d.Dist.Group != reflection.NoGroup {
		for _, t := range d.Dist.Group.Tokens() {
			if p := d.Dist.Prob(t); p.Known == reflection.Exact {
				v, _ := p.Value()
				text += fmt.Sprintf(", p(%s) = %.3f", strings.Trim(t.String(), "[]"), v)
			}
		}
	}
	if d.Empty {
		text += ", no passage was found"
	}
	fmt.Fprintln(w, Wrap(text, width, 2))
}

// candidates prints a table: the four terms of the score before weighting, the score of
// the path that ends with the candidate, what became of it, its passage and its text.
func candidates(w io.Writer, e *selfrag.Expansion, chosen []int, width int) {
	rows := [][]string{{"", "IsREL", "IsSUP", "IsUSE", "seq", "score", "", "passage", "text"}}
	for i := range e.Candidates {
		c := &e.Candidates[i]
		mark := " "
		if slices.Contains(chosen, c.Node) {
			mark = ">"
		}
		rows = append(rows, []string{
			fmt.Sprintf("%s %d", mark, c.Node), term(c.Terms.Relevance), term(c.Terms.Support), term(c.Terms.Utility), term(c.Terms.Sequence),
			fmt.Sprintf("%.3f", c.PathScore), string(c.Status), passage(e, c, max((width-50)/2, 10)), cmp.Or(c.Text, c.Reason),
		})
	}
	table(w, rows, width)
}

// term prints a value, with a mark where it is not exact.
func term(t scoring.Term) string {
	switch t.Kind {
	case scoring.KindAbsent, scoring.KindOff, scoring.KindUnknown:
		return "-"
	case scoring.KindExact:
		return fmt.Sprintf("%.2f", t.Value)
	}
	return fmt.Sprintf("%.2f?", t.Value)
}

func passage(e *selfrag.Expansion, c *selfrag.Candidate, width int) string {
	if c.Passage < 0 {
		return "(" + c.Branch.String() + ")"
	}
	return Shorten(Title(e.Passages[c.Passage].Passage), width)
}

// Title names a passage for people.
func Title(p retriever.Passage) string { return Clean(cmp.Or(p.Title, p.ID)) }
