package selfrag

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/hits"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/scoring"
)

// retrieveAll is the second wave.
func (l *live) retrieveAll(ctx context.Context, paths []*path, expansions []*Expansion) {
	var room [8]int // most beams are narrower
	want := room[:0]
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
			// Only the full trace asked for passages: a failure decides nothing.
			why := cmp.Or(e.failed, budget.ErrExceeded)
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

// retrieveEach retrieves passages for each expansion in want.
func (l *live) retrieveEach(ctx context.Context, paths []*path, expansions []*Expansion, want []int) {
	begin := l.list[:0]
	for _, i := range want {
		switch e := expansions[i]; {
		case e.ahead != nil:
			l.takeOver(e, e.ahead)
		case l.allowsRetrieval(ctx, e):
			e.Query = l.query(paths[i])
			begin = append(begin, e)
		}
	}
	if len(begin) > 0 {
		l.retrieveFor(ctx, begin)
	}
}

// retrieveFor runs retrievals concurrently.
func (l *live) retrieveFor(ctx context.Context, list []*Expansion) {
	defer l.keepCandidate(ctx)()
	w := wave{n: len(list), do: func(ctx context.Context, i int, emit func(Event)) error {
		e := list[i]
		l.retrieve(ctx, e)
		if l.stream && e != l.fixedSet && e.failed == nil && e.stop == "" {
			emit(e.passagesEvent())
		}
		return nil
	}}
	if l.bounded {
		w.most = func(int) (budget.Cost, bool) { return budget.MostCost(l.engine.passages, 1) }
	}
	if observe.Observed(ctx) {
		w.start = func(ctx context.Context, i int) context.Context { return l.beginRetrieval(ctx, list[i]) }
	}
	for i, err := range l.run(ctx, w) {
		list[i].endedBy(err)
	}
}

// endedBy stores the error of a retrieval that did not return.
func (e *Expansion) endedBy(err error) {
	if err != nil {
		e.failed = fmt.Errorf("%w: %w", ErrRetriever, err)
	}
}

// retrieveOnce gives the expansions in want the passages of WithFixedPassages.
func (l *live) retrieveOnce(ctx context.Context, expansions []*Expansion, want []int) {
	for _, i := range want {
		e := expansions[i]
		if l.fixedSet == nil {
			l.fixedSet = e.ahead
		}
		if l.fixedSet == nil && l.allowsRetrieval(ctx, e) {
			l.fixedSet = &Expansion{Segment: e.Segment, Query: l.question}
			l.retrieveFor(ctx, []*Expansion{l.fixedSet})
		}
		if l.fixedSet != nil {
			l.takeOver(e, l.fixedSet)
		}
	}
}

// takeOver copies the result of another expansion's retrieval.
func (l *live) takeOver(e, f *Expansion) {
	e.Query, e.Passages, e.Scores, e.Missing, e.Dropped, e.failed = f.Query, f.Passages, f.Scores, f.Missing, f.Dropped, f.failed
	e.Queries, e.Retrieval, f.Retrieval = f.Queries, f.Retrieval, nil // steps are recorded once, where they were taken
	e.stop = cmp.Or(e.stop, f.stop)
	if e.failed == nil && e.stop == "" {
		l.event(e.passagesEvent())
	}
}

// allowsRetrieval reserves a retrieval. If the budget forbids it, the path ends,
// unless only a full trace asks for the passages: that must not use up a budget.
func (l *live) allowsRetrieval(ctx context.Context, e *Expansion) bool {
	if e.Decision.Choice != scoring.ChooseRetrieval && budget.Left(ctx).Retrievals != 0 {
		return false
	}
	if reserveRetrieval(ctx) != nil {
		e.stop, l.spent = StopBudget, true
		return false
	}
	return true
}

// reserveRetrieval reserves a retrieval, which is never given back.
func reserveRetrieval(ctx context.Context) error {
	taken, err := budget.Reserve(ctx, "the retriever", budget.Cost{Retrievals: 1})
	if err == nil {
		taken.Settle(budget.Usage{})
	}
	return err
}

// missing returns the parts that gave nothing, if they could affect the answer.
func (e *Expansion) missing() []retriever.Missing {
	if e.Decision.Choice != scoring.ChooseRetrieval {
		return nil
	}
	return e.Missing
}

func (e *Expansion) passagesEvent() Event {
	return Event{Kind: EventPassages, Segment: e.Segment, Parent: e.Parent, Query: e.Query, Passages: e.Passages}
}

// query returns the text to search for: the question and, after the first segment,
// the previous segment (paper, Algorithm 1).
func (l *live) query(p *path) string {
	if len(p.steps) == 0 {
		return l.question
	}
	return l.question + " " + p.last().candidate.Text
}

// beginRetrieval begins the step of a retrieval.
func (l *live) beginRetrieval(ctx context.Context, e *Expansion) context.Context {
	ctx, e.step = observe.Start(ctx, observe.Retrieval, "retrieval")
	e.step.Note(e.Query)
	return ctx
}

// retrieve fills in the checked passages and ends the step.
func (l *live) retrieve(ctx context.Context, e *Expansion) {
	if e.step != nil {
		failed := fanout.ErrNoReturn // unless the call returns
		defer func() {
			e.step.Set(slog.Int("passages", len(e.Passages)))
			e.step.End(failed)
			e.step = nil
		}()
		l.fetch(ctx, e)
		failed = cmp.Or(e.failed, e.refused)
		return
	}
	l.fetch(ctx, e)
}

// fetch asks the retriever.
func (l *live) fetch(ctx context.Context, e *Expansion) {
	if e.failed = ctx.Err(); e.failed != nil {
		return
	}
	defer l.timed("retrieve", e.Parent, 0, l.now())
	ctx, cancel := l.callContext(ctx)
	defer cancel()
	if c := e.Decision.Choice; l.bounded && (c == scoring.ChooseNoRetrieval || c == scoring.ChooseContinue) {
		// Calls that only a full trace asks for must not use up a budget.
		under, none := budget.Open(ctx, "the branch not taken", budget.Limits{Calls: -1})
		defer none.Close()
		ctx = under
	}
	under := ctx
	var steps observe.Recorder
	if l.settings.trace != TraceOff {
		under = observe.With(ctx, &steps)
	}
	res, err := l.engine.passages.Retrieve(under, retriever.Query{Text: e.Query, K: l.k, Filter: l.filter})
	e.Retrieval = steps.Steps()
	if refused(ctx, err) {
		e.stop, e.refused = StopBudget, err
		return
	}
	if err != nil {
		e.failed = fmt.Errorf("selfrag: segment %d: retrieving: %w", e.Segment, explain(ctx, err))
		return
	}
	e.takeResult(ctx, res, l.k, l.filter)
}

// takeResult checks the result of the retriever and stores it.
func (e *Expansion) takeResult(ctx context.Context, res retriever.Result, k int, expr filter.Expr) {
	e.Scores, e.Missing, e.Queries = res.Scores, res.Missing, res.Queries
	for i, t := range e.Queries {
		e.Queries[i] = strings.ToValidUTF8(t, "\ufffd")
	}
	for i, m := range e.Missing {
		e.Missing[i] = retriever.Missing{Part: strings.ToValidUTF8(m.Part, "\ufffd"), Reason: strings.ToValidUTF8(m.Reason, "\ufffd")}
	}
	taken, dropped, err := hits.Take(ctx, res.Hits, k, expr)
	e.Passages, e.Dropped = taken, Dropped(dropped)
	switch {
	case err != nil && ctx.Err() != nil:
		e.failed = fmt.Errorf("selfrag: segment %d: retrieving: %w", e.Segment, explain(ctx, err))
	case err != nil:
		e.failed = fmt.Errorf("%w: %w", ErrRetriever, err)
	}
}
