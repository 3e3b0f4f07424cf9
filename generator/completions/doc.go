// Package completions generates with a model at any server that has an
// OpenAI-compatible /v1/completions. Its [Config] is also that of the families of
// servers that have a package of their own, which get more out of them: vllm,
// sglang, llamacpp and ollama.
//
//	model, err := completions.New(completions.Config{Server: modelserver.Config{
//		URLs:  []string{"http://localhost:8000"},
//		Model: "selfrag/selfrag_llama2_7b",
//	}})
//
// Tokens are known by their text, and the probabilities are those of the 20
// likeliest: what lies below is bounded ([reflection.TopN]). A server that gives
// no probabilities at all needs Config.NoProbs. None of the powers to score, to
// give a whole distribution or that of a group is there, and the probability of
// the end token is not told.
//
// The server must show reflection tokens in its text. The first call asks it a
// question to see whether it does, and says what is wrong if it does not.
//
// This package was written from the documentation of the interface. Of live servers
// only Ollama 0.17.4 was tried, which gives no probabilities there, so with NoProbs;
// answers that llama-server gave are played back in the tests.
package completions
