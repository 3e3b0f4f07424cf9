// Package rerank reorders the hits of a retriever by their relevance to the
// question, since a similar passage need not be relevant. [New] makes a retriever
// from a retriever and a [Scorer].
//
//	r, err := rerank.New(index, rerank.ModelScorer{Generator: model}, rerank.Options{Depth: 20})
//
// The scorers here are
//
//   - [CriticScorer], which asks a critic for the relevance of each passage;
//   - [ModelScorer], which asks a model with reflection tokens for it without
//     generating;
//   - [Listwise], which shows a model several passages and asks for their order;
//   - [Endpoint], a cross-encoder behind the /rerank call of Cohere, Jina,
//     llama.cpp, vLLM and Text Embeddings Inference.
//
// Package learned has one that needs no model.
package rerank
