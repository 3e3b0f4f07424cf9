package rag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/selfrag"
)

// hypothesis is a candidate y.
type hypothesis struct {
	generator.Completion
	search float64 // the log-probability that the search ranks by, the end included
	found  []int
	given  []reflection.Prob // by source
}

// key identifies a hypothesis by its text, however it is cut into tokens.
func (h *hypothesis) key() string {
	var b strings.Builder
	for i := range h.Steps {
		b.WriteString(h.Steps[i].Text)
		if t := h.Steps[i].Token; t != reflection.None {
			fmt.Fprintf(&b, "\xff%d\xff", t) // no text holds such a byte
		}
	}
	if h.Finish == generator.FinishEnd {
		b.WriteByte('\xfe')
	}
	return b.String()
}

// probability returns that of the tokens of c: exact if all are, unknown if one is.
func probability(c *generator.Completion, end bool) reflection.Prob {
	sum := reflection.ExactLog(0)
	add := func(p reflection.Prob) {
		switch {
		case p.Known == reflection.Unknown || sum.Known == reflection.Unknown:
			sum = reflection.Prob{}
			return
		case p.Known == reflection.Bounded:
			sum.Known = reflection.Bounded
		}
		sum.Log += min(p.Log, 0) // a value just above zero is a server's rounding
	}
	for i := range c.Steps {
		add(c.Steps[i].LogProb)
	}
	if end && c.Finish == generator.FinishEnd {
		add(c.End)
	}
	return sum
}

// sequence decodes by RAG-Sequence.
func (r *run) sequence(ctx context.Context) error {
	own, err := r.search(ctx)
	list := r.union(own)
	if err == nil && r.decoding == Thorough {
		err = r.scoreMisses(ctx, list)
	}
	r.partial = err != nil || r.spent
	r.marginals(list)
	complete := func(i int) bool { return list[i].Finish == generator.FinishEnd }
	r.choose(list, complete)
	if r.rag.Chosen < 0 { // all were cut
		r.choose(list, func(i int) bool { return !complete(i) })
	}
	if err == nil && r.rag.Chosen < 0 && !r.spent {
		err = &PowerError{Needs: "gives the log-probabilities of all tokens", Instead: "no hypothesis has a known probability: use NewStandard"}
	}
	if at := r.rag.Chosen; at >= 0 {
		r.assembleSequence(&r.rag.Hypotheses[at])
	}
	return err
}

// search returns the hypotheses of each source, likeliest first.
func (r *run) search(ctx context.Context) ([][]hypothesis, error) {
	n := len(r.sources)
	own := make([][]hypothesis, n)
	r.rag.Search = "beam"
	roots := make([]*generator.NextDistribution, n)
	var whole atomic.Int64 // calls of Next
	err := r.callEach(ctx, n, budget.Cost{Calls: 1, Tokens: 1}, self, func(ctx context.Context, z int) error {
		d, err := r.next(ctx, z, nil)
		if err == nil {
			roots[z] = &d
			whole.Add(1)
		}
		return err
	})
	defer func() { r.rag.Passes.Next += int(whole.Load()) }()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return own, r.sample(ctx, own)
	case err != nil:
		return own, fmt.Errorf("rag: the next token: %w", err)
	}
	steps := r.maxTokens - 1
	most := budget.Cost{Calls: 1, Tokens: 1}.Times(r.beams).Times(steps)
	err = r.callEach(ctx, n, most, self, func(ctx context.Context, z int) error {
		if roots[z] == nil { // a budget refused it
			return nil
		}
		list, err := r.beam(func(prefix []generator.Step) (generator.NextDistribution, error) {
			if len(prefix) == 0 {
				return *roots[z], nil
			}
			d, err := r.next(ctx, z, prefix)
			if err == nil {
				whole.Add(1)
			}
			return d, err
		})
		own[z] = list
		return err
	})
	if err != nil {
		err = fmt.Errorf("rag: the next token: %w", err)
	}
	return own, err
}

func self(i int) int { return i }

// beam searches for the likeliest hypotheses of one source. Those that have ended
// keep their place in the beam. A hypothesis cannot continue after a part of a
// character. With an error it returns those that have ended.
func (r *run) beam(next func(prefix []generator.Step) (generator.NextDistribution, error)) ([]hypothesis, error) {
	live := []hypothesis{{Completion: generator.Completion{Finish: generator.FinishLength}}}
	open := func(h hypothesis) bool { return h.Finish != generator.FinishEnd }
	for range r.maxTokens {
		var all []hypothesis
		for _, h := range live {
			if !open(h) {
				all = append(all, h)
				continue
			}
			d, err := next(h.Steps)
			if err != nil {
				return slices.DeleteFunc(live, open), err
			}
			for _, t := range d.Tokens {
				if len(t.Bytes) > 0 || math.IsInf(t.Prob.Log, -1) {
					continue
				}
				c := hypothesis{Completion: generator.Completion{Steps: h.Steps, Finish: h.Finish}, search: h.search + min(t.Prob.Log, 0)}
				if t.End {
					c.Finish, c.End = generator.FinishEnd, t.Prob
				} else {
					c.Steps = append(slices.Clip(h.Steps), generator.Step{Text: t.Text, Token: t.Token, LogProb: t.Prob})
				}
				all = append(all, c)
			}
		}
		slices.SortStableFunc(all, func(a, b hypothesis) int { return cmp.Compare(b.search, a.search) })
		seen := map[string]bool{}
		live = live[:0:0]
		for _, h := range all {
			if k := h.key(); !seen[k] && len(live) < r.beams {
				seen[k] = true
				live = append(live, h)
			}
		}
		if !slices.ContainsFunc(live, open) {
			break
		}
	}
	return live, nil
}

