package rag

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/selfrag"
)

// token identifies a token across passages. Two with the same text are one: a
// prompt that is continued by it does not distinguish them either.
type token struct {
	text  string
	bytes string // of a part of a character
	mark  reflection.Token
	end   bool
}

func tokenOf(a *generator.Alternative) token {
	return token{a.Text, string(a.Bytes), a.Token, a.End}
}

func (t token) alternative() generator.Alternative {
	a := generator.Alternative{Text: t.text, Token: t.mark, End: t.end}
	if t.bytes != "" {
		a.Bytes = []byte(t.bytes)
	}
	return a
}

// view is what one source says about the next token after one prefix.
type view struct {
	listed map[token]float64 // log-probabilities
	order  []token           // of those listed
	// rest bounds the log-probability of each token that is not listed, text that
	// of each unlisted text token.
	rest, text float64
	// best is the likeliest token, if likeliest is set.
	best      token
	likeliest bool
	tried     map[token]bool // was scored without success
}

// add lists a token. Several tokens with one text have their summed probability.
func (v *view) add(t token, log float64) {
	if was, ok := v.listed[t]; ok {
		log = logSum([]float64{was, log})
	} else {
		v.order = append(v.order, t)
	}
	v.listed[t] = min(log, 0)
}

// bounds returns the bounds of the log-probability of t.
func (v *view) bounds(t token) (lower, upper float64) {
	if log, ok := v.listed[t]; ok {
		return log, log
	}
	if v.likeliest && t == v.best {
		return math.Inf(-1), 0
	}
	if t.end || t.mark != reflection.None {
		return math.Inf(-1), v.rest
	}
	return math.Inf(-1), v.text
}

// wholeView returns the view of a whole distribution.
func wholeView(d *generator.NextDistribution) *view {
	v := &view{listed: make(map[token]float64, len(d.Tokens))}
	for i := range d.Tokens {
		v.add(tokenOf(&d.Tokens[i]), d.Tokens[i].Prob.Log)
	}
	v.rest = math.Log(min(max(d.Rest, 0), 1))
	v.text = v.rest
	return v
}

// topView returns the view of a generation of one token at temperature 0 with the
// likeliest tokens. An unlisted token has at most the rest. An unlisted text token
// also has at most the probability of the least likely listed one. That does not
// hold for the end and control tokens: a server may hide them although they are
// likelier.
func topView(c *generator.Completion) (*view, error) {
	v := &view{listed: make(map[token]float64), likeliest: true}
	if len(c.Steps) == 0 { // the end; servers list no alternatives to it
		v.best = token{end: true}
		v.rest = math.Log(0.5) // the less likely of two tokens has at most this
		if c.End.Known == reflection.Exact {
			v.add(v.best, c.End.Log)
			v.rest = min(c.End.Log, math.Log1p(-math.Exp(min(c.End.Log, 0))))
		}
		v.text = v.rest
		return v, nil
	}
	s := &c.Steps[0]
	least, sum := 0.0, 0.0
	for i := range s.Top {
		if a := &s.Top[i]; a.Prob.Known == reflection.Exact {
			v.add(tokenOf(a), a.Prob.Log)
			least = min(least, a.Prob.Log)
		}
	}
	if len(v.order) == 0 {
		return nil, &PowerError{Needs: "gives whole distributions, or the likeliest tokens of a step with their probabilities", Instead: "use NewSequence, or NewStandard"}
	}
	v.best = v.order[0]
	if own := (token{text: s.Text, mark: s.Token}); own != (token{}) { // empty for a part of a character
		v.best = own
		if _, ok := v.listed[own]; !ok && s.LogProb.Known == reflection.Exact {
			v.add(own, s.LogProb.Log)
		}
	}
	for _, t := range v.order {
		sum += math.Exp(v.listed[t])
	}
	v.rest = math.Log(max(1-sum, 0))
	v.text = min(v.rest, least)
	return v, nil
}

// mixed fills in the mixture of a step and the shares of the sources.
func (r *run) mixed(s selfrag.RAGStep) selfrag.RAGStep {
	lower, upper := make([]float64, len(s.Given)), make([]float64, len(s.Given))
	s.Prob.Known = reflection.Exact
	for z, p := range s.Given {
		lower[z], upper[z] = math.Inf(-1), r.sources[z].log
		if p.Known != reflection.Unknown {
			upper[z] += min(p.Log, 0)
		}
		if p.Known == reflection.Exact {
			lower[z] = upper[z]
		} else {
			s.Prob.Known = reflection.Bounded
		}
	}
	total := logSum(upper)
	s.Prob.Log = min(total, 0)
	if s.Prob.Known == reflection.Bounded {
		s.AtLeast = math.Exp(logSum(lower))
	}
	s.Shares = make([]float64, len(lower))
	for z := range lower {
		if !math.IsInf(total, -1) {
			s.Shares[z] = math.Exp(lower[z] - total)
		}
	}
	return s
}

