// Package selfrag answers questions by Self-RAG decoding: it decides whether to
// retrieve, continues the answer once per passage, has every continuation
// judged, keeps the best by a weighted score, and repeats segment by segment.
//
//	engine, err := selfrag.New(model, index)
//	…
//	answer, err := engine.Answer(ctx, "Who wrote The Trial?")
//	fmt.Println(answer)
//
// The method is that of Asai et al. (arXiv 2310.11511): adaptive retrieval by a
// threshold (Appendix A.3), segment scores of Eq. 3 and 4, and a beam search
// over segments. What the released research code does otherwise stands in
// docs/differences.md.
//
// # What holds
//
// Same input, same answer: the answer, its citations and its trace do not depend
// on the concurrency or on which model call returns first. Only a time budget
// can make two runs differ, and the answer then says StopTime. Equal scores are
// ordered by rank of the path, then by order of the candidates, which is that of
// the passages.
//
// A context that is done ends every call promptly, and no goroutine outlives its
// call. An [Engine] is safe for concurrent use.
//
// A backend that panics does so in the goroutine that called the engine, so that
// a server's recover catches it.
//
// Whatever stands in questions, history and passages is data; it cannot act as a
// control token.
//
// An error from a model or a retriever comes with what there is of an answer.
// Answers that were cut short, by a budget, a limit or a constraint, say so in
// [Answer.Stop].
package selfrag
