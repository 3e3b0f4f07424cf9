// Package completions generates with a model at any server that has an
// OpenAI-compatible /v1/completions. Packages vllm, sglang, llamacpp and ollama support
// more features of their servers. They use the same [Config].
//
//	model, err := completions.New(completions.Config{Server: modelserver.Config{
//		URLs:  []string{"http://localhost:8000"},
//		Model: "selfrag/selfrag_llama2_7b",
//	}})
//
// Tokens are identified by their text. The probabilities are those of the 20 likeliest
// tokens; those of others are bounded ([reflection.TopN]). A server that returns no
// probabilities at all needs Config.NoProbs. The model cannot score a continuation, nor
// give a whole distribution, that of a group, or the probability of the end token.
//
// The server must return reflection tokens in its text. The first call tests this with a
// question. Its error says what is wrong.
//
// This package was written from the documentation of the interface. The only
// live server tried was Ollama 0.17.4, with NoProbs, since it returns no probabilities
// there. The tests play back recorded answers of llama-server.
package completions
