// Package ollama generates with a model at an Ollama server, by its /api/generate.
//
//	model, err := ollama.New(ollama.Config{Server: modelserver.Config{
//		URLs:  []string{"http://localhost:11434"},
//		Model: "selfrag",
//	}})
//
// Ollama returns the text of tokens but not their ids, and the probabilities of the
// 20 likeliest; those of other tokens are bounded ([reflection.TopN]). It cannot score
// a continuation, nor return a whole distribution or that of a group, and it does not
// return the probability of the end token.
//
// # The model
//
// The GGUF file must hold the reflection tokens with the token type USER_DEFINED.
// From 0.30 on Ollama drops tokens of the type CONTROL, as converters write them,
// together with their probabilities; by its source, 0.17 still shows them. The first
// call checks this and says what is wrong.
//
// # The server
//
// Prompts are sent raw, so the template of the Modelfile does not matter, and
// neither do its parameters but num_ctx. A prompt that does not fit the context is
// refused, not cut. Set OLLAMA_NUM_PARALLEL to the number of passages that
// answers are generated from at the same time. Ollama stops an answer that repeats one
// token 30 times. This package reports that as an error.
//
// When a client leaves a stream at an unlucky moment, Ollama 0.17 loses one of
// its OLLAMA_NUM_PARALLEL slots until it is restarted (its issue 17131). Without slots it
// no longer answers. This package leaves a stream when a candidate stops at a reflection
// token and when the context is done. On a very fast model about one stream in a hundred
// hit that moment. Set some more slots than are needed.
package ollama
