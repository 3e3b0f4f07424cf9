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
type transfer struct {
	marginal
	asked  []int // questions with an answer
	groups []string
	before []float64
}

// newTransfer measures before the training: a model that cannot score says so then. It
// returns nil without Options.Transfer.
func (t *trainer) newTransfer(ctx context.Context, none *net) (*transfer, error) {
	if t.o.Transfer == nil {
		return nil, nil
	}
	x := &transfer{marginal: marginal{t, t.o.Transfer}}
	for _, q := range t.split.test {
		if len(t.examples[q].Answers) > 0 {
			x.asked, x.groups = append(x.asked, q), append(x.groups, t.split.groups[q])
		}
	}
	var err error
	x.before, err = x.figure(ctx, none, x.asked)
	return x, err
}

// measure measures after it.
func (x *transfer) measure(ctx context.Context) (*Transferred, error) {
	if x == nil {
		return nil, nil
	}
	result := &Transferred{Questions: len(x.asked)}
	if len(x.asked) == 0 {
		return result, nil
	}
	after, err := x.figure(ctx, x.net, x.asked)
	if err != nil {
		return nil, err
	}
	result.Before, _ = metric.Mean(x.before)
	result.After, _ = metric.Mean(after)
	if result.Gain, err = (metric.Bootstrap{Seed: x.o.Seed, Groups: x.groups}).Difference(after, x.before); err != nil {
		return nil, fmt.Errorf("adapt: the test part: %w", err)
	}
	return result, nil
}
