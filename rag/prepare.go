package rag

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/hits"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// describe asks the model for its capabilities.
func (r *run) describe(ctx context.Context) error {
	err := r.apart(func(func(selfrag.Event)) (err error) {
		r.caps, err = generator.Describe(ctx, r.model)
		return err
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("rag: describing the model: %w", explain(ctx, err))
	}
	r.described, r.trace.Model = true, r.caps
	if r.kind == selfrag.KindStandard {
		return nil
	}
	switch {
	case !r.caps.LogProbs:
		return &PowerError{Needs: "gives the log-probabilities of its tokens", Instead: "use NewStandard"}
	case r.end && !r.caps.EndLogProb:
		return optionError("WithEnd", "%s tells no probability of its end token: want WithEnd(false)", r.caps.Model)
	}
	return nil
}

// retrieve calls the retriever and fills in the sources.
func (r *run) retrieve(ctx context.Context) error {
	taken, err := budget.Reserve(ctx, "the retriever", budget.Cost{Retrievals: 1})
	if err != nil {
		return err
	}
	taken.Settle(budget.Usage{})
	e := r.expansion
	e.Query = r.question
	// The cost of one generation is kept back: without it there would be no answer.
	kept, _ := budget.Reserve(ctx, "answer", budget.Cost{Calls: 1, Tokens: r.maxTokens})
	var res retriever.Result
	err = r.apart(func(func(selfrag.Event)) (err error) {
		ctx, step := observe.Start(ctx, observe.Retrieval, "retrieval")
		step.Note(e.Query)
		defer func() {
			step.Set(slog.Int("passages", len(res.Hits)))
			step.End(err)
		}()
		err = fanout.ErrNoReturn // unless the call returns
		var steps observe.Recorder
		res, err = r.passages.Retrieve(observe.With(ctx, &steps), retriever.Query{Text: e.Query, K: r.k, Filter: r.filter})
		e.Retrieval = steps.Steps()
		return err
	})
	kept.Settle(budget.Usage{})
	if errors.Is(err, fanout.ErrGoexit) {
		return fmt.Errorf("%w: %w", selfrag.ErrRetriever, err)
	}
	if err != nil {
		return fmt.Errorf("rag: retrieving: %w", explain(ctx, err))
	}
	e.Scores = res.Scores
	for _, t := range res.Queries {
		e.Queries = append(e.Queries, strings.ToValidUTF8(t, "\ufffd"))
	}
	for _, m := range res.Missing {
		e.Missing = append(e.Missing, retriever.Missing{Part: strings.ToValidUTF8(m.Part, "\ufffd"), Reason: strings.ToValidUTF8(m.Reason, "\ufffd")})
	}
	var dropped hits.Dropped
	if e.Passages, dropped, err = hits.Take(ctx, res.Hits, r.k, r.filter); err != nil {
		return fmt.Errorf("%w: %w", selfrag.ErrRetriever, err)
	}
	e.Dropped = selfrag.Dropped(dropped)
	e.Decision.Empty = len(e.Passages) == 0
	return nil
}

// promptOver returns the prompt of some passages.
func (r *run) promptOver(line int, passages ...*retriever.Hit) generator.Request {
	p := r.instruction.Prompt(r.question)
	p.Queries = r.expansion.Queries
	for _, h := range passages {
		p.Evidence = append(p.Evidence, generator.Evidence{Title: h.Passage.Title, Text: h.Passage.Text})
	}
	if len(passages) == 0 {
		p.Force = reflection.NoRetrieval
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(r.question)) // never fails
	return generator.Request{Prompt: p, MaxTokens: r.maxTokens, Affinity: 1 + int(h.Sum32()&0xffffff) + line}
}

// setPrior sets the prior and the sources.
func (r *run) setPrior() error {
	e := r.expansion
	if len(e.Passages) == 0 {
		r.sources = []source{{req: r.promptOver(0)}}
		r.rag.Sources, r.rag.Prior = []int{-1}, []float64{1}
		r.answer.Notes = append(r.answer.Notes, "nothing was found: the answer is the model's own")
		return nil
	}
	logs, rule, err := r.priorOf(e.Passages, e.Scores)
	if err != nil {
		return err
	}
	r.rag.Settings.PriorRule = rule
	var begin []generator.Step
	if r.described && r.caps.Level != reflection.LevelUnstated {
		r.rag.Settings.Begin = reflection.Relevant
		begin = []generator.Step{{Token: reflection.Relevant}}
	}
	for i := range e.Passages {
		if math.IsInf(logs[i], -1) {
			continue
		}
		h := &e.Passages[i]
		r.sources = append(r.sources, source{h, logs[i], r.promptOver(len(r.sources), h), begin})
		r.rag.Sources = append(r.rag.Sources, i)
		r.rag.Prior = append(r.rag.Prior, math.Exp(logs[i]))
	}
	if n := len(e.Passages) - len(r.sources); n > 0 {
		r.answer.Notes = append(r.answer.Notes, fmt.Sprintf("%d passages have the prior 0 and were left out", n))
	}
	return nil
}
