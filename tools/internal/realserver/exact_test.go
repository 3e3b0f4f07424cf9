package realserver

import (
	"context"
	"errors"
	"iter"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel/oracle"
)

// client returns an HTTP client whose connections are closed when the test ends.
func client(t *testing.T) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// near reports whether two log-probabilities are the same within a tolerance, which
// is relative above 1. That one may be exact and the other a bound is a matter of
// which of several equally likely tokens is the last that is listed.
func near(a, b reflection.Prob, tolerance float64) bool {
	if a.Known == reflection.Unknown || b.Known == reflection.Unknown {
		return a.Known == b.Known
	}
	return math.Abs(a.Log-b.Log) <= tolerance*max(1, -a.Log)
}

// exact generates with the oracle what a server that lists the 20 likeliest tokens
// should: greedily, with the same bounds.
type exact struct {
	model *oracle.Model
	blind bool // returns no probabilities
	end   bool // returns that of the end token
}

const listed = 20

func (g exact) Describe(context.Context) (generator.Capabilities, error) {
	if g.blind {
		return generator.Capabilities{Model: "toy", Level: reflection.HardLabels}, nil
	}
	return generator.Capabilities{Model: "toy", Level: reflection.TopN, TopN: listed, LogProbs: true, EndLogProb: g.end}, nil
}

func (g exact) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		prompt, err := written(req)
		if err != nil {
			yield(generator.Step{}, err)
			return
		}
		s, last := g.model.Start(prompt), generator.Step{Finish: generator.FinishLength}
		for n := range req.MaxTokens {
			if err := ctx.Err(); err != nil {
				yield(generator.Step{}, err)
				return
			}
			logs := s.LogProbs()
			id := s.Greedy()
			if id == g.model.End {
				last.Finish = generator.FinishEnd
				if g.end {
					last.LogProb = reflection.ExactLog(logs[id])
				}
				break
			}
			step := g.step(req, n == 0, id, logs)
			if !yield(step, nil) {
				return
			}
			if slices.Contains(req.Stop, step.Token) {
				last.Finish = generator.FinishStop
				break
			}
			s.Append(id)
		}
		yield(last, nil)
	}
}

// written is the prompt as the oracle reads it. It neutralizes nothing, and a blank
// behind a control token goes, since the tokenizer puts one there.
func written(req generator.Request) (string, error) {
	if req.Task != nil {
		return "", errors.ErrUnsupported
	}
	s, err := generator.SelfRAGTemplate{}.Render(req.Prompt)
	for _, t := range reflection.Tokens() {
		s = strings.ReplaceAll(s, t.String()+" ", t.String())
	}
	return s, err
}

// step holds the known facts about a token.
func (g exact) step(req generator.Request, first bool, id int, logs []float64) generator.Step {
	var step generator.Step
	name := g.model.Name(id)
	if t, ok := reflection.ParseToken(name); ok {
		step.Token = t
	} else {
		step.Text = name
	}
	if g.blind {
		return step
	}
	step.LogProb = reflection.ExactLog(logs[id])
	ranked := slices.Clone(logs)
	slices.Sort(ranked)
	least := ranked[len(ranked)-listed]
	for _, group := range req.Watch {
		if !first && step.Token.Group() != group {
			continue
		}
		d := reflection.Distribution{Group: group}
		for _, t := range group.Tokens() {
			p := reflection.ExactLog(logs[g.id(t)])
			if p.Log < least {
				p = reflection.AtMostLog(least)
			}
			d.Set(t, p)
		}
		step.Watched = append(step.Watched, d)
	}
	return step
}

// id returns the id of a control token.
func (g exact) id(t reflection.Token) int { return g.model.Tokens(t.String())[1] }
