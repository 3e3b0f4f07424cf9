package evalrun

import (
	"errors"
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// listed is how many questions of a part are shown on which two sides differ.
const listed = 20

// difference is a question on which two sides differ.
type difference struct {
	part                string
	left, right         string // names of the sides
	pair                run.Pair
	base, new           float64
	baseTrace, newTrace *selfrag.Trace // nil if it was not kept
}

// differ finds the questions on which the run and the baseline differ most, or without a
// baseline the first part of each set and the others.
func (r *report) differ(results, before *run.Results) error {
	var sides [][2]*run.PartResults
	old := results
	if before != nil {
		old = before
		sides = run.Common(before, results)
		r.differAbout = "The baseline is on the left."
	} else {
		r.differAbout = "The first part of each set is on the left."
		for _, x := range r.Rows {
			if x.first != "" {
				sides = append(sides, [2]*run.PartResults{results.Part(x.first), results.Part(x.Part)})
			}
		}
	}
	for _, s := range sides {
		pairs, _ := run.Pairs(s[0], s[1], r.Metric)
		chosen := run.Disagreements(pairs, r.Metric, listed)
		before, err := tracesOf(old, s[0].Name, chosen, func(p run.Pair) *run.Record { return p.Base })
		if err != nil {
			return err
		}
		after, err := tracesOf(results, s[1].Name, chosen, func(p run.Pair) *run.Record { return p.New })
		if err != nil {
			return err
		}
		left, right := s[0].Name, s[1].Name
		if old != results {
			left, right = "baseline, "+left, "run, "+right
		}
		for _, p := range chosen {
			r.differences = append(r.differences, difference{
				s[1].Name, left, right, p, p.Base.Scores[r.Metric], p.New.Scores[r.Metric], before[p.Base.ID], after[p.New.ID],
			})
		}
	}
	return nil
}

// tracesOf reads the traces of one side of pairs, by the id of the question. Of a run
// without traces there are none.
func tracesOf(results *run.Results, part string, pairs []run.Pair, side func(run.Pair) *run.Record) (map[string]*selfrag.Trace, error) {
	known := map[string]*selfrag.Trace{}
	if len(pairs) == 0 {
		return known, nil
	}
	chosen := func(r *run.Record) bool {
		return slices.ContainsFunc(pairs, func(p run.Pair) bool { return side(p).ID == r.ID })
	}
	for t, err := range results.Traces(part, chosen) {
		if errors.Is(err, run.ErrFile) && t.Record == nil && len(known) == 0 {
			return known, nil
		}
		if err != nil {
			return nil, err
		}
		known[t.Record.ID] = t.Trace
	}
	return known, nil
}

// traceView is a trace as the page shows it.
type traceView struct {
	Steps []stepView
}

// stepView is an expansion.
type stepView struct {
	Decision   string
	Candidates []candidateView
}

type candidateView struct {
	Passage, Text, Status         string
	Total, Rel, Sup, Use, Sequent string
	Won                           bool
}

func viewOf(t *selfrag.Trace) *traceView {
	if t == nil {
		return nil
	}
	v := &traceView{}
	for _, e := range t.Expansions {
		s := stepView{Decision: fmt.Sprintf("segment %d: %v", e.Segment, e.Decision.Choice)}
		if r := e.Decision.Ratio; r != nil {
			s.Decision += ", share of retrieval " + termText(*r)
		}
		if e.Decision.Reason != "" {
			s.Decision += ", " + show.Clean(e.Decision.Reason)
		}
		for i := range e.Candidates {
			c := &e.Candidates[i]
			x := candidateView{
				Text: show.Shorten(c.Text, 300), Status: string(c.Status), Won: slices.Contains(t.Path, c.Node),
				Total: termText(c.Terms.Total), Rel: termText(c.Terms.Relevance), Sup: termText(c.Terms.Support),
				Use: termText(c.Terms.Utility), Sequent: termText(c.Terms.Sequence),
			}
			if c.Passage >= 0 && c.Passage < len(e.Passages) {
				p := e.Passages[c.Passage].Passage
				x.Passage = show.Shorten(p.ID+" "+p.Title, 60)
			}
			s.Candidates = append(s.Candidates, x)
		}
		v.Steps = append(v.Steps, s)
	}
	return v
}

// termText writes a term; of one that was not judged there is no number.
func termText(t scoring.Term) string {
	switch {
	case t.Kind == scoring.KindOff || t.Kind == scoring.KindAbsent:
		return "–"
	case t.Exact():
		return fmt.Sprintf("%.3f", t.Value)
	}
	return fmt.Sprintf("%.3f to %.3f", t.Lo, t.Hi)
}
