package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rerank/learned"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

func (o options) scorer(ctx context.Context, passages []retriever.Passage) (*learned.Scorer, error) {
	if o.rank == nil {
		return learned.New(ctx, passages)
	}
	return learned.Load(ctx, bytes.NewReader(o.rank), passages)
}

// techniques makes those that need no server over keyword search and vectors.
func (o options) techniques(ctx context.Context, passages []retriever.Passage, words, vectors retriever.Retriever) ([]system, error) {
	vocabulary, err := rewrite.NewVocabulary(ctx, passages)
	if err != nil {
		return nil, err
	}
	spelling, err := rewrite.NewSpelling(vocabulary)
	if err != nil {
		return nil, err
	}
	model := rerank.ModelScorer{Generator: o.model}
	top := rerank.Options{Depth: 10}
	scorer, err := o.scorer(ctx, passages)
	if err != nil {
		return nil, err
	}

	var list []system
	add := func(name string, r retriever.Retriever, failed error) retriever.Retriever {
		if failed != nil && err == nil {
			err = fmt.Errorf("%s: %w", name, failed)
		}
		list = append(list, system{name, r})
		return r
	}
	r, failed := rewrite.Fusion(words, spelling, rewrite.FusionOptions{})
	add("spelling", r, failed)
	r, failed = rerank.New(words, model, top)
	reranked := add("model reranks 10", r, failed)
	r, failed = retriever.Fuse([]retriever.Part{{Name: "lexical", Retriever: words}, {Name: "reranked", Retriever: reranked}}, retriever.FuseOptions{})
	add("lexical + reranked", r, failed)
	for _, depth := range []int{10, 20} {
		r, failed = rerank.New(words, scorer, rerank.Options{Depth: depth})
		add(fmt.Sprintf("learned reranks %d", depth), r, failed)
	}
	r, failed = retriever.Fuse([]retriever.Part{{Name: "lexical", Retriever: words}, {Name: "dense", Retriever: vectors}}, retriever.FuseOptions{Method: retriever.ScoreFusion})
	byScores := add("lexical + dense by score 1:1", r, failed)
	r, failed = rerank.New(byScores, scorer, rerank.Options{Depth: 20})
	add("learned reranks 20 of lexical + dense by score", r, failed)
	parts := []retriever.Part{{Name: "lexical", Retriever: words}, {Name: "dense", Retriever: vectors, Weight: 0.8}}
	for _, k := range []float64{2, 60} {
		fuse := retriever.FuseOptions{RankConstant: k}
		r, failed = retriever.Fuse(parts, fuse)
		hybrid := add(fmt.Sprintf("lexical + dense 1:0.8, k %g", k), r, failed)
		r, failed = rerank.New(hybrid, scorer, rerank.Options{Depth: 20})
		add(fmt.Sprintf("learned reranks 20 of lexical + dense, k %g", k), r, failed)
		r, failed = rerank.New(hybrid, model, top)
		reranked := add(fmt.Sprintf("model reranks lexical + dense, k %g", k), r, failed)
		r, failed = retriever.Fuse(append(parts, retriever.Part{Name: "reranked", Retriever: reranked, Weight: 0.8}), fuse)
		add(fmt.Sprintf("lexical + dense + reranked 1:0.8:0.8, k %g", k), r, failed)
	}
	return list, err
}
