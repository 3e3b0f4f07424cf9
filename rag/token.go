package rag

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/prefix"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/selfrag"
)

// branch is a beginning of an answer in the beam of RAG-Token, or a whole answer.
type branch struct {
	steps []generator.Step
	trace []selfrag.RAGStep
	ended bool
	// lower and upper bound the log-probability that the beam is ranked by, the end
	// included.
	lower, upper float64
	// A new branch: its parent in the beam and the added token; views holds what
	// the sources say about it. Unlisted means all tokens that no source lists.
	parent   *branch
	token    token
	views    []*view
	unlisted bool
}

// terms returns the bounds of the terms of the mixture at the branch's token.
func (r *run) terms(b *branch) (lower, upper []float64) {
	lower, upper = make([]float64, len(b.views)), make([]float64, len(b.views))
	for z, v := range b.views {
		lower[z], upper[z] = v.bounds(b.token)
		if b.unlisted {
			lower[z], upper[z] = math.Inf(-1), max(v.text, v.rest)
		}
		lower[z] += r.sources[z].log
		upper[z] += r.sources[z].log
	}
	return lower, upper
}

// bound fills in the bounds of a new branch.
func (r *run) bound(b *branch) {
	lower, upper := r.terms(b)
	b.lower, b.upper = b.parent.lower+min(logSum(lower), 0), b.parent.upper+min(logSum(upper), 0)
}

// atLeast reports whether a is certain to be at least as likely as b.
func (r *run) atLeast(a, b *branch) bool {
	if a.lower >= b.upper {
		return true
	}
	if a.parent == nil || a.parent != b.parent {
		return false
	}
	// After the same prefix the terms can be compared one by one: a source whose
	// likeliest token is that of a does not favor b.
	lower, _ := r.terms(a)
	_, upper := r.terms(b)
	sum := 0.0
	for z := range lower {
		d := math.Exp(lower[z]) - math.Exp(upper[z])
		if v := a.views[z]; v.likeliest && v.best == a.token {
			d = max(d, 0)
		}
		sum += d
	}
	return sum >= 0
}

// token decodes by RAG-Token.
func (r *run) token(ctx context.Context) error {
	r.rag.Search = "beam"
	beam := []*branch{{}}
	err := r.searchBeam(ctx, &beam)
	best := beam[0]
	ended := slices.DeleteFunc(slices.Clone(beam), func(b *branch) bool { return !b.ended })
	if len(ended) > 0 {
		best = ended[0]
		for _, b := range ended[1:] {
			if err == nil && !r.atLeast(best, b) {
				whole := func(b *branch) Bounds {
					return Bounds{generator.Alternative{Text: textOf(b.steps)}, math.Exp(b.lower), math.Exp(b.upper)}
				}
				err = &UncertainError{Step: len(best.steps), Text: textOf(best.steps), First: whole(best), Second: whole(b)}
			}
		}
	}
	for _, b := range beam {
		if len(b.trace) == 0 {
			continue
		}
		h := selfrag.RAGHypothesis{Text: textOf(b.steps), Tokens: len(b.steps), Finish: generator.FinishLength, Marginal: product(b.trace, r.end), Steps: b.trace}
		switch {
		case b.ended:
			h.Finish = generator.FinishEnd
		case err != nil || r.spent:
			h.Finish = generator.Running // it was stopped early
		}
		if b == best {
			r.rag.Chosen = len(r.rag.Hypotheses)
		}
		r.rag.Hypotheses = append(r.rag.Hypotheses, h)
	}
	if at := r.rag.Chosen; at >= 0 {
		r.assembleToken(&r.rag.Hypotheses[at])
	}
	return err
}

// searchBeam searches until all branches have ended or have the greatest length. With an
// error, or when a budget ends, beam holds the branches so far.
func (r *run) searchBeam(ctx context.Context, beam *[]*branch) error {
	for range r.maxTokens {
		var live []*branch
		var prefixes [][]generator.Step
		for _, b := range *beam {
			if !b.ended {
				live, prefixes = append(live, b), append(prefixes, b.steps)
			}
		}
		if len(live) == 0 {
			return nil
		}
		views, err := r.nextTokens(ctx, prefixes)
		if err != nil || r.spent {
			return err
		}
		next, err := r.step(ctx, *beam, live, views)
		if err != nil || r.spent {
			return err
		}
		*beam = next
		if r.beams == 1 && next[0].token.text != "" {
			r.event(selfrag.Event{Kind: selfrag.EventText, Segment: 1, Node: 1, Text: next[0].token.text})
		}
		if r.yield != nil {
			texts := make([]string, len(next))
			for i, b := range next {
				texts[i] = textOf(b.steps)
			}
			r.emitDelta(strings.TrimSpace(prefix.Common(texts)))
		}
	}
	return nil
}

