// Package goselfrag answers questions over your own documents by Self-RAG
// decoding (Asai et al., arXiv 2310.11511). This package only holds the map; the
// work is done by the packages below it.
//
// A whole program, without server, key or network:
//
//	ctx := context.Background()
//	docs, err := ingest.Dir(ctx, "docs", ingest.Options{})
//	…
//	index, err := lexical.New(ctx, docs.Passages, lexical.Options{})
//	…
//	engine, err := selfrag.New(extractive.New(), index)
//	…
//	answer, err := engine.Answer(ctx, "What does the retrieval threshold default to?")
//	…
//	fmt.Println(answer)
//
// # Data flow
//
// Documents become passages (retriever/ingest), passages an index
// (retriever/lexical), the index finds passages for a question (retriever). The
// engine (selfrag) has a model (generator) continue the answer once per passage,
// a critic (critique) judge every continuation in the terms of the paper
// (reflection), turns judgments into numbers (scoring), keeps the best, and
// returns an answer that cites its passages.
//
// # Packages
//
//   - budget: what a question may cost in calls, tokens, retrievals and time, and what
//     it did cost.
//   - observe: observers that hear of every step of a question.
//   - reflection: the control tokens, their groups, probabilities that say how
//     well they are known.
//   - generator: the contract of a language model, prompts, templates;
//     generator/extractive is the embedded default, a model that quotes;
//     generator/vllm, sglang, llamacpp, ollama, completions, chat and langchain are
//     models behind servers, reached as modelserver says.
//   - retriever: the contract of retrieval, passages, composition;
//     retriever/filter has typed metadata and the filters over it,
//     retriever/lexical is keyword search, retriever/dense searches by vectors,
//     retriever/hnsw is the index of vectors, retriever/ingest reads documents,
//     retriever/rerank (with rerank/learned), rewrite and summary are retrievers made
//     of others, retriever/pipeline makes one of a text,
//     retriever/langchain and endpoint reach vector stores and search services.
//   - critique: the contract of a critic; the token critic; critique/judge asks a
//     chat model.
//   - scoring: weights, scores, hard constraints, closed sets: pure functions.
//   - selfrag: the engine.
//   - rag: the classic decoders that Self-RAG is compared with, standard RAG,
//     RAG-Sequence and RAG-Token.
//   - adapt: trains query adapters for dense retrieval, on labels, on what a model prefers,
//     and on the marginal likelihood of RAG-Sequence.
//   - cmd/goselfrag: the command, which asks, measures and compares, and lists every
//     prompt with its hash.
//   - eval/metric, eval/dataset: measuring answers on question sets; eval/task: the tasks
//     of the paper; eval/system: the systems that Self-RAG is compared with; eval/critics: measuring critics on labeled
//     pairs; eval/judged: long answers judged by a model; eval/sensitivity: what a wrong critic costs, from stored traces.
//   - generator/generatortest, retriever/retrievertest, critique/critiquetest:
//     fakes for tests, and contract suites for implementations.
package goselfrag