// product returns the probability of all steps. The end counts only if end is set.
func product(steps []selfrag.RAGStep, end bool) reflection.Prob {
	var c generator.Completion
	for i := range steps {
		if !steps[i].End || end {
			c.Steps = append(c.Steps, generator.Step{LogProb: steps[i].Prob})
		}
	}
	return probability(&c, false)
}

// nextTokens asks every source for the next token after each prefix.
func (r *run) nextTokens(ctx context.Context, prefixes [][]generator.Step) ([][]*view, error) {
	k := len(r.sources)
	views := make([][]*view, len(prefixes))
	for i := range views {
		views[i] = make([]*view, k)
	}
	wave := func(ask func(ctx context.Context, z int, prefix []generator.Step) (*view, error)) (int, error) {
		var n atomic.Int64
		err := r.callEach(ctx, len(prefixes)*k, budget.Cost{Calls: 1, Tokens: 1}, func(i int) int { return i % k }, func(ctx context.Context, i int) (err error) {
			views[i/k][i%k], err = ask(ctx, i%k, prefixes[i/k])
			if err == nil {
				n.Add(1)
			}
			return err
		})
		return int(n.Load()), err
	}
	if r.rag.Search == "beam" {
		n, err := wave(func(ctx context.Context, z int, prefix []generator.Step) (*view, error) {
			d, err := r.next(ctx, z, prefix)
			if err != nil {
				return nil, err
			}
			return wholeView(&d), nil
		})
		r.rag.Passes.Next += n
		if !errors.Is(err, errors.ErrUnsupported) {
			return views, err
		}
		r.rag.Search = "top-n"
	}
	n, err := wave(func(ctx context.Context, z int, prefix []generator.Step) (*view, error) {
		req := r.sources[z].req
		req.MaxTokens, req.Alternatives, req.After = 1, alternatives, prefix
		c, err := r.complete(ctx, z, req)
		if err != nil {
			return nil, err
		}
		return topView(&c)
	})
	r.rag.Passes.Generate += n
	if errors.Is(err, errors.ErrUnsupported) {
		err = &PowerError{Needs: "goes on from a given beginning of its answer", Instead: "use NewSequence, or NewStandard", Err: err}
	}
	return views, err
}

// alternatives is the most that servers with a limit give.
const alternatives = 20

// wanted is the probability of a token after a prefix in one source that must be
// found.
type wanted struct {
	prefix []generator.Step
	token  token
	z      int
	view   *view
}

// scoreEach finds the wanted probabilities, as far as the model can. It sets
// r.cannotScore if the model cannot score at all.
func (r *run) scoreEach(ctx context.Context, list []wanted) error {
	logs := make([]reflection.Prob, len(list))
	var n atomic.Int64
	err := r.callEach(ctx, len(list), budget.Cost{Calls: 1}, func(i int) int { return list[i].z }, func(ctx context.Context, i int) error {
		w := &list[i]
		steps := w.prefix
		if !w.token.end {
			steps = append(steps[:len(steps):len(steps)], generator.Step{Text: w.token.text, Token: w.token.mark})
		}
		c, err := r.score(ctx, w.z, steps, w.token.end)
		if err != nil {
			return err
		}
		n.Add(1)
		if w.token.end {
			logs[i] = c.End
		} else if at := len(c.Steps) - 1; at >= 0 && c.Steps[at].Text == w.token.text && c.Steps[at].Token == w.token.mark {
			logs[i] = c.Steps[at].LogProb // otherwise it was cut into other tokens
		}
		return nil
	})
	r.rag.Passes.Score += int(n.Load())
	if errors.Is(err, errors.ErrUnsupported) {
		r.cannotScore = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("rag: scoring: %w", err)
	}
	for i, w := range list {
		if logs[i].Known == reflection.Exact {
			w.view.add(w.token, logs[i].Log)
			continue
		}
		if w.view.tried == nil {
			w.view.tried = make(map[token]bool)
		}
		w.view.tried[w.token] = true
	}
	return nil
}

func textOf(steps []generator.Step) string {
	var b strings.Builder
	for i := range steps {
		b.WriteString(steps[i].Text)
	}
	return b.String()
}
