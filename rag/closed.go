package rag

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// closed answers a closed set by scoring every label under every source.
func (r *run) closed(ctx context.Context) error {
	r.rag.Search = "labels"
	scored := make([][]*generator.Completion, len(r.labels))
	for y := range scored {
		scored[y] = make([]*generator.Completion, len(r.sources))
	}
	k := len(r.sources)
	var passes atomic.Int64
	err := r.callEach(ctx, len(r.labels)*k, budget.Cost{Calls: 1}, func(i int) int { return i % k }, func(ctx context.Context, i int) error {
		c, err := r.score(ctx, i%k, []generator.Step{{Text: r.labels[i/k]}}, r.end)
		if err == nil {
			scored[i/k][i%k] = &c
			passes.Add(1)
		}
		return err
	})
	r.rag.Passes.Score += int(passes.Load())
	if errors.Is(err, errors.ErrUnsupported) {
		return &PowerError{Needs: "scores a given continuation, for labels", Instead: "use NewStandard, or leave WithLabels out", Err: err}
	}
	if err != nil {
		return fmt.Errorf("rag: scoring a label: %w", err)
	}
	if r.spent { // a sum over some passages only would favor their labels
		return nil
	}
	list := make([]hypothesis, len(r.labels))
	for y, label := range r.labels {
		h := &list[y]
		h.Steps, h.Finish = []generator.Step{{Text: label}}, scored[y][0].Finish
		h.given = make([]reflection.Prob, k)
		for z, c := range scored[y] {
			h.given[z] = probability(c, r.end)
		}
	}
	if r.kind == selfrag.KindSequence {
		r.marginals(list)
	} else if err := r.labelSteps(scored); err != nil {
		return err
	}
	r.choose(list, func(int) bool { return true })
	result := scoring.ClosedResult{Best: r.rag.Chosen}
	for y, h := range r.rag.Hypotheses {
		p, _ := h.Marginal.Value()
		if h.Marginal.Known == reflection.Unknown {
			return &PowerError{Needs: "gives the log-probabilities of all tokens, for labels", Instead: fmt.Sprintf("that of the label %q is not known", r.labels[y])}
		}
		result.Sums, result.Labels = append(result.Sums, p), append(result.Labels, y)
	}
	a := r.answer
	a.Options = &result
	if result.Best < 0 {
		a.Stop = selfrag.StopRejected
		a.Notes = append(a.Notes, "the model gives none of the labels a probability")
		return nil
	}
	a.Label = r.labels[result.Best]
	h := &r.rag.Hypotheses[result.Best]
	if r.kind == selfrag.KindSequence {
		r.assembleSequence(h)
	} else {
		r.assembleToken(h)
	}
	a.Stop = selfrag.StopEnd
	return nil
}

// labelSteps makes the mixture of each token of each label.
func (r *run) labelSteps(scored [][]*generator.Completion) error {
	for y, label := range r.labels {
		h := selfrag.RAGHypothesis{Text: label, Tokens: len(scored[y][0].Steps), Finish: scored[y][0].Finish, Marginal: reflection.ExactLog(0)}
		for _, c := range scored[y] {
			if len(c.Steps) != h.Tokens {
				return fmt.Errorf("rag: the model cuts the label %q into other tokens after another passage: use NewSequence", label)
			}
		}
		for i := range h.Tokens {
			first := scored[y][0].Steps[i]
			given := make([]reflection.Prob, len(r.sources))
			for z, c := range scored[y] {
				if c.Steps[i].Text != first.Text {
					return fmt.Errorf("rag: the model cuts the label %q into other tokens after another passage: use NewSequence", label)
				}
				given[z] = c.Steps[i].LogProb
			}
			h.Steps = append(h.Steps, r.mixed(selfrag.RAGStep{Text: first.Text, Token: first.Token, Given: given}))
		}
		if r.end {
			given := make([]reflection.Prob, len(r.sources))
			for z, c := range scored[y] {
				given[z] = c.End
			}
			h.Steps = append(h.Steps, r.mixed(selfrag.RAGStep{End: true, Given: given}))
		}
		h.Marginal = product(h.Steps, r.end)
		r.rag.Hypotheses = append(r.rag.Hypotheses, h)
	}
	return nil
}
