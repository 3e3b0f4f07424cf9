package label

import (
	"fmt"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

// Agreement says how far two labelings of the same records agree.
type Agreement struct {
	Group   reflection.Group `json:"group"`
	Records int              `json:"records"` // with a label in both
	Only    [2]int           `json:"only"`    // with a label in the first, in the second alone
	Agreed  int              `json:"agreed"`
	// Kappa is Cohen's, 1 for full agreement and 0 for that of chance, with a 95 % interval from draws of whole questions. It is nil if it
	// is not defined: no record, or all of one class in both. A draw in which it is not
	// defined counts as full agreement, which is what it holds.
	Kappa *metric.Interval `json:"kappa"`
	// Confusion counts the records by the label of the first, the row, and of the second,
	// in the order of the group's tokens.
	Confusion [][]int `json:"confusion"`
}

// Agree compares labelings, such as those of two judges, or of a judge and of people.
// Records belong together by the texts of their task, whatever their ids; rejected ones
// have no label. It returns the groups with labels, in the order Retrieve,
// IsREL, IsSUP, IsUSE. The error wraps training.ErrRecord if a labeling has two different
// labels of the same texts.
func Agree(first, second []Labeled, seed uint64) ([]Agreement, error) {
	a, err := byItem(first, "first")
	if err != nil {
		return nil, err
	}
	b, err := byItem(second, "second")
	if err != nil {
		return nil, err
	}
	var list []Agreement
	for _, g := range reflection.Groups() {
		if out, ok, err := agree(g, first, a, b, seed); err != nil {
			return nil, err
		} else if ok {
			list = append(list, out)
		}
	}
	return list, nil
}

func byItem(labels []Labeled, which string) (map[judge.Item]reflection.Token, error) {
	of := map[judge.Item]reflection.Token{}
	for i, l := range labels {
		it, ok := l.Task.item(l.JudgeRecord)
		if !ok || l.Rejected() {
			continue
		}
		if other, twice := of[it]; twice && other != l.Label {
			return nil, fmt.Errorf("%w: label %d of the %s file is %v, an earlier one of the same texts %v: keep one of them", training.ErrRecord, i+1, which, l.Label, other)
		}
		of[it] = l.Label
	}
	return of, nil
}

// agree compares the labels of a group. It goes through the labels of the first file for a
// fixed order.
func agree(g reflection.Group, first []Labeled, a, b map[judge.Item]reflection.Token, seed uint64) (Agreement, bool, error) {
	out := Agreement{Group: g}
	var x, y []reflection.Token
	var pairs []Labeled
	seen := map[judge.Item]bool{}
	for _, l := range first {
		it, ok := l.Task.item(l.JudgeRecord)
		if !ok || it.Group != g || l.Rejected() || seen[it] {
			continue
		}
		seen[it] = true
		other, both := b[it]
		if !both {
			out.Only[0]++
			continue
		}
		x, y, pairs = append(x, l.Label), append(y, other), append(pairs, l)
		if l.Label == other {
			out.Agreed++
		}
	}
	for it := range b {
		if _, both := a[it]; it.Group == g && !both {
			out.Only[1]++
		}
	}
	out.Records = len(pairs)
	if len(pairs) == 0 {
		return out, out.Only != [2]int{}, nil
	}
	c, err := metric.NewConfusion(g.Tokens(), x, y)
	if err != nil {
		return out, false, fmt.Errorf("label: %w", err)
	}
	for _, row := range g.Tokens() {
		counts := make([]int, g.Size())
		for j, column := range g.Tokens() {
			counts[j] = c.Count(row, column)
		}
		out.Confusion = append(out.Confusion, counts)
	}
	if _, err := c.Kappa(); err != nil {
		return out, true, nil
	}
	out.Kappa, err = kappa(g, x, y, pairs, seed)
	return out, true, err
}

func kappa(g reflection.Group, x, y []reflection.Token, pairs []Labeled, seed uint64) (*metric.Interval, error) {
	groups := make([]string, len(pairs))
	for i, q := range questions(pairs) {
		groups[i] = fmt.Sprint(q)
	}
	u, v := make([]reflection.Token, 0, len(x)), make([]reflection.Token, 0, len(x))
	interval, err := metric.Bootstrap{Resamples: 2000, Seed: seed, Groups: groups}.Figure(len(x), func(drawn []int) float64 {
		u, v = u[:0], v[:0]
		for _, i := range drawn {
			u, v = append(u, x[i]), append(v, y[i])
		}
		c, err := metric.NewConfusion(g.Tokens(), u, v)
		if err != nil {
			return 1
		}
		k, err := c.Kappa()
		if err != nil {
			return 1
		}
		return k
	})
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	return &interval, nil
}
