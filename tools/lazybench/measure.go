package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/goselfrag/goselfrag/selfrag"
)

var widths = []int{1, 2, 5, 10}

// row is one line of the table. Ratios are full evaluation to lazy evaluation.
type row struct {
	setting
	Width     int        `json:"width"`
	Questions int        `json:"questions"`
	Identical int        `json:"identical_answers"`
	Tokens    float64    `json:"generated_tokens"`
	Interval  [2]float64 `json:"generated_tokens_95"`
	Prompt    float64    `json:"prompt_tokens_read"`
	Calls     float64    `json:"calls"`
	Latency   float64    `json:"latency"`
}

// cost is what one question took.
type cost struct{ tokens, prompt, calls, latency float64 }

// promptStep is the time to read a token of a prompt, in decoding steps.
const promptStep = 0.01

// measure answers n questions in full and lazily at every width.
func measure(s setting, n int) ([]row, error) {
	full := make([]cost, n)
	lazy, same := make([][]cost, len(widths)), make([][]bool, len(widths))
	for i := range widths {
		lazy[i], same[i] = make([]cost, n), make([]bool, n)
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for q := range n {
		g.Go(func() error {
			want, c, err := answer(s, q, 0)
			if err != nil {
				return err
			}
			full[q] = c
			for i, w := range widths {
				got, c, err := answer(s, q, w)
				if err != nil {
					return err
				}
				lazy[i][q], same[i][q] = c, told(got) == told(want)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var rows []row
	for i, w := range widths {
		r := row{setting: s, Width: w, Questions: n, Interval: interval(full, lazy[i])}
		ratio := func(f func(cost) float64) float64 { return quotient(full, lazy[i], f) }
		r.Tokens = ratio(func(c cost) float64 { return c.tokens })
		r.Prompt = ratio(func(c cost) float64 { return c.prompt })
		r.Calls = ratio(func(c cost) float64 { return c.calls })
		r.Latency = ratio(func(c cost) float64 { return c.latency })
		for _, ok := range same[i] {
			if ok {
				r.Identical++
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// answer answers a question at a width, or in full if it is 0, and returns the cost.
func answer(s setting, question, width int) (*selfrag.Answer, cost, error) {
	e, asked, m, err := s.ask(question)
	if err != nil {
		return nil, cost{}, err
	}
	a, err := e.Answer(context.Background(), asked, selfrag.WithLazy(width))
	if err != nil {
		return nil, cost{}, err
	}
	if off := a.Trace.Settings.LazyOff; off != "" {
		return nil, cost{}, fmt.Errorf("lazy evaluation is off: %s", off)
	}
	if width == 0 || m.runsOn && a.Trace.Settings.LazyWaits == "unread" {
		width = len(a.Trace.Expansions) * passages // all side by side
	}
	return a, cost{m.tokens, m.prompt, m.calls, steps(a, width) + promptStep*m.prompt}, nil
}

// told returns the content of an answer as a text.
func told(a *selfrag.Answer) string { return fmt.Sprint(a.Text, a.Score, a.Citations, a.Stop) }

// steps is the number of decoding steps one after another, if width candidates are
// completed at a time and those of a wave cost no more than the longest of them.
func steps(a *selfrag.Answer, width int) float64 {
	n := 0
	segments := map[int][]selfrag.Candidate{}
	for _, e := range a.Trace.Expansions {
		n += e.Decision.Usage.GeneratedTokens
		for _, x := range e.Candidates {
			if x.Status != selfrag.Stopped {
				segments[e.Segment] = append(segments[e.Segment], x)
			}
		}
	}
	for _, list := range segments {
		slices.SortStableFunc(list, func(x, y selfrag.Candidate) int {
			return cmp.Compare(y.Terms.Relevance.Value, x.Terms.Relevance.Value)
		})
		n++ // the first token of all
		for wave := range slices.Chunk(list, width) {
			longest := 0
			for _, x := range wave {
				longest = max(longest, x.Usage.GeneratedTokens-1)
			}
			n += longest
		}
	}
	return float64(n)
}

func quotient(full, lazy []cost, f func(cost) float64) float64 {
	a, b := 0.0, 0.0
	for i := range full {
		a, b = a+f(full[i]), b+f(lazy[i])
	}
	return a / b
}

// interval is the 95 % percentile bootstrap interval of the ratio of tokens.
func interval(full, lazy []cost) [2]float64 {
	const resamples = 1000
	rng := rand.New(rand.NewPCG(1, 1))
	ratios := make([]float64, resamples)
	for i := range ratios {
		a, b := 0.0, 0.0
		for range full {
			j := rng.IntN(len(full))
			a, b = a+full[j].tokens, b+lazy[j].tokens
		}
		ratios[i] = a / b
	}
	slices.Sort(ratios)
	return [2]float64{ratios[resamples*25/1000], ratios[resamples*975/1000]}
}
