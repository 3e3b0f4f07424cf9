package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel/oracle"
	"github.com/goselfrag/goselfrag/training"
)

// position is a place in a record: the hidden state there, which never changes, and the
// token that follows it.
type position struct {
	hidden []feature // what is not zero
	target int
	loss   bool
}

type feature struct {
	at    int
	value float64
}

// read returns the positions of a record whose target is a token of the output or the end
// token. Those with a target in a span of Masked have no loss. A span must begin and end
// between tokens.
func read(m *oracle.Model, r training.Record) ([]position, error) {
	prompt, err := generator.SelfRAGTemplate{}.Render(generator.Prompt{Instruction: r.Instruction})
	if err != nil {
		return nil, err
	}
	spans, err := training.SpansOf(r.Output, r.Masked)
	if err != nil {
		return nil, err
	}
	var ids []int
	var loss []bool
	add := func(text string, on bool) {
		ids = append(ids, m.Tokens(text)[1:]...) // without the start token
		loss = append(loss, slices.Repeat([]bool{on}, len(ids)-len(loss))...)
	}
	add(prompt, false)
	start, at := len(ids), 0
	for _, s := range spans {
		add(r.Output[at:s.Bytes[0]], true)
		add(s.Of(r.Output), false)
		at = s.Bytes[1]
	}
	add(r.Output[at:], true)
	if !slices.Equal(ids, m.Tokens(prompt + r.Output)[1:]) {
		return nil, fmt.Errorf("record %s: a span does not end between tokens", r.ID)
	}
	ids, loss = append(ids, m.End), append(loss, true)

	var list []position
	state := m.Start("")
	for i, id := range ids {
		if i >= start {
			list = append(list, position{sparse(state.Hidden()), id, loss[i]})
		}
		state.Append(id)
	}
	return list, nil
}

func sparse(x []float64) []feature {
	var list []feature
	for at, v := range x {
		if v != 0 {
			list = append(list, feature{at, v})
		}
	}
	return list
}

// head is the last matrix of a model: for each token the row that a hidden state is
// multiplied by to give the token's logit.
type head [][]float64

// untrained returns the head of the model in a file. The rows of the 15 control tokens,
// which are the last ones, are the mean of the others: as if they had just been added.
func untrained(f *oracle.File) head {
	t := f.Tensors["output.weight"]
	var h head
	for i := range t.Rows {
		row := make([]float64, t.Width)
		for j := range row {
			row[j] = float64(t.Data[i*t.Width+j])
		}
		h = append(h, row)
	}
	known := h[:len(h)-added]
	mean := make([]float64, t.Width)
	for _, row := range known {
		for j, v := range row {
			mean[j] += v / float64(len(known))
		}
	}
	for i := len(known); i < len(h); i++ {
		copy(h[i], mean)
	}
	return h
}

const added = 15

// probabilities sets p to the distribution of the next token after a hidden state.
func (h head) probabilities(p []float64, hidden []feature) {
	most, sum := math.Inf(-1), 0.0
	for k, row := range h {
		p[k] = 0
		for _, f := range hidden {
			p[k] += row[f.at] * f.value
		}
		most = max(most, p[k])
	}
	for k := range p {
		p[k] = math.Exp(p[k] - most)
		sum += p[k]
	}
	for k := range p {
		p[k] /= sum
	}
}

// Of the training.
const (
	epochs = 30
	rate   = 0.5
)

// fit changes h by stochastic gradient descent on the mean negative log-likelihood of the
// targets with loss, and returns that of each epoch. Positions without loss are not looked
// at. A feature greater than 1 somewhere is counted in units of its greatest value, so
// that the one that is always on, 256, learns as fast as the others.
func (h head) fit(ctx context.Context, list []position, seed uint64) ([]float64, error) {
	list = slices.DeleteFunc(slices.Clone(list), func(p position) bool { return !p.loss })
	unit := slices.Repeat([]float64{1}, len(h[0]))
	for _, p := range list {
		for _, f := range p.hidden {
			unit[f.at] = max(unit[f.at], math.Abs(f.value))
		}
	}
	random := rand.New(rand.NewPCG(seed, 0))
	p := make([]float64, len(h))
	var losses []float64
	for range epochs {
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		loss := 0.0
		for _, x := range list {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			h.probabilities(p, x.hidden)
			loss -= math.Log(p[x.target]) / float64(len(list))
			p[x.target]--
			for k, row := range h {
				for _, f := range x.hidden {
					row[f.at] -= rate * p[k] * f.value / (unit[f.at] * unit[f.at])
				}
			}
		}
		losses = append(losses, loss)
	}
	return losses, nil
}

// float32s returns the rows one after the other, as a model file has them.
func (h head) float32s() []float32 {
	var list []float32
	for _, row := range h {
		for _, v := range row {
			list = append(list, float32(v))
		}
	}
	return list
}
