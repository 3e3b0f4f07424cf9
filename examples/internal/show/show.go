// Package show prints answers and how they came about, for the example programs.
package show

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	terminal "golang.org/x/term"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Decision prints one decision on a line.
func Decision(w io.Writer, segment int, d selfrag.Decision) {
	fmt.Fprintf(w, "decision %d: %v", segment, d.Choice)
	if d.Dist.Group != reflection.NoGroup {
		for _, t := range d.Dist.Group.Tokens() {
			if p := d.Dist.Prob(t); p.Known == reflection.Exact {
				v, _ := p.Value()
				fmt.Fprintf(w, "  p(%s) = %.3f", strings.Trim(t.String(), "[]"), v)
			}
		}
	}
	fmt.Fprintf(w, "  (%s)\n", d.Reason)
	if d.Empty {
		fmt.Fprintln(w, "  no passage was found")
	}
}

// Candidates prints the candidates of an expansion as a table: the four terms of
// the score before weighting, the score of the path that ends with the candidate,
// what became of it, where its passage stands and what it says.
func Candidates(w io.Writer, e *selfrag.Expansion, chosen []int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  \tIsREL\tIsSUP\tIsUSE\tseq\tscore\t\tpassage\ttext")
	for i := range e.Candidates {
		c := &e.Candidates[i]
		mark := " "
		for _, n := range chosen {
			if n == c.Node {
				mark = ">"
			}
		}
		fmt.Fprintf(t, "%s %d\t%s\t%s\t%s\t%s\t%.3f\t%s\t%s\t%s\n", mark, c.Node,
			term(c.Terms.Relevance), term(c.Terms.Support), term(c.Terms.Utility), term(c.Terms.Sequence),
			c.PathScore, c.Status, passage(e, c), Shorten(cmp.Or(c.Text, c.Reason), 60))
	}
	_ = t.Flush() // errors of w show up where w is closed
}

// term prints a value, with a mark where it is not exact.
func term(t scoring.Term) string {
	switch t.Kind {
	case scoring.KindAbsent, scoring.KindOff:
		return "-"
	case scoring.KindExact:
		return fmt.Sprintf("%.3f", t.Value)
	}
	return fmt.Sprintf("%.3f?", t.Value)
}

func passage(e *selfrag.Expansion, c *selfrag.Candidate) string {
	if c.Passage < 0 {
		return "(" + c.Branch.String() + ")"
	}
	return Shorten(Title(e.Passages[c.Passage].Passage), 40)
}

// Title names a passage for people.
func Title(p retriever.Passage) string { return Clean(cmp.Or(p.Title, p.ID)) }

// Clean takes control characters out of s, all but line breaks and tabs, and those that
// turn the direction of text: text of documents must not steer the terminal.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// Shorten puts s on one line of at most n runes.
func Shorten(s string, n int) string {
	s = strings.Join(strings.Fields(Clean(s)), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// Run prints a whole answer: every decision, every table, and the answer.
func Run(w io.Writer, a *selfrag.Answer) {
	if a.Trace != nil {
		for _, e := range a.Trace.Expansions {
			Decision(w, e.Segment, e.Decision)
			if len(e.Candidates) > 0 {
				Candidates(w, e, a.Trace.Path)
			}
		}
	}
	Answer(w, a)
}

// Answer prints the answer and what should be known about it.
func Answer(w io.Writer, a *selfrag.Answer) {
	fmt.Fprintf(w, "answer: %s\n", Clean(a.String()))
	for _, s := range a.Segments {
		if s.Support != reflection.None {
			fmt.Fprintf(w, "  %v %s\n", s.Support, Shorten(s.Text, 70))
		}
	}
	if a.Abstained {
		fmt.Fprintln(w, "  (abstained: no passage is relevant enough)")
	} else if a.Stop != selfrag.StopEnd && a.Text != "" {
		fmt.Fprintf(w, "  (stopped: %s)\n", a.Stop)
	}
	for _, n := range a.Notes {
		fmt.Fprintf(w, "  note: %s\n", n)
	}
}

// Progress returns a function that shows how many of all are done: a bar on a terminal,
// else a line now and then.
func Progress(w io.Writer, name string, all int) func(done int) {
	if f, ok := w.(*os.File); ok && terminal.IsTerminal(int(f.Fd())) {
		bar := progressbar.NewOptions(all, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(Shorten(name, 40)),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
		return func(done int) { _ = bar.Set(done) } // a bar that cannot be drawn is no reason to stop
	}
	return func(done int) {
		if done%250 == 0 || done == all {
			fmt.Fprintf(w, "%s: %d of %d\n", Clean(name), done, all)
		}
	}
}