// sample makes the hypotheses of each source by generating: the greedy answer, and
// samples at temperature 1.
func (r *run) sample(ctx context.Context, own [][]hypothesis) error {
	r.rag.Search = "samples"
	n := len(r.sources) * r.beams
	made := make([]*generator.Completion, n)
	err := r.callEach(ctx, n, budget.Cost{Calls: 1, Tokens: r.maxTokens}, func(i int) int { return i / r.beams }, func(ctx context.Context, i int) error {
		req := r.sources[i/r.beams].req
		if i%r.beams > 0 {
			req.Temperature, req.Seed = 1, r.seed+uint64(i)
		}
		c, err := r.complete(ctx, i/r.beams, req)
		if err == nil {
			made[i] = &c
		}
		return err
	})
	for i, c := range made {
		if c == nil {
			continue
		}
		r.rag.Passes.Generate++
		h := hypothesis{Completion: *c}
		same := func(o hypothesis) bool { return o.key() == h.key() }
		if z := i / r.beams; !slices.ContainsFunc(own[z], same) {
			own[z] = append(own[z], h)
		}
	}
	if err != nil {
		return fmt.Errorf("rag: generating: %w", err)
	}
	return nil
}

// union merges the hypotheses of all sources, in the order of the sources.
func (r *run) union(own [][]hypothesis) []hypothesis {
	var list []hypothesis
	at := map[string]int{}
	for z := range own {
		for _, h := range own[z] {
			k := h.key()
			i, ok := at[k]
			if !ok {
				i = len(list)
				at[k] = i
				h.given = make([]reflection.Prob, len(r.sources))
				list = append(list, h)
			}
			list[i].found = append(list[i].found, z)
			list[i].given[z] = probability(&h.Completion, r.end)
		}
	}
	return list
}

// scoreMisses scores each hypothesis under the sources where its probability is
// unknown, which are those that did not find it.
func (r *run) scoreMisses(ctx context.Context, list []hypothesis) error {
	type miss struct{ y, z int }
	var misses []miss
	for y := range list {
		for z, p := range list[y].given {
			if p.Known == reflection.Unknown {
				misses = append(misses, miss{y, z})
			}
		}
	}
	var passes atomic.Int64
	err := r.callEach(ctx, len(misses), budget.Cost{Calls: 1}, func(i int) int { return misses[i].z }, func(ctx context.Context, i int) error {
		h, z := &list[misses[i].y], misses[i].z
		c, err := r.score(ctx, z, h.Steps, r.end && h.Finish == generator.FinishEnd)
		if err == nil {
			h.given[z] = probability(&c, r.end)
			passes.Add(1)
		}
		return err
	})
	r.rag.Passes.Score += int(passes.Load())
	if errors.Is(err, errors.ErrUnsupported) {
		return &PowerError{Needs: "scores a given continuation, for thorough decoding", Instead: "use WithDecoding(Fast)", Err: err}
	}
	if err != nil {
		return fmt.Errorf("rag: scoring: %w", err)
	}
	return nil
}

// marginals writes the hypotheses into the trace, with p(y|x) and p(z|x,y).
func (r *run) marginals(list []hypothesis) {
	for i := range list {
		h := &list[i]
		t := selfrag.RAGHypothesis{
			Text: h.Text(), Tokens: len(h.Steps), Finish: h.Finish, Found: h.found, Given: h.given,
			Marginal: reflection.ExactLog(0),
		}
		joint := make([]float64, len(h.given))
		for z, p := range h.given {
			switch {
			case p.Known == reflection.Unknown && (r.decoding != Fast || slices.Contains(h.found, z)):
				t.Marginal = reflection.Prob{}
			case p.Known == reflection.Bounded && t.Marginal.Known == reflection.Exact:
				t.Marginal.Known = reflection.Bounded
			}
			joint[z] = math.Inf(-1)
			if p.Known != reflection.Unknown {
				joint[z] = r.sources[z].log + p.Log
			}
		}
		if t.Marginal.Known != reflection.Unknown {
			t.Marginal.Log = min(logSum(joint), 0)
			t.Posterior = posterior(joint)
		}
		r.rag.Hypotheses = append(r.rag.Hypotheses, t)
	}
}

// posterior normalizes the logarithms joint to probabilities; nil if all are 0.
func posterior(joint []float64) []float64 {
	p := slices.Clone(joint)
	if !normalize(p) {
		return nil
	}
	for i, x := range p {
		p[i] = math.Exp(x)
	}
	return p
}

// choose picks the allowed hypothesis with the greatest marginal, the first of
// equals. If the work ended before the marginals were known, it uses their known
// parts.
func (r *run) choose(list []hypothesis, may func(i int) bool) {
	best := math.Inf(-1)
	bounded := false
	for i := range r.rag.Hypotheses {
		m := r.rag.Hypotheses[i].Marginal
		if !may(i) {
			continue
		}
		bounded = bounded || m.Known == reflection.Bounded
		if m.Known == reflection.Unknown {
			if !r.partial {
				continue
			}
			var known []float64
			for z, p := range list[i].given {
				if p.Known != reflection.Unknown {
					known = append(known, r.sources[z].log+p.Log)
				}
			}
			m.Log = logSum(known)
		}
		if m.Log > best {
			best, r.rag.Chosen = m.Log, i
		}
	}
	if bounded {
		r.answer.Notes = append(r.answer.Notes, "some probabilities are only bounded from above: another answer may be likelier")
	}
}
