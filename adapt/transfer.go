package adapt

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/eval/metric"
)

// Transferred says what an adapter does for a model that it was not trained for: by how
// much likelier that model writes the right answers of the test questions, over the
// passages that are found.
type Transferred struct {
	// Questions counts those of the test part that have an answer. The other figures are
	// over these, and 0 if there are none.
	Questions int `json:"questions"`
	// Before and After are the mean ln Σ_z p(z|x) p(y|x,z), each with its best T, and Gain
	// is their paired difference with its 95 % interval over groups.
	Before float64         `json:"before"`
	After  float64         `json:"after"`
	Gain   metric.Interval `json:"gain"`
}

// transfer measures the model of Options.Transfer on the test part.
func (t *trainer) transfer(ctx context.Context, none *net) (*Transferred, error) {
	if t.o.Transfer == nil {
		return nil, nil
	}
	var asked []int
	var groups []string
	for _, q := range t.split.test {
		if len(t.examples[q].Answers) > 0 {
			asked, groups = append(asked, q), append(groups, t.split.groups[q])
		}
	}
	x := &Transferred{Questions: len(asked)}
	if len(asked) == 0 {
		return x, nil
	}
	other := &marginal{t, t.o.Transfer}
	before, err := other.figure(ctx, none, asked)
	if err != nil {
		return nil, err
	}
	after, err := other.figure(ctx, t.net, asked)
	if err != nil {
		return nil, err
	}
	x.Before, _ = metric.Mean(before)
	x.After, _ = metric.Mean(after)
	if x.Gain, err = (metric.Bootstrap{Seed: t.o.Seed, Groups: groups}).Difference(after, before); err != nil {
		return nil, fmt.Errorf("adapt: the test part: %w", err)
	}
	return x, nil
}
