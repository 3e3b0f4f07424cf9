package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
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

// tokens returns the tokens of a record, from which of them on they are its output, and
// which have a loss: those of the output that are in no span of Masked, and the end token.
// A span must begin and end between tokens.
func tokens(m *oracle.Model, r training.Record) (ids []int, output int, loss []bool, err error) {
	prompt, err := generator.SelfRAGTemplate{}.Render(generator.Prompt{Instruction: r.Instruction})
	if err != nil {
		return nil, 0, nil, err
	}
	spans, err := training.SpansOf(r.Output, r.Masked)
	if err != nil {
		return nil, 0, nil, err
	}
	add := func(text string, on bool) {
		ids = append(ids, m.Tokens(text)[1:]...) // without the start token
		loss = append(loss, slices.Repeat([]bool{on}, len(ids)-len(loss))...)
	}
	add(prompt, false)
	output = len(ids)
	at := 0
	for _, s := range spans {
		add(r.Output[at:s.Bytes[0]], true)
		add(s.Of(r.Output), false)
		at = s.Bytes[1]
	}
	add(r.Output[at:], true)
	if !slices.Equal(ids, m.Tokens(prompt + r.Output)[1:]) {
		return nil, 0, nil, fmt.Errorf("record %s: a span does not end between tokens", r.ID)
	}
	return append(ids, m.End), output, append(loss, true), nil
}

// targetPositions returns the positions of a record whose targets are its output and the end token.
func targetPositions(m *oracle.Model, r training.Record) ([]position, error) {
	ids, output, loss, err := tokens(m, r)
	if err != nil {
		return nil, err
	}
	var list []position
	state := m.Start("")
	for i, id := range ids {
		if i >= output {
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

// head is the last matrix of a model, by feature and token: the logit of a token is the sum
// of its weights, each times its feature in the hidden state.
type head [][]float64

// untrained returns the head of the model in a file. The weights of the 15 control tokens,
// which are the last ones, are the mean of the others: as if they had just been added.
func untrained(f *oracle.File) head {
	t := f.Tensors["output.weight"]
	known := t.Rows - len(reflection.Tokens())
	h := make(head, t.Width)
	for j := range h {
		h[j] = make([]float64, t.Rows)
		mean := 0.0
		for id := range known {
			h[j][id] = float64(t.Data[id*t.Width+j])
			mean += h[j][id] / float64(known)
		}
		for id := known; id < t.Rows; id++ {
			h[j][id] = mean
		}
	}
	return h
}

// probabilities sets p to the distribution of the next token after a hidden state.
func (h head) probabilities(p []float64, hidden []feature) {
	clear(p)
	for _, f := range hidden {
		floats.AddScaled(p, f.value, h[f.at])
	}
	most := floats.Max(p)
	for id := range p {
		p[id] = math.Exp(p[id] - most)
	}
	floats.Scale(1/floats.Sum(p), p)
}

// rate is how far a step goes.
const rate = 0.5

// fit changes h by stochastic gradient descent on the mean negative log-likelihood of the
// targets with loss, and returns that of each epoch. Positions without loss are not looked
// at. A feature greater than 1 somewhere is counted in units of its greatest value, so
// that the one that is always on, 256, learns as fast as the others.
func (h head) fit(ctx context.Context, list []position, epochs int) ([]float64, error) {
	list = slices.DeleteFunc(slices.Clone(list), func(p position) bool { return !p.loss })
	unit := slices.Repeat([]float64{1}, len(h))
	for _, p := range list {
		for _, f := range p.hidden {
			unit[f.at] = max(unit[f.at], math.Abs(f.value))
		}
	}
	random := rand.New(rand.NewPCG(1, 0))
	p := make([]float64, len(h[0]))
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
			for _, f := range x.hidden {
				floats.AddScaled(h[f.at], -rate*f.value/(unit[f.at]*unit[f.at]), p)
			}
		}
		losses = append(losses, loss)
	}
	return losses, nil
}

// float32s returns the weights token by token, as a model file has them.
func (h head) float32s() []float32 {
	list := make([]float32, len(h)*len(h[0]))
	for j, column := range h {
		for id, v := range column {
			list[id*len(h)+j] = float32(v)
		}
	}
	return list
}
