package judged

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
)

// Verdict is what a model or a person says of a statement, an answer or a passage.
type Verdict string

// The verdicts. Only [Judge.Correctness] gives Partly.
const (
	Yes     Verdict = "yes"
	Partly  Verdict = "partly"
	No      Verdict = "no"
	Unknown Verdict = "unknown"
)

// Verdicts are those of one answer, in the order of what was judged.
type Verdicts []Verdict

// Value returns the mean of the verdicts, Yes counting 1, Partly 1/2 and No 0, and of how many
// it is. Unknown ones are left out; without any other there is no value, and known is 0.
func (v Verdicts) Value() (value float64, known int) {
	sum := 0.0
	for _, one := range v {
		switch one {
		case Yes:
			sum++
		case Partly:
			sum += 0.5
		case No:
		default:
			continue
		}
		known++
	}
	return sum / float64(max(known, 1)), known
}

// Labels reads verdicts of people, JSON lines each with an id of its own:
//
//	{"id": "q7/2", "verdict": "partly"}
//
// name is the file's in errors, which are *dataset.LineError. Unknown is no verdict of people:
// leave such lines out.
func Labels(r io.Reader, name string) (map[string]Verdict, error) {
	type line struct {
		ID      string  `json:"id"`
		Verdict Verdict `json:"verdict"`
	}
	labels := map[string]Verdict{}
	_, err := dataset.Read(r, name, func(l *line) error {
		switch _, twice := labels[l.ID]; {
		case l.ID == "":
			return errors.New(`"id" is missing`)
		case twice:
			return fmt.Errorf("the id %q is in an earlier line, too", l.ID)
		case l.Verdict != Yes && l.Verdict != Partly && l.Verdict != No:
			return fmt.Errorf(`"verdict" is %q: want yes, partly or no`, l.Verdict)
		}
		labels[l.ID] = l.Verdict
		return nil
	})
	return labels, err
}

// Agreement says how far a model judges as people do.
type Agreement struct {
	// Judged is how many ids both gave a verdict to: all figures are over these. Unknown is
	// how many a person did and the model did not.
	Judged  int `json:"judged"`
	Unknown int `json:"unknown"`
	// Same is the share of equal verdicts, with a 95 % interval.
	Same metric.Interval `json:"same"`
	// Kappa is Cohen's κ: how much more often than by chance they are equal. It is nil where
	// it is not defined, because both always give one and the same verdict.
	Kappa *float64 `json:"kappa"`
}

// Agree compares the verdicts of people and of a model by id. The model may have judged more.
// The error, a *metric.InputError, says that no id has a verdict of both.
func Agree(people, model map[string]Verdict, seed uint64) (Agreement, error) {
	var a Agreement
	var truth, said []Verdict
	var same []float64
	for _, id := range slices.Sorted(maps.Keys(people)) {
		v := cmp.Or(model[id], Unknown)
		if v == Unknown {
			a.Unknown++
			continue
		}
		truth, said = append(truth, people[id]), append(said, v)
		equal := 0.0
		if v == people[id] {
			equal = 1
		}
		same = append(same, equal)
	}
	a.Judged = len(truth)
	c, err := metric.NewConfusion([]Verdict{Yes, Partly, No}, truth, said)
	if err != nil {
		return a, err
	}
	if k, err := c.Kappa(); err == nil {
		a.Kappa = &k
	}
	a.Same, err = metric.Bootstrap{Seed: seed}.Mean(same)
	return a, err
}
