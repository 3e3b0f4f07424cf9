// Package selfrag answers questions by Self-RAG decoding. It decides whether to
// retrieve, continues the answer once per passage, asks a critic to judge every
// continuation, keeps the best by a weighted score, and repeats segment by segment.
//
//	engine, err := selfrag.New(model, index)
//	…
//	answer, err := engine.Answer(ctx, "Who wrote The Trial?")
//	fmt.Println(answer)
//
// The model is a [generator.Generator], for a start extractive.New() of package
// generator/extractive, which needs no server. The index is a [retriever.Retriever],
// such as lexical.New over the passages that ingest.Dir reads, or a store. An
// [Answer] prints as text with its sources; see [Answer.Citations] for the passages.
//
// The method is that of Asai et al. (arXiv 2310.11511): adaptive retrieval by a
// threshold (Appendix A.3), segment scores of Eq. 3 and 4, and a beam search over
// segments. docs/differences.md lists where the released research code differs.
//
// # Guarantees
//
// Equal input gives an equal answer: the answer, its citations and its trace do not
// depend on the concurrency or on the order in which model calls return. Only a
// time budget can make two runs differ; then the answer has the stop reason
// StopTime. Equal scores are ordered by the rank of the path, then by the order of
// the candidates, which follows the order of the passages.
//
// Every call returns promptly after its context is done, and no goroutine outlives
// its call. An [Engine] is safe for concurrent use.
//
// If a backend panics, the panic continues in the goroutine that called the engine,
// so that a server can recover from it.
//
// Questions, history and passages are data. Their text cannot act as a control
// token.
//
// An error from a model or a retriever is returned with the partial answer. If a
// budget, a limit or a constraint cut an answer short, [Answer.Stop] says so.
package selfrag
