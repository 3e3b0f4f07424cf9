package main

import (
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// pipelines makes the offline techniques over keyword search and vectors.
func pipelines(passages []retriever.Passage, words, vectors retriever.Retriever) ([]system, error) {
	var list []system
	var failed error
	add := func(name string) func(retriever.Retriever, error) retriever.Retriever {
		return func(r retriever.Retriever, err error) retriever.Retriever {
			if err != nil && failed == nil {
				failed = err
			}
			list = append(list, system{name, r})
			return r
		}
	}
	fuse := func(w float64, a, b retriever.Retriever) (retriever.Retriever, error) {
		return retriever.Fuse([]retriever.Part{{Name: "a", Retriever: a}, {Name: "b", Retriever: b, Weight: w}}, retriever.FuseOptions{})
	}
	vocabulary := rewrite.NewVocabulary(passages)
	model := rerank.Model{Generator: extractive.New()}

	add("rm3")(rewrite.RM3(words, vocabulary, rewrite.RM3Options{}))
	add("rm3, 5 hits, weight 0.8")(rewrite.RM3(words, vocabulary, rewrite.RM3Options{Hits: 5, OriginalWeight: 0.8}))
	spelling, err := rewrite.NewSpelling(vocabulary)
	if err != nil {
		return nil, err
	}
	add("spelling")(rewrite.Fusion(words, spelling, rewrite.FusionOptions{}))
	add("conjunctions")(rewrite.Fusion(words, rewrite.Conjunctions{}, rewrite.FusionOptions{}))
	top := add("model reranks 10")(rerank.New(words, model, rerank.Options{Depth: 10}))
	add("lexical + reranked 1:1")(fuse(1, words, top))
	add("lexical + reranked 2:1")(fuse(0.5, words, top))
	hybrid, err := fuse(0.25, words, vectors)
	if err != nil {
		return nil, err
	}
	reranked := add("model reranks hybrid 1:0.25")(rerank.New(hybrid, model, rerank.Options{Depth: 10}))
	add("hybrid + reranked 1:1")(fuse(1, hybrid, reranked))
	add("lexical + hybrid reranked 1:1")(fuse(1, words, reranked))
	return list, failed
}
