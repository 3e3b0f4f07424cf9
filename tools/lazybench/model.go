package main

import (
	"context"
	"hash/fnv"
	"iter"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

// simulated is a seeded model that is as sure of support and utility as it is of
// relevance: for a relevant passage P(Relevant), the support score and (utility
// score + 1) / 2 are independent draws from Beta(a, b), for another one from
// Beta(b, a). Words, 15 to 40, have log-probabilities that are uniform between 2
// log q and 0. It generates greedily only, and resumes.
type simulated struct {
	seed     uint64
	ab       [2]float64
	q        float64 // geometric mean of the words' probabilities
	segments int     // of an answer
}

// Describe implements [generator.Describer].
func (m *simulated) Describe(context.Context) (generator.Capabilities, error) {
	return generator.Capabilities{Model: "simulated", Level: reflection.ExactIDs, LogProbs: true, EndLogProb: true, Paced: true, Resumes: true}, nil
}

// Generate implements [generator.Generator].
func (m *simulated) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		steps := m.steps(req)
		last := generator.Step{Finish: generator.FinishEnd, LogProb: reflection.ExactLog(0)}
		if steps[len(steps)-1].Token.Group() == reflection.Retrieve {
			last = generator.Step{Finish: generator.FinishStop}
		}
		if req.Prompt.Relevance != reflection.None {
			steps = steps[1:]
		}
		if len(steps) > req.MaxTokens {
			steps, last = steps[:req.MaxTokens], generator.Step{Finish: generator.FinishLength}
		}
		for _, s := range append(steps, last) {
			if err := ctx.Err(); err != nil {
				yield(generator.Step{}, err)
				return
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// steps draws the segment that follows a prompt.
func (m *simulated) steps(req generator.Request) []generator.Step {
	h := fnv.New64a()
	title := req.Prompt.Evidence[0].Title
	for _, s := range append(req.Prompt.Path, generator.PathSegment{Evidence: req.Prompt.Evidence}) {
		_, _ = h.Write([]byte(s.Text + "\x00" + s.Evidence[0].Title + "\x00")) // never fails
	}
	r := rand.New(rand.NewPCG(m.seed, h.Sum64()))
	a, b := m.ab[0], m.ab[1]
	if !strings.HasPrefix(title, "relevant") {
		a, b = b, a
	}
	rel, sup, use := beta(r, a, b), beta(r, a, b), beta(r, a, b)
	steps := []generator.Step{generatortest.Judge(reflection.IsREL, 1-rel, rel)}
	for range 15 + r.IntN(26) {
		steps = append(steps, generator.Step{Text: " w" + string(rune('a'+r.IntN(26))), LogProb: reflection.ExactLog(2 * math.Log(m.q) * r.Float64())})
	}
	steps = append(steps, generatortest.Judge(reflection.IsSUP, sup, 0, 1-sup))
	if len(req.Prompt.Path)+1 < m.segments {
		return append(steps, generatortest.Judge(reflection.Retrieve, 0, 1, 0))
	}
	return append(steps, generatortest.Judge(reflection.IsUSE, 1-use, 0, 0, 0, use))
}

// beta draws from the beta distribution by the method of Jöhnk (1964), which takes
// some twenty tries for the parameters used here.
func beta(r *rand.Rand, a, b float64) float64 {
	for {
		x, y := math.Pow(r.Float64(), 1/a), math.Pow(r.Float64(), 1/b)
		if x+y > 0 && x+y <= 1 {
			return x / (x + y)
		}
	}
}
