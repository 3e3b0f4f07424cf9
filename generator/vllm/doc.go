// Package vllm generates with a model at a vLLM server, by /v1/completions.
//
//	model, err := vllm.New(vllm.Config{Server: modelserver.Config{
//		URLs:  []string{"http://localhost:8000"},
//		Model: "selfrag/selfrag_llama2_7b",
//	}})
//
// A server that knows the field logprob_token_ids (2026-07) gives the exact
// probability of every reflection token, by id ([reflection.ExactIDs]). An older
// one ignores the field. It gives the 20 likeliest tokens; the probabilities of others
// are bounded ([reflection.TopN]). The first call detects which one the server is.
//
// What the model can do besides:
//
//   - It scores a given continuation. Reflection tokens below the 20 likeliest are
//     bounded there.
//   - It gives exact probabilities of a group, on a server that knows the field.
//   - It gives the whole distribution of the next token, on a server that was started
//     with --max-logprobs -1.
//
// Only requests without Request.Watch get alternatives (Request.Alternatives), since
// the server gives one or the other.
//
// # The server
//
// Leave --logprobs-mode at raw_logprobs. The prefix cache is on by default and
// shared by all requests, so all passages of a question can be sent at once. With
// --enable-prompt-tokens-details the server reports how much of a prompt was in the cache.
//
// This package was written from vLLM's source and has not been run against a live
// server.
package vllm
