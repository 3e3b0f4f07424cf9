// Package rag decodes like the retrieval-augmented generation of Lewis et al.
// (arXiv 2005.11401), for comparisons with Self-RAG: one retrieval for the question,
// and the retriever's weights as the only judgment of passages. In formulas x is the
// question, z a passage, p(z|x) its weight ([Prior]), y an answer and y_i its tokens.
//
//	decoder, err := rag.NewSequence(model, passages)
//	…
//	answer, err := decoder.Answer(ctx, "Who built the lighthouse?")
//
// All three decoders return the selfrag.Answer of the engine. The field RAG of its
// trace records what they did; selfrag.Rescore rejects such a trace.
//
// # The decoders
//
//   - [NewStandard] shows all passages in one prompt and generates once.
//   - [NewSequence] searches for answers with each passage alone, and returns the
//     one that is likeliest under all.
//   - [NewToken] mixes the distributions of all passages token by token.
//
// With [WithLabels] the last two score every label instead of searching.
//
// # The tokens of y
//
// The tokens of y are those that the model gives, control tokens included, and its
// end token, which counts unless [WithEnd] turns it off: the rule is the same for
// every model. An answer cut at WithMaxTokens has no end; RAG-Sequence uses it only
// if no hypothesis is complete. A model with reflection tokens begins with one that
// says whether the passage is relevant. These decoders do not use that judgment:
// they decode after [Relevant].
//
// # Models and decoders
//
//	                     RAG-Sequence           RAG-Token            labels
//	llamacpp             beam, fast             exact (1)            no
//	vllm (2)             beam, thorough         exact                yes
//	vllm                 samples, thorough      exact by scoring     yes
//	sglang               samples, thorough (3)  exact by scoring     yes
//	ollama, completions  samples, fast (4)      certified or error   no
//	chat                 samples, fast (4, 5)   no                   no
//	langchain            no                     no                   no
//	extractive           beam, thorough         exact                yes
//
// (1) The server lists its whole vocabulary, megabytes for each token. (2) Started
// with --max-logprobs -1. (3) Samples come without their probabilities and are
// scored. (4) With WithEnd(false), since the server does not report the end's
// probability. (5) With TopLogProbs above 0.
//
// Standard RAG needs only generation. Answer.Score is the probability that the
// decoder gives the answer, for standard RAG that of its text, 0 if it is unknown.
//
// If a server reports only the likeliest tokens, it lists nothing where a passage
// would end the answer. So passages that disagree about the end often lead to an
// [*UncertainError]. A token that is part of a character is identified by its
// bytes, but no prompt can continue after it: that is a [*PieceError], and the
// beams of RAG-Sequence leave it out. A server cuts text that is forced on it into
// tokens again, as in all continuations by text.
//
// Do not use the embedded extractive model to compare decoders: it quotes, and a
// quotation of one passage has almost no probability under another.
package rag