// step adds one more token to the branches of the beam.
func (r *run) step(ctx context.Context, beam, live []*branch, views [][]*view) ([]*branch, error) {
	var all, rivals []*branch
	at := 0
	for _, b := range beam {
		if b.ended {
			all = append(all, b)
			continue
		}
		seen := map[token]bool{}
		for _, v := range views[at] {
			tokens := v.order
			if v.likeliest { // a server may not list it
				tokens = append(slices.Clip(tokens), v.best)
			}
			for _, t := range tokens {
				if !seen[t] {
					seen[t] = true
					all = append(all, &branch{parent: b, token: t, views: views[at]})
				}
			}
		}
		rivals = append(rivals, &branch{parent: b, views: views[at], unlisted: true})
		at++
	}
	if len(all) == 0 {
		return nil, &PowerError{Needs: "lists tokens with their probabilities", Instead: "use NewStandard"}
	}
	for {
		for _, b := range slices.Concat(all, rivals) {
			if b.parent != nil && !b.ended {
				r.bound(b)
			}
		}
		slices.SortStableFunc(all, func(a, b *branch) int { return cmp.Compare(b.lower, a.lower) })
		taken := all[:min(r.beams, len(all))]
		for len(taken) > 1 && math.IsInf(taken[len(taken)-1].lower, -1) {
			taken = taken[:len(taken)-1]
		}
		last := taken[len(taken)-1]
		var open []*branch // may belong in the beam, the likeliest first
		for _, b := range slices.Concat(all[len(taken):], rivals) {
			if !math.IsInf(b.upper, -1) && !r.atLeast(last, b) {
				open = append(open, b)
			}
		}
		slices.SortStableFunc(open, func(a, b *branch) int { return cmp.Compare(b.upper, a.upper) })
		want := r.unknown(slices.Concat(taken, open[:min(len(open), len(taken)+3)]))
		if len(want) > 0 && !r.cannotScore {
			if err := r.scoreEach(ctx, want); err != nil || r.spent {
				return nil, err
			}
			continue
		}
		if len(open) > 0 {
			return nil, r.uncertain(last, open[0])
		}
		next := make([]*branch, len(taken))
		for i, b := range taken {
			if next[i] = b; b.ended {
				continue
			}
			if b.token.bytes != "" {
				return nil, &PieceError{Step: len(b.parent.steps), Text: textOf(b.parent.steps), Bytes: []byte(b.token.bytes)}
			}
			next[i] = r.extend(b)
		}
		return next, nil
	}
}

// unknown lists the probabilities of the branches' tokens that are only bounded and
// can be asked for.
func (r *run) unknown(list []*branch) []wanted {
	var want []wanted
	for _, b := range list {
		if b.parent == nil || b.ended || b.unlisted || b.token.bytes != "" {
			continue
		}
		for z, v := range b.views {
			if _, ok := v.listed[b.token]; !ok && !v.tried[b.token] && !math.IsInf(v.rest, -1) {
				want = append(want, wanted{b.parent.steps, b.token, z, v})
			}
		}
	}
	return want
}

// uncertain returns the error about two branches if it is unknown which is
// likelier.
func (r *run) uncertain(a, b *branch) error {
	bounds := func(x *branch) Bounds {
		if x.parent == nil {
			return Bounds{generator.Alternative{Text: textOf(x.steps)}, math.Exp(x.lower), math.Exp(x.upper)}
		}
		lower, upper := r.terms(x)
		return Bounds{x.token.alternative(), min(math.Exp(logSum(lower)), 1), min(math.Exp(logSum(upper)), 1)}
	}
	e := &UncertainError{First: bounds(a), Second: bounds(b)}
	for _, x := range []*branch{b, a} {
		if x.parent != nil {
			e.Step, e.Text = len(x.parent.steps), textOf(x.parent.steps)
		}
	}
	return e
}

// extend makes a new branch part of the beam.
func (r *run) extend(b *branch) *branch {
	given := make([]reflection.Prob, len(b.views))
	for z, v := range b.views {
		lower, upper := v.bounds(b.token)
		if given[z] = reflection.AtMostLog(upper); lower == upper {
			given[z] = reflection.ExactLog(lower)
		}
	}
	step := r.mixed(selfrag.RAGStep{Text: b.token.text, Token: b.token.mark, End: b.token.end, Given: given})
	n := &branch{
		steps: b.parent.steps, ended: b.token.end, lower: b.lower, upper: b.upper, token: b.token,
		trace: append(slices.Clip(b.parent.trace), step),
	}
	if !n.ended {
		n.steps = append(slices.Clip(n.steps), generator.Step{Text: b.token.text, Token: b.token.mark, LogProb: step.Prob})
	}
	return n
}
