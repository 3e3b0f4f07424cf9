package selfrag_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/selfrag"
)

// longEngine is an engine whose answers need several segments and retrievals.
func longEngine(t testing.TB, options ...selfrag.Option) *selfrag.Engine {
	return newEngine(t, longModel, finds(hits("A", "B", "C")...),
		append([]selfrag.Option{selfrag.WithLongForm(2, 3), selfrag.WithThreshold(0.3)}, options...)...)
}

// longModel retrieves, continues, and retrieves again when it is asked "q".
var longModel = &generatortest.Random{Seed: 36, MaxSegments: 5}

// order checks that events come in a legal order and tell the whole story.
type order struct {
	t        *testing.T
	segment  int
	decided  map[int]bool
	texts    map[int]string
	complete map[int]bool
	text     string // of the deltas
	answer   *selfrag.Answer
	kinds    map[selfrag.EventKind]int
}

func newOrder(t *testing.T) *order {
	return &order{t: t, segment: 1, decided: map[int]bool{}, texts: map[int]string{}, complete: map[int]bool{}, kinds: map[selfrag.EventKind]int{}}
}

func (o *order) add(e selfrag.Event) {
	o.kinds[e.Kind]++
	if o.answer != nil {
		o.t.Errorf("%s after the answer", e.Kind)
	}
	if e.Kind != selfrag.EventAnswer && e.Kind != selfrag.EventDelta && e.Segment != o.segment {
		o.t.Errorf("%s of segment %d during segment %d", e.Kind, e.Segment, o.segment)
	}
	switch e.Kind {
	case selfrag.EventDecision:
		if o.decided[e.Parent] || e.Decision.Reason == "" {
			o.t.Errorf("decision %+v after node %d", e.Decision, e.Parent)
		}
		o.decided[e.Parent] = true
	case selfrag.EventPassages:
		if !o.decided[e.Parent] || e.Query == "" {
			o.t.Errorf("passages after node %d before the decision, query %q", e.Parent, e.Query)
		}
	case selfrag.EventText:
		if !o.decided[e.Parent] || o.complete[e.Node] || e.Text == "" {
			o.t.Errorf("text %q of node %d: before the decision or after its end", e.Text, e.Node)
		}
		o.texts[e.Node] += e.Text
	case selfrag.EventCandidate:
		copied := *e.Candidate // the race detector sees a writer
		if o.complete[e.Node] || strings.TrimSpace(o.texts[e.Node]) != copied.Text || copied.Node != e.Node {
			o.t.Errorf("node %d is %q, its events said %q", e.Node, copied.Text, o.texts[e.Node])
		}
		o.complete[e.Node] = true
	case selfrag.EventSegment:
		score := 0.0
		for i, c := range e.Candidates {
			if !o.complete[c.Node] || c.Status != selfrag.Kept || i > 0 && c.PathScore > score {
				o.t.Errorf("segment %d: candidate %d is %s with %v after %v", e.Segment, c.Node, c.Status, c.PathScore, score)
			}
			score = c.PathScore
		}
		o.segment++
	case selfrag.EventDelta:
		o.text += e.Text
	case selfrag.EventAnswer:
		if o.answer = e.Answer; o.text != e.Answer.Text {
			o.t.Errorf("deltas %q of the answer %q", o.text, e.Answer.Text)
		}
	default:
		o.t.Errorf("event of kind %q", e.Kind)
	}
}

func TestStream(t *testing.T) {
	for name, options := range map[string][]selfrag.Option{
		"long":   nil,
		"fixed":  {selfrag.WithFixedPassages(true)},
		"always": {always},
		"short":  {selfrag.WithShortForm()},
		"full":   {selfrag.WithTrace(selfrag.TraceFull)},
		"serial": {selfrag.WithConcurrency(1)},
	} {
		t.Run(name, func(t *testing.T) {
			e, o := longEngine(t, options...), newOrder(t)
			for ev, err := range e.Stream(t.Context(), "q") {
				if err != nil {
					t.Fatal(err)
				}
				o.add(ev)
			}
			if o.answer == nil {
				t.Fatal("no answer")
			}
			want := ask(t, e, "q")
			if got := canonical(t, o.answer); got != canonical(t, want) {
				t.Errorf("streamed %s\nwant %s", got, canonical(t, want))
			}
			asked, found, candidates := 0, 0, 0
			for _, x := range want.Trace.Expansions {
				asked++
				candidates += len(x.Candidates)
				if x.Query != "" {
					found++
				}
			}
			if o.kinds[selfrag.EventDecision] != asked || o.kinds[selfrag.EventPassages] != found || o.kinds[selfrag.EventCandidate] != candidates {
				t.Errorf("events %v; want %d decisions, %d retrievals, %d candidates", o.kinds, asked, found, candidates)
			}
		})
	}
}

