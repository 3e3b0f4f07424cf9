package sensitivity

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/selfrag"
)

func groupNames(groups []reflection.Group) string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.String()
	}
	return strings.Join(names, "+")
}

func (o *Options) fill() error {
	if o.Redraws == 0 {
		o.Redraws = 200
	}
	if o.Level == 0 {
		o.Level = 0.95
	}
	if o.Resamples == 0 {
		o.Resamples = 10000
	}
	if o.Low == 0 && o.High == 0 {
		o.High = 1
	}
	if o.Concurrency == 0 {
		o.Concurrency = runtime.GOMAXPROCS(0)
	}
	switch {
	case o.Redraws < 1:
		return inputError("Options.Redraws", "is %d: want at least 1, or 0 for 200", o.Redraws)
	case !(o.Level > 0 && o.Level < 1):
		return inputError("Options.Level", "is %v: want a number in (0, 1), or 0 for 0.95", o.Level)
	case o.Resamples < 1:
		return inputError("Options.Resamples", "is %d: want at least 1, or 0 for 10000", o.Resamples)
	case !(o.Low < o.High) || math.Abs(o.Low) > 1e100 || math.Abs(o.High) > 1e100:
		return inputError("Options.Low and High", "are %v and %v: want Low < High in [-1e100, 1e100]", o.Low, o.High)
	case o.Concurrency < 1:
		return inputError("Options.Concurrency", "is %d: want at least 1, or 0 for the number of processors", o.Concurrency)
	}
	return nil
}

func checkQuestions(questions []Question) error {
	if len(questions) == 0 {
		return inputError("questions", "there are none: want at least one")
	}
	ids := make(map[string]bool, len(questions))
	for i := range questions {
		q := &questions[i]
		switch {
		case q.ID == "":
			return inputError(fmt.Sprintf("question %d", i), "has no ID: want one of its own")
		case ids[q.ID]:
			return inputError(q.name(), "comes twice: want ids that differ")
		case q.Trace == nil:
			return inputError(q.name(), "has no trace")
		}
		ids[q.ID] = true
	}
	return nil
}

func (q *Question) name() string { return fmt.Sprintf("question %q", q.ID) }

// rescored answers a question from its trace. A divergence gives nil without an error.
func (q *Question) rescored(t *selfrag.Trace) (*selfrag.Answer, error) {
	a, err := selfrag.Rescore(t)
	if err == nil {
		return a, nil
	}
	if d := (*selfrag.Diverged)(nil); errors.As(err, &d) {
		return nil, nil
	}
	return nil, fmt.Errorf("%s: %w", q.name(), err)
}

// checkFull comes after Rescore, which has better errors about traces of another kind.
func (q *Question) checkFull() error {
	if !q.Trace.Settings.Full {
		return inputError(q.name(), "its trace is not full: want one that was made with selfrag.TraceFull")
	}
	return nil
}

// said returns of an answer what a [Metric] may look at.
func said(a *selfrag.Answer) *selfrag.Answer {
	out := &selfrag.Answer{
		Question: a.Question, Text: a.Text, Label: a.Label, Citations: a.Citations,
		Decision: decided(a.Decision), Abstained: a.Abstained, Stop: a.Stop, Missing: a.Missing,
		Segments: make([]selfrag.Segment, len(a.Segments)),
	}
	for i, s := range a.Segments {
		out.Segments[i] = selfrag.Segment{Text: s.Text, Start: s.Start, End: s.End, Citations: s.Citations, Decision: decided(s.Decision), Fallback: s.Fallback}
	}
	return out
}

func decided(d selfrag.Decision) selfrag.Decision {
	return selfrag.Decision{Choice: d.Choice, Empty: d.Empty}
}
