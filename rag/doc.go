// Package rag decodes as the retrieval-augmented generation of Lewis et al. (arXiv
// 2005.11401) does, with which Self-RAG is compared: one retrieval for the question x, and
// no judgment of passages but p(z|x).
//
//	decoder, err := rag.NewSequence(model, passages)
//	…
//	answer, err := decoder.Answer(ctx, "Who built the lighthouse?")
//
// All three decoders answer with the selfrag.Answer of the engine. What they did stands in
// its trace, in the field RAG; selfrag.Rescore refuses such a trace.
//
// # The decoders
//
// [NewStandard] shows all passages in one prompt and generates once. A model that follows
// instructions is asked to cite by marks such as [2], which become citations. The others
// are shown the passages in their own layout; the passage that holds the answer word for
// word is cited.
//
// [NewSequence] searches for answers y with each passage z alone, and gives the one with
// the greatest Σ_z p(z|x) p(y|x,z). [Thorough] decoding scores each y under the passages
// whose search did not find it, one forward pass each; [Fast] decoding takes p(y|x,z) for
// 0 there. The passages cited are those with at least an equal share (1 of their number)
// of the posterior p(z|x,y), the greatest first.
//
// [NewToken] mixes the distributions of all passages token by token. A token that one
// passage does not list is scored there; where the model cannot do that, its probability
// lies between 0 and what the list leaves. The step is taken if that settles which token
// is likeliest, and is an [*UncertainError] if not. Each token rests on the passages with
// at least an equal share of its mixture; runs of tokens with the same passages are the
// segments of the answer.
//
// With [WithLabels] the last two score every label instead of searching.
//
// # What y is
//
// The tokens of y are those that the model gives, control tokens included, and its end
// token, which counts unless [WithEnd] says otherwise: the rule is the same for every
// model. An answer that is cut at WithMaxTokens has no end; RAG-Sequence takes it only if
// no hypothesis is complete. A model with reflection tokens begins with one that says
// whether the passage is relevant. These decoders know no such judgment: they decode after
// [Relevant].
//
// # What models can do
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
// Standard RAG needs nothing but generation. Answer.Score is the probability that the
// decoder gives the answer, for standard RAG that of its text, 0 if it is not known. (1) The server lists its whole vocabulary, in
// megabytes for each token. (2) Started with --max-logprobs -1. (3) Samples come without
// their probabilities and are scored. (4) With WithEnd(false), since the end's probability
// is not told. (5) With TopLogProbs above 0.
//
// Where only the likeliest tokens are told, nothing is listed where a passage would end the
// answer, so that passages which disagree about the end often lead to an [*UncertainError].
// A token that is a part of a character is told apart from others by its bytes, but no
// prompt can go on after it: that is a [*PieceError], and the beams of RAG-Sequence leave
// it out. Text that is forced on a server is
// cut into tokens anew, as in all continuations by text.
//
// Do not compare decoders by the embedded extractive model: it quotes, and what one passage
// quotes has next to no probability under another.
package rag