// Breaking out of the loop at any event stops all work before the loop ends.
func TestStreamBreak(t *testing.T) {
	total := 0
	for range longEngine(t).Stream(t.Context(), "q") {
		total++
	}
	if total < 40 {
		t.Fatalf("only %d events", total)
	}
	for _, limit := range []int{0, 1} {
		for stop := 1; stop <= total; stop++ {
			func() {
				defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
				m := counting(hesitant(longModel))
				e := newEngine(t, m, finds(hits("A", "B", "C")...), selfrag.WithLongForm(2, 3), selfrag.WithThreshold(0.3),
					selfrag.WithConcurrency(limit))
				n := 0
				started := 0
				for range e.Stream(t.Context(), "q") {
					if n++; n == stop {
						m.mu.Lock()
						started = m.calls
						m.mu.Unlock()
						break
					}
				}
				if m.inFlight != 0 {
					t.Errorf("break at event %d: %d calls still run", stop, m.inFlight)
				}
				// With one call at a time nothing new may begin.
				if limit == 1 && m.calls > started+1 {
					t.Errorf("break at event %d: %d calls began afterwards", stop, m.calls-started)
				}
			}()
		}
	}
}

// A panic in the loop body leaves nothing behind, either.
func TestStreamPanic(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, kind := range []selfrag.EventKind{selfrag.EventDecision, selfrag.EventText, selfrag.EventCandidate, selfrag.EventSegment, selfrag.EventAnswer} {
		func() {
			defer func() {
				if r := recover(); r != kind {
					t.Errorf("recovered %v, want %v", r, kind)
				}
			}()
			for ev := range longEngine(t).Stream(t.Context(), "q") {
				if ev.Kind == kind {
					panic(kind)
				}
			}
		}()
	}
}

func TestStreamError(t *testing.T) {
	down := errors.New("the server is down")
	m := script(on(more(said("First."), 0, 1, 0), generatortest.Depth(0)), generatortest.Rule{Err: down})
	var last selfrag.Event
	var lastErr error
	for ev, err := range newEngine(t, m, finds(hits("A")...)).Stream(t.Context(), "q", always, selfrag.WithLongForm(1, 2)) {
		if lastErr != nil {
			t.Error("events after the error")
		}
		last, lastErr = ev, err
	}
	if !errors.Is(lastErr, down) || last.Kind != selfrag.EventAnswer || last.Answer.Text != "First." {
		t.Errorf("last event %+v with error %v", last, lastErr)
	}
}

// Between two segments a context that is done ends the question at once.
func TestStreamCanceledBetweenSegments(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := script(on(more(generatortest.Words(1, "One."), 1, 0, 0)))
	after := 0
	for ev := range newEngine(t, m, finds()).Stream(ctx, "q", selfrag.WithMode(selfrag.Never), selfrag.WithLongForm(1, 3)) {
		switch ev.Kind {
		case selfrag.EventSegment:
			cancel()
		case selfrag.EventDecision:
			if after++; after > 1 {
				t.Error("a decision after the end")
			}
		}
	}
}

func TestStreamCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var kinds []string
	var err error
	for ev, e := range longEngine(t).Stream(ctx, "q") {
		if err = e; len(kinds) == 0 {
			cancel()
		}
		kinds = append(kinds, string(ev.Kind))
	}
	if !errors.Is(err, context.Canceled) || fmt.Sprint(kinds) != "[decision answer]" {
		t.Errorf("events %v, error %v", kinds, err)
	}
}
