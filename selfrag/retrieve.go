package selfrag

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
)

// retrieveAll is the second wave.
func (l *live) retrieveAll(ctx context.Context, paths []*path, expansions []*Expansion) {
	var want []int
	for i, e := range expansions {
		if e.stop == "" && (e.Decision.Choice == scoring.ChooseRetrieval || l.settings.trace == TraceFull) {
			want = append(want, i)
		}
	}
	if l.fixed {
		l.retrieveOnce(ctx, expansions, want)
	} else {
		l.retrieveEach(ctx, paths, expansions, want)
	}
	for i, e := range expansions {
		if (e.failed != nil || e.stop == StopBudget) && slices.Contains(want, i) && e.Decision.Choice != scoring.ChooseRetrieval {
			// Only the full trace asked for passages: what fails decides nothing.
			why := cmp.Or(e.failed, ErrBudget)
			e.Missing = []retriever.Missing{{Part: "branch not taken", Reason: strings.ToValidUTF8(why.Error(), "\ufffd")}}
			e.failed, e.stop, e.Query = nil, "", ""
		}
		l.spent = l.spent || e.stop == StopBudget
		l.forgiveTime(ctx, e)
		if e.stop == "" && e.failed == nil && e.Decision.Choice == scoring.ChooseRetrieval && len(e.Passages) == 0 {
			e.Decision.Empty = true
			if l.abstain {
				e.stop = StopAbstained
			}
		}
	}
}

// retrieveEach gives each expansion in want passages of its own.
func (l *live) retrieveEach(ctx context.Context, paths []*path, expansions []*Expansion, want []int) {
	var begin []int
	for _, i := range want {
		switch e := expansions[i]; {
		case e.ahead != nil:
			l.takeOver(e, e.ahead)
		case l.allowsRetrieval(e):
			e.Query = l.query(paths[i])
			begin = append(begin, i)
		}
	}
	l.parallel(ctx, l.retrievers(len(begin)), func(ctx context.Context, first int, emit func(Event)) {
		for j := first; j < len(begin); j += l.retrievers(len(begin)) {
			e := expansions[begin[j]]
			l.retrieve(ctx, e)
			if e.failed == nil && e.stop == "" {
				emit(e.passagesEvent())
			}
		}
	})
}

// retrievers is how many of n retrievals may run at the same time: one where a budget
// must know what the one before has spent.
func (l *live) retrievers(n int) int {
	if l.budget.unlimited() {
		return n
	}
	return min(n, 1)
}

// retrieveOnce gives the expansions in want the passages of WithFixedPassages.
func (l *live) retrieveOnce(ctx context.Context, expansions []*Expansion, want []int) {
	for _, i := range want {
		e := expansions[i]
		if l.fixedSet == nil {
			l.fixedSet = e.ahead
		}
		if l.fixedSet == nil && l.allowsRetrieval(e) {
			l.fixedSet = &Expansion{Segment: e.Segment, Query: l.question}
			l.retrieve(ctx, l.fixedSet)
		}
		if l.fixedSet != nil {
			l.takeOver(e, l.fixedSet)
		}
	}
}

// takeOver gives an expansion what was retrieved for another one.
func (l *live) takeOver(e, f *Expansion) {
	e.Query, e.Passages, e.Scores, e.Missing, e.Dropped, e.failed = f.Query, f.Passages, f.Scores, f.Missing, f.Dropped, f.failed
	e.Queries, e.Retrieval, f.Retrieval = f.Queries, f.Retrieval, nil // steps stand where they were taken
	e.stop = cmp.Or(e.stop, f.stop)
	if e.failed == nil && e.stop == "" {
		l.event(e.passagesEvent())
	}
}

// allowsRetrieval takes a retrieval out of the budget. If that does not allow it,
// the path ends, unless only a full trace asks for passages: those must not use up
// a budget.
func (l *live) allowsRetrieval(e *Expansion) bool {
	if e.Decision.Choice != scoring.ChooseRetrieval && l.budget.limit.Retrievals > 0 {
		return false
	}
	if !l.budget.reserveRetrieval() {
		e.stop, l.spent = StopBudget, true
		return false
	}
	return true
}

