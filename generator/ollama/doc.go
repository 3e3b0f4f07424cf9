// Package ollama generates with a model at an Ollama server, by its /api/generate.
//
//	model, err := ollama.New(ollama.Config{Server: modelserver.Config{
//		URLs:  []string{"http://localhost:11434"},
//		Model: "selfrag",
//	}})
//
// Ollama tells the text of tokens and not their ids, and the probabilities of the
// 20 likeliest: what lies below is bounded ([reflection.TopN]). It has none of the
// powers to score, to give a whole distribution or that of a group, and it does
// not tell the probability of the end token.
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
// refused, not cut. Set OLLAMA_NUM_PARALLEL to the number of passages that are to
// be generated from at the same time. Ollama breaks off an answer that repeats one
// token 30 times, which is an error here.
//
// When a client leaves a stream at an unlucky moment, Ollama 0.17 loses one of
// OLLAMA_NUM_PARALLEL until it is restarted (its issue 17131), and with the last one
// it no longer answers. Streams are left where a candidate stops at a reflection
// token and where a context ends; on a very fast model about one in a hundred met
// the moment. Set some more than are needed.
package ollama