// missing names the parts that gave nothing, if the answer could rest on them.
func (e *Expansion) missing() []retriever.Missing {
	if e.Decision.Choice != scoring.ChooseRetrieval {
		return nil
	}
	return e.Missing
}

func (e *Expansion) passagesEvent() Event {
	return Event{Kind: EventPassages, Segment: e.Segment, Parent: e.Parent, Query: e.Query, Passages: e.Passages}
}

// query is what to search for: the question and, after the first segment, the
// segment before (paper, Algorithm 1).
func (l *live) query(p *path) string {
	if len(p.steps) == 0 {
		return l.question
	}
	return l.question + " " + p.last().candidate.Text
}

// retrieve fills in the passages, checked.
func (l *live) retrieve(ctx context.Context, e *Expansion) {
	if e.failed = ctx.Err(); e.failed != nil {
		return
	}
	defer l.timed("retrieve", e.Parent, 0)()
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	l.mu.Lock()
	limits := l.budget.forRetrieval(e.Decision.Choice, l.maxTokens)
	l.mu.Unlock()
	ctx, spent := account.Open(ctx, "question", limits)
	res, err := l.engine.passages.Retrieve(ctx, retriever.Query{Text: e.Query, K: l.k, Filter: l.filter})
	e.Retrieval = spent.Steps()
	l.mu.Lock()
	l.usage = l.usage.Add(spent.Usage())
	l.budget.charge(spent.Usage())
	l.mu.Unlock()
	if spent.Forbade(err) {
		e.stop = StopBudget
		return
	}
	if err != nil {
		e.failed = fmt.Errorf("selfrag: segment %d: retrieving: %w", e.Segment, explain(ctx, err))
		return
	}
	e.Scores, e.Missing, e.Queries = res.Scores, res.Missing, res.Queries
	for i, t := range e.Queries {
		e.Queries[i] = strings.ToValidUTF8(t, "\ufffd")
	}
	for i, m := range e.Missing {
		e.Missing[i] = retriever.Missing{Part: strings.ToValidUTF8(m.Part, "\ufffd"), Reason: strings.ToValidUTF8(m.Reason, "\ufffd")}
	}
	seen := make(map[string]bool, len(res.Hits))
	for _, h := range res.Hits {
		switch id := h.Passage.ID; {
		case !retriever.Match(l.filter, h.Passage.Metadata):
			// First of all: not even an error may name what the filter hides.
			e.Dropped.Filtered++
		case id == "":
			e.failed = fmt.Errorf("%w: a passage has no id", ErrRetriever)
			return
		case !utf8.ValidString(id) || !utf8.ValidString(h.Passage.Title) || !utf8.ValidString(h.Passage.Text) || !utf8.ValidString(h.Passage.Source.URI):
			e.failed = fmt.Errorf("%w: passage %q is not UTF-8", ErrRetriever, id)
			return
		case h.Passage.Metadata.Check() != nil:
			e.failed = fmt.Errorf("%w: passage %q: %w", ErrRetriever, id, h.Passage.Metadata.Check())
			return
		case math.IsNaN(h.Score) || math.IsInf(h.Score, 0):
			e.failed = fmt.Errorf("%w: passage %q has the score %v", ErrRetriever, id, h.Score)
			return
		case !finite(h.Parts):
			e.failed = fmt.Errorf("%w: passage %q: a contribution to its score is not finite", ErrRetriever, id)
			return
		case seen[id]:
			e.Dropped.Duplicate++
		case len(e.Passages) == l.k:
			e.Dropped.Excess++
		default:
			seen[id] = true
			e.Passages = append(e.Passages, h)
		}
	}
}

// finite tells whether all numbers in parts can be written down in a trace.
func finite(parts []retriever.Contribution) bool {
	for _, p := range parts {
		if math.IsNaN(p.Score+p.Value) || math.IsInf(p.Score, 0) || math.IsInf(p.Value, 0) || !finite(p.Parts) {
			return false
		}
	}
	return true
}
